#include "vision/detector_internal.h"

#include <pthread.h>

#include "record/box.h"

struct detector {
    struct model model;
    const char **object_classes; /* interned, one per label */
    struct candidate *candidates;
    float confidence, nms_iou;
    char *path, *card_path;
    struct detector_settings settings; /* its texts are not used */
    pthread_mutex_t runtime_lock; /* around a change of the runtime, which another thread may interrupt or describe */
    struct model_use use;
};

/* ---- opening ---- */

static void choose_thresholds(struct detector *detector, const struct detector_settings *settings)
{
    const struct model_card *card = &detector->model.card;
    detector->confidence = (float)(settings->confidence > 0 ? settings->confidence : card->confidence);
    detector->nms_iou = (float)(settings->nms_iou > 0 ? settings->nms_iou : card->nms_iou);
}

struct detector *detector_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    CLEANUP(detector) struct detector *detector = g_new0(struct detector, 1);
    pthread_mutex_init(&detector->runtime_lock, NULL);
    if (!model_load(&detector->model, model_path, settings, true, error))
        return NULL;
    const struct model_card *card = &detector->model.card;
    choose_thresholds(detector, settings);
    detector->path = g_strdup(model_path);
    detector->card_path = g_strdup(settings->card);
    detector->settings = *settings;
    detector->candidates = g_new(struct candidate, (size_t)detector->model.family->capacity(card));
    detector->object_classes = g_new(const char *, card->labels.count);
    for (size_t i = 0; i < card->labels.count; i++)
        detector->object_classes[i] = g_intern_string(card->labels.items[i]);
    return g_steal_pointer(&detector);
}

void detector_free(struct detector *detector)
{
    if (!detector)
        return;
    model_clear(&detector->model);
    pthread_mutex_destroy(&detector->runtime_lock);
    g_free(detector->object_classes);
    g_free(detector->candidates);
    g_free(detector->path);
    g_free(detector->card_path);
    g_free(detector);
}

static bool load_anew(struct detector *detector, GError **error)
{
    struct model fresh = {0};
    detector->settings.card = detector->card_path;
    /* labels are interned and candidates sized by the card: another card is another detector */
    bool is_good = model_load(&fresh, detector->path, &detector->settings, true, error);
    if (is_good && (fresh.card.labels.count != detector->model.card.labels.count ||
                    fresh.family->capacity(&fresh.card) != detector->model.family->capacity(&detector->model.card))) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "model '%s': its card is another than before: start Vedette again", detector->path);
        is_good = false;
    }
    if (is_good) {
        struct model old = detector->model;
        pthread_mutex_lock(&detector->runtime_lock);
        detector->model = fresh;
        pthread_mutex_unlock(&detector->runtime_lock);
        fresh = old;
    }
    model_clear(&fresh);
    return is_good;
}

bool detector_restart(struct detector *detector, GError **error)
{
    model_use_begin(&detector->use); /* it warms up, and may hang in that */
    bool is_good = load_anew(detector, error);
    model_use_end(&detector->use);
    return is_good;
}

/* ---- running ---- */

/* From input pixels to shares of the frame, of which `view` was looked at. */
struct placement {
    struct letterbox letterbox;
    struct record_box view;
};

static double place_x(const struct placement *placement, double x)
{
    return placement->view.x + placement->view.w * (x - placement->letterbox.left) / (double)placement->letterbox.width;
}

static double place_y(const struct placement *placement, double y)
{
    return placement->view.y + placement->view.h * (y - placement->letterbox.top) / (double)placement->letterbox.height;
}

/* False when it lies wholly outside what was looked at. */
static bool place(const struct placement *placement, const struct candidate *candidate, struct detection *detection)
{
    const struct record_box *view = &placement->view;
    struct record_box *box = &detection->box;
    box->x = place_x(placement, candidate->left);
    box->y = place_y(placement, candidate->top);
    box->w = place_x(placement, candidate->right) - box->x;
    box->h = place_y(placement, candidate->bottom) - box->y;
    detection->point_count = candidate->point_count;
    for (int i = 0; i < candidate->point_count; i++)
        detection->points[i] = (struct detection_point){(float)place_x(placement, candidate->points[2 * i]),
                                                        (float)place_y(placement, candidate->points[2 * i + 1])};
    return box->x < view->x + view->w && box->y < view->y + view->h && box->x + box->w > view->x &&
           box->y + box->h > view->y;
}

static void report(const struct detector *detector, int count, const struct placement *placement,
                   struct detections *detections)
{
    for (int i = 0; i < count; i++) {
        const struct candidate *candidate = &detector->candidates[i];
        struct detection detection = {.confidence = MIN(candidate->score, 1.0F),
                                      .object_class = detector->object_classes[candidate->label]};
        if (!place(placement, candidate, &detection))
            continue;
        if (detections->count == VISION_MAX_DETECTIONS) {
            detections->shed++;
            continue;
        }
        detections->items[detections->count++] = detection;
    }
}

bool detector_run_region(struct detector *detector, const struct frame *frame, const struct record_box *region,
                         struct detections *detections, GError **error)
{
    struct model *model = &detector->model;
    const struct frame view = frame_view(frame, region);
    struct placement placement = {.view = frame_view_box(frame, region)};
    detections->count = 0;
    detections->shed = 0;
    placement.letterbox = preprocess_run(model->preprocess, &view, runtime_input(model->runtime));
    model_use_begin(&detector->use);
    bool is_good = model_run(model, error);
    model_use_end(&detector->use);
    if (!is_good)
        return false;
    int count = model->family->decode(&model->card, runtime_outputs(model->runtime), detector->confidence,
                                      detector->candidates, error);
    if (count < 0)
        return false;
    report(detector, nms_apply(detector->candidates, count, detector->nms_iou, &detections->shed), &placement,
           detections);
    return true;
}

int64_t detector_busy_us(const struct detector *detector)
{
    return model_use_us(&detector->use);
}

void detector_interrupt(struct detector *detector)
{
    pthread_mutex_lock(&detector->runtime_lock);
    runtime_interrupt(detector->model.runtime);
    pthread_mutex_unlock(&detector->runtime_lock);
}

bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error)
{
    return detector_run_region(detector, frame, NULL, detections, error);
}

void detector_merge(const struct detector *detector, struct detections *all, const struct detections *more)
{
    int before = all->count;
    for (int i = 0; i < more->count; i++) {
        bool is_new = true;
        for (int k = 0; k < before && is_new; k++)
            is_new = all->items[k].object_class != more->items[i].object_class ||
                     box_iou(&all->items[k].box, &more->items[i].box) <= (double)detector->nms_iou;
        if (!is_new)
            continue;
        if (all->count < VISION_MAX_DETECTIONS)
            all->items[all->count++] = more->items[i];
        else
            all->shed++;
    }
    all->shed += more->shed;
}

const struct model_card *detector_card(const struct detector *detector)
{
    return &detector->model.card;
}

const char *detector_provider(const struct detector *detector)
{
    return runtime_provider(detector->model.runtime);
}

const char *detector_provider_reason(const struct detector *detector)
{
    return runtime_provider_reason(detector->model.runtime);
}

void detector_describe_provider(struct detector *detector, char **provider, char **reason)
{
    pthread_mutex_lock(&detector->runtime_lock);
    *provider = g_strdup(runtime_provider(detector->model.runtime));
    *reason = g_strdup(runtime_provider_reason(detector->model.runtime));
    pthread_mutex_unlock(&detector->runtime_lock);
}

bool detector_is_quantised(const struct detector *detector)
{
    return detector->model.is_quantised;
}
