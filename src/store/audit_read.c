/* Reading the audit: telling what entries say, and whether a chain is whole. */
#include <string.h>

#include "store/audit_internal.h"

enum { AUDIT_LIMIT_MAX = 1000, VERIFY_PAGE = 500 };

/* An entry with what is sealed beside it, and the keys for that. */
struct whole_entry {
    struct audit_entry entry;
    struct audit_sealed parts[AUDIT_PART_ORIGIN];
    char *secrets[AUDIT_PART_ORIGIN];
    bool is_destroyed[AUDIT_PART_ORIGIN]; /* the key was, and the moment is known */
};
enum { PART_COLUMNS = 4 };

static void whole_entry_free(void *data)
{
    struct whole_entry *whole = data;
    record_clear(&audit_entry_descriptor, &whole->entry);
    for (int i = 0; i < AUDIT_PART_ORIGIN; i++) {
        audit_sealed_clear(&whole->parts[i]);
        g_free(whole->secrets[i]);
    }
    g_free(whole);
}

static bool take_whole(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    struct whole_entry *whole = g_new0(struct whole_entry, 1);
    size_t fields = audit_entry_descriptor.field_count;
    record_init(&audit_entry_descriptor, &whole->entry);
    g_ptr_array_add(data, whole);
    for (size_t i = 0; i < fields; i++) {
        if (record_set_sql_value(&audit_entry_descriptor.fields[i], &whole->entry, &row[i]))
            continue;
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "audit_entries: %s: a value that it cannot have",
                    audit_entry_descriptor.fields[i].name);
        return false;
    }
    for (size_t i = 0; i < AUDIT_PART_ORIGIN && fields + PART_COLUMNS * (i + 1) <= columns; i++) {
        const struct record_sql_value *part = &row[fields + PART_COLUMNS * i];
        whole->parts[i] = (struct audit_sealed){g_strdup(part[0].text), g_strdup(part[1].text)};
        whole->secrets[i] = g_strdup(part[2].text);
        whole->is_destroyed[i] = part[3].type != RECORD_SQL_NULL;
    }
    return true;
}

/* Entries with all that belongs to them. `tail` follows "WHERE org_id = $1 AND ". */
static GPtrArray *select_whole(struct store_transaction *transaction, const char *tail,
                               const struct record_sql_value *values, size_t count, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(whole_entry_free);
    GString *sql = g_string_new("SELECT ");
    for (size_t i = 0; i < audit_entry_descriptor.field_count; i++)
        g_string_append_printf(sql, "e.%s, ", audit_entry_descriptor.fields[i].name);
    g_string_append_printf(
        sql,
        "v1.key_id, v1.sealed, k1.secret, k1.destroyed_at, v2.key_id, v2.sealed, k2.secret, k2.destroyed_at FROM "
        "audit_entries e "
        "LEFT JOIN audit_values v1 ON v1.org_id = e.org_id AND v1.sequence = e.sequence AND v1.part = 1 "
        "LEFT JOIN audit_keys k1 ON k1.org_id = v1.org_id AND k1.id = v1.key_id "
        "LEFT JOIN audit_values v2 ON v2.org_id = e.org_id AND v2.sequence = e.sequence AND v2.part = 2 "
        "LEFT JOIN audit_keys k2 ON k2.org_id = v2.org_id AND k2.id = v2.key_id WHERE e.org_id = $1 AND %s",
        tail);
    bool is_good = store_each(transaction, sql->str, values, count, take_whole, entries, error);
    g_string_free(sql, TRUE);
    return is_good ? g_steal_pointer(&entries) : NULL;
}

/* ---- telling ---- */

/* What a part says; NULL when there is none, its key is gone, or it was sealed under another. g_free. */
static char *part_text(const struct whole_entry *whole, int part)
{
    const struct audit_place place = {whole->entry.org_id, whole->entry.sequence, part};
    const char *sealed = whole->parts[part - 1].sealed, *secret = whole->secrets[part - 1];
    return sealed && secret ? audit_open(secret, &place, sealed) : NULL;
}

/* False when it cannot be read. */
static bool open_part(const struct whole_entry *whole, int part, const struct record_descriptor *descriptor,
                      void *record)
{
    g_autofree char *json = part_text(whole, part);
    if (!json)
        return false;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(descriptor, json, strlen(json), record, &errors);
    record_errors_clear(&errors);
    return is_good;
}

/* The sealed documents: parts of the view. */
static const struct record_field values_fields[] = {
    FIELD(struct audit_view, before, 0, "as it was"),
    FIELD(struct audit_view, after, 0, "as it is from then on"),
    FIELD(struct audit_view, reason, 0, "why"),
};
static const struct record_descriptor values_descriptor =
    RECORD(struct audit_view, "AuditValues", 1, values_fields, "");
