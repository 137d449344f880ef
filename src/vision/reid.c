/* Tracks found again by their looks. The model is dear, so it is asked only when something depends on it: at a track's
 * confirmation, when it may be one that was lost, and a few times more in its first seconds, each after twice the time,
 * since the first look is often at someone half in the picture. Figures that overlap others are looked at later: their
 * look would be a mixture. Of several lost and several new tracks the most alike belong together. */
#include "vision/cosine.h"
#include "vision/vision.h"

#include <math.h>
#include <string.h>

enum { MOST_NEW = 64 }; /* looked at in one frame: the bound of looks_per_frame */
/* More of a figure than this behind others, and its look is theirs too. */
static const double hidden_share = 0.3;
/* Where a figure can be besides what its speed gives: its box jumps so far, in own heights, when it steps from behind
 * something. */
static const double slack_heights = 1;
static const int64_t first_pause_us = 1000000;

struct known {
    uint64_t id;
    const char *object_class;
    struct record_box box; /* of the last time it was seen */
    int64_t seen_us, next_look_us;
    int looks; /* averaged in its vector; 0: the entry is free */
};

struct newcomer {
    int track; /* among the frame's */
    bool is_settled;
};

struct reid {
    struct reid_settings settings; /* its texts are not used */
    const char *object_class;      /* interned */
    double threshold;
    struct known *known; /* settings.tracks */
    int length;          /* of a vector; 0: none came yet */
    float *vectors;      /* settings.tracks of these, then MOST_NEW: made with the first look */
    struct reading *look;
    cosine_form *cosine;
    struct newcomer newcomers[MOST_NEW];
    int newcomer_count;
    int budget; /* looks left for this frame */
    struct reid_counts counts;
};

struct reid *reid_new(const struct reid_settings *settings, double threshold)
{
    struct reid *reid = g_new0(struct reid, 1);
    reid->settings = *settings;
    reid->object_class = g_intern_string(settings->object_class);
    reid_set_threshold(reid, threshold);
    reid->known = g_new0(struct known, settings->tracks);
    reid->look = g_new0(struct reading, 1);
    reid->cosine = cosine_choose();
    return reid;
}

void reid_set_threshold(struct reid *reid, double threshold)
{
    reid->threshold = reid->settings.threshold > 0 ? reid->settings.threshold : threshold;
}

void reid_free(struct reid *reid)
{
    if (!reid)
        return;
    g_free(reid->known);
    g_free(reid->vectors);
    g_free(reid->look);
    g_free(reid);
}

struct reid_counts reid_counts(const struct reid *reid)
{
    return reid->counts;
}

/* ---- vectors ---- */

static float *vector_of(const struct reid *reid, int index)
{
    return reid->vectors + (ptrdiff_t)index * reid->length;
}

static float *vector_of_newcomer(const struct reid *reid, int index)
{
    return vector_of(reid, reid->settings.tracks + index);
}

/* A look more: the mean of all, brought to length 1. */
static void average(const struct reid *reid, float *mean, int looks, const float *look)
{
    double squares = 0;
    for (int i = 0; i < reid->length; i++) {
        mean[i] = mean[i] * (float)looks + look[i];
        squares += (double)mean[i] * (double)mean[i];
    }
    float length = (float)sqrt(squares);
    for (int i = 0; i < reid->length && length > 0; i++)
        mean[i] /= length;
}

/* Asks the model, within the frame's budget, which a run that fails costs as well; the answer is in reid->look. */
static bool take_look(struct reid *reid, const struct track *track, reid_look *look, void *data)
{
    enum reid_answer answer = reid->budget > 0 ? look(data, track, reid->look) : REID_LATER;
    reid->budget -= answer != REID_LATER;
    reid->counts.looks += answer != REID_LATER;
    if (answer != REID_LOOKED) {
        reid->counts.postponed++;
        return false;
    }
    if (reid->length == 0) {
        reid->length = reid->look->value_count;
        reid->vectors = g_new0(float, (gsize)(reid->settings.tracks + MOST_NEW) * (gsize)reid->length);
    }
    return reid->look->value_count == reid->length; /* a model of open length that changes its mind is not believed */
}

