/* Policies and what was changed of them. A change takes the number of the next revision first: the row that counts them
 * is locked until the commit, so that changes are one after the other and numbers come in the order of the commits. */
#include "store/store_internal.h"

#include "base/id.h"
#include "store/audit.h"
#include "store/work_internal.h"

#include <string.h>

#define COUNTER "policy_revision"

void service_policy_free(struct service_policy *policy)
{
    if (!policy)
        return;
    record_clear(&service_policy_descriptor, policy);
    g_free(policy);
}

static void free_policy(gpointer policy)
{
    service_policy_free(policy);
}

void policy_revision_free(struct policy_revision *revision)
{
    if (!revision)
        return;
    record_clear(&policy_revision_descriptor, revision);
    g_free(revision);
}

static void free_revision(gpointer revision)
{
    policy_revision_free(revision);
}

/* The id of a policy is made of its key (UUIDv8, RFC 9562 section 5.8, of a SHA-256), so that what was changed of it is
 * found also after it was deleted and set again. */
static char *policy_id_of(const struct store_policy_key *key)
{
    enum { BYTES = 16, VERSION_AT = 6, VARIANT_AT = 8 };
    const char *const parts[] = {key->org_id,    key->site_id,      key->class_id,
                                 key->camera_id, key->service_name, key->policy_type};
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 digest[32];
    gsize length = sizeof digest;
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const char *part = parts[i] ? parts[i] : "";
        g_checksum_update(checksum, (const guchar *)part,
                          (gssize)strlen(part) + 1); /* with its end: "a","b" is no "ab" */
    }
    g_checksum_get_digest(checksum, digest, &length);
    digest[VERSION_AT] = (guint8)((digest[VERSION_AT] & 0x0f) | 0x80);
    digest[VARIANT_AT] = (guint8)((digest[VARIANT_AT] & 0x3f) | 0x80);
    GString *text = g_string_new(NULL);
    for (int i = 0; i < BYTES; i++)
        g_string_append_printf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", digest[i]);
    return g_string_free(text, FALSE);
}

static const char *org_of(const char *org_id)
{
    return org_id && *org_id ? org_id : STORE_PLATFORM;
}

/* ---- reading ---- */

static bool read_org(struct store_transaction *transaction, const char *org_id, GPtrArray *policies, GError **error)
{
    return store_set_org(transaction, org_id, error) &&
           store_select(transaction, &service_policy_descriptor, "WHERE org_id = $1 ORDER BY id",
                        STORE_VALUES(sql_text(org_id)), policies, error);
}

static bool add_org(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)error;
    if (columns && row[0].type == RECORD_SQL_TEXT)
        g_ptr_array_add(data, g_strdup(row[0].text));
    return true;
}

static bool read_everyones(struct store_transaction *transaction, GPtrArray *policies, GError **error)
{
    return store_select(transaction, &service_policy_descriptor, "WHERE org_id IS NULL ORDER BY id", STORE_NO_VALUES,
                        policies, error);
}

static bool read_all(struct store_transaction *transaction, GPtrArray *policies, int64_t *revision, GError **error)
{
    g_autoptr(GPtrArray) orgs = g_ptr_array_new_with_free_func(g_free);
    bool is_good = store_get_integer(transaction, "SELECT value FROM store_values WHERE name = '" COUNTER "'",
                                     STORE_NO_VALUES, 0, revision, error) &&
                   store_each(transaction, "SELECT id FROM orgs ORDER BY id", STORE_NO_VALUES, add_org, orgs, error) &&
                   read_everyones(transaction, policies, error);
    for (guint i = 0; is_good && i < orgs->len; i++)
        is_good = read_org(transaction, g_ptr_array_index(orgs, i), policies, error);
    return is_good;
}

GPtrArray *store_policies_list(struct store *store, int64_t *revision, GError **error)
{
    g_autoptr(GPtrArray) policies = g_ptr_array_new_with_free_func(free_policy);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good = transaction && read_all(transaction, policies, revision, error);
    return is_good ? g_steal_pointer(&policies) : NULL;
}

GPtrArray *store_policies_of(struct store *store, const char *org_id, GError **error)
{
    g_autoptr(GPtrArray) policies = g_ptr_array_new_with_free_func(free_policy);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, STORE_PLATFORM, error);
    bool is_good =
        transaction && read_everyones(transaction, policies, error) && read_org(transaction, org_id, policies, error);
    return is_good ? g_steal_pointer(&policies) : NULL;
}

