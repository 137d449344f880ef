#define LOG_MODULE "worker"
#include "worker/pictures.h"

#include "base/counter.h"
#include "base/log.h"
#include "facts/object_class.h"
#include "frame/picture_header.h"
#include "media/media.h"
#include "privacy/privacy.h"
#include "record/box.h"
#include "worker/picture_features.h"
#include "worker/selection.h"
#include "worker/worker.h"

#include <string.h>

/* Track ids of a stream that begins anew are above those of every stream before it. */
enum { STREAM_TRACK_IDS = 1 << 16 };

enum { LOAD_PAUSE_US = 10 * 1000000 }; /* between tries to load a model that could not be */

/* A sender's clock that goes back by no more is coarse, or two pictures came in the wrong order; one that runs ahead of
 * ours by more from one picture to the next was set. */
enum { CLOCK_BACK_US = 2000000, CLOCK_AHEAD_US = 10000000 };

/* What is remembered between the pictures of one stream. */
struct stream {
    char *described; /* the camera as JSON, to see that a request changes it */
    struct pipeline *pipeline;
    struct camera_health health;
    int width_px, height_px;
    uint64_t frame_number;
    int64_t media_us;                 /* of the last picture */
    int64_t shift_us;                 /* from the sender's clock to media_us */
    int64_t seen_us;                  /* when it came */
    struct detect_response *response; /* of the picture that is being looked at */
};

struct pictures {
    struct worker_config config; /* borrowed in part */
    int failures;                /* of the model, in a row */
    struct detector *detector;
    int64_t tried_us; /* when it was last tried to load it */
    struct clock *clock;
    struct selection selection; /* the default: everyone is hidden */
    struct privacy_encoder *encoder;
    struct detections *found;
    GHashTable *streams; /* id → struct stream * */
    uint64_t next_track_id;
};

static void stream_free(void *data)
{
    struct stream *stream = data;
    pipeline_free(stream->pipeline);
    record_clear(&camera_health_descriptor, &stream->health);
    g_free(stream->described);
    g_free(stream);
}

struct pictures *pictures_new(const struct worker_config *config, struct detector *detector, struct clock *clock)
{
    struct pictures *pictures = g_new0(struct pictures, 1);
    pictures->config = *config;
    pictures->config.detector.is_gated = false; /* who sends a picture wants it looked at */
    pictures->detector = detector;
    pictures->clock = clock;
    selection_init(&pictures->selection);
    pictures->found = g_new0(struct detections, 1);
    pictures->streams = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, stream_free);
    pictures->next_track_id = (uint64_t)config->track_id_base;
    return pictures;
}

void pictures_free(struct pictures *pictures)
{
    if (!pictures)
        return;
    g_hash_table_unref(pictures->streams);
    selection_clear(&pictures->selection);
    privacy_encoder_free(pictures->encoder);
    g_free(pictures->found);
    g_free(pictures);
}

/* ---- streams ---- */

static gboolean is_forgotten(gpointer id, gpointer value, gpointer data)
{
    (void)id;
    const struct pictures *pictures = data;
    const struct stream *stream = value;
    double silent_seconds = (double)(clock_monotonic_us(pictures->clock) - stream->seen_us) / G_USEC_PER_SEC;
    return silent_seconds > pictures->config.detect.stream_seconds;
}

/* What a rule says of the picture, as it would be stored, into a list of the answer. */
static void take_payload(const struct analytics_event *event, struct record_list *list,
                         const struct record_descriptor *descriptor)
{
    struct record_errors errors;
    void *record = record_list_append(list, descriptor);
    record_clear(descriptor, record);
    record_errors_init(&errors);
    record_decode_json(descriptor, event->payload.text, strlen(event->payload.text), record, &errors);
    record_errors_clear(&errors);
}

static void take_event(void *data, const struct analytics_event *event)
{
    struct stream *stream = data;
    if (stream->response && event->type == EVENT_SIGNAL)
        take_payload(event, &stream->response->violations, &signal_descriptor);
    else if (stream->response && event->type == EVENT_LINE_CROSSING)
        take_payload(event, &stream->response->crossings, &line_crossing_descriptor);
}

static struct stream *stream_new(struct pictures *pictures, const struct camera *camera)
{
    struct stream *stream = g_new0(struct stream, 1);
    const struct pipeline_sink sink = {.event = take_event, .data = stream};
    record_init(&camera_health_descriptor, &stream->health);
    stream->pipeline = pipeline_new(&pictures->config, camera, pictures->detector, NULL, pictures->next_track_id,
                                    pictures->clock, &stream->health, &sink);
    pictures->next_track_id += STREAM_TRACK_IDS;
    return stream;
}