/* ---- who is known ---- */

static int find_known(const struct reid *reid, uint64_t id)
{
    for (int i = 0; i < reid->settings.tracks; i++)
        if (reid->known[i].looks > 0 && reid->known[i].id == id)
            return i;
    return -1;
}

static void forget(struct reid *reid, int64_t media_us)
{
    for (int i = 0; i < reid->settings.tracks; i++) {
        double gone_us = (double)(media_us - reid->known[i].seen_us);
        if (gone_us < 0 || gone_us > reid->settings.seconds * G_USEC_PER_SEC)
            reid->known[i].looks = 0;
    }
}

/* A free entry, else that of the longest gone; -1 when all are in the picture. */
static int find_room(struct reid *reid, int64_t media_us)
{
    int oldest = -1;
    for (int i = 0; i < reid->settings.tracks; i++) {
        if (reid->known[i].looks == 0)
            return i;
        if (reid->known[i].seen_us < media_us && (oldest < 0 || reid->known[i].seen_us < reid->known[oldest].seen_us))
            oldest = i;
    }
    reid->counts.shed++;
    return oldest;
}

static void note_seen(struct known *known, const struct track *track, int64_t media_us)
{
    known->id = track->id;
    known->object_class = track->object_class;
    known->box = track->box;
    known->seen_us = media_us;
}

static void remember(struct reid *reid, const struct track *track, const float *vector, int64_t media_us)
{
    int index = find_room(reid, media_us);
    if (index < 0)
        return;
    reid->known[index] = (struct known){.looks = 1, .next_look_us = media_us + first_pause_us};
    note_seen(&reid->known[index], track, media_us);
    memcpy(vector_of(reid, index), vector, sizeof *vector * (size_t)reid->length);
}

/* ---- who can be looked at ---- */

static bool is_hidden(const struct tracks *tracks, int index)
{
    const struct record_box *box = &tracks->items[index].box;
    for (int i = 0; i < tracks->count; i++) {
        const struct record_box *other = &tracks->items[i].box;
        double w = MIN(box->x + box->w, other->x + other->w) - MAX(box->x, other->x);
        double h = MIN(box->y + box->h, other->y + other->h) - MAX(box->y, other->y);
        if (i != index && tracks->items[i].state == TRACK_CONFIRMED && w > 0 && h > 0 &&
            w * h > hidden_share * box->w * box->h)
            return true;
    }
    return false;
}

static bool is_wanted(const struct reid *reid, const struct track *track, int64_t media_us)
{
    return track->state == TRACK_CONFIRMED && track->seen_us == media_us && track->object_class == reid->object_class &&
           track->box.h >= reid->settings.minimum_height;
}

/* Notes who is still there, and looks at who is new. */
static void meet(struct reid *reid, const struct tracks *tracks, int64_t media_us, reid_look *look, void *data)
{
    reid->newcomer_count = 0;
    for (int i = 0; i < tracks->count; i++) {
        const struct track *track = &tracks->items[i];
        int known = track->state == TRACK_CONFIRMED && track->seen_us == media_us ? find_known(reid, track->id) : -1;
        if (known >= 0)
            note_seen(&reid->known[known], track, media_us);
        else if (is_wanted(reid, track, media_us) && !is_hidden(tracks, i) && reid->newcomer_count < MOST_NEW &&
                 take_look(reid, track, look, data)) {
            memcpy(vector_of_newcomer(reid, reid->newcomer_count), reid->look->values,
                   sizeof(float) * (size_t)reid->length);
            reid->newcomers[reid->newcomer_count++] = (struct newcomer){i, false};
        }
    }
}

/* ---- who is who ---- */

/* Whether the lost one could be where the new one is. */
static bool can_be(const struct reid *reid, const struct known *known, const struct track *track, int64_t media_us,
                   double aspect)
{
    double seconds = (double)(media_us - known->seen_us) / G_USEC_PER_SEC, height = MAX(known->box.h, track->box.h);
    double dx = (known->box.x + known->box.w / 2 - track->box.x - track->box.w / 2) * aspect;
    double dy = known->box.y + known->box.h / 2 - track->box.y - track->box.h / 2;
    return known->looks > 0 && known->seen_us < media_us && known->object_class == track->object_class &&
           hypot(dx, dy) <= height * (slack_heights + reid->settings.speed * seconds);
}

