#include "vision/detector_internal.h"

#include <string.h>

#include "base/counter.h"
#include "record/box.h"

struct detector {
    struct model model;          /* without a runtime until it was loaded */
    const char **object_classes; /* interned, one per label */
    struct candidate *candidates;
    float nms_iou;
    double card_confidence; /* atomic: of the first model that was loaded */
    char *path, *card_path;
    struct detector_settings settings; /* its texts are not used */
    pthread_mutex_t runtime_lock; /* around a change of the runtime, which another thread may interrupt or describe */
    struct model_trouble trouble;
    struct model_use use;
};

/* ---- opening ---- */

static void choose_thresholds(struct detector *detector, const struct detector_settings *settings)
{
    const struct model_card *card = &detector->model.card;
    gauge_set(&detector->card_confidence, card->confidence);
    detector->nms_iou = (float)(settings->nms_iou > 0 ? settings->nms_iou : card->nms_iou);
}

struct detector *detector_new(const char *model_path, const struct detector_settings *settings)
{
    struct detector *detector = g_new0(struct detector, 1);
    pthread_mutex_init(&detector->runtime_lock, NULL);
    model_trouble_init(&detector->trouble);
    detector->path = g_strdup(model_path);
    detector->card_path = g_strdup(settings->card);
    detector->settings = *settings;
    detector->settings.card = detector->card_path;
    return detector;
}

struct detector *detector_open(const char *model_path, const struct detector_settings *settings, GError **error)
{
    CLEANUP(detector) struct detector *detector = detector_new(model_path, settings);
    return detector_restart(detector, error) ? g_steal_pointer(&detector) : NULL;
}

void detector_free(struct detector *detector)
{
    if (!detector)
        return;
    model_clear(&detector->model);
    pthread_mutex_destroy(&detector->runtime_lock);
    model_trouble_clear(&detector->trouble);
    g_free(detector->object_classes);
    g_free(detector->candidates);
    g_free(detector->path);
    g_free(detector->card_path);
    g_free(detector);
}

static bool is_loaded(const struct detector *detector)
{
    return detector->model.runtime;
}

static bool has_labels_of(const struct model_card *a, const struct model_card *b)
{
    bool is_alike = a->labels.count == b->labels.count;
    for (size_t i = 0; is_alike && i < a->labels.count; i++)
        is_alike = strcmp(a->labels.items[i], b->labels.items[i]) == 0;
    return is_alike;
}

/* Labels are interned and candidates sized by the card: another card is another detector. */
static bool check_card(const struct detector *detector, const struct model *fresh, GError **error)
{
    const struct model *old = &detector->model;
    if (!is_loaded(detector) || (has_labels_of(&fresh->card, &old->card) &&
                                 fresh->family->capacity(&fresh->card) == old->family->capacity(&old->card)))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "model '%s': its card is another than before: start Vedette again", detector->path);
    return false;
}

/* Once a first model is there. */
static void begin(struct detector *detector)
{
    const struct model_card *card = &detector->model.card;
    choose_thresholds(detector, &detector->settings);
    detector->candidates = g_new(struct candidate, (size_t)detector->model.family->capacity(card));
    detector->object_classes = g_new(const char *, card->labels.count);
    for (size_t i = 0; i < card->labels.count; i++)
        detector->object_classes[i] = g_intern_string(card->labels.items[i]);
}

static bool load(struct detector *detector, GError **error)
{
    struct model fresh = {0};
    bool is_good =
        model_load(&fresh, detector->path, &detector->settings, true, error) && check_card(detector, &fresh, error);
    if (is_good) {
        struct model old = detector->model;
        pthread_mutex_lock(&detector->runtime_lock);
        detector->model = fresh;
        pthread_mutex_unlock(&detector->runtime_lock);
        fresh = old;
        if (!detector->candidates)
            begin(detector);
    }
    model_clear(&fresh);
    return is_good;
}

static bool pass_on(struct detector *detector, GError *cause, GError **error)
{
    model_trouble_note(&detector->trouble, cause);
    if (cause)
        g_propagate_error(error, cause);
    return !cause;
}

bool detector_restart(struct detector *detector, GError **error)
{
    GError *cause = NULL;
    model_use_begin(&detector->use); /* it warms up, and may hang in that */
    load(detector, &cause);
    model_use_end(&detector->use);
    return pass_on(detector, cause, error);
}

