#include "worker/gate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/box.h"

/* What moves is where it was at the last run while its box and the box then share so much of their joint area: lower
 * saves runs and loses boxes that lag. */
static const double same_place_iou = 0.85;
/* Followed objects slower than this, in widths or heights a second, stand still for the gate. */
static const double slow_speed = 0.01;
/* What moves is looked at with this much around it, so that it is seen whole: a share of its size on each side. */
static const double region_margin = 0.5;

/* Who is held and stands at the edge of what is looked at is seen whole, too: with a share of its size and of the
 * picture around it, for the model gives it another box. */
static const double held_margin = 0.1, held_edge = 0.01;
/* What ends this close to an edge of the region, in shares of the picture, is cut by it. */
static const double cut_edge = 0.005;

void gate_init(struct gate *gate, const struct detector_settings *settings)
{
    *gate = (struct gate){.settings = *settings};
}

void gate_configure(struct gate *gate, const struct detector_settings *settings)
{
    gate->settings = *settings;
}

static double seconds_since(int64_t now_us, int64_t then_us)
{
    return (double)(now_us - then_us) / G_USEC_PER_SEC;
}

/* The least box that holds both. */
static struct record_box join(const struct record_box *a, const struct record_box *b)
{
    double left = MIN(a->x, b->x), top = MIN(a->y, b->y);
    return (struct record_box){left, top, MAX(a->x + a->w, b->x + b->w) - left, MAX(a->y + a->h, b->y + b->h) - top};
}

static void extend(struct gate *gate, const struct record_box *box)
{
    gate->reach = gate->has_reach ? join(&gate->reach, box) : *box;
    gate->has_reach = true;
}

static bool is_moving(const struct track *track)
{
    return track->state != TRACK_LOST && hypot(track->velocity_x, track->velocity_y) > slow_speed;
}

/* ---- the picture itself ---- */

/* Pixels that make a cell's mean, each way: enough that a camera's noise (a few levels a pixel) stays under a level. */
enum { CELL_SAMPLES = 4, CELL_CHANGE = 5 };

static uint8_t cell_mean(const struct frame *frame, int column, int line)
{
    int sum = 0;
    for (int j = 0; j < CELL_SAMPLES; j++) {
        int y = (line * CELL_SAMPLES + j) * frame->height_px / (GATE_LINES * CELL_SAMPLES);
        const uint8_t *row = frame->planes[0] + (ptrdiff_t)y * frame->strides_bytes[0];
        for (int i = 0; i < CELL_SAMPLES; i++)
            sum += row[(column * CELL_SAMPLES + i) * frame->width_px / (GATE_COLUMNS * CELL_SAMPLES)];
    }
    return (uint8_t)(sum / (CELL_SAMPLES * CELL_SAMPLES));
}

static void reduce(struct gate *gate, const struct frame *frame)
{
    for (int line = 0; line < GATE_LINES; line++)
        for (int column = 0; column < GATE_COLUMNS; column++)
            gate->luma[line][column] = cell_mean(frame, column, line);
}

bool gate_differs(const struct gate *gate, const struct record_box *box)
{
    int left = (int)CLAMP(box->x * GATE_COLUMNS - 1, 0, GATE_COLUMNS - 1);
    int top = (int)CLAMP(box->y * GATE_LINES - 1, 0, GATE_LINES - 1);
    int right = (int)CLAMP((box->x + box->w) * GATE_COLUMNS + 1, 0, GATE_COLUMNS - 1);
    int bottom = (int)CLAMP((box->y + box->h) * GATE_LINES + 1, 0, GATE_LINES - 1);
    for (int line = top; line <= bottom; line++)
        for (int column = left; column <= right; column++)
            if (abs(gate->luma[line][column] - gate->run_luma[line][column]) >= CELL_CHANGE)
                return true;
    return false;
}

/* ---- what asks for the model ---- */

static bool was_seen(const struct gate *gate, const struct record_box *box)
{
    for (int i = 0; i < gate->seen_count; i++)
        if (box_iou(&gate->seen[i], box) >= same_place_iou)
            return true;
    return false;
}

static bool is_still_there(const struct detections *moving, const struct record_box *seen)
{
    for (int i = 0; i < moving->count; i++)
        if (box_iou(&moving->items[i].box, seen) >= same_place_iou)
            return true;
    return false;
}

/* Whether a track's speed tells where it will be: it has been seen some times, and goes no large share of its size. */
static bool is_predictable(const struct track *track, double seconds)
{
    enum { LEAST_FRAMES = 5 };
    static const double most_share = 0.3;
    return track->state == TRACK_CONFIRMED && track->age_frames >= LEAST_FRAMES &&
           fabs(track->velocity_x) * seconds <= most_share * track->box.w &&
           fabs(track->velocity_y) * seconds <= most_share * track->box.h;
}

