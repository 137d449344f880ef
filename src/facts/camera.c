#include "facts/camera.h"

#include "base/media_url.h"
#include "base/redact.h"

#include <math.h>
#include <string.h>

const char *const zone_kind_names[] = {"area",  "intrusion", "restricted",   "shelf",       "counter",
                                       "queue", "seat",      "privacy_mask", "motion_mask", NULL};

static const struct record_field zone_fields[] = {
    FIELD(struct zone, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "unique among the camera's zones and lines"),
    FIELD(struct zone, name, 0, "what people call it", .max_count = 128),
    FIELD_ENUM(struct zone, kind, zone_kind_names, 0,
               "what the zone is for; area only counts, intrusion and restricted raise signals",
               .default_text = "area"),
    FIELD(struct zone, polygon, RECORD_REQUIRED, "corners, 0..1 of the frame, x right, y down", .min = 0, .max = 1,
          .min_count = 3, .max_count = 64),
    FIELD(struct zone, classes, 0,
          "object classes that count, as the model's labels have them (without a model all is motion); empty: every "
          "class",
          .max_count = 100),
    FIELD(struct zone, dwell_seconds, 0, "a stay this long gives one dwell event; 0: none", .unit = "s", .min = 0,
          .max = 86400, .default_text = "10"),
    FIELD(struct zone, occupancy_limit, 0, "more inside than this raises a signal; 0: no limit", .min = 0,
          .max = 100000),
    FIELD(struct zone, hysteresis, 0,
          "occupancy, crowd and queue are told again only after there were this many fewer than what raised a signal",
          .min = 1, .max = 100000, .default_text = "2"),
    FIELD(struct zone, crowd_limit, 0, "more inside than this for crowd_seconds raises a signal; 0: no limit", .min = 0,
          .max = 100000),
    FIELD(struct zone, crowd_seconds, 0, "how long it must be so full", .unit = "s", .min = 0, .max = 86400,
          .default_text = "5"),
    FIELD(struct zone, loitering_seconds, 0,
          "who was inside this long, short breaks left out, raises a signal; 0: nobody", .unit = "s", .min = 0,
          .max = 86400),
    FIELD(struct zone, queue_limit, 0, "more waiting than this raises a signal; 0: no limit", .min = 0, .max = 100000),
    FIELD(struct zone, queue_seconds, 0, "who is inside this long waits", .unit = "s", .min = 0, .max = 86400,
          .default_text = "5"),
    FIELD(struct zone, allowed_heading, 0,
          "which way to go: 0 right, 90 down, 180 left, 270 up as seen; going another way raises a signal; absent: any",
          .unit = "°", .min = 0, .max = 360),
    FIELD(struct zone, heading_tolerance, 0, "how far off allowed_heading is still the allowed way", .unit = "°",
          .min = 1, .max = 179, .default_text = "100"),
    FIELD(struct zone, speed_limit, 0,
          "faster raises a signal; m/s where the camera is calibrated, else frame widths a second; 0: no limit",
          .min = 0, .max = 1000),
    FIELD(struct zone, left_seconds, 0, "something new that stands alone this long raises a signal; 0: not looked for",
          .unit = "s", .min = 0, .max = 86400),
    FIELD(struct zone, taken_seconds, 0, "something that is gone this long raises a signal; 0: not looked for",
          .unit = "s", .min = 0, .max = 86400),
    FIELD_ENUM(struct zone, anchor, anchor_names, 0, "the point of a box that says where it is",
               .default_text = "bottom"),
    FIELD_LIST(struct zone, schedule, &schedule_window_descriptor, 0,
               "when the zone raises signals; empty: always. It counts at all times", .max_count = 64),
};

/* Twice the signed area (shoelace formula). */
static double polygon_area(const struct record_points *polygon)
{
    double area = 0;
    for (size_t i = 0; i < polygon->count; i++) {
        const struct record_point *a = &polygon->items[i], *b = &polygon->items[(i + 1) % polygon->count];
        area += a->x * b->y - b->x * a->y;
    }
    return area;
}

