/* All of a store into another, page by page in the order of keys, table after table as foreign keys need them. */
#include "store/backup.h"
#include "store/days.h"
#include "store/places.h"

#include <jansson.h>
#include <string.h>

enum { KEYS_MAX = 8 };

/* One table's rows of one org, or those without one. */
struct part {
    struct store *from, *to;
    const struct store_table *table;
    const struct record_descriptor *descriptor;
    const char *org_id;                        /* STORE_PLATFORM: what is the server's own, or nobody's */
    const struct record_field *keys[KEYS_MAX]; /* the primary key but for the org */
    size_t key_count;
    struct record_field key_fields[KEYS_MAX]; /* the same, as all that … */
    struct record_descriptor keys_alone;      /* … rows have that are read by this */
};

static void part_init(struct part *part)
{
    const struct record_descriptor *descriptor = part->descriptor = part->table->descriptor;
    part->key_count = 0;
    part->keys_alone = *descriptor;
    bool is_org = part->table->tenancy == STORE_IS_ORG;
    for (size_t i = 0; i < descriptor->field_count && part->key_count < KEYS_MAX && !is_org; i++)
        if ((descriptor->fields[i].flags & RECORD_KEY) && strcmp(descriptor->fields[i].name, "org_id") != 0)
            part->keys[part->key_count++] = &descriptor->fields[i];
    for (size_t i = 0; i < part->key_count; i++)
        part->key_fields[i] = *part->keys[i];
    part->keys_alone.fields = part->key_fields;
    part->keys_alone.field_count = part->key_count;
}

static bool is_of_scope(const struct store_table *table, const char *org_id)
{
    bool is_platform = strcmp(org_id, STORE_PLATFORM) == 0;
    return table->tenancy == STORE_OF_ORG_OR_ALL || (table->tenancy == STORE_OF_PLATFORM) == is_platform;
}

/* ---- pages ---- */

/* "WHERE org_id = $1": whose rows these are. Names $1 always. */
static void append_whose(const struct part *part, GString *sql)
{
    bool is_platform = strcmp(part->org_id, STORE_PLATFORM) == 0;
    if (part->table->tenancy == STORE_OF_PLATFORM || is_platform)
        g_string_append_printf(sql, "WHERE $1 = '" STORE_PLATFORM "'%s",
                               is_platform && part->table->tenancy == STORE_OF_ORG_OR_ALL ? " AND org_id IS NULL" : "");
    else
        g_string_append_printf(sql, "WHERE %s = $1", part->table->tenancy == STORE_IS_ORG ? "id" : "org_id");
}

static void append_keys(const struct part *part, GString *sql)
{
    for (size_t i = 0; i < part->key_count; i++)
        g_string_append_printf(sql, "%s%s", i ? ", " : "", part->keys[i]->name);
}

/* " AND (a, b) > ($2, $3)", and the values of a row's key. */
static void append_cursor(const struct part *part, const void *row, GString *sql, struct record_sql_value *values,
                          size_t *count)
{
    g_string_append(sql, " AND (");
    append_keys(part, sql);
    g_string_append(sql, ") > (");
    for (size_t i = 0; i < part->key_count; i++) {
        record_get_sql_value(part->keys[i], row, &values[*count]);
        g_string_append_printf(sql, "%s$%zu", i ? ", " : "", ++*count);
    }
    g_string_append_c(sql, ')');
}

static void values_clear(struct record_sql_value *values, size_t count)
{
    for (size_t i = 1; i < count; i++) /* the first is the org's id, borrowed */
        record_sql_value_clear(&values[i]);
}

struct page {
    const struct record_descriptor *descriptor;
    GPtrArray *rows;
};

static void page_clear(struct page *page)
{
    for (guint i = 0; i < page->rows->len; i++) {
        record_clear(page->descriptor, g_ptr_array_index(page->rows, i));
        g_free(g_ptr_array_index(page->rows, i));
    }
    g_ptr_array_set_size(page->rows, 0);
}

