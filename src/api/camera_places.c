/* Zones and lines of one camera, one by one. They lie in their camera: each change is a change of it (cameras.h). */
#include <string.h>

#include "api/api_internal.h"

/* A zone or a line: what both are. Their ids stand first. */
static const struct place {
    const char *word;
    const struct record_descriptor *descriptor;
    size_t list; /* offset in struct camera */
} zone_place = {"zone", &zone_descriptor, offsetof(struct camera, zones)},
  line_place = {"line", &line_descriptor, offsetof(struct camera, lines)};
G_STATIC_ASSERT(offsetof(struct zone, id) == 0 && offsetof(struct line, id) == 0);

/* A change of one, as it is asked. */
struct asking {
    struct request *request;
    const struct place *place;
    const char *id;
    const void *record; /* what it shall be; NULL: gone */
    bool is_new;
};

static struct record_list *list_of(const struct place *place, const struct camera *camera)
{
    return (struct record_list *)(void *)((char *)(uintptr_t)camera + place->list);
}

static void *item_of(const struct place *place, const struct record_list *list, size_t index)
{
    return (char *)list->items + index * place->descriptor->size;
}

/* Its index, or the list's count. */
static size_t find(const struct place *place, const struct record_list *list, const char *id)
{
    size_t index = 0;
    while (index < list->count && g_strcmp0(*(char **)item_of(place, list, index), id) != 0)
        index++;
    return index;
}

/* ---- reading ---- */

static void answer_list_of(struct request *request, const struct place *place, struct answer *answer)
{
    const struct camera *camera = request_camera(request, answer);
    if (!camera)
        return;
    const struct record_list *list = list_of(place, camera);
    g_autoptr(GPtrArray) items = g_ptr_array_new();
    for (size_t i = 0; i < list->count; i++)
        g_ptr_array_add(items, item_of(place, list, i));
    answer_list(answer, place->descriptor, items);
}

static void answer_item(const struct place *place, unsigned status, const void *item, struct answer *answer)
{
    g_autofree char *etag = record_etag(place->descriptor, item);
    answer_record(answer, status, place->descriptor, item);
    answer_header(answer, "ETag", "%s", etag);
}

static void answer_one(struct request *request, const struct place *place, const char *id, struct answer *answer)
{
    const struct camera *camera = request_camera(request, answer);
    const struct record_list *list = camera ? list_of(place, camera) : NULL;
    size_t index = list ? find(place, list, id) : 0;
    g_autofree char *missing = g_strdup_printf("the camera has no such %s", place->word);
    if (list && index < list->count)
        answer_item(place, MHD_HTTP_OK, item_of(place, list, index), answer);
    else if (list)
        answer_problem(answer, MHD_HTTP_NOT_FOUND, missing, NULL);
}

/* ---- changing ---- */

static bool is_expected(void *data, const struct camera *present)
{
    const struct asking *asking = data;
    const struct record_list *list = list_of(asking->place, present);
    size_t index = find(asking->place, list, asking->id);
    if (index == list->count)
        return true; /* that it is not there is told otherwise */
    g_autofree char *etag = record_etag(asking->place->descriptor, item_of(asking->place, list, index));
    const char *if_match = asking->request->if_match;
    return http_etag_matches(if_match, etag);
}

static void remove_item(const struct place *place, struct record_list *list, size_t index)
{
    char *item = item_of(place, list, index);
    record_clear(place->descriptor, item);
    memmove(item, item + place->descriptor->size, (list->count - index - 1) * place->descriptor->size);
    list->count--;
}

static bool edit(void *data, struct camera *camera, struct record_errors *errors, GError **error)
{
    const struct asking *asking = data;
    const struct place *place = asking->place;
    struct record_list *list = list_of(place, camera);
    size_t index = find(place, list, asking->id);
    if (asking->is_new && index < list->count) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "the camera has a %s '%s' already", place->word,
                    asking->id);
        return false;
    }
    if (!asking->is_new && index == list->count) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "the camera has no such %s", place->word);
        return false;
    }
    if (asking->record && strcmp(*(char *const *)asking->record, asking->id) != 0) {
        record_errors_add(errors, "id", "is another than the one in the path: it stays for ever");
        return record_errors_to_gerror(errors, error);
    }
    if (!asking->record) {
        remove_item(place, list, index);
        return true;
    }
    void *item = asking->is_new ? record_list_append(list, place->descriptor) : item_of(place, list, index);
    record_clear(place->descriptor, item);
    record_copy(place->descriptor, asking->record, item);
    return true;
}

/* True when it was done. */
static bool change(struct asking *asking, struct answer *answer)
{
    struct request *request = asking->request;
    const struct audit_by by = request_by(request);
    const struct camera_change wanted = {request->id, &by, request->if_match ? is_expected : NULL, edit, asking};
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    if (!request_can_change_cameras(request, answer))
        return false;
    record_errors_init(&errors);
    const struct camera *camera = cameras_change(request->api->cameras, &wanted, &errors, &error);
    bool is_good = camera != NULL;
    if (is_good)
        camera_unref(camera);
    else
        answer_camera_failure(answer, error, &errors);
    record_errors_clear(&errors);
    return is_good;
}

static void create(struct request *request, const struct place *place, struct answer *answer)
{
    struct asking asking = {request, place, *(char **)request->record, request->record, true};
    if (change(&asking, answer))
        answer_item(place, MHD_HTTP_CREATED, request->record, answer);
}

static void put(struct request *request, const struct place *place, const char *id, struct answer *answer)
{
    struct asking asking = {request, place, id, request->record, false};
    if (change(&asking, answer))
        answer_item(place, MHD_HTTP_OK, request->record, answer);
}

