/* API keys, and the keys that sign access tokens. */
#include "store/audit.h"
#include "store/logins.h"
#include "store/work_internal.h"

void api_key_free(struct api_key *key)
{
    if (!key)
        return;
    record_clear(&api_key_descriptor, key);
    g_free(key);
}
CLEANUP_DEFINE(api_key, api_key_free)

static void free_api_key(gpointer key)
{
    api_key_free(key);
}

static void free_signing_key(gpointer key)
{
    record_clear(&signing_key_descriptor, key);
    g_free(key);
}

/* ---- API keys ---- */

static bool has_room(struct store_transaction *transaction, const char *org_id, int most, GError **error)
{
    int64_t count = 0;
    if (!store_get_integer(transaction, "SELECT count(*) FROM api_keys WHERE org_id = $1 AND ended_at IS NULL",
                           STORE_VALUES(sql_text(org_id)), 0, &count, error))
        return false;
    if (count < most)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                "the org has %d API keys, which is auth.api_keys_per_org: revoke one first", (int)count);
    return false;
}

static bool audit_key(struct store_transaction *transaction, const struct audit_by *by, const struct api_key *key,
                      const char *action, GError **error)
{
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&api_key_descriptor, key, false, json); /* without its digest, which is secret */
    bool is_end = key->ended_at.ms != 0;
    const struct audit_change change = {AUDIT_TOKEN, key->id, action, is_end ? json->str : NULL,
                                        is_end ? NULL : json->str};
    return store_audit_add_in(transaction, by, &change, error);
}

bool store_api_key_add(struct store *store, const struct audit_by *by, const struct api_key *key, int most,
                       GError **error)
{
    const void *record = key;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, key->org_id, error);
    return transaction && has_room(transaction, key->org_id, most, error) &&
           store_insert(transaction, &api_key_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
           audit_key(transaction, by, key, "create", error) && store_commit(g_steal_pointer(&transaction), error);
}

static struct api_key *find_key(struct store_transaction *transaction, const char *org_id, const char *id,
                                GError **error)
{
    return store_find(transaction, &api_key_descriptor,
                      "WHERE org_id = $1 AND id = $2 AND ended_at IS NULL AND " STORE_ORG_STANDS,
                      STORE_VALUES(sql_text(org_id), sql_text(id)), error);
}

struct api_key *store_api_key_find(struct store *store, const char *org_id, const char *id, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction ? find_key(transaction, org_id, id, error) : NULL;
}

GPtrArray *store_api_keys_list(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(free_api_key);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && store_select(transaction, &api_key_descriptor,
                                               "WHERE org_id = $1 AND ended_at IS NULL ORDER BY id DESC",
                                               STORE_VALUES(sql_text(org_id)), keys, error);
    return is_good ? g_steal_pointer(&keys) : NULL;
}

bool store_api_key_end(struct store *store, const struct audit_by *by, const char *id, enum role highest,
                       GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    CLEANUP(api_key) struct api_key *key = transaction ? find_key(transaction, by->org_id, id, error) : NULL;
    if (!key)
        return false;
    if (key->role > highest) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                            "nobody may end an API key with a role above their own");
        return false;
    }
    key->ended_at.ms = clock_wall_ms(store->clock);
    return store_run(transaction, "UPDATE api_keys SET ended_at = $3 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(by->org_id), sql_text(id), sql_time(key->ended_at.ms)), NULL, error) &&
           audit_key(transaction, by, key, "revoke", error) && store_commit(g_steal_pointer(&transaction), error);
}

bool store_api_key_note_use(struct store *store, const char *org_id, const char *id, GError **error)
{
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_id, error);
    return transaction &&
           store_run(transaction, "UPDATE api_keys SET used_at = $3 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(org_id), sql_text(id), sql_time(clock_wall_ms(store->clock))), NULL,
                     error) &&
           store_commit_beside_logins(g_steal_pointer(&transaction), error);
}

/* ---- keys that sign ---- */

GPtrArray *store_signing_keys_list(struct store *store, GError **error)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(free_signing_key);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction &&
                   store_select(transaction, &signing_key_descriptor, "ORDER BY id DESC", STORE_NO_VALUES, keys, error);
    return is_good ? g_steal_pointer(&keys) : NULL;
}

bool store_signing_key_add(struct store *store, const struct signing_key *key, int64_t retires_ms, GError **error)
{
    const void *record = key;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    return transaction &&
           store_run(transaction, "DELETE FROM signing_keys WHERE retires_at <= $1",
                     STORE_VALUES(sql_time(clock_wall_ms(store->clock))), NULL, error) &&
           store_run(transaction, "UPDATE signing_keys SET retires_at = $1 WHERE retires_at IS NULL",
                     STORE_VALUES(sql_time(retires_ms)), NULL, error) &&
           store_insert(transaction, &signing_key_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