static const struct record_field origin_fields[] = {
    FIELD(struct audit_view, actor_name, 0, "the name then"),
    FIELD(struct audit_view, address, 0, "from where"),
};
static const struct record_descriptor origin_descriptor =
    RECORD(struct audit_view, "AuditOrigin", 1, origin_fields, "");

static struct audit_view *view_of(const struct whole_entry *whole)
{
    struct audit_view *view = g_new0(struct audit_view, 1), values = {.sequence = 0}, origin = {.sequence = 0};
    bool has_values = open_part(whole, AUDIT_PART_VALUES, &values_descriptor, &values);
    bool has_origin = open_part(whole, AUDIT_PART_ORIGIN, &origin_descriptor, &origin);
    *view = (struct audit_view){
        .sequence = whole->entry.sequence,
        .at = whole->entry.at,
        .actor_id = g_strdup(whole->entry.actor_id),
        .actor_name = origin.actor_name,
        .address = origin.address,
        .subject_kind = whole->entry.subject_kind,
        .subject_id = g_strdup(whole->entry.subject_id),
        .action = g_strdup(whole->entry.action),
        .before = values.before,
        .after = values.after,
        .reason = values.reason,
        .is_erased = !has_values || !has_origin,
        .sha256 = g_strdup(whole->entry.sha256),
    };
    return view;
}

static void view_free(void *view)
{
    record_clear(&audit_view_descriptor, view);
    g_free(view);
}

enum { FILTER_VALUES_MAX = 9 };
struct filter_terms {
    GString *sql; /* follows "WHERE e.org_id = $1 AND " */
    struct record_sql_value values[FILTER_VALUES_MAX];
    size_t count;
};

static void add_term(struct filter_terms *terms, const char *compares, struct record_sql_value value)
{
    terms->values[terms->count++] = value;
    g_string_append_printf(terms->sql, "%s%s $%zu", terms->count > 2 ? " AND " : "", compares, terms->count);
}

static void add_text(struct filter_terms *terms, const char *compares, const char *text)
{
    if (text)
        add_term(terms, compares, sql_text(text));
}

static void add_terms(struct filter_terms *terms, const char *org_id, const struct audit_filter *filter)
{
    terms->values[terms->count++] = sql_text(org_id);
    add_term(terms, "e.sequence <", sql_integer(filter->before_sequence > 0 ? filter->before_sequence : INT64_MAX));
    add_text(terms, "e.actor_id =", filter->actor_id);
    add_text(terms, "e.subject_kind =",
             filter->subject_kind ? record_enum_name(audit_subject_names, (int)filter->subject_kind) : NULL);
    add_text(terms, "e.subject_id =", filter->subject_id);
    add_text(terms, "e.action =", filter->action);
    if (filter->from_ms)
        add_term(terms, "e.at >=", sql_time(filter->from_ms));
    if (filter->to_ms)
        add_term(terms, "e.at <", sql_time(filter->to_ms));
    terms->values[terms->count++] = sql_integer(CLAMP(filter->limit, 1, AUDIT_LIMIT_MAX));
    g_string_append_printf(terms->sql, " ORDER BY e.sequence DESC LIMIT $%zu", terms->count);
}

GPtrArray *store_audit_find(struct store *store, const char *org_id, const struct audit_filter *filter, GError **error)
{
    struct filter_terms terms = {.sql = g_string_new(NULL)};
    add_terms(&terms, org_id, filter);
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    g_autoptr(GPtrArray) entries =
        transaction ? select_whole(transaction, terms.sql->str, terms.values, terms.count, error) : NULL;
    g_string_free(terms.sql, TRUE);
    if (!entries)
        return NULL;
    GPtrArray *views = g_ptr_array_new_with_free_func(view_free);
    for (guint i = 0; i < entries->len; i++)
        g_ptr_array_add(views, view_of(g_ptr_array_index(entries, i)));
    return views;
}

GPtrArray *store_audit_list(struct store *store, const char *org_id, int64_t before_sequence, int limit, GError **error)
{
    const struct audit_filter filter = {.before_sequence = before_sequence, .limit = limit};
    return store_audit_find(store, org_id, &filter, error);
}

/* ---- verifying ---- */