char *detector_describe_trouble(struct detector *detector)
{
    return model_trouble_describe(&detector->trouble);
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

double detector_confidence(const struct detector *detector, double wanted)
{
    return (float)(wanted > 0 ? wanted : gauge_get(&detector->card_confidence)); /* as scores are compared with it */
}

static bool find(struct detector *detector, const struct frame *frame, const struct record_box *region,
                 double confidence, struct detections *detections, GError **error)
{
    struct model *model = &detector->model;
    const struct frame view = frame_view(frame, region);
    struct placement placement = {.view = frame_view_box(frame, region)};
    placement.letterbox = preprocess_run(model->preprocess, &view, runtime_input(model->runtime));
    model_use_begin(&detector->use);
    bool is_good = model_run(model, error);
    model_use_end(&detector->use);
    if (!is_good)
        return false;
    int count = model->family->decode(&model->card, runtime_outputs(model->runtime),
                                      (float)detector_confidence(detector, confidence), detector->candidates, error);
    if (count < 0)
        return false;
    report(detector, nms_apply(detector->candidates, count, detector->nms_iou, &detections->shed), &placement,
           detections);
    return true;
}

bool detector_run_region(struct detector *detector, const struct frame *frame, const struct record_box *region,
                         double confidence, struct detections *detections, GError **error)
{
    GError *cause = NULL;
    detections->count = 0;
    detections->shed = 0;
    if (!is_loaded(detector)) {
        g_autofree char *trouble = detector_describe_trouble(detector);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s",
                    trouble ? trouble : "the model was not loaded yet");
        return false;
    }
    find(detector, frame, region, confidence, detections, &cause);
    return pass_on(detector, cause, error);
}

int64_t detector_busy_us(const struct detector *detector)
{
    return model_use_us(&detector->use);
}

void detector_interrupt(struct detector *detector)
{
    pthread_mutex_lock(&detector->runtime_lock);
    if (is_loaded(detector))
        runtime_interrupt(detector->model.runtime);
    pthread_mutex_unlock(&detector->runtime_lock);
}

bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error)
{
    return detector_run_region(detector, frame, NULL, detector->settings.confidence, detections, error);
}

static bool is_same(const struct detector *detector, const struct detection *a, const struct detection *b)
{
    return a->object_class == b->object_class && box_iou(&a->box, &b->box) > (double)detector->nms_iou;
}

/* Whether one of the first `count` is the same object, and no less certain. */
static bool has_surer(const struct detector *detector, const struct detections *all, int count,
                      const struct detection *object)
{
    for (int i = 0; i < count; i++)
        if (all->items[i].confidence >= object->confidence && is_same(detector, &all->items[i], object))
            return true;
    return false;
}

/* Drops those of the first `count` that are the same object. Returns how many of them are left. */
static int drop_same(const struct detector *detector, struct detections *all, int count, const struct detection *object)
{
    int kept = 0, dropped = 0;
    for (int i = 0; i < all->count; i++) {
        if (i < count && is_same(detector, &all->items[i], object))
            dropped++;
        else
            all->items[kept++] = all->items[i];
    }
    all->count = kept;
    return count - dropped;
}

void detector_merge(const struct detector *detector, struct detections *all, const struct detections *more)
{
    int before = all->count;
    for (int i = 0; i < more->count; i++) {
        if (has_surer(detector, all, before, &more->items[i]))
            continue;
        before = drop_same(detector, all, before, &more->items[i]);
        if (all->count < VISION_MAX_DETECTIONS)
            all->items[all->count++] = more->items[i];
        else
            all->shed++;
    }
    all->shed += more->shed;
}

const struct model_card *detector_card(const struct detector *detector)
{
    return is_loaded(detector) ? &detector->model.card : NULL;
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
    *provider = g_strdup(is_loaded(detector) ? runtime_provider(detector->model.runtime) : "");
    *reason = is_loaded(detector) ? g_strdup(runtime_provider_reason(detector->model.runtime))
                                  : detector_describe_trouble(detector);
    pthread_mutex_unlock(&detector->runtime_lock);
}

bool detector_is_quantised(const struct detector *detector)
{
    return detector->model.is_quantised;
}
