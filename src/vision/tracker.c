/* ByteTrack (Zhang et al., ECCV 2022), in seconds rather than frames: associations as in the authors' C++ code, which
 * has no score fusion, adds a pixel to each side in its IoU, and compares detections with the box of a track's last
 * match: it moves the Kalman state on but not the box. At a steady frame rate and with `predict` off the results are
 * its own, to the last track. With `predict` (as in the paper and its Python code) the box moves too, which is what
 * holds tracks together at the few frames a second that cameras are analysed at. */
#include "vision/vision.h"

#include "base/sort.h"
#include "record/box.h"
#include "vision/assignment.h"
#include "vision/kalman.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From the authors' code: cost limits of the second and third association, and the IoU distance of duplicates. */
static const double second_match_cost = 0.5, unconfirmed_match_cost = 0.7, duplicate_cost = 0.15;
/* A box that has moved by more than this is no longer in its place: a figure that shifts from foot to foot stays well
 * below it, and so does a detector's unsteadiness. */
static const double still_cost = 0.4;
/* Before two frames have come nothing is known of the rate. */
static const double default_interval_us = 1e6 / 30;
/* Frames closer together than this are no camera's rate: stamps were rounded, or a connection caught up. */
static const double least_interval_us = 1e6 / 120;
/* So many gaps in a row that differ by no more than this share are no gaps, but the interval. */
enum { GAPS_OF_AN_INTERVAL = 5 };
static const double gap_tolerance = 1.0 / 3;

struct pixels {
    double left, top, right, bottom;
};

struct target {
    uint64_t id;
    const char *object_class;
    struct kalman kalman;
    struct pixels box;
    double confidence;
    bool is_activated, is_lost, is_removed;
    bool is_matched; /* in this frame */
    int64_t started_us, seen_us;
    int32_t started_frame, seen_frame, age_frames;
    struct pixels still_box; /* where it has stood since still_us */
    int64_t still_us;
};

struct candidate {
    struct pixels box;
    double confidence;
    const char *object_class;
    bool is_taken;
    int number; /* among the detections */
};

struct tracker {
    struct tracker_settings settings;
    int64_t outage_us;
    uint64_t next_id;
    int32_t frame;
    int width_px, height_px; /* of the last frame, which the targets are measured by; 0: none came */
    int64_t last_us;
    double interval_us; /* the nominal one: what a Kalman step stands for */
    bool has_interval;  /* of two frames; else it is the default */
    double gap_us;      /* mean of the gaps that came in a row */
    int gap_count;
    struct assignment *assignment;
    struct target *targets; /* VISION_MAX_TRACKS */
    int target_count;
    int64_t shed;                 /* would have started a target, but there was no room */
    struct candidate *candidates; /* VISION_MAX_DETECTIONS, sorted along the sweep */
    int candidate_count;
    bool is_sweep_down;           /* by top edges, where objects stand in a column; else by left ones */
    double longest;               /* candidate, along the sweep */
    int *rows, *columns, *chosen; /* scratch of one association */
    struct track *output;
};

struct tracker *tracker_new(const struct tracker_settings *settings, double outage_seconds, uint64_t id_base)
{
    struct tracker *tracker = g_new0(struct tracker, 1);
    tracker->settings = *settings;
    tracker->outage_us = (int64_t)(outage_seconds * G_USEC_PER_SEC);
    tracker->next_id = id_base;
    tracker->interval_us = default_interval_us;
    tracker->assignment = assignment_new();
    tracker->targets = g_new0(struct target, VISION_MAX_TRACKS);
    tracker->candidates = g_new0(struct candidate, VISION_MAX_DETECTIONS);
    tracker->rows = g_new0(int, VISION_MAX_TRACKS);
    tracker->columns = g_new0(int, VISION_MAX_DETECTIONS);
    tracker->chosen = g_new0(int, VISION_MAX_TRACKS);
    tracker->output = g_new0(struct track, VISION_MAX_TRACKS);
    return tracker;
}

