#include "store/audit.h"

#include <string.h>

#include "base/id.h"
#include "store/audit_internal.h"

const char audit_first_previous[] = "0000000000000000000000000000000000000000000000000000000000000000";

/* ---- digests ---- */

/* With its length, so that no two lists of texts give the same bytes. */
static void digest_text(GChecksum *checksum, const char *text)
{
    g_autofree char *length = g_strdup_printf("%d:", text ? (int)strlen(text) : -1);
    g_checksum_update(checksum, (const guchar *)length, -1);
    if (text)
        g_checksum_update(checksum, (const guchar *)text, -1);
}

char *audit_entry_digest(const struct audit_entry *entry)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_autofree char *sequence = g_strdup_printf("%" G_GINT64_FORMAT, entry->sequence);
    g_autofree char *at = g_strdup_printf("%" G_GINT64_FORMAT, entry->at.ms);
    const char *const texts[] = {entry->org_id,
                                 sequence,
                                 entry->id,
                                 at,
                                 entry->actor_id,
                                 record_enum_name(audit_subject_names, entry->subject_kind),
                                 entry->subject_id,
                                 entry->action,
                                 entry->values_sha256,
                                 entry->previous_sha256};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        digest_text(checksum, texts[i]);
    return g_strdup(g_checksum_get_string(checksum));
}

/* The second form begins with what the first cannot: no list of texts gives the bytes of both. */
char *audit_values_digest(const struct audit_sealed parts[AUDIT_PART_ORIGIN], enum audit_values_form form)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    if (form == AUDIT_FORM_PLACED)
        g_checksum_update(checksum, (const guchar *)"parts and keys;", -1);
    for (int i = 0; i < AUDIT_PART_ORIGIN; i++) {
        if (form == AUDIT_FORM_PLACED) {
            g_autofree char *part = g_strdup_printf("%d", i + 1);
            digest_text(checksum, parts[i].sealed ? part : NULL);
            digest_text(checksum, parts[i].key_id);
        }
        digest_text(checksum, parts[i].sealed);
    }
    return g_strdup(g_checksum_get_string(checksum));
}

void audit_sealed_clear(struct audit_sealed *sealed)
{
    g_free(sealed->key_id);
    g_free(sealed->sealed);
}

/* ---- keys ---- */

static char *key_id(enum audit_subject kind, const char *id)
{
    return g_strdup_printf("%s:%s", record_enum_name(audit_subject_names, kind), id ? id : "");
}

/* The key of an id, made when there is none. *secret is NULL when it was destroyed: nothing more is kept of whom it is
 * about. */
static bool take_secret(struct store_transaction *transaction, const char *org_id, const char *id, char **secret,
                        GError **error)
{
    g_autofree char *fresh = audit_key_new();
    if (!store_run(
            transaction,
            "INSERT INTO audit_keys (org_id, id, secret) VALUES ($1, $2, $3) ON CONFLICT (org_id, id) DO NOTHING",
            STORE_VALUES(sql_text(org_id), sql_text(id), sql_text(fresh)), NULL, error))
        return false;
    struct audit_key *key = store_find(transaction, &audit_key_descriptor, "WHERE org_id = $1 AND id = $2",
                                       STORE_VALUES(sql_text(org_id), sql_text(id)), error);
    if (!key)
        return false;
    *secret = g_steal_pointer(&key->secret);
    record_clear(&audit_key_descriptor, key);
    g_free(key);
    return true;
}

/* ---- adding ---- */

/* JSON of members that are there: texts as strings, values as they are. */
static void append_member(GString *json, const char *name, const char *text, bool is_json)
{
    if (!text)
        return;
    g_string_append_printf(json, "%s\"%s\":", json->len > 1 ? "," : "", name);
    if (is_json)
        g_string_append(json, text);
    else
        record_append_json_string(json, text);
}

static char *values_json(const struct audit_by *by, const struct audit_change *change)
{
    GString *json = g_string_new("{");
    append_member(json, "before", change->before, true);
    append_member(json, "after", change->after, true);
    append_member(json, "reason", by->reason, false);
    g_string_append_c(json, '}');
    return g_string_free(json, FALSE);
}

static char *origin_json(const struct audit_by *by)
{
    GString *json = g_string_new("{");
    append_member(json, "actor_name", by->actor_name, false);
    append_member(json, "address", by->address, false);
    g_string_append_c(json, '}');
    return g_string_free(json, FALSE);
}

/* Seals one part under the key `id` and writes it. *sealed stays empty when that key was destroyed. */
static bool put_part(struct store_transaction *transaction, const struct audit_place *place, const char *id,
                     const char *json, struct audit_sealed *sealed, GError **error)
{
    g_autofree char *secret = NULL;
    if (!take_secret(transaction, place->org_id, id, &secret, error))
        return false;
    if (!secret)
        return true;
    *sealed = (struct audit_sealed){g_strdup(id), audit_seal(secret, place, json)};
    const struct audit_value value = {
        .org_id = (char *)(uintptr_t)place->org_id,
        .sequence = place->sequence,
        .part = place->part,
        .key_id = (char *)(uintptr_t)id,
        .sealed = sealed->sealed,
    };
    const void *record = &value;
    return store_insert(transaction, &audit_value_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error);
}

/* The head of the chain, locked until the transaction ends: in PostgreSQL by the row's lock, in SQLite by being the one
 * that writes. */