static double side_of(struct record_point a, struct record_point b, struct record_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

static bool segments_cross(struct record_point a, struct record_point b, struct record_point c, struct record_point d)
{
    return side_of(a, b, c) * side_of(a, b, d) < 0 && side_of(c, d, a) * side_of(c, d, b) < 0;
}

static bool polygon_crosses_itself(const struct record_points *polygon)
{
    for (size_t i = 0; i < polygon->count; i++)
        for (size_t j = i + 1; j < polygon->count; j++)
            if (segments_cross(polygon->items[i], polygon->items[(i + 1) % polygon->count], polygon->items[j],
                               polygon->items[(j + 1) % polygon->count]))
                return true;
    return false;
}

/* Smaller than this (of the frame) nothing could stand in it: two corners fell together. */
static const double zone_area_min = 1e-5;

static void zone_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct zone *zone = record;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "polygon", NULL);
    if (fabs(polygon_area(&zone->polygon)) / 2 < zone_area_min)
        record_errors_add(errors, where, "has no area: the corners must not lie on one line");
    else if (polygon_crosses_itself(&zone->polygon))
        record_errors_add(errors, where, "crosses itself: give the corners in order around the zone");
}

const struct record_descriptor zone_descriptor =
    RECORD(struct zone, "Zone", 1, zone_fields, "A part of a camera's picture.", .check = zone_check);

const char *const line_allowed_names[] = {"both", "in", "out", NULL};

static const struct record_field line_fields[] = {
    FIELD(struct line, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "unique among the camera's zones and lines"),
    FIELD(struct line, name, 0, "what people call it", .max_count = 128),
    FIELD(struct line, a, RECORD_REQUIRED, "one end, 0..1 of the frame", .min = 0, .max = 1, .example = "[0.2,0.6]"),
    FIELD(struct line, b, RECORD_REQUIRED,
          "the other end; \"in\" is from the left side of a→b to its right side as seen", .min = 0, .max = 1,
          .example = "[0.8,0.6]"),
    FIELD(struct line, in_name, 0, "what the page calls the direction in", .max_count = 32, .default_text = "in"),
    FIELD(struct line, out_name, 0, "what the page calls the direction out", .max_count = 32, .default_text = "out"),
    FIELD(struct line, classes, 0,
          "object classes that count, as the model's labels have them (without a model all is motion); empty: every "
          "class",
          .max_count = 100),
    FIELD_ENUM(struct line, allowed, line_allowed_names, 0,
               "the directions that are allowed; the other raises a signal", .default_text = "both"),
    FIELD(struct line, recount_seconds, 0,
          "a track that crosses again the same way counts again only this long after; 0: each time it settled",
          .unit = "s", .min = 0, .max = 86400),
    FIELD_ENUM(struct line, anchor, anchor_names, 0, "the point of a box that says where it is",
               .default_text = "bottom"),
    FIELD_LIST(struct line, schedule, &schedule_window_descriptor, 0,
               "when the line raises signals; empty: always. It counts at all times", .max_count = 64),
};

/* A line shorter than this (of the frame) cannot be crossed reliably by a point that moves between frames. */
static const double line_length_min = 0.01;

static void line_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct line *line = record;
    if (hypot(line->a.x - line->b.x, line->a.y - line->b.y) < line_length_min)
        record_errors_add(errors, path, "a and b are the same place: a line needs two ends at least 0.01 apart");
}

const struct record_descriptor line_descriptor =
    RECORD(struct line, "Line", 1, line_fields, "A finite segment whose crossings are counted.", .check = line_check);

const char *const camera_decode_names[] = {"all", "non-reference", "key-frames", "auto", NULL};

/* ---- streams ---- */

const char *const stream_role_names[] = {"detect", "record", "live", NULL};