/* Whether most of what moves there is an object that is followed well. */
static bool is_followed(const struct tracks *tracks, const struct record_box *box, double seconds)
{
    static const double least_share = 0.5;
    for (int i = 0; i < tracks->count; i++)
        if (is_predictable(&tracks->items[i], seconds) &&
            box_shared_area(&tracks->items[i].box, box) >= least_share * box->w * box->h)
            return true;
    return false;
}

enum change { CHANGE_NONE = 0, CHANGE_FOLLOWED, CHANGE_NEW };

/* Whether anything came, went or is elsewhere than at the last run, and whether that is somebody new. */
static enum change note_movement(struct gate *gate, const struct detections *moving, const struct tracks *tracks,
                                 double seconds)
{
    enum change has_changed = CHANGE_NONE;
    for (int i = 0; i < moving->count; i++) {
        const struct record_box *box = &moving->items[i].box;
        if (was_seen(gate, box) || !gate_differs(gate, box))
            continue;
        has_changed = MAX(has_changed, is_followed(tracks, box, seconds) ? CHANGE_FOLLOWED : CHANGE_NEW);
        extend(gate, box);
    }
    for (int i = 0; i < gate->seen_count; i++) {
        if (is_still_there(moving, &gate->seen[i]) || !gate_differs(gate, &gate->seen[i]))
            continue;
        has_changed = MAX(has_changed, CHANGE_FOLLOWED);
        extend(gate, &gate->seen[i]);
    }
    for (int i = 0; i < tracks->count; i++) {
        if (!is_moving(&tracks->items[i]) || !gate_differs(gate, &tracks->items[i].box))
            continue;
        has_changed = MAX(has_changed, is_predictable(&tracks->items[i], seconds) ? CHANGE_FOLLOWED : CHANGE_NEW);
        extend(gate, &tracks->items[i].box);
    }
    return has_changed;
}

/* ---- regions ---- */

/* With a share of its size and of the picture on each side, within the picture. */
static struct record_box widen(const struct record_box *box, double share, double edge)
{
    double x = share * box->w + edge, y = share * box->h + edge;
    double left = CLAMP(box->x - x, 0, 1), top = CLAMP(box->y - y, 0, 1);
    return (struct record_box){left, top, CLAMP(box->x + box->w + x, 0, 1) - left,
                               CLAMP(box->y + box->h + y, 0, 1) - top};
}

/* All of the box that is within the picture. */
static bool holds(const struct record_box *region, const struct record_box *box)
{
    static const double rounding = 1e-9;
    const struct record_box seen = widen(box, 0, 0);
    return seen.x >= region->x - rounding && seen.y >= region->y - rounding &&
           seen.x + seen.w <= region->x + region->w + rounding && seen.y + seen.h <= region->y + region->h + rounding;
}

/* Whether the region had to grow, to hold a box that it meets. */
static bool take_in(struct record_box *region, const struct record_box *box)
{
    const struct record_box wide = widen(box, held_margin, held_edge);
    if (box_shared_area(region, box) <= 0 || holds(region, &wide))
        return false;
    *region = join(region, &wide);
    return true;
}

static bool take_in_any(struct record_box *region, const struct detections *held, const struct tracks *tracks)
{
    bool has_grown = false;
    for (int i = 0; i < held->count; i++)
        has_grown |= take_in(region, &held->items[i].box);
    for (int i = 0; i < tracks->count; i++)
        has_grown |= take_in(region, &tracks->items[i].box);
    return has_grown;
}

static bool is_small(const struct gate *gate, const struct record_box *region)
{
    return region->w > 0 && region->h > 0 && MAX(region->w, region->h) <= gate->settings.region_share;
}

/* What moves, with a margin, and nobody who is held cut by its edge: half of one would be found, or nobody. False when
 * it is no small part of the picture. */
static bool choose_region(const struct gate *gate, const struct detections *held, const struct tracks *tracks,
                          struct record_box *region)
{
    if (!gate->has_reach)
        return false;
    *region = widen(&gate->reach, region_margin, 0);
    while (is_small(gate, region) && take_in_any(region, held, tracks))
        ; /* whom it meets now */
    return is_small(gate, region);
}

void gate_drop_region(struct detections *held, const struct record_box *region)
{
    int kept = 0;
    for (int i = 0; i < held->count; i++)
        if (!holds(region, &held->items[i].box))
            held->items[kept++] = held->items[i];
    held->count = kept;
}

/* By an edge of the region that is not the picture's. */
static bool is_cut(const struct record_box *box, const struct record_box *region)
{
    double right = region->x + region->w, bottom = region->y + region->h;
    return (region->x > cut_edge && box->x < region->x + cut_edge) ||
           (region->y > cut_edge && box->y < region->y + cut_edge) ||
           (right < 1 - cut_edge && box->x + box->w > right - cut_edge) ||
           (bottom < 1 - cut_edge && box->y + box->h > bottom - cut_edge);
}