/* The rows after `after` (NULL: from the first), of which the page's descriptor says what is read. */
static bool read_page(const struct part *part, struct store *store, const void *after, int limit, struct page *page,
                      GError **error)
{
    struct record_sql_value values[KEYS_MAX + 2] = {sql_text(part->org_id)};
    size_t count = 1;
    g_autoptr(GString) sql = g_string_new(NULL);
    append_whose(part, sql);
    if (after && part->key_count)
        append_cursor(part, after, sql, values, &count);
    if (part->key_count) {
        g_string_append(sql, " ORDER BY ");
        append_keys(part, sql);
    }
    size_t owned = count;
    values[count++] = sql_integer(limit);
    g_string_append_printf(sql, " LIMIT $%zu", count);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, part->org_id, error);
    bool is_good =
        transaction && store_select(transaction, page->descriptor, sql->str, values, count, page->rows, error);
    values_clear(values, owned);
    return is_good;
}

/* ---- comparing rows ---- */

/* JSON that PostgreSQL keeps as values, without its spaces and order, is the same when its values are. */
static bool is_same_json(const char *first, const char *second)
{
    json_t *a = json_loads(first, JSON_DECODE_ANY, NULL), *b = json_loads(second, JSON_DECODE_ANY, NULL);
    bool is_same = a && b && json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return is_same;
}

static bool is_same_value(const struct record_sql_value *a, const struct record_sql_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case RECORD_SQL_NULL:
        return true;
    case RECORD_SQL_REAL:
        return a->real == b->real;
    case RECORD_SQL_TEXT:
        return strcmp(a->text, b->text) == 0;
    case RECORD_SQL_BYTES:
        return a->integer == b->integer && memcmp(a->text, b->text, (size_t)a->integer) == 0;
    case RECORD_SQL_JSON:
        return strcmp(a->text, b->text) == 0 || is_same_json(a->text, b->text);
    default:
        return a->integer == b->integer;
    }
}

static const struct record_field *find_difference(const struct record_descriptor *descriptor, const void *a,
                                                  const void *b)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        struct record_sql_value first, second;
        record_get_sql_value(&descriptor->fields[i], a, &first);
        record_get_sql_value(&descriptor->fields[i], b, &second);
        bool is_same = is_same_value(&first, &second);
        record_sql_value_clear(&first);
        record_sql_value_clear(&second);
        if (!is_same)
            return &descriptor->fields[i];
    }
    return NULL;
}

/* ---- copying ---- */

/* Steps to the next page: what was read goes, but for its last row, which `last` keeps. */
static void advance(struct page *page, struct page *last)
{
    page_clear(last);
    g_ptr_array_add(last->rows, g_ptr_array_steal_index(page->rows, page->rows->len - 1));
    page_clear(page);
}

static bool is_same_page(const struct page *a, const struct page *b)
{
    bool is_same = a->rows->len == b->rows->len;
    for (guint i = 0; is_same && i < a->rows->len; i++)
        is_same = !find_difference(a->descriptor, g_ptr_array_index(a->rows, i), g_ptr_array_index(b->rows, i));
    return is_same;
}

/* Steps on while both sides have the same keys. */
static bool pass_same(const struct part *part, struct page *ours, struct page *theirs, struct page *last,
                      GError **error)
{
    int limit = part->to->settings.batch_records;
    for (;;) {
        const void *after = last->rows->len ? g_ptr_array_index(last->rows, 0) : NULL;
        if (!read_page(part, part->from, after, limit, ours, error) ||
            !read_page(part, part->to, after, limit, theirs, error))
            return false;
        if (!ours->rows->len || !is_same_page(ours, theirs))
            return true;
        page_clear(theirs);
        advance(ours, last);
    }
}

/* Where an earlier copy of a large table came to: *last gets the last row, by its keys, before which nothing is
 * missing, or none; small tables are gone through again. In pages, so that a large one takes no statement longer. */
