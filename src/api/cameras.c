#include <string.h>

#include "api/api_internal.h"
#include "base/redact.h"
#include "facts/view.h"

enum {
    PREVIEW_WAIT_US = 1000000,
    PREVIEW_STALE_MS = 30000, /* an older picture is no answer to what a camera sees now */
};

const struct camera_set *request_cameras(struct request *request)
{
    camera_set_unref(request->cameras);
    request->cameras = live_cameras(request->api->live);
    return request->cameras;
}

const struct camera *request_camera(struct request *request, struct answer *answer)
{
    bool is_whole = camera_roster_is_whole(live_roster(request->api->live));
    const struct camera *camera = camera_set_find(request_cameras(request), request->id);
    if (camera && g_strcmp0(camera->org_id, request->login.user->org_id) == 0)
        return camera;
    if (!camera && !is_whole)
        answer_later(answer, "this camera is not known yet: those of the store are not read");
    else
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such camera", NULL);
    return NULL;
}

/* The sources, the lists and the health are the view's own; all else is borrowed. */
static void view_clear(struct camera_view *view)
{
    struct camera_stream *streams = view->camera.streams.items;
    for (size_t i = 0; i < view->camera.streams.count; i++)
        g_free(streams[i].source);
    g_free(streams);
    g_free(view->camera.source);
    g_free(view->lines.items);
    g_free(view->zones.items);
    record_clear(&camera_health_descriptor, &view->health);
}

/* Addresses as people may see them. */
static void view_sources(struct camera_view *view, const struct camera *camera)
{
    size_t count = camera->streams.count;
    struct camera_stream *streams = g_new0(struct camera_stream, count);
    for (size_t i = 0; i < count; i++) {
        const struct camera_stream *stream = (const struct camera_stream *)camera->streams.items + i;
        streams[i] = (struct camera_stream){.source = redact_address(stream->source), .roles = stream->roles};
    }
    view->camera.source = redact_address(camera->source);
    view->camera.streams = (struct record_list){streams, count};
}

static void view_lines(struct camera_view *view, const GPtrArray *counts)
{
    const struct line *lines = view->camera.lines.items;
    struct line_view *views = g_new(struct line_view, view->camera.lines.count);
    for (size_t i = 0; i < view->camera.lines.count; i++)
        views[i] = (struct line_view){
            .line = lines[i],
            .count_in = store_counts_find(counts, view->camera.id, lines[i].id, "line_in"),
            .count_out = store_counts_find(counts, view->camera.id, lines[i].id, "line_out"),
        };
    view->lines = (struct record_list){.items = views, .count = view->camera.lines.count};
}

static bool is_online(struct api *api, const struct camera *camera)
{
    return live_is_online(api->live, camera->id, clock_wall_ms(api->clock));
}

/* Who was inside when a camera went away is not who is inside now. */
static void view_zones(struct camera_view *view, const GPtrArray *counts)
{
    const struct zone *zones = view->camera.zones.items;
    struct zone_view *views = g_new(struct zone_view, view->camera.zones.count);
    for (size_t i = 0; i < view->camera.zones.count; i++)
        views[i] = (struct zone_view){
            .zone = zones[i],
            .inside = view->online ? store_counts_find(counts, view->camera.id, zones[i].id, "zone_inside") : 0,
            .entries = store_counts_find(counts, view->camera.id, zones[i].id, "zone_enter"),
            .exits = store_counts_find(counts, view->camera.id, zones[i].id, "zone_exit"),
        };
    view->zones = (struct record_list){.items = views, .count = view->camera.zones.count};
}

/* As its worker last told, or that it has not yet; record_clear it. */
static void read_health(struct api *api, const struct camera *camera, struct camera_health *health)
{
    if (live_get_health(api->live, camera->id, health))
        return;
    record_init(&camera_health_descriptor, health);
    health->camera_id = g_strdup(camera->id);
    health->state = g_strdup(camera->enabled ? "starting" : "disabled");
}

static void append_camera(struct api *api, const struct camera *camera, const GPtrArray *counts, GString *json)
{
    struct camera_view view = {.camera = *camera, .online = is_online(api, camera)};
    read_health(api, camera, &view.health);
    view_sources(&view, camera);
    view_lines(&view, counts);
    view_zones(&view, counts);
    record_encode_json(&camera_view_descriptor, &view, true, json);
    view_clear(&view);
}

/* Of one camera or of all (NULL). NULL: answered. */
static GPtrArray *counts_of_today(const struct request *request, const char *camera_id, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    struct api *api = request->api;
    GPtrArray *counts =
        store_counts_list(api->store, request->login.user->org_id, camera_id, clock_wall_ms(api->clock), &error);
    if (!counts)
        answer_error(answer, error);
    return counts;
}