struct pair {
    int newcomer, known;
    double alike;
};

/* The most alike of who is new and not settled with who is lost; known -1 when none are alike enough. */
static struct pair find_pair(const struct reid *reid, const struct tracks *tracks, int64_t media_us, double aspect)
{
    struct pair best = {-1, -1, reid->threshold};
    for (int n = 0; n < reid->newcomer_count; n++) {
        const struct track *track = &tracks->items[reid->newcomers[n].track];
        for (int k = 0; k < reid->settings.tracks && !reid->newcomers[n].is_settled; k++) {
            if (!can_be(reid, &reid->known[k], track, media_us, aspect))
                continue;
            double alike = reid->cosine(vector_of_newcomer(reid, n), vector_of(reid, k), reid->length);
            if (alike > best.alike)
                best = (struct pair){n, k, alike};
        }
    }
    return best;
}

/* The new track has the lost one's id; the lost one is marked to be dropped. */
static void rename_track(struct tracks *tracks, int index, uint64_t older_id)
{
    for (int i = 0; i < tracks->count; i++)
        if (tracks->items[i].id == older_id)
            tracks->items[i].id = 0;
    tracks->items[index].id = older_id;
}

static void drop_marked(struct tracks *tracks)
{
    int kept = 0;
    for (int i = 0; i < tracks->count; i++)
        if (tracks->items[i].id != 0)
            tracks->items[kept++] = tracks->items[i];
    tracks->count = kept;
}

static void recognise(struct reid *reid, struct tracker *tracker, struct tracks *tracks, int64_t media_us,
                      double aspect)
{
    for (struct pair pair; (pair = find_pair(reid, tracks, media_us, aspect)).known >= 0;) {
        struct newcomer *newcomer = &reid->newcomers[pair.newcomer];
        struct known *known = &reid->known[pair.known];
        struct track *track = &tracks->items[newcomer->track];
        newcomer->is_settled = true;
        if (!tracker_take_over(tracker, track->id, known->id))
            continue;
        reid->counts.found++;
        rename_track(tracks, newcomer->track, known->id);
        note_seen(known, track, media_us);
        average(reid, vector_of(reid, pair.known), known->looks, vector_of_newcomer(reid, pair.newcomer));
        known->looks = MIN(known->looks + 1, reid->settings.looks_per_track);
    }
}

/* The others are new indeed. */
static void settle(struct reid *reid, struct tracks *tracks, int64_t media_us)
{
    for (int n = 0; n < reid->newcomer_count; n++)
        if (!reid->newcomers[n].is_settled)
            remember(reid, &tracks->items[reid->newcomers[n].track], vector_of_newcomer(reid, n), media_us);
    drop_marked(tracks);
}

/* Second looks and later, with what is left of the budget. */
static void look_again(struct reid *reid, const struct tracks *tracks, int64_t media_us, reid_look *look, void *data)
{
    for (int i = 0; i < tracks->count && reid->budget > 0; i++) {
        const struct track *track = &tracks->items[i];
        int index = is_wanted(reid, track, media_us) ? find_known(reid, track->id) : -1;
        struct known *known = index < 0 ? NULL : &reid->known[index];
        if (!known || known->looks >= reid->settings.looks_per_track || known->next_look_us > media_us ||
            is_hidden(tracks, i) || !take_look(reid, track, look, data))
            continue;
        average(reid, vector_of(reid, index), known->looks, reid->look->values);
        known->next_look_us = media_us + (first_pause_us << known->looks);
        known->looks++;
    }
}

void reid_update(struct reid *reid, struct tracker *tracker, struct tracks *tracks, int64_t media_us, double aspect,
                 reid_look *look, void *data)
{
    reid->budget = reid->settings.looks_per_frame;
    forget(reid, media_us);
    meet(reid, tracks, media_us, look, data);
    recognise(reid, tracker, tracks, media_us, aspect);
    settle(reid, tracks, media_us);
    look_again(reid, tracks, media_us, look, data);
}
