/* Lists as their reader wants them: a page of them, some fields alone, or as CSV. Done with the answer that a handler
 * made, so that no handler knows of it: whatever a route lists can be had so once its parameters have `fields` and
 * `format`. */
#include <jansson.h>
#include <string.h>

#include "api/api_internal.h"

/* ---- what is asked ---- */

static const void *parameter_of(const struct request *request, const char *name)
{
    const struct record_descriptor *parameters = request->route->parameters;
    const struct record_field *field = parameters ? record_find_field(parameters, name) : NULL;
    return field && request->parameters ? (const char *)request->parameters + field->offset : NULL;
}

/* By its name, else by its kind, else by any (RFC 9110 section 12.5.1); who wants CSV names it. */
static double json_weight(const char *accept)
{
    static const char *const names[] = {"application/json", "application/*", "*/*"};
    double weight = 0;
    for (size_t i = 0; weight == 0 && i < G_N_ELEMENTS(names); i++)
        weight = http_accept_weight(accept, names[i]);
    return weight;
}

static bool wants_csv(const struct request *request)
{
    const enum list_format *format = parameter_of(request, "format");
    if (!format)
        return false;
    double csv = http_accept_weight(request->accept, "text/csv");
    return *format ? *format == LIST_CSV : csv > 0 && csv >= json_weight(request->accept);
}

static bool is_page_asked(const struct request *request)
{
    const int32_t *limit = parameter_of(request, "limit");
    char *const *cursor = parameter_of(request, "cursor");
    return (limit && *limit) || (cursor && *cursor);
}

static void add_name(const struct record_field *field, enum record_schema_use use, void *names)
{
    (void)use;
    g_ptr_array_add(names, (char *)(uintptr_t)field->name);
}

/* Each once, so that an answer is no larger than all of what is listed. */
static void add_field(GPtrArray *fields, const char *name, GPtrArray *known, const char *record,
                      struct record_errors *errors)
{
    guint index;
    if (!g_ptr_array_find_with_equal_func(known, name, g_str_equal, &index))
        record_errors_add(errors, "fields", "%s: is no field of %s", name, record);
    else if (g_ptr_array_find(fields, g_ptr_array_index(known, index), NULL))
        record_errors_add(errors, "fields", "%s: is given twice", name);
    else
        g_ptr_array_add(fields, g_ptr_array_index(known, index));
}

/* The names that are asked for, or NULL for all. NULL with `errors`: some are none of the record's, or there twice. */
static GPtrArray *read_fields(const struct request *request, GPtrArray *known, struct record_errors *errors)
{
    char *const *text = parameter_of(request, "fields");
    if (!text || !*text)
        return NULL;
    g_auto(GStrv) asked = g_strsplit(*text, ",", -1);
    g_autoptr(GPtrArray) fields = g_ptr_array_new();
    for (size_t i = 0; asked[i]; i++)
        add_field(fields, asked[i], known, request->route->response->name, errors);
    return errors->items->len ? NULL : g_steal_pointer(&fields);
}

/* ---- CSV (RFC 4180) ---- */

/* A spreadsheet takes what begins so for a formula; an apostrophe before it makes it text. */
static const char formula_starts[] = "=+-@\t\r";

static void append_quoted(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    if (*text && strchr(formula_starts, *text))
        g_string_append_c(out, '\'');
    for (; *text; text++)
        g_string_append(out, *text == '"' ? "\"\"" : (char[]){*text, '\0'});
    g_string_append_c(out, '"');
}