static const struct record_field camera_stream_fields[] = {
    FIELD(struct camera_stream, source, RECORD_REQUIRED, "as a camera's source", .max_count = 2048,
          .check_text = media_url_check),
    FIELD(struct camera_stream, roles, RECORD_REQUIRED,
          "detect: is analysed; record: is kept for recording, as it comes; live: is shown to who looks",
          .min_count = 1, .max_count = CAMERA_MAX_STREAMS),
    FIELD(struct camera_stream, username, RECORD_SECRET, "login of this stream; absent: the camera's",
          .max_count = 128),
    FIELD(struct camera_stream, password, RECORD_SECRET, "password of this stream; absent: the camera's",
          .max_count = 256),
};

static void camera_stream_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct camera_stream *stream = record;
    for (size_t i = 0; i < stream->roles.count; i++) {
        if (record_enum_value(stream_role_names, stream->roles.items[i]))
            continue;
        g_autofree char *where = g_strdup_printf("%s%sroles[%zu]", path, *path ? "." : "", i);
        record_errors_add(errors, where, "%s: is no role: detect, record and live are", stream->roles.items[i]);
    }
}

const struct record_descriptor camera_stream_descriptor =
    RECORD(struct camera_stream, "CameraStream", 1, camera_stream_fields,
           "One address of a camera and what it is used for.", .check = camera_stream_check);

static const char *text_or(const char *text, const char *fallback)
{
    return text && *text ? text : fallback;
}

size_t camera_list_streams(const struct camera *camera, struct stream_use uses[CAMERA_MAX_STREAMS])
{
    const struct camera_stream *streams = camera->streams.items;
    size_t count = MIN(camera->streams.count, CAMERA_MAX_STREAMS);
    for (size_t i = 0; i < count; i++) {
        const struct camera_stream *stream = &streams[i];
        /* a login is taken whole: a name of the one with the password of the other would lock an account */
        bool has_login = text_or(stream->username, NULL);
        uses[i] = (struct stream_use){stream->source, has_login ? stream->username : camera->username,
                                      has_login ? stream->password : camera->password, 0};
        for (size_t j = 0; j < stream->roles.count; j++)
            uses[i].roles |= 1u << record_enum_value(stream_role_names, stream->roles.items[j]);
    }
    if (count > 0)
        return count;
    uses[0] = (struct stream_use){camera->source, camera->username, camera->password,
                                  1u << STREAM_DETECT | 1u << STREAM_RECORD | 1u << STREAM_LIVE};
    return 1;
}

const char *const camera_origin_names[] = {"file", "api", NULL};