/* Zones and lines may change from one picture to the next. */
static void configure(struct pictures *pictures, struct stream *stream, const struct camera *camera)
{
    g_autoptr(GString) described = g_string_new(NULL);
    record_encode_json(&camera_descriptor, camera, false, described);
    if (g_strcmp0(described->str, stream->described) == 0)
        return;
    if (stream->described) {
        const struct camera_config config = {.camera = *camera,
                                             .motion = pictures->config.motion,
                                             .detector = pictures->config.detector,
                                             .rules = pictures->config.rules,
                                             .privacy = pictures->selection.privacy};
        pipeline_configure(stream->pipeline, &config);
    }
    g_free(stream->described);
    stream->described = g_string_free(g_steal_pointer(&described), FALSE);
}

/* The request's stream, begun where there is none; NULL when there are too many. */
static struct stream *stream_for(struct pictures *pictures, const struct detect_request *request,
                                 const struct frame *frame, bool *is_new, GError **error)
{
    g_hash_table_foreach_remove(pictures->streams, is_forgotten, pictures);
    struct stream *stream = g_hash_table_lookup(pictures->streams, request->stream_id);
    *is_new = !stream;
    if (!stream && g_hash_table_size(pictures->streams) >= (guint)pictures->config.detect.streams) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "%d streams are open already (detect.streams); one ends when no picture came for %g s",
                    pictures->config.detect.streams, pictures->config.detect.stream_seconds);
        return NULL;
    }
    struct camera camera;
    picture_camera_fill(request, frame->width_px, &camera);
    if (!stream) {
        stream = stream_new(pictures, &camera);
        g_hash_table_insert(pictures->streams, g_strdup(request->stream_id), stream);
    }
    configure(pictures, stream, &camera);
    record_clear(&camera_descriptor, &camera);
    return stream;
}

/* ---- one picture ---- */

/* Time must pass from one picture to the next, whatever the sender's clock says: where that was set, the time that
 * passed here takes the place of its step. */
static int64_t next_media_us(struct stream *stream, int64_t taken_us, int64_t now_us)
{
    bool is_first = stream->frame_number == 0;
    int64_t step_us = taken_us + stream->shift_us - stream->media_us, passed_us = now_us - stream->seen_us;
    if (!is_first && (step_us < -CLOCK_BACK_US || step_us > passed_us + CLOCK_AHEAD_US)) {
        stream->shift_us += passed_us - step_us;
        step_us = passed_us;
    }
    return stream->media_us + (is_first ? step_us : MAX(step_us, 1000));
}

static void stamp(struct pictures *pictures, const struct detect_request *request, struct stream *stream,
                  struct frame *frame)
{
    int64_t now_us = clock_monotonic_us(pictures->clock), taken_ms = request->captured_at.ms;
    frame->arrived_us = now_us;
    frame->captured_at_ms = taken_ms ? taken_ms : clock_wall_ms(pictures->clock);
    frame->media_us = frame->captured_at_ms * 1000;
    if (!stream)
        return;
    frame->media_us = next_media_us(stream, frame->media_us, now_us);
    frame->number = ++stream->frame_number;
    stream->media_us = frame->media_us;
    stream->seen_us = now_us;
}

static void add_object(struct detect_response *response, uint64_t id, const char *object_class, double confidence,
                       const struct record_box *box)
{
    struct detect_object *object = record_list_append(&response->objects, &detect_object_descriptor);
    object->track_id = id;
    g_free(object->object_class);
    object->object_class = g_strdup(object_class);
    object->confidence = CLAMP(confidence, 0, 1);
    object->box = box_bound(box); /* of a narrow picture a model's box can be many times as wide as it */
    response->counts.objects++;
    response->counts.people += object_kind_of(object_class) == OBJECT_PERSON;
    response->counts.vehicles += object_kind_of(object_class) == OBJECT_VEHICLE;
}

static void count_lines(struct detect_response *response, const struct pipeline *pipeline)
{
    struct analytics_count counts[32];
    size_t count = pipeline_counts(pipeline, counts, G_N_ELEMENTS(counts));
    for (size_t i = 0; i < MIN(count, G_N_ELEMENTS(counts)); i++)
        if (counts[i].is_line) {
            response->counts.line_in += counts[i].in_or_entries;
            response->counts.line_out += counts[i].out_or_exits;
        }
}

static GBytes *annotate(struct pictures *pictures, struct stream *stream, struct frame *frame,
                        const struct detect_response *response, GError **error)
{
    const struct detect_object *objects = response->objects.items;
    const struct detections *found = pictures->found;
    size_t count = response->objects.count, hidden = 0;
    g_autofree struct record_box *boxes = g_new0(struct record_box, count + 1);
    for (size_t i = 0; i < count; i++)
        boxes[i] = objects[i].box;
    if (stream)
        return pipeline_preview_outlined(stream->pipeline, frame, boxes, count, error);
    if (!pictures->encoder)
        pictures->encoder =
            privacy_encoder_new(pictures->config.workers.preview_width_px, pictures->config.workers.preview_quality);
    /* also who stands in a mask and looks out of it */
    g_autofree struct privacy_figure *figures = g_new0(struct privacy_figure, (size_t)found->count + 1);
    for (int i = 0; i < found->count; i++)
        if (selection_hides(&pictures->selection, found->items[i].object_class))
            figures[hidden++] = selection_figure(found->items[i].object_class, &found->items[i].box);
    const struct privacy_request request = {
        .figures = figures,
        .figure_count = hidden,
        /* nothing says where people are */
        .hide_all = !pictures->detector || !detector_knows_people(pictures->detector),
        .cells_a_side = privacy_cells_a_side(pictures->selection.privacy.blur_strength),
        .masks = pictures->selection.masks,
        .mask_count = pictures->selection.mask_count,
        .outlines = boxes,
        .outline_count = count,
    };
    return privacy_encode_jpeg(pictures->encoder, frame, &request, error);
}

