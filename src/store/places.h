/* Store: orgs and sites, as people change them. Any thread; each change is in the audit with it. */
#pragma once

#include "facts/tenant.h"
#include "store/store.h"

/* Every org, or one alone: a new GPtrArray of struct org *. */
GPtrArray *store_orgs_read(struct store *store, const char *org_id, GError **error);
/* VEDETTE_ERROR_CONFLICT when there is one; created_at is set. */
bool store_org_create(struct store *store, struct org *org, const struct audit_by *by, GError **error);

/* Whether what is there is what a caller means to change; asked inside the transaction. */
typedef bool (*store_org_expected)(void *data, const struct org *org);
/* The org as it is then; org_free it. `expected` NULL: whatever is there. NULL also with VEDETTE_ERROR_NOT_FOUND, with
 * VEDETTE_ERROR_CONFLICT: it is another than expected, or with VEDETTE_ERROR_UNSUPPORTED: it was deleted. The audit of
 * that org tells it. */
struct org *store_org_rename(struct store *store, const char *org_id, const char *name, store_org_expected expected,
                             void *data, const struct audit_by *by, GError **error);
void org_free(void *org);

/* By id: a new GPtrArray of struct site *. */
GPtrArray *store_sites_list(struct store *store, const char *org_id, GError **error);
/* NULL with VEDETTE_ERROR_NOT_FOUND when there is none. site_free it. */
struct site *store_site_get(struct store *store, const char *org_id, const char *id, GError **error);
void site_free(void *site);
/* VEDETTE_ERROR_CONFLICT when there is one; created_at is set. */
bool store_site_create(struct store *store, struct site *site, const struct audit_by *by, GError **error);
typedef bool (*store_site_expected)(void *data, const struct site *site);
/* `expected` as of orgs. False also with VEDETTE_ERROR_NOT_FOUND, or VEDETTE_ERROR_CONFLICT: it is another than
 * expected. Another time zone holds from now on: what happened before is counted by the one it had. */
bool store_site_change(struct store *store, struct site *site, store_site_expected expected, void *data,
                       const struct audit_by *by, GError **error);
/* Counts first what is not counted yet; what still comes for it later is counted by the clocks it had.
 * VEDETTE_ERROR_UNSUPPORTED when something stands on it, or such events came meanwhile. Cameras that the settings have
 * no more do not stand on it; those that they have and that are at rest the caller knows. */
bool store_site_delete(struct store *store, const char *id, store_site_expected expected, void *data,
                       const struct audit_by *by, GError **error);