/* The first two say which camera it is, and the last two are the server's: what lies between is people's to set. */
enum { CAMERA_FIELDS_BEFORE = 2, CAMERA_FIELDS_AFTER = 2 };
static const struct record_field camera_fields[] = {
    FIELD(struct camera, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE,
          "unique, stays for ever"),
    FIELD(struct camera, org_id, RECORD_KEY | RECORD_TEXT_ID, "the organisation it belongs to",
          .default_text = "default"),
    FIELD(struct camera, site_id, RECORD_TEXT_ID, "the site it stands on", .default_text = "default"),
    FIELD(struct camera, class_id, RECORD_TEXT_ID, "the school class it looks at, where there is one", .since = 5),
    FIELD(struct camera, name, 0, "what people call it", .max_count = 128),
    FIELD(
        struct camera, source, RECORD_NOT_NULL | RECORD_NEEDS_RESTART,
        "rtsp://host/path, rtsps://…, http://… or https://… (MJPEG, or a JPEG for each request), v4l2:///dev/videoN, "
        "the "
        "path of a video, a picture or a folder of pictures, or scene://NAME; a login in it is taken out when loaded. "
        "Left out where streams are given",
        .max_count = 2048, .check_text = media_url_check),
    FIELD(struct camera, username, RECORD_SECRET, "login, apart from the source", .max_count = 128),
    FIELD(struct camera, password, RECORD_SECRET, "password, apart from the source", .max_count = 256),
    FIELD_LIST(struct camera, streams, &camera_stream_descriptor, RECORD_NEEDS_RESTART,
               "several addresses of one camera with a role each, as a small picture to analyse and the main one to "
               "record; empty: source is analysed, recorded and shown",
               .max_count = CAMERA_MAX_STREAMS, .since = 4),
    FIELD(struct camera, enabled, 0, "false: known but not watched", .default_text = "true"),
    FIELD(struct camera, analyse_fps, 0, "frames a second that are analysed", .unit = "1/s", .min = 0.1, .max = 60,
          .default_text = "5"),
    FIELD_ENUM(struct camera, decode, camera_decode_names, RECORD_NEEDS_RESTART,
               "which pictures are decoded: all; non-reference: all but those no other is predicted from; key-frames: "
               "only those that need no other; auto: key frames only while nothing moves, all once something does",
               .default_text = "all", .since = 3),
    FIELD(struct camera, loop, 0, "files only: start again at the end", .default_text = "true"),
    FIELD_LIST(struct camera, zones, &zone_descriptor, 0, "its zones", .max_count = 64),
    FIELD_LIST(struct camera, lines, &line_descriptor, 0, "its lines", .max_count = 64),
    FIELD_RECORD(struct camera, rules, struct camera_rules, &camera_rules_descriptor, 0,
                 "what rules are told about the camera", .since = 2),
    FIELD_ENUM(struct camera, managed_by, camera_origin_names, RECORD_READ_ONLY,
               "file: the server's settings say what it is, and the API does not change it; api: it was made there",
               .default_text = "file", .since = 6),
    FIELD(struct camera, logins, RECORD_SECRET | RECORD_READ_ONLY, "its logins, as the store keeps them", .since = 6),
};

static char *path_of(const char *path, const char *format, size_t index)
{
    g_autofree char *rest = g_strdup_printf(format, index);
    return g_strconcat(path, *path ? "." : "", rest, NULL);
}

/* As camera_tidy leaves it, whatever its login. */
static bool is_same_address(const char *a, const char *b)
{
    struct media_url first, second;
    bool is_same = g_strcmp0(a, b) == 0;
    if (is_same || !a || !b || !media_url_parse(a, &first, NULL))
        return is_same;
    if (media_url_parse(b, &second, NULL)) {
        is_same = strcmp(first.location, second.location) == 0;
        media_url_clear(&second);
    }
    media_url_clear(&first);
    return is_same;
}

/* Each role is one stream's, and each address stands once. */
static void streams_check(const struct camera *camera, const char *path, struct record_errors *errors)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera, uses);
    unsigned taken = 0;
    for (size_t i = 0; i < count; i++) {
        g_autofree char *roles = path_of(path, "streams[%zu].roles", i),
                        *source = path_of(path, "streams[%zu].source", i);
        for (enum stream_role role = STREAM_DETECT; role <= STREAM_LIVE; role++)
            if (stream_has_role(&uses[i], role) && taken & 1u << role)
                record_errors_add(errors, roles, "%s is given twice: one stream of a camera has each role",
                                  record_enum_name(stream_role_names, role));
        taken |= uses[i].roles;
        for (size_t j = 0; j < i; j++)
            if (is_same_address(uses[i].source, uses[j].source))
                record_errors_add(errors, source,
                                  "is given twice (logins make no difference): give one stream both roles");
    }
    if (taken & 1u << STREAM_DETECT)
        return;
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "streams", NULL);
    record_errors_add(errors, where, "none has the role detect: say which one is analysed");
}