static void handle_cameras(struct request *request, struct answer *answer)
{
    g_autoptr(GPtrArray) counts = counts_of_today(request, NULL, answer);
    if (!counts)
        return;
    const struct camera_set *set = request_cameras(request);
    GString *json = g_string_new("{\"items\":[");
    size_t listed = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        if (g_strcmp0(camera->org_id, request->login.user->org_id) != 0 ||
            !login_may_see_camera(&request->login, camera->id))
            continue;
        if (listed++)
            g_string_append_c(json, ',');
        append_camera(request->api, camera, counts, json);
    }
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static void handle_camera_health(struct request *request, struct answer *answer)
{
    struct camera_health health;
    const struct camera *camera = request_camera(request, answer);
    if (!camera)
        return;
    read_health(request->api, camera, &health);
    answer_record(answer, MHD_HTTP_OK, &camera_health_descriptor, &health);
    record_clear(&camera_health_descriptor, &health);
}

/* Looks at each camera of the org, or at the one that is asked for, with the counts of today. */
static void each_camera(struct request *request, const GPtrArray *counts,
                        void (*look)(struct camera_view *view, GString *json), GString *json)
{
    const struct camera_list_parameters *asked = request->parameters;
    const struct camera_set *set = request_cameras(request);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        if (g_strcmp0(camera->org_id, request->login.user->org_id) != 0 ||
            (asked->camera_id && strcmp(asked->camera_id, camera->id) != 0))
            continue;
        struct camera_view view = {.camera = *camera, /* borrows */
                                   .online = is_online(request->api, camera)};
        view_lines(&view, counts);
        view_zones(&view, counts);
        look(&view, json);
        g_free(view.lines.items);
        g_free(view.zones.items);
    }
}

static void append_item(const struct record_descriptor *descriptor, const void *record, GString *json)
{
    if (json->str[json->len - 1] != '[')
        g_string_append_c(json, ',');
    record_encode_json(descriptor, record, true, json);
}

static void append_lines(struct camera_view *view, GString *json)
{
    const struct line_view *lines = view->lines.items;
    for (size_t i = 0; i < view->lines.count; i++) {
        const struct placed_line placed = {view->camera.id, lines[i]};
        append_item(&placed_line_descriptor, &placed, json);
    }
}

static void append_zones(struct camera_view *view, GString *json)
{
    const struct zone_view *zones = view->zones.items;
    for (size_t i = 0; i < view->zones.count; i++) {
        const struct placed_zone placed = {view->camera.id, zones[i]};
        append_item(&placed_zone_descriptor, &placed, json);
    }
}

