/* Legal holds: what retention is told by people. */

#include "base/id.h"
#include "store/retention_internal.h"

static void hold_free(void *hold)
{
    record_clear(&legal_hold_descriptor, hold);
    g_free(hold);
}

/* What is left of a deleted org goes: who had the right to hold it back could do so until then. */
static bool check_stands(struct store_transaction *transaction, const char *org_id, GError **error)
{
    bool is_deleted;
    if (!store_org_is_deleted_in(transaction, org_id, &is_deleted, error))
        return false;
    if (is_deleted)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "org '%s' was deleted: nothing of it can be held back any more", org_id);
    return !is_deleted;
}

static bool find_row(struct store_transaction *transaction, const char *sql, const char *org_id, const char *camera_id,
                     bool *is_there, GError **error)
{
    int64_t found = 0;
    bool is_good =
        store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(camera_id)), 0, &found, error);
    *is_there |= found != 0;
    return is_good;
}

/* Of what retention deletes, what may be left of a camera that is gone. */
static bool find_any_row(struct store_transaction *transaction, const char *org_id, const char *camera_id,
                         bool *is_there, GError **error)
{
    for (size_t i = 0; i < retention_rule_count && !*is_there; i++) {
        const struct retention_rule *rule = &retention_rules[i];
        g_autofree char *among =
            rule->cameras ? g_strdup_printf("(camera_id = $2 OR replace(CAST(%s AS TEXT), '\"' || $2 || '\"', '') <> "
                                            "CAST(%s AS TEXT))",
                                            rule->cameras, rule->cameras)
                          : g_strdup("camera_id = $2");
        g_autofree char *sql = g_strdup_printf("SELECT 1 FROM %s WHERE org_id = $1 AND %s LIMIT 1", rule->table, among);
        if (rule->has_camera && !find_row(transaction, sql, org_id, camera_id, is_there, error))
            return false;
    }
    return true;
}

/* An id that was mistyped would hold nothing, and nobody would know. */
static bool check_camera(struct store_transaction *transaction, const char *org_id, const char *camera_id,
                         GError **error)
{
    bool is_there = camera_id == NULL;
    if (!is_there && (!find_row(transaction, "SELECT 1 FROM cameras WHERE org_id = $1 AND id = $2", org_id, camera_id,
                                &is_there, error) ||
                      !find_any_row(transaction, org_id, camera_id, &is_there, error)))
        return false;
    if (!is_there)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "camera_id: there is no camera '%s', and nothing that one recorded: it would hold nothing",
                    camera_id);
    return is_there;
}

bool store_hold_put(struct store *store, struct legal_hold *hold, const struct audit_by *by, GError **error)
{
    g_free(hold->id);
    g_free(hold->org_id);
    g_free(hold->created_by);
    hold->id = id_new(store->clock);
    hold->org_id = g_strdup(by->org_id);
    hold->created_by = g_strdup(by->actor_id);
    hold->created_at.ms = clock_wall_ms(store->clock);
    hold->released_at.ms = 0;
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&legal_hold_descriptor, hold, false, json);
    const struct audit_change change = {AUDIT_LEGAL_HOLD, hold->id, "create", NULL, json->str};
    const void *record = hold;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    return transaction && check_stands(transaction, by->org_id, error) &&
           check_camera(transaction, by->org_id, hold->camera_id, error) &&
           store_insert(transaction, &legal_hold_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
           store_audit_add_in(transaction, by, &change, error) && store_commit(g_steal_pointer(&transaction), error);
}

bool store_hold_release(struct store *store, const char *hold_id, const struct audit_by *by, GError **error)
{
    const struct audit_change change = {AUDIT_LEGAL_HOLD, hold_id, "release", NULL, NULL};
    int64_t changed = 0;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    if (!transaction ||
        !store_run(transaction,
                   "UPDATE legal_holds SET released_at = $1 WHERE org_id = $2 AND id = $3 AND released_at IS NULL",
                   STORE_VALUES(sql_time(clock_wall_ms(store->clock)), sql_text(by->org_id), sql_text(hold_id)),
                   &changed, error))
        return false;
    if (!changed) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no legal hold '%s' that stands", hold_id);
        return false;
    }
    return store_audit_add_in(transaction, by, &change, error) && store_commit(g_steal_pointer(&transaction), error);
}

GPtrArray *store_holds_list(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) holds = g_ptr_array_new_with_free_func(hold_free);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && store_select(transaction, &legal_hold_descriptor,
                                               "WHERE org_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000",
                                               STORE_VALUES(sql_text(org_id)), holds, error);
    return is_good ? g_steal_pointer(&holds) : NULL;
}