/* One that could not be loaded when its worker started is tried again, as a stream's pipeline does it. */
static void load_model(struct pictures *pictures)
{
    int64_t now_us = clock_monotonic_us(pictures->clock);
    g_autoptr(GError) error = NULL;
    if (detector_card(pictures->detector) || (pictures->tried_us && now_us - pictures->tried_us < LOAD_PAUSE_US))
        return;
    pictures->tried_us = now_us;
    if (!detector_restart(pictures->detector, &error))
        log_error(NULL, "%s; pictures are not looked at", error->message);
}

/* One that fails again and again is loaded anew. */
static void mend_model(struct pictures *pictures)
{
    g_autoptr(GError) error = NULL;
    if (detector_mend(pictures->detector, &pictures->failures, clock_monotonic_us(pictures->clock), &error) && error)
        log_error(NULL, "the model could not be loaded anew: %s", error->message);
}

static bool look_once(struct pictures *pictures, const struct detect_request *request, struct frame *frame,
                      struct detect_response *response, GError **error)
{
    pictures->found->count = 0;
    selection_set_masks(&pictures->selection, &request->zones);
    if (!pictures->detector)
        return true;
    load_model(pictures);
    if (!detector_run(pictures->detector, frame, pictures->found, error)) {
        mend_model(pictures);
        return false;
    }
    pictures->failures = 0;
    const struct detections *shown = selection_of(&pictures->selection, pictures->found);
    for (int i = 0; i < shown->count; i++) {
        const struct detection *found = &shown->items[i];
        add_object(response, 0, found->object_class, found->confidence, &found->box);
    }
    return true;
}

static void look_on(struct stream *stream, struct frame *frame, struct detect_response *response)
{
    stream->response = response;
    pipeline_feed(stream->pipeline, frame);
    stream->response = NULL;
    if (counter_get(&stream->health.detector_failing)) {
        g_free(response->detector);
        response->detector = g_strdup("motion");
    }
    const struct tracks *tracks = pipeline_tracks(stream->pipeline);
    for (int i = 0; i < tracks->count; i++) {
        const struct track *track = &tracks->items[i];
        if (track->state != TRACK_LOST)
            add_object(response, track->id, track->object_class, track->confidence, &track->box);
    }
    count_lines(response, stream->pipeline);
}

static void describe(const struct pictures *pictures, const struct detect_request *request, const struct frame *frame,
                     struct detect_response *response)
{
    bool is_stream = request->stream_id && *request->stream_id;
    record_init(&detect_response_descriptor, response);
    if (is_stream)
        response->stream_id = g_strdup(request->stream_id);
    response->width_px = frame->width_px;
    response->height_px = frame->height_px;
    g_free(response->detector);
    response->detector = g_strdup(pictures->detector ? "model" : is_stream ? "motion" : "none");
}

bool pictures_look(struct pictures *pictures, const struct detect_request *request, const uint8_t *bytes, size_t length,
                   struct detect_response *response, GBytes **jpeg, GError **error)
{
    *jpeg = NULL;
    int64_t started_us = clock_monotonic_us(pictures->clock);
    struct picture_header header;
    const struct detect_settings *bounds = &pictures->config.detect;
    if (!picture_header_check(bytes, length, bounds->max_side_px, bounds->max_pixels, &header, error))
        return false;
    CLEANUP(frame)
    struct frame *frame = media_image_decode("frame", bytes, length, bounds->max_pixels, error);
    if (!frame)
        return false;
    bool is_new = false, is_stream = request->stream_id && *request->stream_id;
    struct stream *stream = is_stream ? stream_for(pictures, request, frame, &is_new, error) : NULL;
    if (is_stream && !stream)
        return false;
    describe(pictures, request, frame, response);
    response->is_new_stream = is_new;
    stamp(pictures, request, stream, frame);
    bool is_good = true;
    if (stream)
        look_on(stream, frame, response);
    else
        is_good = look_once(pictures, request, frame, response, error);
    if (is_good && request->annotate)
        is_good = (*jpeg = annotate(pictures, stream, frame, response, error)) != NULL;
    picture_counts_limit(request, response);
    picture_features_fill(request, pictures->detector ? detector_card(pictures->detector) : NULL, response);
    response->processing_ms = (double)(clock_monotonic_us(pictures->clock) - started_us) / 1000;
    if (!is_good)
        record_clear(&detect_response_descriptor, response);
    return is_good;
}
