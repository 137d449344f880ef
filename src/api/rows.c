#include "api/rows.h"

#include <string.h>

/* ---- reading ---- */

static const void *parameter_of(const struct request *request, const char *name)
{
    const struct record_field *field = record_find_field(request->route->parameters, name);
    return field ? (const char *)request->parameters + field->offset : NULL;
}

static int64_t time_of(const struct request *request, const char *name)
{
    const struct record_time *time = parameter_of(request, name);
    return time ? time->ms : 0;
}

/* Whatever the parameters share with the columns, and is given. */
static size_t read_conditions(const struct request *request, const struct store_row_kind *kind,
                              struct store_row_condition *conditions)
{
    const struct record_descriptor *parameters = request->route->parameters;
    size_t count = 0;
    for (size_t i = 0; i < parameters->field_count && count < STORE_ROW_CONDITIONS_MAX; i++) {
        const struct record_field *field = &parameters->fields[i];
        if (!record_find_field(kind->descriptor, field->name))
            continue;
        record_get_sql_value(field, request->parameters, &conditions[count].value);
        if (conditions[count].value.type != RECORD_SQL_NULL)
            conditions[count++].column = field->name;
    }
    return count;
}

static void answer_rows_page(const struct store_row_kind *kind, const GPtrArray *rows, int limit, struct answer *answer)
{
    guint count = MIN(rows->len, (guint)limit);
    g_autofree char *next = rows->len > count ? store_row_cursor(kind, g_ptr_array_index(rows, count - 1)) : NULL;
    answer_page(answer, kind->descriptor, rows, count, next);
}

void answer_rows(struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    struct store_row_condition conditions[STORE_ROW_CONDITIONS_MAX] = {{NULL}};
    const int32_t *limit = parameter_of(request, "limit");
    char *const *cursor = parameter_of(request, "cursor");
    struct store_row_filter filter = {
        .org_id = request->login.user->org_id,
        .conditions = conditions,
        .condition_count = read_conditions(request, kind, conditions),
        .from_ms = time_of(request, "from"),
        .to_ms = time_of(request, "to"),
        .before_id = *cursor,
        .limit = *limit + 1, /* one more tells whether there is a next page */
    };
    g_autoptr(GError) error = NULL;
    GPtrArray *rows = store_rows_list(request->api->store, kind, &filter, &error);
    if (rows)
        answer_rows_page(kind, rows, filter.limit - 1, answer);
    else
        answer_error(answer, error);
    store_rows_free(kind, rows);
    for (size_t i = 0; i < filter.condition_count; i++)
        record_sql_value_clear(&conditions[i].value);
}

/* Whether who asks may have to do with it: held to cameras, with what one of them saw. */
static bool may_see(const struct request *request, const struct store_row_kind *kind, const void *row)
{
    const struct login *login = &request->login;
    const struct record_field *one = record_find_field(kind->descriptor, "camera_id"),
                              *several = record_find_field(kind->descriptor, "camera_ids");
    const char *base = row, *camera_id = one ? *(char *const *)(const void *)(base + one->offset) : NULL;
    const struct record_strings *cameras = several ? (const void *)(base + several->offset) : NULL;
    bool may = !login_is_camera_bound(login) || (camera_id && login_may_see_camera(login, camera_id));
    for (size_t i = 0; !may && cameras && i < cameras->count; i++)
        may = login_may_see_camera(login, cameras->items[i]);
    return may;
}

/* What who asks may not see is as if it were not there. */
static void *find_row(const struct request *request, const struct store_row_kind *kind, GError **error)
{
    void *row = store_row_get(request->api->store, kind, request->login.user->org_id, request->id, error);
    if (!row || may_see(request, kind, row))
        return row;
    store_row_free(kind, row);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no %s '%s'", kind->name, request->id);
    return NULL;
}

void answer_row(struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    void *row = find_row(request, kind, &error);
    if (row)
        answer_tagged(request, answer, MHD_HTTP_OK, kind->descriptor, row);
    else
        answer_error(answer, error);
    store_row_free(kind, row);
}

/* ---- changing ---- */

struct edit_state {
    const struct request *request;
    const struct store_row_kind *kind;
    const struct row_edit *edit;
};

/* If-Match, when there is one, names what was read. */
static bool is_expected(void *data, const void *record)
{
    const struct edit_state *state = data;
    const char *if_match = state->request->if_match;
    g_autofree char *etag = record_etag(state->kind->descriptor, record);
    return !if_match || http_etag_matches(if_match, etag);
}

static bool edit_record(void *data, void *record, GError **error)
{
    const struct edit_state *state = data;
    return state->edit->edit(state->request, state->edit->data, record, error);
}

/* Asked before the change, as nothing is taken from what a camera saw. False: the answer is made. */
static bool is_seen(const struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    if (!login_is_camera_bound(&request->login))
        return true;
    g_autoptr(GError) error = NULL;
    void *row = find_row(request, kind, &error);
    bool is_there = row != NULL;
    if (!is_there)
        answer_error(answer, error);
    store_row_free(kind, row);
    return is_there;
}

void answer_row_edit(struct request *request, const struct store_row_kind *kind, const struct row_edit *edit,
                     struct answer *answer)
{
    if (!is_seen(request, kind, answer))
        return;
    const struct audit_by by = request_by(request);
    struct edit_state state = {request, kind, edit};
    const struct store_row_change change = {request->id, edit->action, is_expected, edit_record, &state};
    g_autoptr(GError) error = NULL;
    void *row = store_row_change(request->api->store, kind, &change, &by, &error);
    if (row)
        answer_tagged(request, answer, MHD_HTTP_OK, kind->descriptor, row);
    else
        answer_change_error(answer, error);
    store_row_free(kind, row);
}

/* What the server sets stays; all else is the request's. */
static bool put_record(const struct request *request, void *data, void *record, GError **error)
{
    const struct store_row_kind *kind = data;
    (void)error;
    g_autofree void *fresh = g_malloc(kind->descriptor->size);
    record_copy(request->route->request, request->record, fresh);
    for (size_t i = 0; i < kind->descriptor->field_count; i++) {
        const struct record_field *field = &kind->descriptor->fields[i];
        struct record_sql_value value;
        if (!(field->flags & RECORD_READ_ONLY))
            continue;
        record_get_sql_value(field, record, &value);
        record_set_sql_value(field, fresh, &value);
        record_sql_value_clear(&value);
    }
    record_clear(kind->descriptor, record);
    memcpy(record, fresh, kind->descriptor->size);
    return true;
}

void answer_row_create(struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    void *row = g_malloc(kind->descriptor->size);
    record_copy(request->route->request, request->record, row);
    if (store_row_create(request->api->store, kind, row, &by, &error))
        answer_tagged(request, answer, MHD_HTTP_CREATED, kind->descriptor, row);
    else
        answer_change_error(answer, error);
    store_row_free(kind, row);
}

void answer_row_put(struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    const struct row_edit edit = {"update", put_record, (void *)(uintptr_t)kind};
    answer_row_edit(request, kind, &edit, answer);
}

void answer_row_delete(struct request *request, const struct store_row_kind *kind, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    struct edit_state state = {request, kind, NULL};
    const struct store_row_change change = {request->id, "delete", is_expected, NULL, &state};
    g_autoptr(GError) error = NULL;
    if (store_row_delete(request->api->store, kind, &change, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_change_error(answer, error);
}