G_GNUC_PRINTF(2, 3)
static void add_problem(struct audit_report *report, const char *format, ...)
{
    if (report->problems->len >= AUDIT_PROBLEMS_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(report->problems, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

static bool are_values_whole(const struct whole_entry *whole)
{
    g_autofree char *placed = audit_values_digest(whole->parts, AUDIT_FORM_PLACED);
    g_autofree char *sealed = audit_values_digest(whole->parts, AUDIT_FORM_SEALED);
    return strcmp(placed, whole->entry.values_sha256) == 0 || strcmp(sealed, whole->entry.values_sha256) == 0;
}

/* Erasures that a chain tells of. */
struct erasures {
    GHashTable *told; /* of audit_erasure_json's texts */
    int64_t unnamed;  /* whose key cannot be read, since the org's own was erased as well */
};

/* One of a chain that is not whole says nothing: that is a problem already. */
static void note_erasure(const struct whole_entry *whole, struct erasures *erasures)
{
    struct audit_view values = {.sequence = 0};
    if (whole->entry.subject_kind != AUDIT_ORG || strcmp(whole->entry.action, AUDIT_ERASE_ACTION) != 0)
        return;
    if (open_part(whole, AUDIT_PART_VALUES, &values_descriptor, &values) && values.after.text)
        g_hash_table_add(erasures->told, g_strdup(values.after.text));
    else
        erasures->unnamed++;
    record_clear(&values_descriptor, &values);
}

/* What is there can be read, unless its key was destroyed (verify_destroyed): who takes a key away, or names another,
 * would else erase what an entry says and leave the chain whole. */
static void verify_keys(const struct whole_entry *whole, struct audit_report *report)
{
    for (int part = AUDIT_PART_VALUES; part <= AUDIT_PART_ORIGIN; part++) {
        g_autofree char *text = part_text(whole, part);
        if (whole->parts[part - 1].sealed && !text && !whole->is_destroyed[part - 1])
            add_problem(report,
                        "entry %" G_GINT64_FORMAT ": what it says cannot be read: its key '%s' was edited or removed",
                        whole->entry.sequence, whole->parts[part - 1].key_id);
    }
}

/* Against the entry before, of which report has the digest and count. */
static void verify_entry(const struct whole_entry *whole, int64_t *expected, struct erasures *erasures,
                         struct audit_report *report)
{
    const struct audit_entry *entry = &whole->entry;
    g_autofree char *digest = audit_entry_digest(entry);
    if (entry->sequence > *expected)
        add_problem(report, "entry %" G_GINT64_FORMAT ": missing, and %" G_GINT64_FORMAT " in all before the next",
                    *expected, entry->sequence - *expected);
    if (strcmp(entry->previous_sha256, report->sha256) != 0 && entry->sequence == *expected)
        add_problem(report,
                    "entry %" G_GINT64_FORMAT
                    ": does not follow the entry before it: one of them was replaced or moved",
                    entry->sequence);
    if (strcmp(digest, entry->sha256) != 0)
        add_problem(report, "entry %" G_GINT64_FORMAT ": was edited", entry->sequence);
    if (are_values_whole(whole)) {
        verify_keys(whole, report);
        note_erasure(whole, erasures);
    } else {
        add_problem(report, "entry %" G_GINT64_FORMAT ": what it says was edited or removed", entry->sequence);
    }
    g_free(report->sha256);
    report->sha256 = g_strdup(entry->sha256);
    report->entries++;
    *expected = entry->sequence + 1;
}

/* Where the chain ended when the look at it began: what is added meanwhile is not looked at. Sequence 0: nowhere. */
static bool read_head(struct store_transaction *transaction, const char *org_id, struct audit_head *head,
                      GError **error)
{
    g_autoptr(GPtrArray) heads = g_ptr_array_new();
    *head = (struct audit_head){.sequence = 0};
    if (!store_select(transaction, &audit_head_descriptor, "WHERE org_id = $1", STORE_VALUES(sql_text(org_id)), heads,
                      error))
        return false;
    if (heads->len) {
        *head = *(struct audit_head *)g_ptr_array_index(heads, 0);
        g_free(g_ptr_array_index(heads, 0));
    }
    return true;
}

static bool verify_entries(struct store_transaction *transaction, const char *org_id, const struct audit_head *head,
                           struct erasures *erasures, struct audit_report *report, GError **error)
{
    int64_t expected = 1;
    for (guint count = VERIFY_PAGE; count == VERIFY_PAGE;) {
        g_autoptr(GPtrArray) page =
            select_whole(transaction, "e.sequence >= $2 AND e.sequence <= $3 ORDER BY e.sequence LIMIT $4",
                         STORE_VALUES(sql_text(org_id), sql_integer(expected), sql_integer(head->sequence),
                                      sql_integer(VERIFY_PAGE)),
                         error);
        if (!page)
            return false;
        count = page->len;
        for (guint i = 0; i < count; i++)
            verify_entry(g_ptr_array_index(page, i), &expected, erasures, report);
    }
    if (expected <= head->sequence)
        add_problem(report, "entry %" G_GINT64_FORMAT ": missing: the chain ended with entry %" G_GINT64_FORMAT,
                    expected, head->sequence);
    else if (head->sequence && strcmp(head->sha256, report->sha256) != 0)
        add_problem(report, "the chain's end is not the one that was recorded");
    return true;
}

/* Entries, and no record of where they end, or one of an earlier end: of the same moment as the head. */
static bool verify_end(struct store_transaction *transaction, const char *org_id, const struct audit_head *head,
                       struct audit_report *report, GError **error)
{
    int64_t last = 0;
    if (!store_get_integer(transaction, "SELECT max(sequence) FROM audit_entries WHERE org_id = $1",
                           STORE_VALUES(sql_text(org_id)), 0, &last, error))
        return false;
    if (last && !head->sequence)
        add_problem(report, "the record of the chain's end is missing");
    else if (last > head->sequence)
        add_problem(report,
                    "entry %" G_GINT64_FORMAT ": stands after the chain's end, which is recorded as %" G_GINT64_FORMAT
                    ": the record was set back",
                    last, head->sequence);
    return true;
}

/* Rows: a destroyed key's id. */
static bool take_key_id(void *data, const struct record_sql_value *row, size_t columns, GError **error)
{
    (void)columns;
    (void)error;
    g_ptr_array_add(data, g_strdup(row[0].text));
    return true;
}

/* The next ones after an id, in the order of ids. */
static GPtrArray *read_destroyed(struct store_transaction *transaction, const char *org_id, const char *after,
                                 GError **error)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    bool is_good = store_each(
        transaction,
        "SELECT id FROM audit_keys WHERE org_id = $1 AND id > $2 AND destroyed_at IS NOT NULL ORDER BY id LIMIT $3",
        STORE_VALUES(sql_text(org_id), sql_text(after), sql_integer(VERIFY_PAGE)), take_key_id, ids, error);
    return is_good ? g_steal_pointer(&ids) : NULL;
}

/* Each was destroyed by an erasure that the chain tells of: who may write the database could else make any of them look
 * so. */
static bool verify_destroyed(struct store_transaction *transaction, const char *org_id, const struct erasures *erasures,
                             struct audit_report *report, GError **error)
{
    int64_t untold = 0;
    g_autofree char *after = g_strdup("");
    for (guint count = VERIFY_PAGE; count == VERIFY_PAGE;) {
        g_autoptr(GPtrArray) ids = read_destroyed(transaction, org_id, after, error);
        if (!ids)
            return false;
        count = ids->len;
        for (guint i = 0; i < count; i++) {
            const char *id = g_ptr_array_index(ids, i);
            g_autofree char *told = audit_erasure_json(id);
            if (g_hash_table_contains(erasures->told, told))
                continue;
            untold++;
            if (!erasures->unnamed)
                add_problem(report, "key '%s': was destroyed, and no entry tells that somebody erased it", id);
        }
        g_free(after);
        after = count ? g_strdup(g_ptr_array_index(ids, count - 1)) : NULL;
    }
    if (erasures->unnamed && untold > erasures->unnamed)
        add_problem(report,
                    "%" G_GINT64_FORMAT " keys were destroyed, and no more than %" G_GINT64_FORMAT
                    " entries tell that somebody erased one",
                    untold, erasures->unnamed);
    return true;
}

static bool verify_chain(struct store_transaction *transaction, const char *org_id, const struct audit_head *head,
                         struct audit_report *report, GError **error)
{
    g_autoptr(GHashTable) told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct erasures erasures = {told, 0};
    return (!head->sequence || verify_entries(transaction, org_id, head, &erasures, report, error)) &&
           verify_destroyed(transaction, org_id, &erasures, report, error) &&
           verify_end(transaction, org_id, head, report, error);
}

bool store_audit_verify(struct store *store, const char *org_id, struct audit_report *report, GError **error)
{
    *report = (struct audit_report){.sha256 = g_strdup(audit_first_previous),
                                    .problems = g_ptr_array_new_with_free_func(g_free)};
    struct audit_head head = {.sequence = 0};
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(store, STORE_READ, org_id, error);
    bool is_good = transaction && read_head(transaction, org_id, &head, error) &&
                   verify_chain(transaction, org_id, &head, report, error);
    record_clear(&audit_head_descriptor, &head);
    if (!is_good)
        audit_report_clear(report);
    return is_good;
}

void audit_report_clear(struct audit_report *report)
{
    g_free(report->sha256);
    if (report->problems)
        g_ptr_array_unref(report->problems);
    *report = (struct audit_report){.entries = 0};
}
