/* Orgs and sites: whose cameras stand where. Sites are their org's; orgs are the platform's. */
#include <string.h>

#include "store/places.h"
#include "store/rollups.h"
#include "store/site_clocks.h"
#include "store/work_internal.h"

void org_free(void *org)
{
    if (!org)
        return;
    record_clear(&org_descriptor, org);
    g_free(org);
}

void site_free(void *site)
{
    if (!site)
        return;
    record_clear(&site_descriptor, site);
    g_free(site);
}

/* ---- orgs ---- */

GPtrArray *store_orgs_read(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) orgs = g_ptr_array_new_with_free_func(org_free);
    const char *whose = org_id ? org_id : STORE_PLATFORM;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, whose, error);
    bool is_good =
        transaction && store_select(transaction, &org_descriptor, "ORDER BY id", STORE_NO_VALUES, orgs, error);
    return is_good ? g_steal_pointer(&orgs) : NULL;
}

static char *text_of(const struct record_descriptor *descriptor, const void *record)
{
    GString *json = g_string_new(NULL);
    record_encode_json(descriptor, record, false, json);
    return g_string_free(json, FALSE);
}

/* Whoever looks after the org sees what it was called, and who changed that. */
static bool note_org(struct store_transaction *transaction, const struct audit_by *by, const char *action,
                     const struct org *before, const struct org *after, GError **error)
{
    g_autofree char *before_text = before ? text_of(&org_descriptor, before) : NULL,
                    *after_text = text_of(&org_descriptor, after);
    const struct audit_change change = {AUDIT_ORG, after->id, action, before_text, after_text};
    struct audit_by there = *by;
    there.org_id = after->id;
    return store_audit_add_in(transaction, &there, &change, error);
}

bool store_org_create(struct store *store, struct org *org, const struct audit_by *by, GError **error)
{
    bool is_new = true;
    org->created_at.ms = clock_wall_ms(store->clock);
    const void *record = org;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org->id, error);
    if (!transaction || !store_insert(transaction, &org_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error))
        return false;
    if (!is_new) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "id: there is an org '%s' already, or was one: ids are not given again", org->id);
        return false;
    }
    bool is_good =
        note_org(transaction, by, "create", NULL, org, error) && store_commit(g_steal_pointer(&transaction), error);
    store_forget_lone_org(store); /* also where it is not known whether the commit came through */
    return is_good;
}

/* The org as it stands, which nobody else changes before the transaction ends. */
static struct org *hold_org(struct store_transaction *transaction, const char *org_id, store_org_expected expected,
                            void *data, GError **error)
{
    if (!store_run(transaction, "UPDATE orgs SET name = name WHERE id = $1", STORE_VALUES(sql_text(org_id)), NULL,
                   error))
        return NULL;
    struct org *org = store_find(transaction, &org_descriptor, "WHERE id = $1", STORE_VALUES(sql_text(org_id)), error);
    if (org && org->deleted_at.ms)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "org '%s' was deleted", org_id);
    else if (org && expected && !expected(data, org))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "org '%s' was changed meanwhile: read it again",
                    org_id);
    else
        return org;
    org_free(org);
    return NULL;
}

struct org *store_org_rename(struct store *store, const char *org_id, const char *name, store_org_expected expected,
                             void *data, const struct audit_by *by, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    struct org *org = transaction ? hold_org(transaction, org_id, expected, data, error) : NULL;
    if (!org)
        return NULL;
    struct org before = *org; /* borrows */
    org->name = g_strdup(name);
    bool is_good = store_run(transaction, "UPDATE orgs SET name = $2 WHERE id = $1",
                             STORE_VALUES(sql_text(org_id), sql_text(name)), NULL, error) &&
                   note_org(transaction, by, "update", &before, org, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    g_free(before.name);
    if (is_good)
        return org;
    org_free(org);
    return NULL;
}

/* ---- sites ---- */

GPtrArray *store_sites_list(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) sites = g_ptr_array_new_with_free_func(site_free);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && store_select(transaction, &site_descriptor, "WHERE org_id = $1 ORDER BY id",
                                               STORE_VALUES(sql_text(org_id)), sites, error);
    return is_good ? g_steal_pointer(&sites) : NULL;
}

static struct site *find_site(struct store_transaction *transaction, const char *org_id, const char *id, GError **error)
{
    GError *failure = NULL;
    struct site *site = store_find(transaction, &site_descriptor, "WHERE org_id = $1 AND id = $2",
                                   STORE_VALUES(sql_text(org_id), sql_text(id)), &failure);
    if (g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_clear_error(&failure);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no site '%s'", id);
    } else if (failure) {
        g_propagate_error(error, failure);
    }
    return site;
}

struct site *store_site_get(struct store *store, const char *org_id, const char *id, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? find_site(transaction, org_id, id, error) : NULL;
}

