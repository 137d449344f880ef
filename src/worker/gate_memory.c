/* What the model found in places whose picture has not changed since. A camera's noise alone lets a model find an
 * object in one look at such a place and miss it in the next, or give it another box: there it is all the same. What is
 * held of it is the mean of the looks, and some looks in a row must miss it before it is gone. */
#include "worker/gate.h"

#include "record/box.h"

enum {
    LOOKS_MAX = 8, /* whose mean is held */
    MOST_MISSED = 4,
};

static void forget_changed(struct gate *gate)
{
    int kept = 0;
    for (int i = 0; i < gate->remembered_count; i++)
        if (!gate_differs(gate, &gate->remembered[i].object.box))
            gate->remembered[kept++] = gate->remembered[i];
    gate->remembered_count = kept;
}

/* The remembered object that this is, of those not yet found in this look. */
static struct gate_remembered *find_remembered(struct gate *gate, const struct detection *object)
{
    static const double same_object_iou = 0.3; /* looks at one object differ more than two objects' boxes */
    struct gate_remembered *best = NULL;
    double most = same_object_iou;
    for (int i = 0; i < gate->remembered_count; i++) {
        struct gate_remembered *remembered = &gate->remembered[i];
        double iou = box_iou(&remembered->object.box, &object->box);
        if (!remembered->is_found && remembered->object.object_class == object->object_class && iou >= most) {
            most = iou;
            best = remembered;
        }
    }
    return best;
}

static void note_found(struct gate *gate, struct detection *object)
{
    struct gate_remembered *remembered = find_remembered(gate, object);
    if (!remembered && gate->remembered_count == GATE_MAX_BOXES)
        return;
    if (!remembered) {
        gate->remembered[gate->remembered_count++] = (struct gate_remembered){*object, true, 1, 0};
        return;
    }
    remembered->is_found = true;
    remembered->missed = 0;
    remembered->looks = MIN(remembered->looks + 1, LOOKS_MAX);
    struct record_box *mean = &remembered->object.box, *now = &object->box;
    double share = 1.0 / remembered->looks;
    mean->x += share * (now->x - mean->x);
    mean->y += share * (now->y - mean->y);
    mean->w += share * (now->w - mean->w);
    mean->h += share * (now->h - mean->h);
    *now = *mean;
    remembered->object.confidence = object->confidence;
}

static bool is_among(const struct detections *found, const struct detection *object)
{
    static const double same_object_iou = 0.5;
    for (int i = 0; i < found->count; i++)
        if (found->items[i].object_class == object->object_class &&
            box_iou(&found->items[i].box, &object->box) >= same_object_iou)
            return true;
    return false;
}

/* What this look missed is added to it, while not too many did in a row and no other box is taken for it. */
static void add_missed(struct gate *gate, struct detections *found)
{
    int kept = 0;
    for (int i = 0; i < gate->remembered_count; i++) {
        struct gate_remembered *remembered = &gate->remembered[i];
        if (!remembered->is_found && (++remembered->missed > MOST_MISSED || is_among(found, &remembered->object)))
            continue;
        if (!remembered->is_found && found->count < VISION_MAX_DETECTIONS)
            found->items[found->count++] = remembered->object;
        gate->remembered[kept++] = *remembered;
    }
    gate->remembered_count = kept;
}

void gate_remember(struct gate *gate, enum gate_answer answer, struct detections *found)
{
    if (!gate->settings.is_gated)
        return;
    forget_changed(gate);
    if (answer != GATE_WHOLE)
        return;
    for (int i = 0; i < gate->remembered_count; i++)
        gate->remembered[i].is_found = false;
    for (int i = 0; i < found->count; i++)
        note_found(gate, &found->items[i]);
    add_missed(gate, found);
}