static void append_cell(GString *out, const json_t *value)
{
    if (!value || json_is_null(value))
        return;
    if (json_is_string(value)) {
        append_quoted(out, json_string_value(value));
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    record_append_json_tree(text, value);
    if (json_is_object(value) || json_is_array(value))
        append_quoted(out, text->str);
    else
        g_string_append_len(out, text->str, (gssize)text->len);
}

static GString *csv_of(const json_t *items, const GPtrArray *fields)
{
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < fields->len; i++)
        g_string_append_printf(out, "%s%s", i ? "," : "", (const char *)g_ptr_array_index(fields, i));
    g_string_append(out, "\r\n");
    for (size_t row = 0; row < json_array_size(items); row++) {
        for (guint i = 0; i < fields->len; i++) {
            g_string_append(out, i ? "," : "");
            append_cell(out, json_object_get(json_array_get(items, row), g_ptr_array_index(fields, i)));
        }
        g_string_append(out, "\r\n");
    }
    return out;
}

/* ---- some fields ---- */

static void keep_fields(json_t *items, GPtrArray *fields)
{
    for (size_t row = 0; row < json_array_size(items); row++) {
        json_t *item = json_array_get(items, row), *value;
        const char *name;
        void *next;
        json_object_foreach_safe(item, next, name, value)
        {
            if (!g_ptr_array_find_with_equal_func(fields, name, g_str_equal, NULL))
                json_object_del(item, name);
        }
    }
}

/* ---- what is like what is asked for (ROUTE_MATCHED) ---- */

/* The word that a parameter asks for; NULL: none. */
static const char *word_of(const struct record_field *field, const struct request *request)
{
    const char *member = (const char *)request->parameters + field->offset;
    if (field->kind == RECORD_STRING)
        return *(char *const *)member;
    return field->kind == RECORD_ENUM && *(const int *)member ? record_enum_name(field->names, *(const int *)member)
                                                              : NULL;
}

static bool is_paging(const char *name)
{
    static const char *const paging[] = {"limit", "cursor", "fields", "format", NULL};
    return g_strv_contains(paging, name);
}

static bool is_like(const json_t *value, const char *word)
{
    if (json_is_boolean(value))
        return json_is_true(value) == (strcmp(word, "true") == 0);
    return g_strcmp0(json_string_value(value), word) == 0;
}

static bool is_asked_for(const struct request *request, const json_t *item)
{
    const struct record_descriptor *parameters = request->route->parameters;
    for (size_t i = 0; i < parameters->field_count; i++) {
        const struct record_field *field = &parameters->fields[i];
        const char *word = is_paging(field->name) ? NULL : word_of(field, request);
        if (word && !is_like(json_object_get(item, field->name), word))
            return false;
    }
    return true;
}

static bool is_match_asked(const struct request *request)
{
    return (request->route->features & ROUTE_MATCHED) && !is_asked_for(request, NULL);
}

static void keep_matches(const struct request *request, json_t *tree)
{
    json_t *items = json_object_get(tree, "items"), *kept = json_array(), *item;
    size_t index;
    json_array_foreach(items, index, item)
    {
        if (is_asked_for(request, item))
            json_array_append(kept, item);
    }
    json_object_set_new(tree, "items", kept);
}

/* ---- a page of what a handler listed whole (ROUTE_WHOLE) ---- */

static void add_key(const struct record_field *field, enum record_schema_use use, void *names)
{
    if (field->flags & RECORD_KEY)
        add_name(field, use, names);
}

/* What tells an item from the others: a digest of the fields that its record's table calls its key. g_free. */
static char *cursor_of(const json_t *item, const GPtrArray *keys)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < keys->len; i++) {
        append_cell(text, json_object_get(item, g_ptr_array_index(keys, i)));
        g_string_append_c(text, ',');
    }
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

/* The index after the cursor's item; -1: it is not there (any more). */
static gssize begin_of_page(const json_t *items, const GPtrArray *keys, const char *cursor)
{
    for (size_t i = 0; cursor && i < json_array_size(items); i++) {
        g_autofree char *found = cursor_of(json_array_get(items, i), keys);
        if (strcmp(found, cursor) == 0)
            return (gssize)i + 1;
    }
    return cursor ? -1 : 0;
}