/* A key's columns may be NULL: they are compared as empty text, as the unique index has them. */
#define OF_KEY                                                                                                         \
    "WHERE coalesce(org_id, '') = $1 AND coalesce(site_id, '') = $2 AND coalesce(class_id, '') = $3 AND "              \
    "coalesce(camera_id, '') = $4 AND service_name = $5 AND policy_type = $6"
#define KEY_VALUES(key)                                                                                                \
    STORE_VALUES(sql_text((key)->org_id ? (key)->org_id : ""), sql_text((key)->site_id ? (key)->site_id : ""),         \
                 sql_text((key)->class_id ? (key)->class_id : ""), sql_text((key)->camera_id ? (key)->camera_id : ""), \
                 sql_text((key)->service_name), sql_text((key)->policy_type))

struct service_policy *store_policy_find(struct store *store, const struct store_policy_key *key, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, org_of(key->org_id), error);
    return transaction ? store_find(transaction, &service_policy_descriptor, OF_KEY, KEY_VALUES(key), error) : NULL;
}

GPtrArray *store_policy_history(struct store *store, const struct store_policy_key *key, int64_t before, int limit,
                                GError **error)
{
    g_autoptr(GPtrArray) revisions = g_ptr_array_new_with_free_func(free_revision);
    g_autofree char *policy_id = policy_id_of(key);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, org_of(key->org_id), error);
    bool is_good =
        transaction &&
        store_select(transaction, &policy_revision_descriptor,
                     "WHERE policy_id = $1 AND coalesce(org_id, '') = $2 AND revision < $3 ORDER BY revision DESC "
                     "LIMIT $4",
                     STORE_VALUES(sql_text(policy_id), sql_text(key->org_id ? key->org_id : ""),
                                  sql_integer(before ? before : G_MAXINT64), sql_integer(limit)),
                     revisions, error);
    return is_good ? g_steal_pointer(&revisions) : NULL;
}

bool store_policies_latest(struct store *store, const char *org_id, const struct store_policy_key *keys, size_t count,
                           int64_t *revision, GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autofree struct record_sql_value *values = g_new0(struct record_sql_value, count + 1);
    g_autoptr(GString) sql = g_string_new(
        "SELECT max(revision) FROM policy_revisions WHERE (org_id = $1 OR org_id IS NULL) AND policy_id IN (");
    values[0] = sql_text(org_id);
    for (size_t i = 0; i < count; i++) {
        g_ptr_array_add(ids, policy_id_of(&keys[i]));
        values[i + 1] = sql_text(g_ptr_array_index(ids, i));
        g_string_append_printf(sql, "%s$%zu", i ? ", " : "", i + 2);
    }
    g_string_append_c(sql, ')');
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    return transaction && store_get_integer(transaction, sql->str, values, count + 1, 0, revision, error);
}

struct policy_revision *store_policy_revision(struct store *store, const struct store_policy_key *key, int32_t version,
                                              GError **error)
{
    g_autofree char *policy_id = policy_id_of(key);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, org_of(key->org_id), error);
    if (!transaction)
        return NULL;
    return store_find(
        transaction, &policy_revision_descriptor, "WHERE policy_id = $1 AND coalesce(org_id, '') = $2 AND version = $3",
        STORE_VALUES(sql_text(policy_id), sql_text(key->org_id ? key->org_id : ""), sql_integer(version)), error);
}

/* ---- changing ---- */

static bool next_revision(struct store_transaction *transaction, int64_t *revision, GError **error)
{
    return store_get_integer(transaction,
                             "INSERT INTO store_values (name, value) VALUES ('" COUNTER "', 1) ON CONFLICT (name) DO "
                             "UPDATE SET value = store_values.value + 1 RETURNING value",
                             STORE_NO_VALUES, 0, revision, error);
}

/* The number of the same transaction, which nobody has seen. Counters are the server's own. */
static bool return_revision(struct store_transaction *transaction, GError **error)
{
    return store_set_org(transaction, STORE_PLATFORM, error) &&
           store_run(transaction, "UPDATE store_values SET value = value - 1 WHERE name = '" COUNTER "'",
                     STORE_NO_VALUES, NULL, error);
}

/* In the server's own name. Ids that are too old to come again are forgotten; so no more stay than come in that time.
 */