void tracker_free(struct tracker *tracker)
{
    if (!tracker)
        return;
    assignment_free(tracker->assignment);
    g_free(tracker->targets);
    g_free(tracker->candidates);
    g_free(tracker->rows);
    g_free(tracker->columns);
    g_free(tracker->chosen);
    g_free(tracker->output);
    g_free(tracker);
}

uint64_t tracker_next_id(const struct tracker *tracker)
{
    return tracker->next_id;
}

/* ---- boxes ---- */

static inline double iou_distance(const struct pixels *a, const struct pixels *b)
{
    /* MIN and MAX rather than fmin and fmax, which are calls; height first: the sweep has looked at the width */
    double height = MIN(a->bottom, b->bottom) - MAX(a->top, b->top) + 1;
    if (!(height > 0)) /* nor is what is no number */
        return 1;
    double width = MIN(a->right, b->right) - MAX(a->left, b->left) + 1;
    if (!(width > 0))
        return 1;
    double area_a = (a->right - a->left + 1) * (a->bottom - a->top + 1);
    double area_b = (b->right - b->left + 1) * (b->bottom - b->top + 1);
    return 1 - width * height / (area_a + area_b - width * height);
}

static void measure(const struct pixels *box, double measured[KALMAN_DIMENSIONS])
{
    double width = box->right - box->left, height = box->bottom - box->top;
    measured[0] = box->left + width / 2;
    measured[1] = box->top + height / 2;
    measured[2] = width / height;
    measured[3] = height;
}

static void place_box(struct target *target)
{
    const double *p = target->kalman.position;
    double width = p[2] * p[3];
    target->box = (struct pixels){p[0] - width / 2, p[1] - p[3] / 2, p[0] + width / 2, p[1] + p[3] / 2};
}

static void scale_box(struct pixels *box, double across, double down)
{
    *box = (struct pixels){box->left * across, box->top * down, box->right * across, box->bottom * down};
}

/* A stream may give pictures of another size from now on: its targets are where they were all the same. */
static void take_size(struct tracker *tracker, int width_px, int height_px)
{
    double across = (double)width_px / tracker->width_px, down = (double)height_px / tracker->height_px;
    bool is_change = width_px != tracker->width_px || height_px != tracker->height_px;
    for (int i = 0; is_change && i < tracker->target_count; i++) {
        struct target *target = &tracker->targets[i];
        kalman_scale(&target->kalman, (const double[KALMAN_DIMENSIONS]){across, down, across / down, down});
        scale_box(&target->box, across, down);
        scale_box(&target->still_box, across, down);
    }
    tracker->width_px = width_px;
    tracker->height_px = height_px;
}

/* ---- detections ---- */

static int compare_left(const void *a, const void *b)
{
    const struct candidate *left = a, *right = b;
    if (left->box.left != right->box.left)
        return left->box.left < right->box.left ? -1 : 1;
    if (left->box.top != right->box.top)
        return left->box.top < right->box.top ? -1 : 1;
    return left->number - right->number;
}

static int compare_top(const void *a, const void *b)
{
    const struct candidate *upper = a, *lower = b;
    if (upper->box.top != lower->box.top)
        return upper->box.top < lower->box.top ? -1 : 1;
    return compare_left(a, b);
}

static inline double sweep_begin(const struct tracker *tracker, const struct pixels *box)
{
    return tracker->is_sweep_down ? box->top : box->left;
}

static inline double sweep_end(const struct tracker *tracker, const struct pixels *box)
{
    return tracker->is_sweep_down ? box->bottom : box->right;
}

/* A sweep meets for each object those that share its columns, or its rows: from left to right, unless objects stand so
 * much above each other that far fewer share its rows. */