/* Leaves the page and next_cursor in the list. False: the answer is made. */
static bool cut_page(const struct request *request, json_t *tree, struct answer *answer)
{
    const int32_t *limit = parameter_of(request, "limit");
    char *const *cursor = parameter_of(request, "cursor");
    json_t *items = json_object_get(tree, "items"), *page = json_array();
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    record_each_field(request->route->response, RECORD_SCHEMA_ANSWER, add_key, keys);
    gssize begin = begin_of_page(items, keys, *cursor);
    if (begin < 0) {
        json_decref(page);
        answer_unknown_cursor(answer, *cursor);
        return false;
    }
    size_t rest = json_array_size(items) - (size_t)begin, count = *limit ? MIN((size_t)*limit, rest) : rest;
    for (size_t i = 0; i < count; i++)
        json_array_append(page, json_array_get(items, (size_t)begin + i));
    g_autofree char *next = count < rest && count ? cursor_of(json_array_get(page, count - 1), keys) : NULL;
    json_object_set_new(tree, "items", page);
    json_object_set_new(tree, "next_cursor", next ? json_string(next) : json_null());
    return true;
}

/* {"items": […]} is the only page of itself. */
static void add_no_cursor(struct answer *answer)
{
    gsize size;
    const char *text = g_bytes_get_data(answer->body, &size);
    GString *page = g_string_new_len(text, (gssize)size - 1);
    g_string_append(page, ",\"next_cursor\":null}");
    answer_json(answer, answer->status, page);
}

/* ---- all of it ---- */

static void export_items(const struct request *request, json_t *tree, GPtrArray *known, GPtrArray *fields,
                         struct answer *answer)
{
    json_t *items = json_object_get(tree, "items");
    const char *cursor = json_string_value(json_object_get(tree, "next_cursor"));
    if (wants_csv(request)) {
        answer_text(answer, answer->status, "text/csv; charset=utf-8", csv_of(items, fields ? fields : known));
        answer_header(answer, "Content-Disposition", "attachment; filename=\"%s.csv\"", request->route->name);
        if (cursor)
            answer_header(answer, "X-Next-Cursor", "%s", cursor);
    } else {
        if (fields)
            keep_fields(items, fields);
        GString *text = g_string_new(NULL);
        record_append_json_tree(text, tree);
        answer_json(answer, answer->status, text);
    }
}

bool request_export_is_valid(const struct request *request, struct answer *answer)
{
    if (!parameter_of(request, "fields"))
        return true;
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    struct record_errors errors;
    record_errors_init(&errors);
    record_each_field(request->route->response, RECORD_SCHEMA_ANSWER, add_name, known);
    GPtrArray *fields = read_fields(request, known, &errors);
    g_clear_pointer(&fields, g_ptr_array_unref);
    bool is_valid = errors.items->len == 0;
    if (!is_valid)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
    record_errors_clear(&errors);
    return is_valid;
}

void request_export(const struct request *request, struct answer *answer)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    struct record_errors errors;
    if (answer->status != MHD_HTTP_OK || !answer->body || !parameter_of(request, "fields"))
        return;
    record_errors_init(&errors);
    record_each_field(request->route->response, RECORD_SCHEMA_ANSWER, add_name, known);
    g_autoptr(GPtrArray) fields = read_fields(request, known, &errors);
    record_errors_clear(&errors);
    bool is_whole = request->route->features & ROUTE_WHOLE, is_matched = is_match_asked(request);
    if (!fields && !wants_csv(request) && !(is_whole && is_page_asked(request)) && !is_matched) {
        if (is_whole)
            add_no_cursor(answer);
        return;
    }
    gsize size;
    const char *text = g_bytes_get_data(answer->body, &size);
    json_t *tree = json_loadb(text, size, 0, NULL);
    if (is_matched)
        keep_matches(request, tree);
    if (!is_whole || cut_page(request, tree, answer))
        export_items(request, tree, known, fields, answer);
    json_decref(tree);
}