static bool find_resume(const struct part *part, struct page *last, GError **error)
{
    if (!part->table->days_since)
        return true;
    struct page ours = {&part->keys_alone, g_ptr_array_new()}, theirs = {&part->keys_alone, g_ptr_array_new()};
    bool is_good = pass_same(part, &ours, &theirs, last, error);
    page_clear(&ours);
    page_clear(&theirs);
    g_ptr_array_unref(ours.rows);
    g_ptr_array_unref(theirs.rows);
    return is_good;
}

static bool write_page(const struct part *part, const struct page *page, enum record_conflict conflict, bool *is_new,
                       GError **error)
{
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(part->to, STORE_JOB, part->org_id, error);
    return transaction &&
           store_insert(transaction, part->descriptor, (const void *const *)page->rows->pdata, page->rows->len,
                        conflict, is_new, error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

static bool write_new(const struct part *part, const struct page *page, int64_t *new_rows, GError **error)
{
    g_autofree bool *is_new = g_new0(bool, page->rows->len);
    if (!write_page(part, page, RECORD_CONFLICT_IGNORE, is_new, error))
        return false;
    for (guint i = 0; i < page->rows->len; i++)
        *new_rows += is_new[i];
    return true;
}

static bool copy_rows(const struct part *part, struct page *page, struct page *last, int64_t *new_rows, GError **error)
{
    int limit = part->to->settings.batch_records;
    if (!find_resume(part, last, error))
        return false;
    for (;;) {
        const void *after = last->rows->len ? g_ptr_array_index(last->rows, 0) : NULL;
        if (!read_page(part, part->from, after, limit, page, error))
            return false;
        bool is_last = !part->key_count || page->rows->len < (guint)limit;
        if (page->rows->len && !write_new(part, page, new_rows, error))
            return false;
        if (is_last)
            return true;
        advance(page, last);
    }
}

/* ---- comparing pages ---- */

/* Of a row's field, or of the row itself (`field` NULL), which is missing or one too many. A copy takes nothing out of
 * a target: whose that is, nobody but a person can know. */
static void tell_difference(const struct part *part, int64_t row, const char *field, bool is_ours, GError **error)
{
    static const char both[] = "was the target empty, and does nobody write either?";
    static const char emptied[] = "the source has let go of it since an earlier copy, as a server does that runs in "
                                  "between, or the target was not empty; a copy removes nothing, so make a new "
                                  "database, migrate it, and copy to that";
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "table %s, org %s: row %" G_GINT64_FORMAT " %s%s: %s",
                part->descriptor->table, part->org_id, row,
                field     ? "differs in "
                : is_ours ? "is missing"
                          : "is there and should not be",
                field ? field : "", field || is_ours ? both : emptied);
}

static bool compare_pages(const struct part *part, const struct page *ours, const struct page *theirs, int64_t before,
                          GError **error)
{
    for (guint i = 0; i < MAX(ours->rows->len, theirs->rows->len); i++) {
        bool is_there = i < ours->rows->len && i < theirs->rows->len;
        const struct record_field *field = is_there
                                               ? find_difference(part->descriptor, g_ptr_array_index(ours->rows, i),
                                                                 g_ptr_array_index(theirs->rows, i))
                                               : NULL;
        if (is_there && !field)
            continue;
        tell_difference(part, before + i + 1, is_there ? field->name : NULL, i < ours->rows->len, error);
        return false;
    }
    return true;
}

/* Rows that change may have changed since an earlier copy: they are written once more. Events never change. */
static bool settle_pages(const struct part *part, const struct page *ours, struct page *theirs, const void *after,
                         int64_t before, GError **error)
{
    bool may_change = !part->table->is_append_only && !part->table->days_since;
    if (!may_change || !ours->rows->len || compare_pages(part, ours, theirs, before, NULL))
        return compare_pages(part, ours, theirs, before, error);
    page_clear(theirs);
    return write_page(part, ours, RECORD_CONFLICT_REPLACE, NULL, error) &&
           read_page(part, part->to, after, part->to->settings.batch_records, theirs, error) &&
           compare_pages(part, ours, theirs, before, error);
}

/* `theirs` is read after the same row, so that both pages must be the same. */
static bool compare_rows(const struct part *part, struct page *ours, struct page *theirs, struct page *last,
                         int64_t *rows, GError **error)
{
    int limit = part->to->settings.batch_records;
    for (;;) {
        const void *after = last->rows->len ? g_ptr_array_index(last->rows, 0) : NULL;
        if (!read_page(part, part->from, after, limit, ours, error) ||
            !read_page(part, part->to, after, limit, theirs, error) ||
            !settle_pages(part, ours, theirs, after, *rows, error))
            return false;
        *rows += ours->rows->len;
        if (!part->key_count || ours->rows->len < (guint)limit)
            return true;
        page_clear(theirs);
        advance(ours, last);
    }
}

/* ---- parts ---- */

static bool do_part(const struct part *part, int64_t *rows, int64_t *new_rows, GError **error)
{
    struct page pages[3];
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++)
        pages[i] = (struct page){part->descriptor, g_ptr_array_new()};
    bool is_good = (!part->table->days_since ||
                    store_days_make(part->from, part->to, part->descriptor->table, part->org_id, error)) &&
                   copy_rows(part, &pages[0], &pages[2], new_rows, error);
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++)
        page_clear(&pages[i]);
    is_good = is_good && compare_rows(part, &pages[0], &pages[1], &pages[2], rows, error);
    for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
        page_clear(&pages[i]);
        g_ptr_array_unref(pages[i].rows);
    }
    return is_good;
}

