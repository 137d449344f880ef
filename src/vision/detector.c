#include "vision/detector_internal.h"

#include <string.h>

#include "base/counter.h"
#include "facts/object_class.h"
#include "record/box.h"

struct detector {
    struct held_model held;
    const char **object_classes;  /* interned, one per label */
    struct record_strings labels; /* the same; under held.runtime_lock until they are there */
    struct candidate *candidates; /* NULL until a model was loaded */
    float nms_iou;
    /* atomic: of the first model that was loaded */
    double card_confidence;
    int64_t person_labels;
};

/* ---- opening ---- */

static void choose_thresholds(struct detector *detector)
{
    const struct detector_settings *settings = &detector->held.settings;
    const struct model_card *card = &detector->held.model.card;
    gauge_set(&detector->card_confidence, card->confidence);
    detector->nms_iou = (float)(settings->nms_iou > 0 ? settings->nms_iou : card->nms_iou);
}

struct detector *detector_new(const char *model_path, const struct detector_settings *settings)
{
    struct detector *detector = g_new0(struct detector, 1);
    held_model_init(&detector->held, model_path, settings, true);
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
    held_model_clear(&detector->held);
    g_free(detector->object_classes);
    g_free(detector->candidates);
    g_free(detector);
}

static bool has_labels_of(const struct model_card *a, const struct model_card *b)
{
    bool is_alike = a->labels.count == b->labels.count;
    for (size_t i = 0; is_alike && i < a->labels.count; i++)
        is_alike = strcmp(a->labels.items[i], b->labels.items[i]) == 0;
    return is_alike;
}

/* Labels are interned and candidates sized by the card: another card is another detector. */
static bool fits(const struct model *old, const struct model *fresh)
{
    return has_labels_of(&fresh->card, &old->card) &&
           fresh->family->capacity(&fresh->card) == old->family->capacity(&old->card);
}

/* Once a first model is there. */
static void begin(struct detector *detector)
{
    const struct model_card *card = &detector->held.model.card;
    choose_thresholds(detector);
    detector->candidates = g_new(struct candidate, (size_t)detector->held.model.family->capacity(card));
    detector->object_classes = g_new(const char *, card->labels.count);
    for (size_t i = 0; i < card->labels.count; i++) {
        detector->object_classes[i] = g_intern_string(card->labels.items[i]);
        counter_add(&detector->person_labels, object_kind_of(card->labels.items[i]) == OBJECT_PERSON);
    }
    pthread_mutex_lock(&detector->held.runtime_lock);
    detector->labels = (struct record_strings){(char **)(uintptr_t)detector->object_classes, card->labels.count};
    pthread_mutex_unlock(&detector->held.runtime_lock);
}

bool detector_restart(struct detector *detector, GError **error)
{
    if (!held_model_restart(&detector->held, fits, error))
        return false;
    if (!detector->candidates)
        begin(detector);
    return true;
}

bool detector_mend(struct detector *detector, int *failures, int64_t now_us, GError **error)
{
    bool is_due = held_model_is_due(&detector->held, failures, now_us);
    if (is_due)
        detector_restart(detector, error);
    return is_due;
}

char *detector_describe_trouble(struct detector *detector)
{
    return model_trouble_describe(&detector->held.trouble);
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

bool detector_knows_people(const struct detector *detector)
{
    return counter_get(&detector->person_labels) > 0;
}

const struct record_strings *detector_labels(struct detector *detector)
{
    pthread_mutex_lock(&detector->held.runtime_lock);
    bool is_known = detector->labels.items != NULL;
    pthread_mutex_unlock(&detector->held.runtime_lock);
    return is_known ? &detector->labels : NULL;
}

static bool find(struct detector *detector, const struct frame *frame, const struct record_box *region,
                 double confidence, struct detections *detections, GError **error)
{
    struct model *model = &detector->held.model;
    const struct frame view = frame_view(frame, region);
    struct placement placement = {.view = frame_view_box(frame, region)};
    placement.letterbox = preprocess_run(model->preprocess, &view, runtime_input(model->runtime));
    if (!held_model_run(&detector->held, error))
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
    if (!held_model_check(&detector->held, error))
        return false;
    find(detector, frame, region, confidence, detections, &cause);
    return held_model_note(&detector->held, cause, error);
}

int64_t detector_busy_us(const struct detector *detector)
{
    return model_use_us(&detector->held.use);
}

void detector_interrupt(struct detector *detector)
{
    held_model_interrupt(&detector->held);
}

bool detector_run(struct detector *detector, const struct frame *frame, struct detections *detections, GError **error)
{
    return detector_run_region(detector, frame, NULL, detector->held.settings.confidence, detections, error);
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
    return held_model_is_loaded(&detector->held) ? &detector->held.model.card : NULL;
}

const char *detector_provider(const struct detector *detector)
{
    return runtime_provider(detector->held.model.runtime);
}

const char *detector_provider_reason(const struct detector *detector)
{
    return runtime_provider_reason(detector->held.model.runtime);
}

void detector_describe_provider(struct detector *detector, char **provider, char **reason)
{
    pthread_mutex_lock(&detector->held.runtime_lock);
    *provider = g_strdup(held_model_is_loaded(&detector->held) ? runtime_provider(detector->held.model.runtime) : "");
    *reason = held_model_is_loaded(&detector->held) ? g_strdup(runtime_provider_reason(detector->held.model.runtime))
                                                    : detector_describe_trouble(detector);
    pthread_mutex_unlock(&detector->held.runtime_lock);
}

bool detector_is_quantised(const struct detector *detector)
{
    return detector->held.model.is_quantised;
}