static bool claim_webhook(struct store_transaction *transaction, struct store_webhook_claim *claim, GError **error)
{
    const struct taken_webhook taken = {(char *)(uintptr_t)claim->id, {claim->expires_ms}};
    const void *record = &taken;
    int64_t count = 0;
    bool is_new = false;
    if (!store_run(transaction, "DELETE FROM taken_webhooks WHERE expires_at < $1",
                   STORE_VALUES(sql_time(clock_wall_ms(transaction->store->clock))), NULL, error) ||
        !store_insert(transaction, &taken_webhook_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, &is_new, error) ||
        !store_get_integer(transaction, "SELECT count(id) FROM taken_webhooks", STORE_NO_VALUES, 0, &count, error))
        return false;
    claim->is_known = !is_new;
    if (claim->is_known)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "this webhook was taken already");
    else if (count > claim->max_ids)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "too many webhooks: try again later");
    return is_new && count <= claim->max_ids;
}

bool store_policy_check_version(int32_t expected_version, const struct service_policy *present, GError **error)
{
    int32_t version = present ? present->version : 0;
    if (expected_version < 0 || expected_version == version)
        return true;
    if (version == 0)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "the policy is gone: read it again");
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
                    "the policy was changed meanwhile and is at version %d, not %d: read it again", version,
                    expected_version);
    return false;
}

static bool check_named(struct store_transaction *transaction, const char *org_id, const char *table, const char *what,
                        const char *id, GError **error)
{
    int64_t count = 0;
    if (!id || !*id)
        return true;
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM %s WHERE org_id = $1 AND id = $2", table);
    if (!store_get_integer(transaction, sql, STORE_VALUES(sql_text(org_id), sql_text(id)), 0, &count, error))
        return false;
    if (!count)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s_id: there is no %s '%s' in the org '%s'", what,
                    what, id, org_id);
    return count > 0;
}

/* Whom the policy is for. The transaction is of its org. */
static bool check_scope(struct store_transaction *transaction, const struct store_policy_key *key, GError **error)
{
    int64_t count = 0;
    if (!key->org_id || !*key->org_id)
        return true;
    if (!store_get_integer(transaction, "SELECT count(*) FROM orgs WHERE id = $1", STORE_VALUES(sql_text(key->org_id)),
                           0, &count, error))
        return false;
    if (!count)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "there is no org '%s'", key->org_id);
    return count && check_named(transaction, key->org_id, "sites", "site", key->site_id, error) &&
           check_named(transaction, key->org_id, "classes", "class", key->class_id, error) &&
           check_named(transaction, key->org_id, "cameras", "camera", key->camera_id, error);
}

bool store_policy_check_scope(struct store *store, const struct store_policy_key *key, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, org_of(key->org_id), error);
    return transaction && check_scope(transaction, key, error);
}

/* The row that stands, whatever its id: another program may have chosen that, or have taken another row of the org from
 * the key whose id it has. */
static bool clear_row(struct store_transaction *transaction, const struct store_policy_key *key, const char *id,
                      GError **error)
{
    g_autofree char *other_id = id_new(transaction->store->clock);
    return store_run(transaction, "DELETE FROM service_policies " OF_KEY, KEY_VALUES(key), NULL, error) &&
           store_run(transaction, "UPDATE service_policies SET id = $3 WHERE id = $1 AND coalesce(org_id, '') = $2",
                     STORE_VALUES(sql_text(id), sql_text(key->org_id ? key->org_id : ""), sql_text(other_id)), NULL,
                     error);
}

static bool write_policy(struct store_transaction *transaction, const struct store_policy_change *change,
                         const struct service_policy *present, const struct policy_revision *revision, GError **error)
{
    const struct store_policy_key *key = &change->key;
    if (!clear_row(transaction, key, revision->policy_id, error))
        return false;
    if (!revision->config.text)
        return true;
    const struct service_policy policy = {
        .id = revision->policy_id,
        .org_id = revision->org_id,
        .site_id = (char *)(uintptr_t)key->site_id,
        .class_id = (char *)(uintptr_t)key->class_id,
        .camera_id = (char *)(uintptr_t)key->camera_id,
        .service_name = (char *)(uintptr_t)key->service_name,
        .policy_type = (char *)(uintptr_t)key->policy_type,
        .config = revision->config,
        .version = revision->version,
        .revision = revision->revision,
        .created_at = present ? present->created_at : revision->changed_at,
        .updated_at = revision->changed_at,
        .updated_by = revision->changed_by,
    };
    const void *record = &policy;
    return store_insert(transaction, &service_policy_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error);
}

/* Numbers go on where a deleted policy of the same key left off, and after the one that another program gave what
 * stands, so that a version names one content for ever. */