static void choose_sweep(struct tracker *tracker)
{
    static const double far_fewer = 4;
    struct pixels all = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    double widest = 0, highest = 0;
    for (int i = 0; i < tracker->candidate_count; i++) {
        const struct pixels *box = &tracker->candidates[i].box;
        all = (struct pixels){MIN(all.left, box->left), MIN(all.top, box->top), MAX(all.right, box->right),
                              MAX(all.bottom, box->bottom)};
        widest = MAX(widest, box->right - box->left);
        highest = MAX(highest, box->bottom - box->top);
    }
    tracker->is_sweep_down = widest * (all.bottom - all.top) > far_fewer * highest * (all.right - all.left);
    tracker->longest = tracker->is_sweep_down ? highest : widest;
}

static void take_detections(struct tracker *tracker, const struct detections *detections, int width_px, int height_px)
{
    tracker->candidate_count = 0;
    for (int i = 0; i < detections->count; i++) {
        const struct detection *from = &detections->items[i];
        struct candidate *to = &tracker->candidates[tracker->candidate_count];
        to->box.left = from->box.x * width_px;
        to->box.top = from->box.y * height_px;
        to->box.right = to->box.left + from->box.w * width_px;
        to->box.bottom = to->box.top + from->box.h * height_px;
        to->confidence = from->confidence;
        to->object_class = from->object_class;
        to->is_taken = false;
        to->number = i;
        if (!(from->box.w > 0) || !(from->box.h > 0) ||
            !isfinite(to->box.left + to->box.top + to->box.right + to->box.bottom))
            continue;
        tracker->candidate_count++;
    }
    choose_sweep(tracker);
    sort_heap(tracker->candidates, (size_t)tracker->candidate_count, sizeof *tracker->candidates,
              tracker->is_sweep_down ? compare_top : compare_left);
}

/* ---- association ---- */

/* The first of `columns` that does not begin before `edge`. */
static int first_behind(const struct tracker *tracker, int column_count, double edge)
{
    int low = 0, high = column_count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sweep_begin(tracker, &tracker->candidates[tracker->columns[middle]].box) < edge)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void note_place(struct target *target, int64_t media_us)
{
    if (iou_distance(&target->still_box, &target->box) < still_cost)
        return;
    target->still_box = target->box;
    target->still_us = media_us;
}

/* As of its last match. */
static bool is_stationary(const struct tracker *tracker, const struct target *target)
{
    return (double)(target->seen_us - target->still_us) >= tracker->settings.still_seconds * G_USEC_PER_SEC;
}

static void match(struct tracker *tracker, struct target *target, const struct candidate *candidate, int64_t media_us)
{
    double measured[KALMAN_DIMENSIONS];
    measure(&candidate->box, measured);
    kalman_update(&target->kalman, measured);
    place_box(target);
    target->confidence = candidate->confidence;
    target->is_activated = true;
    target->is_lost = false;
    target->is_matched = true;
    target->seen_us = media_us;
    target->seen_frame = tracker->frame;
    note_place(target, media_us);
}

/* Matches tracker->rows (targets) with tracker->columns (candidates, in the order of the sweep). */
static void associate(struct tracker *tracker, int row_count, int column_count, double limit, int64_t media_us)
{
    assignment_begin(tracker->assignment, row_count, column_count);
    for (int row = 0; row < row_count; row++) {
        const struct target *target = &tracker->targets[tracker->rows[row]];
        int column = first_behind(tracker, column_count, sweep_begin(tracker, &target->box) - tracker->longest - 1);
        for (; column < column_count; column++) {
            const struct candidate *candidate = &tracker->candidates[tracker->columns[column]];
            if (sweep_begin(tracker, &candidate->box) > sweep_end(tracker, &target->box) + 1)
                break;
            if (candidate->object_class == target->object_class)
                assignment_offer(tracker->assignment, row, column, iou_distance(&target->box, &candidate->box), limit);
        }
    }
    assignment_solve(tracker->assignment, tracker->chosen);
    for (int row = 0; row < row_count; row++) {
        if (tracker->chosen[row] < 0)
            continue;
        struct candidate *candidate = &tracker->candidates[tracker->columns[tracker->chosen[row]]];
        candidate->is_taken = true;
        match(tracker, &tracker->targets[tracker->rows[row]], candidate, media_us);
    }
}