static void delete (struct request *request, const struct place *place, const char *id, struct answer *answer)
{
    struct asking asking = {request, place, id, NULL, false};
    if (change(&asking, answer))
        answer->status = MHD_HTTP_NO_CONTENT;
}

/* ---- handlers ---- */

static const char *zone_id(const struct request *request)
{
    return ((const struct camera_place_parameters *)request->parameters)->zone_id;
}

static const char *line_id(const struct request *request)
{
    return ((const struct camera_place_parameters *)request->parameters)->line_id;
}

static void handle_zones(struct request *request, struct answer *answer)
{
    answer_list_of(request, &zone_place, answer);
}

static void handle_zone(struct request *request, struct answer *answer)
{
    answer_one(request, &zone_place, zone_id(request), answer);
}

static void handle_zone_create(struct request *request, struct answer *answer)
{
    create(request, &zone_place, answer);
}

static void handle_zone_put(struct request *request, struct answer *answer)
{
    put(request, &zone_place, zone_id(request), answer);
}

static void handle_zone_delete(struct request *request, struct answer *answer)
{
    delete (request, &zone_place, zone_id(request), answer);
}

static void handle_lines(struct request *request, struct answer *answer)
{
    answer_list_of(request, &line_place, answer);
}

static void handle_line(struct request *request, struct answer *answer)
{
    answer_one(request, &line_place, line_id(request), answer);
}

static void handle_line_create(struct request *request, struct answer *answer)
{
    create(request, &line_place, answer);
}

static void handle_line_put(struct request *request, struct answer *answer)
{
    put(request, &line_place, line_id(request), answer);
}

static void handle_line_delete(struct request *request, struct answer *answer)
{
    delete (request, &line_place, line_id(request), answer);
}

/* The five routes of a kind of place: `kind` is zone or line, `Kind` the same for names of operations. */
#define PLACE_ROUTES(kind, Kind)                                                                                       \
    {.method = "GET",                                                                                                  \
     .path = "/api/v1/cameras/{id}/" #kind "s",                                                                        \
     .name = "listCamera" #Kind "s",                                                                                   \
     .role = ROLE_VIEWER,                                                                                              \
     .rate = RATE_READ,                                                                                                \
     .parameters = &camera_places_parameters_descriptor,                                                               \
     .answers = ANSWER_PAGE,                                                                                           \
     .response = &kind##_descriptor,                                                                                   \
     .features = ROUTE_WHOLE,                                                                                          \
     .handle = handle_##kind##s,                                                                                       \
     .doc = "The " #kind "s of a camera; /api/v1/" #kind "s has them with their counts."},                             \
        {.method = "POST",                                                                                             \
         .path = "/api/v1/cameras/{id}/" #kind "s",                                                                    \
         .name = "create" #Kind,                                                                                       \
         .role = ROLE_ADMIN,                                                                                           \
         .rate = RATE_WRITE,                                                                                           \
         .parameters = &id_change_parameters_descriptor,                                                               \
         .body = BODY_JSON,                                                                                            \
         .request = &kind##_descriptor,                                                                                \
         .answers = ANSWER_RECORD,                                                                                     \
         .response = &kind##_descriptor,                                                                               \
         .status = MHD_HTTP_CREATED,                                                                                   \
         .problems = PROBLEM(CONFLICT),                                                                                \
         .handle = handle_##kind##_create,                                                                             \
         .doc = "A new " #kind ", in force from the camera's next frame on."},                                         \
        {.method = "GET",                                                                                              \
         .path = "/api/v1/cameras/{id}/" #kind "s/{" #kind "_id}",                                                     \
         .name = "get" #Kind,                                                                                          \
         .role = ROLE_VIEWER,                                                                                          \
         .rate = RATE_READ,                                                                                            \
         .parameters = &camera_##kind##_parameters_descriptor,                                                         \
         .answers = ANSWER_RECORD,                                                                                     \
         .response = &kind##_descriptor,                                                                               \
         .handle = handle_##kind,                                                                                      \
         .doc = "One " #kind ", with its ETag."},                                                                      \
        {.method = "PUT",                                                                                              \
         .path = "/api/v1/cameras/{id}/" #kind "s/{" #kind "_id}",                                                     \
         .name = "put" #Kind,                                                                                          \
         .role = ROLE_ADMIN,                                                                                           \
         .rate = RATE_WRITE,                                                                                           \
         .parameters = &camera_##kind##_change_parameters_descriptor,                                                  \
         .body = BODY_JSON,                                                                                            \
         .request = &kind##_descriptor,                                                                                \
         .answers = ANSWER_RECORD,                                                                                     \
         .response = &kind##_descriptor,                                                                               \
         .problems = PROBLEM(CONFLICT),                                                                                \
         .features = ROUTE_VERSIONED,                                                                                  \
         .handle = handle_##kind##_put,                                                                                \
         .doc = "Sets a " #kind ", in force from the camera's next frame on; what was counted stays."},                \
    {                                                                                                                  \
        .method = "DELETE", .path = "/api/v1/cameras/{id}/" #kind "s/{" #kind "_id}", .name = "delete" #Kind,          \
        .role = ROLE_ADMIN, .rate = RATE_WRITE, .parameters = &camera_##kind##_change_parameters_descriptor,           \
        .status = MHD_HTTP_NO_CONTENT, .problems = PROBLEM(CONFLICT), .features = ROUTE_VERSIONED,                     \
        .handle = handle_##kind##_delete, .doc = "Removes a " #kind "; what was counted by it stays."                  \
    }

static const struct route routes[] = {PLACE_ROUTES(zone, Zone), PLACE_ROUTES(line, Line)};
const struct route_group camera_place_routes =
    ROUTE_GROUP("zones and lines", "What is counted and watched for in a camera's picture.", routes);