static bool next_version(struct store_transaction *transaction, const struct service_policy *present,
                         struct policy_revision *revision, GError **error)
{
    const char *org_id = revision->org_id ? revision->org_id : "";
    int64_t version = 0;
    if (!store_get_integer(transaction,
                           "SELECT max(version) FROM policy_revisions WHERE policy_id = $1 AND coalesce(org_id, '') "
                           "= $2",
                           STORE_VALUES(sql_text(revision->policy_id), sql_text(org_id)), 0, &version, error))
        return false;
    version = present ? MAX(version, present->version) : version;
    if (version < INT32_MAX) {
        revision->version = (int32_t)version + 1;
        return true;
    }
    g_set_error(
        error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT,
        "the policy is at version %d, after which there is none: its row of service_policies was given that, and "
        "has to be given a lower one there",
        INT32_MAX);
    return false;
}

/* As stored: where there is a key, the audit has the document sealed as well. */
static bool audit_change(struct store_transaction *transaction, const struct store_policy_change *change,
                         const struct service_policy *present, const struct policy_revision *revision, GError **error)
{
    const struct audit_change entry = {
        .kind = AUDIT_POLICY,
        .subject_id = revision->policy_id,
        .action = !revision->config.text ? "delete"
                  : present              ? "update"
                                         : "create",
        .before = present ? present->config.text : NULL,
        .after = revision->config.text,
    };
    return store_audit_add_in(transaction, change->by, &entry, error);
}

static bool write_change(struct store_transaction *transaction, const struct store_policy_change *change,
                         const struct service_policy *present, struct policy_revision *revision, GError **error)
{
    if (!next_version(transaction, present, revision, error) ||
        !change->make(change->data, present, revision->version, &revision->config.text, &revision->diff.text, error) ||
        (!present && !check_scope(transaction, &change->key, error)))
        return false;
    if (present && !revision->diff.text) {
        revision->version = present->version;
        revision->revision = present->revision;
        return return_revision(transaction, error);
    }
    const void *record = revision;
    return write_policy(transaction, change, present, revision, error) &&
           store_insert(transaction, &policy_revision_descriptor, &record, 1, RECORD_CONFLICT_IGNORE, NULL, error) &&
           audit_change(transaction, change, present, revision, error);
}

static bool change_in(struct store_transaction *transaction, const struct store_policy_change *change,
                      struct policy_revision *revision, GError **error)
{
    const struct store_policy_key *key = &change->key;
    g_autoptr(GError) cause = NULL;
    if (!next_revision(transaction, &revision->revision, error) ||
        (change->webhook && !claim_webhook(transaction, change->webhook, error)) ||
        (change->file && !store_policy_file_check_alone(transaction, change->file, error)) ||
        !store_set_org(transaction, org_of(key->org_id), error))
        return false;
    struct service_policy *present =
        store_find(transaction, &service_policy_descriptor, OF_KEY, KEY_VALUES(key), &cause);
    bool is_good = present || g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    if (!is_good)
        g_propagate_error(error, g_steal_pointer(&cause));
    is_good = is_good && store_policy_check_version(change->expected_version, present, error) &&
              write_change(transaction, change, present, revision, error);
    service_policy_free(present);
    return is_good;
}

bool store_policy_change(struct store *store, const struct store_policy_change *change, int32_t *version,
                         int64_t *revision, GError **error)
{
    struct policy_revision made = {
        .id = id_new(store->clock),
        .org_id = g_strdup(change->key.org_id),
        .policy_id = policy_id_of(&change->key),
        .reason = g_strdup(change->by->reason),
        .changed_by = g_strdup(change->by->actor_name ? change->by->actor_name : change->by->actor_id),
        .changed_at = {clock_wall_ms(store->clock)},
    };
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, STORE_PLATFORM, error);
    bool is_good = transaction && change_in(transaction, change, &made, error) &&
                   store_commit(g_steal_pointer(&transaction), error);
    *version = made.version;
    *revision = made.revision;
    record_clear(&policy_revision_descriptor, &made);
    return is_good;
}

bool store_policy_reseal(struct store *store, const struct store_policy_key *key, int32_t version, const char *present,
                         const char *config, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, org_of(key->org_id), error);
    const struct record_sql_value values[] = {sql_text(key->org_id ? key->org_id : ""),
                                              sql_text(key->site_id ? key->site_id : ""),
                                              sql_text(key->class_id ? key->class_id : ""),
                                              sql_text(key->camera_id ? key->camera_id : ""),
                                              sql_text(key->service_name),
                                              sql_text(key->policy_type),
                                              sql_json(config),
                                              sql_integer(version),
                                              sql_json(present)};
    return transaction &&
           store_run(transaction, "UPDATE service_policies SET config = $7 " OF_KEY " AND version = $8 AND config = $9",
                     values, G_N_ELEMENTS(values), NULL, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