static bool note(struct store_transaction *transaction, const struct audit_by *by, const char *action, const char *id,
                 const struct site *before, const struct site *after, GError **error)
{
    g_autofree char *before_text = before ? text_of(&site_descriptor, before) : NULL,
                    *after_text = after ? text_of(&site_descriptor, after) : NULL;
    const struct audit_change change = {AUDIT_SITE, id, action, before_text, after_text};
    return store_audit_add_in(transaction, by, &change, error);
}

bool store_site_create(struct store *store, struct site *site, const struct audit_by *by, GError **error)
{
    bool is_new = true;
    site->created_at.ms = clock_wall_ms(store->clock);
    const void *record = site;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    if (!transaction || !store_site_clocks_change_in(transaction, by->org_id, site->id, site->time_zone, error) ||
        !store_insert(transaction, &site_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error))
        return false;
    if (!is_new) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "id: there is a site '%s' already", site->id);
        return false;
    }
    return note(transaction, by, "create", site->id, NULL, site, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* True when nobody changed it since `expected` was read; NULL: whatever there is. */
static bool is_expected(const struct site *site, store_site_expected expected, void *data, GError **error)
{
    if (!expected || expected(data, site))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "site '%s' was changed meanwhile: read it again",
                site->id);
    return false;
}

bool store_site_change(struct store *store, struct site *site, store_site_expected expected, void *data,
                       const struct audit_by *by, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    struct site *before = transaction ? find_site(transaction, by->org_id, site->id, error) : NULL;
    const void *record = site;
    if (before)
        site->created_at = before->created_at;
    bool is_good = before && is_expected(before, expected, data, error) &&
                   store_site_clocks_change_in(transaction, by->org_id, site->id, site->time_zone, error) &&
                   store_insert(transaction, &site_descriptor, &record, 1, RECORD_CONFLICT_REPLACE, NULL, error) &&
                   note(transaction, by, "update", site->id, before, site, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    site_free(before);
    return is_good;
}

/* What stands on a site, or is said of it, would be nowhere. A camera that stands nowhere any more is in nobody's way.
 */
static bool is_empty(struct store_transaction *transaction, const char *org_id, const char *id, GError **error)
{
    static const char count_sql[] =
        "SELECT (SELECT count(*) FROM cameras WHERE org_id = $1 AND site_id = $2 AND " STORE_CAMERA_STANDS
        ") + (SELECT count(*) FROM classes "
        "WHERE "
        "org_id = $1 AND site_id = $2) + (SELECT count(*) FROM service_policies WHERE org_id = $1 AND site_id = $2)";
    int64_t count = 0;
    if (!store_get_integer(transaction, count_sql, STORE_VALUES(sql_text(org_id), sql_text(id)), 0, &count, error))
        return false;
    if (count)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "site '%s' has cameras, classes or policies: move or remove them first", id);
    return count == 0;
}

/* What the site's clocks are still needed for. */
static bool is_counted(struct store_transaction *transaction, const char *org_id, const char *id, GError **error)
{
    static const char count_sql[] =
        "SELECT (SELECT count(*) FROM rollup_marks WHERE org_id = $1 AND site_id = $2) + (SELECT count(*) FROM events "
        "WHERE org_id = $1 AND site_id = $2 AND " STORE_COUNTED " AND occurred_at >= (SELECT min(bucket) FROM "
        "rollup_marks WHERE org_id = $1 AND level = 'hour'))";
    int64_t count = 0;
    if (!store_get_integer(transaction, count_sql, STORE_VALUES(sql_text(org_id), sql_text(id)), 0, &count, error))
        return false;
    if (count)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "events of site '%s' came just now and are not counted yet: try again", id);
    return count == 0;
}

bool store_site_delete(struct store *store, const char *id, store_site_expected expected, void *data,
                       const struct audit_by *by, GError **error)
{
    const struct store_rollup rollup = {.level = ROLLUP_MONTH};
    int64_t buckets = 0;
    if (!store_rollup_org(store, &rollup, by->org_id, &buckets, error))
        return false;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    struct site *before = transaction ? find_site(transaction, by->org_id, id, error) : NULL;
    bool is_good = before && is_expected(before, expected, data, error) &&
                   is_empty(transaction, by->org_id, id, error) && is_counted(transaction, by->org_id, id, error) &&
                   store_site_clocks_keep_in(transaction, by->org_id, id, error) &&
                   store_run(transaction, "UPDATE cameras SET site_id = NULL WHERE org_id = $1 AND site_id = $2",
                             STORE_VALUES(sql_text(by->org_id), sql_text(id)), NULL, error) &&
                   store_run(transaction, "DELETE FROM sites WHERE org_id = $1 AND id = $2",
                             STORE_VALUES(sql_text(by->org_id), sql_text(id)), NULL, error) &&
                   note(transaction, by, "delete", before->id, before, NULL, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    site_free(before);
    return is_good;
}