enum pool { POOL_ALL, POOL_TRACKED, POOL_UNCONFIRMED };

static int choose_rows(struct tracker *tracker, enum pool pool)
{
    int count = 0;
    for (int i = 0; i < tracker->target_count; i++) {
        const struct target *target = &tracker->targets[i];
        bool is_wanted = pool == POOL_UNCONFIRMED ? !target->is_activated
                         : pool == POOL_TRACKED   ? target->is_activated && !target->is_lost
                                                  : target->is_activated;
        if (is_wanted && !target->is_matched && !target->is_removed)
            tracker->rows[count++] = i;
    }
    return count;
}

static int choose_columns(struct tracker *tracker, bool is_high)
{
    int count = 0;
    for (int i = 0; i < tracker->candidate_count; i++) {
        const struct candidate *candidate = &tracker->candidates[i];
        if (!candidate->is_taken && (candidate->confidence >= tracker->settings.track_confidence) == is_high)
            tracker->columns[count++] = i;
    }
    return count;
}

/* ---- time ---- */

/* What was taken for the interval was a gap, or two frames that came at once. Speeds and how sure of them we are were
 * per that interval: they start anew, where each target is. */
static void correct_interval(struct tracker *tracker, double interval_us)
{
    tracker->interval_us = interval_us;
    tracker->gap_count = 0;
    for (int i = 0; i < tracker->target_count; i++) {
        struct kalman *kalman = &tracker->targets[i].kalman;
        double position[KALMAN_DIMENSIONS];
        memcpy(position, kalman->position, sizeof position);
        kalman_start(kalman, position);
    }
}

/* One gap is no change of rate; several alike are. True when this one makes it so. */
static bool note_gap(struct tracker *tracker, double elapsed_us)
{
    bool is_alike = tracker->gap_count > 0 && fabs(elapsed_us - tracker->gap_us) <= gap_tolerance * tracker->gap_us;
    tracker->gap_count = is_alike ? tracker->gap_count + 1 : 1;
    tracker->gap_us = is_alike ? tracker->gap_us + (elapsed_us - tracker->gap_us) / tracker->gap_count : elapsed_us;
    return tracker->gap_count >= GAPS_OF_AN_INTERVAL;
}

/* Slowly while the rate is about as it was, at once where it is another. */
static void learn_interval(struct tracker *tracker, double elapsed_us)
{
    if (elapsed_us < least_interval_us)
        return;
    if (tracker->has_interval && elapsed_us >= 2 * tracker->interval_us) {
        if (note_gap(tracker, elapsed_us))
            correct_interval(tracker, tracker->gap_us);
        return;
    }
    tracker->gap_count = 0;
    if (!tracker->has_interval)
        tracker->interval_us = elapsed_us;
    else if (elapsed_us < tracker->interval_us / 2)
        correct_interval(tracker, elapsed_us);
    else
        tracker->interval_us += 0.05 * (elapsed_us - tracker->interval_us);
    tracker->has_interval = true;
}

/* Nominal frames since the last update. */
static double frames_passed(struct tracker *tracker, int64_t media_us)
{
    if (tracker->frame == 1)
        return 1;
    double elapsed_us = (double)(media_us - tracker->last_us);
    if (elapsed_us <= 0)
        return 1;
    learn_interval(tracker, elapsed_us);
    double frames = elapsed_us / tracker->interval_us;
    double whole = round(frames);
    /* Time stamps in microseconds and milliseconds round: a steady rate is to be exactly one frame a frame. */
    return whole >= 1 && fabs(frames - whole) < 0.1 ? whole : frames;
}