/* Once loaded, `source` repeats the address of the stream that is analysed. */
static void source_check(const struct camera *camera, const char *path, struct record_errors *errors)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    g_autofree char *where = g_strconcat(path, *path ? "." : "", "source", NULL);
    bool has_source = text_or(camera->source, NULL), is_repeated = false;
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count; i++)
        is_repeated =
            is_repeated || (stream_has_role(&uses[i], STREAM_DETECT) && g_strcmp0(uses[i].source, camera->source) == 0);
    if (!has_source && camera->streams.count == 0)
        record_errors_add(errors, where, "is missing: give a source, or streams with their roles");
    else if (has_source && !is_repeated)
        record_errors_add(errors, where, "is given beside streams: give the one or the other");
}

static void camera_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct camera *camera = record;
    source_check(camera, path, errors);
    if (camera->streams.count > 0)
        streams_check(camera, path, errors);
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    for (size_t i = 0; i < camera->zones.count + camera->lines.count; i++) {
        bool is_zone = i < camera->zones.count;
        size_t index = is_zone ? i : i - camera->zones.count;
        char *id = is_zone ? zones[index].id : lines[index].id;
        if (!id || g_hash_table_add(seen, id))
            continue;
        g_autofree char *where =
            g_strdup_printf("%s%s%s[%zu].id", path, *path ? "." : "", is_zone ? "zones" : "lines", index);
        record_errors_add(errors, where, "%s: is used twice: zones and lines of a camera need different ids", id);
    }
}

const struct record_descriptor camera_descriptor =
    RECORD(struct camera, "Camera", 6, camera_fields, "A camera as it is registered.", .table = "cameras",
           .check = camera_check);

const struct record_descriptor camera_request_descriptor = {
    .name = "CameraRequest",
    .schema_version = 1,
    .size = sizeof(struct camera),
    .fields = camera_fields + CAMERA_FIELDS_BEFORE,
    .field_count = G_N_ELEMENTS(camera_fields) - CAMERA_FIELDS_BEFORE - CAMERA_FIELDS_AFTER,
    .doc = "A new camera; its id is given to it.",
    .check = camera_check,
};
const struct record_descriptor camera_change_descriptor = {
    .name = "CameraChange",
    .schema_version = 1,
    .size = sizeof(struct camera),
    .fields = camera_fields + CAMERA_FIELDS_BEFORE,
    .field_count = G_N_ELEMENTS(camera_fields) - CAMERA_FIELDS_BEFORE - CAMERA_FIELDS_AFTER,
    .doc =
        "What changes in a camera (RFC 7396): what is left out stays, lists are replaced whole, null is the default.",
};

/* ---- what is different, and what is hidden ---- */

bool camera_needs_restart(const struct camera *before, const struct camera *after)
{
    struct stream_use old[CAMERA_MAX_STREAMS], new[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(before, old);
    if (camera_list_streams(after, new) != count || before->decode != after->decode || before->loop != after->loop)
        return true;
    for (size_t i = 0; i < count; i++)
        if (old[i].roles != new[i].roles || g_strcmp0(old[i].source, new[i].source) != 0 ||
            g_strcmp0(old[i].username, new[i].username) != 0 || g_strcmp0(old[i].password, new[i].password) != 0)
            return true;
    return false;
}

static void move_login(char **field, char *value)
{
    /* what was given apart from the source wins */
    if (!value || (*field && **field)) {
        g_free(value);
    } else {
        g_free(*field);
        *field = value;
    }
}

static void take_login_out(char **source, char **username, char **password)
{
    struct media_url url;
    if (!*source || !media_url_parse(*source, &url, NULL)) /* its table has checked it */
        return;
    move_login(username, g_steal_pointer(&url.username));
    move_login(password, g_steal_pointer(&url.password));
    g_free(*source);
    *source = g_steal_pointer(&url.location);
    media_url_clear(&url);
}

void camera_tidy(struct camera *camera)
{
    struct camera_stream *streams = camera->streams.items;
    struct stream_use uses[CAMERA_MAX_STREAMS];
    take_login_out(&camera->source, &camera->username, &camera->password);
    for (size_t i = 0; i < camera->streams.count; i++)
        take_login_out(&streams[i].source, &streams[i].username, &streams[i].password);
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count && camera->streams.count > 0; i++)
        if (stream_has_role(&uses[i], STREAM_DETECT)) { /* who asks for the source means what is analysed */
            g_free(camera->source);
            camera->source = g_strdup(uses[i].source);
        }
}