static bool put_watched_since(struct store *to, const char *org_id, const struct camera_status *status, GError **error)
{
    if (!status->watched_since.ms)
        return true;
    CLEANUP(store_transaction) struct store_transaction *transaction = store_begin(to, STORE_WRITE, org_id, error);
    return transaction &&
           store_run(transaction, "UPDATE cameras SET watched_since = $3 WHERE org_id = $1 AND id = $2",
                     STORE_VALUES(sql_text(org_id), sql_text(status->id), sql_time(status->watched_since.ms)), NULL,
                     error) &&
           store_commit(g_steal_pointer(&transaction), error);
}

/* The columns of cameras that are no part of what is configured. */
static bool copy_camera_status(struct store *from, struct store *to, const char *org_id, GError **error)
{
    struct page page = {&camera_status_descriptor, g_ptr_array_new()};
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(from, STORE_READ, org_id, error);
    bool is_good = transaction && store_select(transaction, &camera_status_descriptor, "WHERE org_id = $1 ORDER BY id",
                                               STORE_VALUES(sql_text(org_id)), page.rows, error);
    for (guint i = 0; is_good && i < page.rows->len; i++) {
        const struct camera_status *status = g_ptr_array_index(page.rows, i);
        is_good = store_camera_set_health(to, org_id, status->id, status->online, status->last_seen.ms,
                                          status->metadata.text, error) &&
                  put_watched_since(to, org_id, status, error);
    }
    page_clear(&page);
    g_ptr_array_unref(page.rows);
    return is_good;
}

static bool copy_org(struct store *from, struct store *to, const char *org_id, store_copy_told told, void *data,
                     GError **error)
{
    for (size_t i = 0; i < store_table_count; i++) {
        struct part part = {.from = from, .to = to, .table = &store_tables[i], .org_id = org_id};
        int64_t rows = 0, new_rows = 0;
        if (!is_of_scope(part.table, org_id))
            continue;
        part_init(&part);
        if (!do_part(&part, &rows, &new_rows, error))
            return false;
        if (told)
            told(data, part.descriptor->table, org_id, rows, new_rows);
        if (part.descriptor == &camera_descriptor && !copy_camera_status(from, to, org_id, error))
            return false;
    }
    return true;
}

bool store_copy(struct store *from, struct store *to, store_copy_told told, void *data, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_read(from, NULL, error); /* what is left of deleted ones, too */
    for (guint i = 0; orgs && i < orgs->len; i++)
        if (!copy_org(from, to, ((const struct org *)g_ptr_array_index(orgs, i))->id, told, data, error))
            return false;
    return orgs && copy_org(from, to, STORE_PLATFORM, told, data, error);
}