static void predict(struct tracker *tracker, double frames)
{
    for (int i = 0; i < tracker->target_count; i++) {
        struct target *target = &tracker->targets[i];
        target->is_matched = false;
        target->age_frames++;
        if (!target->is_activated) /* the authors predict the confirmed only */
            continue;
        if (target->is_lost && is_stationary(tracker, target)) /* what is hidden stands where it stood */
            continue;
        if (target->is_lost)
            target->kalman.speed[KALMAN_DIMENSIONS - 1] = 0;
        kalman_predict(&target->kalman, frames);
        if (tracker->settings.predict)
            place_box(target);
    }
}

/* ---- births and deaths ---- */

static void start_targets(struct tracker *tracker, int64_t media_us)
{
    for (int i = 0; i < tracker->candidate_count; i++) {
        const struct candidate *candidate = &tracker->candidates[i];
        if (candidate->is_taken || candidate->confidence < tracker->settings.track_confidence ||
            candidate->confidence < tracker->settings.high_confidence)
            continue;
        if (tracker->target_count == VISION_MAX_TRACKS) {
            tracker->shed++;
            continue;
        }
        struct target *target = &tracker->targets[tracker->target_count++];
        double measured[KALMAN_DIMENSIONS];
        measure(&candidate->box, measured);
        *target = (struct target){
            .id = tracker->next_id++,
            .object_class = candidate->object_class,
            .confidence = candidate->confidence,
            .is_activated = tracker->frame == 1, /* there is nothing to confirm the first frame's against */
            .is_matched = true,
            .started_us = media_us,
            .seen_us = media_us,
            .started_frame = tracker->frame,
            .seen_frame = tracker->frame,
            .age_frames = 1,
            .still_us = media_us,
        };
        kalman_start(&target->kalman, measured);
        place_box(target);
        target->still_box = target->box;
    }
}

/* The authors' code drops a track that is over its time one frame later: it can still be found in that frame. */
static double kept_us(const struct tracker *tracker, const struct target *target)
{
    const struct tracker_settings *settings = &tracker->settings;
    double seconds = is_stationary(tracker, target) ? MAX(settings->still_lost_seconds, settings->lost_seconds)
                                                    : settings->lost_seconds;
    return seconds * G_USEC_PER_SEC + 1.5 * tracker->interval_us;
}

static void sweep_removed(struct tracker *tracker)
{
    int kept = 0;
    for (int i = 0; i < tracker->target_count; i++)
        if (!tracker->targets[i].is_removed)
            tracker->targets[kept++] = tracker->targets[i];
    tracker->target_count = kept;
}

/* Before anything is matched: what is over its time by more than an interval is not found again where it was, by
 * whatever is there now. What the frame before showed has its time yet. An outage ends every track, also one that is
 * remembered for longer when something hides it: what hides is seen to pass, but who came and went while nothing was
 * seen is not. */
static void forget_outdated(struct tracker *tracker, int64_t media_us)
{
    const int64_t since_us = media_us - tracker->last_us;
    bool is_outage = since_us > tracker->outage_us;
    for (int i = 0; i < tracker->target_count; i++) {
        struct target *target = &tracker->targets[i];
        double limit_us = MAX(kept_us(tracker, target) + tracker->interval_us, (double)since_us);
        target->is_removed = is_outage || (double)(media_us - target->seen_us) > limit_us;
    }
    sweep_removed(tracker);
}

static void lose_and_forget(struct tracker *tracker, int64_t media_us)
{
    for (int i = 0; i < tracker->target_count; i++) {
        struct target *target = &tracker->targets[i];
        if (target->is_matched)
            continue;
        if (!target->is_activated)
            target->is_removed = true;
        else if (!target->is_lost)
            target->is_lost = true;
        else if ((double)(media_us - target->seen_us) > kept_us(tracker, target))
            target->is_removed = true;
    }
}