void gate_note_cut(struct gate *gate, const struct detections *found, const struct record_box *region)
{
    gate->has_cut = false;
    for (int i = 0; i < found->count; i++)
        gate->has_cut |= is_cut(&found->items[i].box, region);
}

/* ---- when ---- */

/* How soon objects at rest are looked at again: the picture has then been still for twice as long as at the last look,
 * so that the first looks, which together tell what is there, follow soon. */
static double interval_at_rest(const struct gate *gate)
{
    return MIN(seconds_since(gate->run_us, gate->changed_us), gate->settings.stationary_seconds);
}

/* Whether what is followed must be looked at now, because the next picture would come too late. */
static bool is_due(const struct gate *gate, double since_run)
{
    static const double tolerance = 1.05; /* no two pictures are apart by just the same */
    double until_next = seconds_since(gate->asked_us, gate->fed_us);
    return since_run + until_next > tolerance * gate->settings.moving_seconds;
}

enum gate_answer gate_ask(struct gate *gate, const struct frame *frame, const struct detections *moving,
                          const struct motion_scene *scene, const struct tracks *tracks, const struct detections *held,
                          struct record_box *region)
{
    const struct detector_settings *settings = &gate->settings;
    int64_t media_us = frame->media_us;
    gate->fed_us = gate->asked_us;
    gate->asked_us = media_us;
    bool is_back_in_time = media_us < gate->run_us;
    if (settings->is_gated)
        reduce(gate, frame);
    if (!settings->is_gated || !gate->has_run || is_back_in_time || scene->is_learning || scene->is_light_change) {
        gate->remembered_count = 0;
        gate->changed_us = media_us;
        return GATE_WHOLE;
    }
    double since_run = seconds_since(media_us, gate->run_us);
    enum change change = note_movement(gate, moving, tracks, since_run);
    if (gate->has_cut ||
        (settings->full_seconds > 0 && seconds_since(media_us, gate->whole_us) >= settings->full_seconds))
        return GATE_WHOLE;
    if (change != CHANGE_NONE)
        gate->changed_us = media_us;
    if (change == CHANGE_NEW || (change == CHANGE_FOLLOWED && is_due(gate, since_run)))
        return choose_region(gate, held, tracks, region) ? GATE_REGION : GATE_WHOLE;
    if (change != CHANGE_NONE) /* its turn comes, at the latest when it is at rest */
        return GATE_HOLD;
    if (gate->holds_objects && since_run >= interval_at_rest(gate))
        return GATE_WHOLE;
    return GATE_HOLD;
}

void gate_note_run(struct gate *gate, const struct frame *frame, enum gate_answer answer,
                   const struct detections *moving, const struct detections *found)
{
    int64_t media_us = frame->media_us;
    gate->has_run = true;
    gate->run_us = media_us;
    if (answer == GATE_WHOLE) {
        gate->whole_us = media_us;
        gate->has_cut = false;
    }
    gate->holds_objects = found->count > 0;
    gate->has_reach = false;
    memcpy(gate->run_luma, gate->luma, sizeof gate->luma);
    gate->seen_count = MIN(moving->count, GATE_MAX_BOXES);
    for (int i = 0; i < gate->seen_count; i++)
        gate->seen[i] = moving->items[i].box;
}

/* The track that carries an object: the one whose box it has. */
static const struct track *find_track(const struct tracks *tracks, const struct detection *object)
{
    static const double same_object_iou = 0.5;
    const struct track *best = NULL;
    double most = same_object_iou;
    for (int i = 0; i < tracks->count; i++) {
        double iou = box_iou(&tracks->items[i].box, &object->box);
        if (tracks->items[i].object_class == object->object_class && iou >= most) {
            most = iou;
            best = &tracks->items[i];
        }
    }
    return best;
}

void gate_carry(struct gate *gate, const struct frame *frame, const struct tracks *tracks, struct detections *held)
{
    static const double longest_seconds = 1; /* a speed tells nothing of longer */
    double seconds = seconds_since(frame->media_us, gate->fed_us);
    if (seconds <= 0 || seconds > longest_seconds || seconds_since(frame->media_us, gate->run_us) > longest_seconds)
        return;
    for (int i = 0; i < held->count; i++) {
        const struct track *track = find_track(tracks, &held->items[i]);
        if (!track || !is_moving(track) || !gate_differs(gate, &held->items[i].box))
            continue;
        held->items[i].box.x += track->velocity_x * seconds;
        held->items[i].box.y += track->velocity_y * seconds;
    }
}