static void answer_places(struct request *request, void (*look)(struct camera_view *view, GString *json),
                          struct answer *answer)
{
    const struct camera_list_parameters *asked = request->parameters;
    g_autoptr(GPtrArray) counts = counts_of_today(request, asked->camera_id, answer);
    if (!counts)
        return;
    GString *json = g_string_new("{\"items\":[");
    each_camera(request, counts, look, json);
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static void handle_lines(struct request *request, struct answer *answer)
{
    answer_places(request, append_lines, answer);
}

static void handle_zones(struct request *request, struct answer *answer)
{
    answer_places(request, append_zones, answer);
}

void answer_camera(struct request *request, unsigned status, const struct camera *camera, struct answer *answer)
{
    g_autoptr(GPtrArray) counts = counts_of_today(request, camera->id, answer);
    if (!counts)
        return;
    g_autofree char *etag = camera_etag(camera);
    GString *json = g_string_new(NULL);
    append_camera(request->api, camera, counts, json);
    answer_json(answer, status, json);
    answer_header(answer, "Cache-Control", "no-store");
    answer_header(answer, "ETag", "%s", etag);
}

static void handle_camera(struct request *request, struct answer *answer)
{
    const struct camera *camera = request_camera(request, answer);
    if (camera)
        answer_camera(request, MHD_HTTP_OK, camera, answer);
}

static void answer_preview(const struct request *request, const struct live_preview *preview, struct answer *answer)
{
    g_autofree char *etag = g_strdup_printf("\"%" G_GUINT64_FORMAT "-%" G_GINT64_FORMAT "\"", preview->frame_number,
                                            preview->captured_at_ms);
    g_autoptr(GString) captured = g_string_new(NULL);
    record_append_time(captured, preview->captured_at_ms);
    answer_header(answer, "ETag", "%s", etag);
    answer_header(answer, "Cache-Control", "no-store");
    answer_header(answer, "X-Frame-Number", "%" G_GUINT64_FORMAT, preview->frame_number);
    answer_header(answer, "X-Captured-At", "%s", captured->str);
    if (http_etag_matches(request->if_none_match, etag)) {
        answer->status = MHD_HTTP_NOT_MODIFIED;
        return;
    }
    answer->content_type = "image/jpeg";
    answer->body = g_bytes_ref(preview->jpeg);
}

/* Asked again by the server until there is a picture or wait_until_us has come. */
static void handle_preview(struct request *request, struct answer *answer)
{
    const struct camera *camera = request_camera(request, answer);
    if (!camera || !request_camera_is_available(request, camera, answer))
        return;
    struct live *live = request->api->live;
    struct live_preview preview;
    live_want_preview(live, camera->id);
    bool has_preview = live_get_preview(live, camera->id, &preview);
    bool is_fresh = has_preview && clock_wall_ms(request->api->clock) - preview.captured_at_ms <= PREVIEW_STALE_MS;
    int64_t now_us = clock_monotonic_us(clock_system());
    if (!request->wait_until_us)
        request->wait_until_us = now_us + PREVIEW_WAIT_US;
    if (is_fresh) {
        if (request_may_view(request, camera, preview.shows_people, answer))
            answer_preview(request, &preview, answer);
    } else if (now_us < request->wait_until_us) {
        answer->is_waiting = true;
    } else {
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "there is no picture of this camera yet", NULL);
        answer_header(answer, "Retry-After", "1");
    }
    if (has_preview)
        g_bytes_unref(preview.jpeg);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/cameras",
     .name = "listCameras",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &camera_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &camera_view_descriptor,
     .features = ROUTE_FILTERED | ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_cameras,
     .doc = "Every camera with online, health, and its lines and zones with the counts of today (UTC)."},
    {.method = "GET",
     .path = "/api/v1/cameras/{id}",
     .name = "getCamera",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_view_descriptor,
     .handle = handle_camera,
     .doc = "One camera, as in the list, with its ETag."},
    {.method = "GET",
     .path = "/api/v1/cameras/{id}/health",
     .name = "getCameraHealth",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_health_descriptor,
     .handle = handle_camera_health,
     .doc = "How a camera is, as its worker last told; its state is starting until it did."},
    {.method = "POST",
     .path = "/api/v1/cameras",
     .name = "createCamera",
     .features = ROUTE_SECRET,
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &camera_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_view_descriptor,
     .status = MHD_HTTP_CREATED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_camera_create,
     .doc = "A new camera, watched from now on and after each restart. It gets its id; 409 when its name is taken, or "
            "there are as many as managed_cameras allows."},
    {.method = "PATCH",
     .path = "/api/v1/cameras/{id}",
     .name = "patchCamera",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .body = BODY_JSON,
     .request = &camera_change_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_view_descriptor,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_camera_patch,
     .doc = "Changes what is given (RFC 7396); other cameras lose no frame by it. A login that is left out stays, but "
            "goes with the host it was given for; an empty one is removed. 409: the server's settings say what this "
            "camera is, or a policy keeps what it saw for longer than those of its new site or class would."},
    {.method = "DELETE",
     .path = "/api/v1/cameras/{id}",
     .name = "deleteCamera",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_camera_delete,
     .doc =
         "Removes it; what was seen by it stays for as long as it is kept. 409: policies are of it, one of its site or "
         "class keeps what it saw for longer than it would be then, or the server's settings say what it is."},
    {.method = "POST",
     .path = "/api/v1/cameras/test",
     .name = "testSource",
     .role = ROLE_ADMIN,
     .rate = RATE_HEAVY,
     .body = BODY_JSON,
     .request = &camera_test_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_test_descriptor,
     .handle = handle_source_test,
     .doc = "Opens a source as a camera's would be, and tells what came: at the first picture, the first failure or "
            "after managed_cameras.test_seconds."},
    {.method = "POST",
     .path = "/api/v1/cameras/{id}/test",
     .name = "testCamera",
     .role = ROLE_ADMIN,
     .rate = RATE_HEAVY,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &camera_test_descriptor,
     .problems = PROBLEM(CAMERA_UNAVAILABLE),
     .handle = handle_camera_test,
     .doc = "The same with what is known of a camera, by a connection beside the one that there may be; 503 while an "
            "operator holds its circuit breaker open."},
    {.method = "GET",
     .path = "/api/v1/cameras/{id}/preview.jpg",
     .name = "getPreview",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_MEDIA,
     .media_type = "image/jpeg",
     .problems = PROBLEM(CAMERA_UNAVAILABLE),
     .features = ROUTE_CACHED,
     .handle = handle_preview,
     .doc =
         "The latest picture, with X-Frame-Number and X-Captured-At; 503 while there is none. Figures are hidden; "
         "where a policy hides none, or the camera cannot be told what its policies come to, only a privacy officer or "
         "above sees it (else 403), and the audit tells who."},
    {.method = "GET",
     .path = "/api/v1/lines",
     .name = "listLines",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &camera_list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &placed_line_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_lines,
     .doc = "The lines of all cameras, with the counts of today (UTC)."},
    {.method = "GET",
     .path = "/api/v1/zones",
     .name = "listZones",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &camera_list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &placed_zone_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_zones,
     .doc = "The zones of all cameras, with the counts of today (UTC)."},
};
const struct route_group camera_routes = ROUTE_GROUP("cameras", "What is watched.", routes);