/* A lost target under a tracked one is the same thing: the one that lived longer stays. */
static void remove_duplicates(struct tracker *tracker)
{
    for (int i = 0; i < tracker->target_count; i++) {
        struct target *lost = &tracker->targets[i];
        if (!lost->is_lost || lost->is_removed)
            continue;
        for (int j = 0; j < tracker->target_count; j++) {
            struct target *tracked = &tracker->targets[j];
            if (tracked->is_lost || tracked->is_removed || tracked->object_class != lost->object_class ||
                iou_distance(&tracked->box, &lost->box) >= duplicate_cost)
                continue;
            bool tracked_is_older =
                tracked->seen_frame - tracked->started_frame > lost->seen_frame - lost->started_frame;
            *(tracked_is_older ? &lost->is_removed : &tracked->is_removed) = true;
        }
    }
}

/* ---- output ---- */

void tracks_bound(struct tracks *tracks)
{
    static const double speed_most = 1000;
    for (int i = 0; i < tracks->count; i++) {
        struct track *track = &tracks->items[i];
        track->box = box_bound(&track->box);
        track->velocity_x = box_bound_number(track->velocity_x, -speed_most, speed_most);
        track->velocity_y = box_bound_number(track->velocity_y, -speed_most, speed_most);
    }
}

static void give_out(struct tracker *tracker, int width_px, int height_px, struct tracks *tracks)
{
    double per_second = G_USEC_PER_SEC / tracker->interval_us;
    for (int i = 0; i < tracker->target_count; i++) {
        const struct target *target = &tracker->targets[i];
        tracker->output[i] = (struct track){
            .id = target->id,
            .object_class = target->object_class,
            .box = {target->box.left / width_px, target->box.top / height_px,
                    (target->box.right - target->box.left) / width_px,
                    (target->box.bottom - target->box.top) / height_px},
            .confidence = target->confidence,
            .velocity_x = target->kalman.speed[0] * per_second / width_px,
            .velocity_y = target->kalman.speed[1] * per_second / height_px,
            .age_frames = target->age_frames,
            .started_us = target->started_us,
            .seen_us = target->seen_us,
            .is_stationary = is_stationary(tracker, target),
            .state = target->is_lost        ? TRACK_LOST
                     : target->is_activated ? TRACK_CONFIRMED
                                            : TRACK_TENTATIVE,
        };
    }
    tracks->items = tracker->output;
    tracks->count = tracker->target_count;
    tracks->shed = tracker->shed;
}

void tracker_update(struct tracker *tracker, const struct detections *detections, int64_t media_us, int width_px,
                    int height_px, struct tracks *tracks)
{
    tracker->frame++;
    take_size(tracker, width_px, height_px);
    take_detections(tracker, detections, width_px, height_px);
    double frames = frames_passed(tracker, media_us);
    forget_outdated(tracker, media_us);
    predict(tracker, frames);
    tracker->last_us = media_us;
    associate(tracker, choose_rows(tracker, POOL_ALL), choose_columns(tracker, true), tracker->settings.match_cost,
              media_us);
    associate(tracker, choose_rows(tracker, POOL_TRACKED), choose_columns(tracker, false), second_match_cost, media_us);
    associate(tracker, choose_rows(tracker, POOL_UNCONFIRMED), choose_columns(tracker, true), unconfirmed_match_cost,
              media_us);
    lose_and_forget(tracker, media_us);
    sweep_removed(tracker);
    start_targets(tracker, media_us);
    remove_duplicates(tracker);
    sweep_removed(tracker);
    give_out(tracker, width_px, height_px, tracks);
}

static struct target *find_target(struct tracker *tracker, uint64_t id)
{
    for (int i = 0; i < tracker->target_count; i++)
        if (tracker->targets[i].id == id)
            return &tracker->targets[i];
    return NULL;
}

bool tracker_take_over(struct tracker *tracker, uint64_t id, uint64_t older_id)
{
    struct target *target = find_target(tracker, id), *older = find_target(tracker, older_id);
    if (!target || target == older)
        return false;
    target->id = older_id;
    if (older) {
        target->started_us = older->started_us;
        target->started_frame = older->started_frame;
        target->age_frames = older->age_frames;
        older->is_removed = true;
        sweep_removed(tracker);
    }
    return true;
}