static void take_text(char **text, char *with)
{
    g_free(*text);
    *text = with;
}

void camera_copy_shown(const struct camera *camera, struct camera *shown)
{
    record_copy(&camera_descriptor, camera, shown);
    struct camera_stream *streams = shown->streams.items;
    take_text(&shown->source, redact_address(camera->source));
    take_text(&shown->username, NULL);
    take_text(&shown->password, NULL);
    take_text(&shown->logins, NULL);
    for (size_t i = 0; i < shown->streams.count; i++) {
        char *source = redact_address(streams[i].source);
        take_text(&streams[i].source, source);
        take_text(&streams[i].username, NULL);
        take_text(&streams[i].password, NULL);
    }
}

/* ---- logins ---- */

/* No secrets by their flags: what holds them is sealed as a whole, and goes nowhere but into the store. */
static const struct record_field camera_login_fields[] = {
    FIELD(struct camera_login, username, 0, "login", .max_count = 128),
    FIELD(struct camera_login, password, 0, "password", .max_count = 256),
};
static const struct record_descriptor camera_login_descriptor =
    RECORD(struct camera_login, "CameraLogin", 1, camera_login_fields, "The login of one stream.");

static const struct record_field camera_logins_fields[] = {
    FIELD(struct camera_logins, username, 0, "login", .max_count = 128),
    FIELD(struct camera_logins, password, 0, "password", .max_count = 256),
    FIELD_LIST(struct camera_logins, streams, &camera_login_descriptor, 0, "of the streams that have their own",
               .max_count = CAMERA_MAX_STREAMS),
};
const struct record_descriptor camera_logins_descriptor =
    RECORD(struct camera_logins, "CameraLogins", 1, camera_logins_fields, "All logins of a camera.");

void camera_get_logins(const struct camera *camera, struct camera_logins *logins)
{
    const struct camera_stream *streams = camera->streams.items;
    record_init(&camera_logins_descriptor, logins);
    logins->username = g_strdup(camera->username);
    logins->password = g_strdup(camera->password);
    for (size_t i = 0; i < camera->streams.count; i++) {
        struct camera_login *login = record_list_append(&logins->streams, &camera_login_descriptor);
        login->username = g_strdup(streams[i].username);
        login->password = g_strdup(streams[i].password);
    }
}

void camera_set_logins(struct camera *camera, const struct camera_logins *logins)
{
    struct camera_stream *streams = camera->streams.items;
    const struct camera_login *of_streams = logins->streams.items;
    take_text(&camera->username, g_strdup(logins->username));
    take_text(&camera->password, g_strdup(logins->password));
    for (size_t i = 0; i < MIN(camera->streams.count, logins->streams.count); i++) {
        take_text(&streams[i].username, g_strdup(of_streams[i].username));
        take_text(&streams[i].password, g_strdup(of_streams[i].password));
    }
}

static const struct record_field camera_credentials_fields[] = {
    FIELD(struct camera_credentials, camera_id, RECORD_REQUIRED | RECORD_TEXT_ID, "whose login it is"),
    FIELD(struct camera_credentials, stream, 0, "which of the camera's streams, from 0", .min = 0,
          .max = CAMERA_MAX_STREAMS - 1),
    FIELD(struct camera_credentials, username, 0, "login", .max_count = 128),
    FIELD(struct camera_credentials, password, 0, "password; travels over the worker's socket only", .max_count = 256),
};
const struct record_descriptor camera_credentials_descriptor =
    RECORD(struct camera_credentials, "CameraCredentials", 1, camera_credentials_fields,
           "The login of a camera's stream on its way to its worker; never stored, never logged.");