static struct audit_head *take_head(struct store_transaction *transaction, const char *org_id, GError **error)
{
    if (!store_run(transaction,
                   "INSERT INTO audit_heads (org_id, sequence, sha256) VALUES ($1, 0, $2) ON CONFLICT (org_id) DO "
                   "NOTHING",
                   STORE_VALUES(sql_text(org_id), sql_text(audit_first_previous)), NULL, error) ||
        !store_run(transaction, "UPDATE audit_heads SET sequence = sequence + 1 WHERE org_id = $1",
                   STORE_VALUES(sql_text(org_id)), NULL, error))
        return NULL;
    return store_find(transaction, &audit_head_descriptor, "WHERE org_id = $1", STORE_VALUES(sql_text(org_id)), error);
}

static bool put_entry(struct store_transaction *transaction, struct audit_entry *entry, GError **error)
{
    g_autofree char *digest = audit_entry_digest(entry);
    entry->sha256 = digest;
    const void *record = entry;
    bool is_good = store_insert(transaction, &audit_entry_descriptor, &record, 1, RECORD_CONFLICT_FAIL, NULL, error) &&
                   store_run(transaction, "UPDATE audit_heads SET sha256 = $1 WHERE org_id = $2",
                             STORE_VALUES(sql_text(digest), sql_text(entry->org_id)), NULL, error);
    entry->sha256 = NULL;
    return is_good;
}

/* What an entry says, beside it. *digest: of all of that. */
static bool put_parts(struct store_transaction *transaction, int64_t sequence, const struct audit_by *by,
                      const struct audit_change *change, char **digest, GError **error)
{
    g_autofree char *subject_key = key_id(change->kind, change->subject_id),
                    *actor_key = key_id(AUDIT_USER, by->actor_id);
    g_autofree char *values = values_json(by, change), *origin = origin_json(by);
    const struct audit_place of_values = {by->org_id, sequence, AUDIT_PART_VALUES};
    const struct audit_place of_origin = {by->org_id, sequence, AUDIT_PART_ORIGIN};
    struct audit_sealed sealed[AUDIT_PART_ORIGIN] = {{NULL, NULL}, {NULL, NULL}};
    bool is_good = put_part(transaction, &of_values, subject_key, values, &sealed[0], error) &&
                   put_part(transaction, &of_origin, actor_key, origin, &sealed[1], error);
    if (is_good)
        *digest = audit_values_digest(sealed, AUDIT_FORM_PLACED);
    for (size_t i = 0; i < G_N_ELEMENTS(sealed); i++)
        audit_sealed_clear(&sealed[i]);
    return is_good;
}

static bool add_after(struct store_transaction *transaction, const struct audit_head *head, const struct audit_by *by,
                      const struct audit_change *change, GError **error)
{
    g_autofree char *values_digest = NULL, *id = id_new(transaction->store->clock);
    if (!put_parts(transaction, head->sequence, by, change, &values_digest, error))
        return false;
    struct audit_entry entry = {
        .org_id = (char *)(uintptr_t)by->org_id,
        .sequence = head->sequence,
        .id = id,
        .at = {clock_wall_ms(transaction->store->clock)},
        .actor_id = (char *)(uintptr_t)by->actor_id,
        .subject_kind = change->kind,
        .subject_id = (char *)(uintptr_t)change->subject_id,
        .action = (char *)(uintptr_t)change->action,
        .values_sha256 = values_digest,
        .previous_sha256 = head->sha256,
    };
    return put_entry(transaction, &entry, error);
}

bool store_audit_add_in(struct store_transaction *transaction, const struct audit_by *by,
                        const struct audit_change *change, GError **error)
{
    if (!store_set_org(transaction, by->org_id, error))
        return false;
    struct audit_head *head = take_head(transaction, by->org_id, error);
    if (!head)
        return false;
    bool is_good = add_after(transaction, head, by, change, error);
    record_clear(&audit_head_descriptor, head);
    g_free(head);
    return is_good;
}

bool store_audit_add(struct store *store, const struct audit_by *by, const struct audit_change *change, GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    return transaction && store_audit_add_in(transaction, by, change, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* ---- erasing ---- */

static bool destroy_key(struct store_transaction *transaction, const char *org_id, const char *id, GError **error)
{
    int64_t changed = 0;
    if (!store_run(transaction,
                   "UPDATE audit_keys SET secret = NULL, destroyed_at = $1 WHERE org_id = $2 AND id = $3 AND secret "
                   "IS NOT NULL",
                   STORE_VALUES(sql_time(clock_wall_ms(transaction->store->clock)), sql_text(org_id), sql_text(id)),
                   &changed, error))
        return false;
    if (!changed)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
                    "the audit of org '%s' has nothing of '%s', or it was erased before", org_id, id);
    return changed > 0;
}

char *audit_erasure_json(const char *key_id)
{
    GString *json = g_string_new("{\"subject\":");
    record_append_json_string(json, key_id);
    g_string_append_c(json, '}');
    return g_string_free(json, FALSE);
}

/* Told as a change of the org: what is said of the subject itself is kept no more. */
bool store_audit_erase(struct store *store, const struct audit_by *by, enum audit_subject kind, const char *subject_id,
                       GError **error)
{
    g_autofree char *id = key_id(kind, subject_id), *after = audit_erasure_json(id);
    const struct audit_change change = {AUDIT_ORG, by->org_id, AUDIT_ERASE_ACTION, NULL, after};
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_WRITE, by->org_id, error);
    return transaction && store_check_no_holds_in(transaction, by->org_id, error) &&
           destroy_key(transaction, by->org_id, id, error) && store_audit_add_in(transaction, by, &change, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}
