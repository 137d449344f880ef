/* Facts of the picture for rules, measured on motion's reduced luma plane: how much of the usual edges and contrast is
 * seen and where, whether the picture repeats, and which parts stand still and are not what usually is there.
 *
 * Standing parts: two backgrounds of different speed (Porikli, Ivanov and Haga, "Robust abandoned object detection
 * using dual foregrounds", 2008), here on the means of small cells: what the quick one has taken for good and the slow
 * one does not know is new, and stands. Whether something came or went is told by its outline: where something came,
 * the step at its outline is in the picture; where something went, it was in the slow background. */
#include "vision/vision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CELL_PX = 4,          /* reduced pixels a side: small enough for a bag, large enough to be free of noise */
    PLACE_CELLS = 4,      /* cells a side of a place where edges and patterns are compared */
    QUICK_LEVELS = 8,     /* a cell that changes by more is not still */
    STANDING_LEVELS = 12, /* a still cell that differs by more from what usually is there */
    FROZEN_ROW_STEP = 16, /* rows of which one is compared, to know a repeated picture */
    REGION_CELLS_MIN = 3,
    AVERAGE_ONE = 128, /* the largest that leaves 255 levels in 16 bits */
    AVERAGE_PICTURES = 8,
    PATTERNS_MIN = 8, /* with fewer such places nobody can say whether the camera moved */
};
static const double still_seconds = 2;
static const double usual_learn_seconds = 4;    /* until shares of the usual are given */
static const double usual_follow_seconds = 120; /* the usual follows the day */
static const double slow_follow_seconds = 60;
/* What was seen for less is not known to be usual, and gives way to what lasts longer: somebody stood there. */
static const double trust_seconds = 10;
/* What has been so for so long is usual now; where rules wait for it, so long after the time they wait. */
static const double accept_seconds = 600;
/* A look that rules wait for is told by then: a picture now and then is as usual, and sets them back. */
static const double told_share = 1.5;
static const double usual_share = 0.5;    /* pictures less like the usual teach it nothing */
static const double pattern_levels = 1.5; /* a place whose cells deviate less from their mean has no pattern */
/* The quietest place has a little less noise than others by chance, as so few pixels have. */
static const float noise_margin = 1.2F;
static const double same_pattern = 0.6;   /* correlation of a place's cells with the usual ones */
static const double upheaval_share = 0.4; /* more of the picture that stands anew is no thing, but another view */
static const double upheaval_seconds = 30;
/* What was not seen was not usual, and did not stand: of the time between two pictures no more counts. Above a few
 * times the distance of key frames. */
static const double step_max_seconds = 10;

struct picture_watch {
    struct picture_wishes wishes;
    int width, height, columns, rows; /* of the plane in reduced pixels; in cells */
    int64_t last_us;                  /* the last picture's media_us */
    int64_t watched_us; /* the time that was watched, 0 at the first picture: all below but repeated_us is of it */
    /* repeated pictures */
    uint64_t digest;
    int64_t repeated_us, gap_us; /* for how long; between the last two pictures */
    /* edges, a place each, of this picture and usually; and the usual cells */
    int place_columns, place_rows;
    float *edges, *usual_edges, *usual_means;
    double usual_contrast;
    bool is_usual_known;
    int64_t unusual_since_us; /* -1: it is as usual */
    double unusual_seconds;   /* since then, of each picture a second at most, as the rule of tampering reckons */
    int16_t *average;         /* luma, in 1/AVERAGE_ONE levels */
    /* cells */
    uint8_t *means;
    float *quick, *slow;  /* slow: below 0 is not known */
    float *known_seconds; /* for how long slow was seen, in sum */
    int64_t *quick_since_us;
    uint8_t *standing;
    int *stack;
    int64_t upheaval_since_us; /* -1: none */
};

struct picture_watch *picture_watch_new(void)
{
    return g_new0(struct picture_watch, 1);
}

void picture_watch_configure(struct picture_watch *watch, const struct picture_wishes *wishes)
{
    watch->wishes = *wishes;
}

static void release_size(struct picture_watch *watch)
{
    g_free(watch->edges);
    g_free(watch->usual_edges);
    g_free(watch->usual_means);
    g_free(watch->average);
    g_free(watch->means);
    g_free(watch->quick);
    g_free(watch->slow);
    g_free(watch->known_seconds);
    g_free(watch->quick_since_us);
    g_free(watch->standing);
    g_free(watch->stack);
}

void picture_watch_free(struct picture_watch *watch)
{
    if (!watch)
        return;
    release_size(watch);
    g_free(watch);
}

static void start_size(struct picture_watch *watch, int width, int height, int64_t media_us)
{
    release_size(watch);
    int columns = MAX(width / CELL_PX, 1), rows = MAX(height / CELL_PX, 1);
    size_t cells = (size_t)columns * (size_t)rows;
    *watch = (struct picture_watch){
        .wishes = watch->wishes,
        .width = width,
        .height = height,
        .columns = columns,
        .rows = rows,
        .last_us = media_us,
        .place_columns = (columns + PLACE_CELLS - 1) / PLACE_CELLS,
        .place_rows = (rows + PLACE_CELLS - 1) / PLACE_CELLS,
        .unusual_since_us = -1,
        .upheaval_since_us = -1,
        .average = g_new0(int16_t, (size_t)width * (size_t)height),
        .means = g_new0(uint8_t, cells),
        .usual_means = g_new0(float, cells),
        .quick = g_new0(float, cells),
        .slow = g_new0(float, cells),
        .known_seconds = g_new0(float, cells),
        .quick_since_us = g_new0(int64_t, cells),
        .standing = g_new0(uint8_t, cells),
        .stack = g_new0(int, cells),
    };
    size_t places = (size_t)watch->place_columns * (size_t)watch->place_rows;
    watch->edges = g_new0(float, places);
    watch->usual_edges = g_new0(float, places);
    for (size_t i = 0; i < cells; i++)
        watch->slow[i] = -1;
}

/* ---- repeated pictures ---- */

/* FNV-1a over words instead of bytes. */
static uint64_t digest_of(const struct frame *frame)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (int y = 0; y < frame->height_px; y += FROZEN_ROW_STEP) {
        const uint8_t *row = frame->planes[0] + y * frame->strides_bytes[0];
        for (int x = 0; x + 8 <= frame->width_px; x += 8) {
            uint64_t word;
            memcpy(&word, row + x, sizeof word);
            digest = (digest ^ word) * UINT64_C(0x100000001b3);
        }
    }
    return digest;
}

/* What a camera showed while it was away nobody knows: of the time between two pictures no more counts than twice the
 * time between the two before, which is enough for any rate, and for one that changes. */
static int64_t note_repeats(struct picture_watch *watch, const struct frame *frame, int64_t gap_us)
{
    uint64_t digest = digest_of(frame);
    int64_t step_us = MIN(MIN(gap_us, 2 * watch->gap_us), (int64_t)(step_max_seconds * 1e6));
    watch->repeated_us = digest == watch->digest ? watch->repeated_us + step_us : 0;
    watch->digest = digest;
    watch->gap_us = gap_us;
    return watch->repeated_us;
}

/* ---- edges and contrast ---- */

struct light {
    double mean, contrast;
};

/* The mean of the latest pictures, in 1/AVERAGE_ONE levels: noise is gone from it, and so is most of what moves. */
static void update_average(struct picture_watch *watch, const uint8_t *luma)
{
    int count = watch->width * watch->height;
    if (watch->watched_us == 0)
        for (int i = 0; i < count; i++)
            watch->average[i] = (int16_t)(luma[i] * AVERAGE_ONE);
    for (int i = 0; i < count; i++)
        watch->average[i] =
            (int16_t)(watch->average[i] + (luma[i] * AVERAGE_ONE - watch->average[i]) / AVERAGE_PICTURES);
}

/* The mean luma of a cell, and the steps between its neighbouring pixels. */
static void measure_cell(struct picture_watch *watch, const uint8_t *luma, int column, int row)
{
    int sum = 0, steps = 0, width = watch->width;
    int right = (column + 1) * CELL_PX < width ? 1 : 0, below = (row + 1) * CELL_PX < watch->height ? width : 0;
    for (int y = 0; y < CELL_PX; y++) {
        int first = (row * CELL_PX + y) * width + column * CELL_PX;
        int down = y + 1 < CELL_PX ? width : below;
        for (int x = 0; x < CELL_PX; x++) {
            const int16_t *pixel = watch->average + first + x;
            sum += luma[first + x];
            steps += abs(pixel[x + 1 < CELL_PX ? 1 : right] - *pixel) + abs(pixel[down] - *pixel);
        }
    }
    watch->means[row * watch->columns + column] = (uint8_t)(sum / (CELL_PX * CELL_PX));
    watch->edges[row / PLACE_CELLS * watch->place_columns + column / PLACE_CELLS] += (float)steps;
}

/* Noise makes steps everywhere: what the quietest place of each row has is taken off. The root keeps one strong edge
 * from speaking for the whole picture. */
static void take_off_noise(struct picture_watch *watch)
{
    int columns = watch->place_columns, rows = MAX(watch->rows / PLACE_CELLS, 1); /* whole places only */
    float noise = 0;
    for (int row = 0; row < rows; row++) {
        float least = watch->edges[row * columns];
        for (int column = 1; column < MAX(watch->columns / PLACE_CELLS, 1); column++)
            least = MIN(least, watch->edges[row * columns + column]);
        noise += noise_margin * least / (float)rows;
    }
    for (int i = 0; i < columns * watch->place_rows; i++)
        watch->edges[i] = sqrtf(MAX(watch->edges[i] - noise, 0));
}

static struct light measure(struct picture_watch *watch, const uint8_t *luma)
{
    int cells = watch->columns * watch->rows;
    memset(watch->edges, 0, sizeof *watch->edges * (size_t)(watch->place_columns * watch->place_rows));
    int64_t sum = 0, squares = 0;
    for (int row = 0; row < watch->rows; row++)
        for (int column = 0; column < watch->columns; column++) {
            measure_cell(watch, luma, column, row);
            int mean = watch->means[row * watch->columns + column];
            sum += mean;
            squares += mean * mean;
        }
    take_off_noise(watch);
    double mean = (double)sum / cells;
    return (struct light){mean, sqrt(fmax((double)squares / cells - mean * mean, 0))};
}

static double edge_share(const struct picture_watch *watch)
{
    double now = 0, usual = 0;
    for (int i = 0; i < watch->place_columns * watch->place_rows; i++) {
        now += watch->edges[i];
        usual += watch->usual_edges[i];
    }
    return usual > 0 ? now / usual : 1;
}

/* Pearson's correlation of a place's cells with the usual ones; false when the usual ones have no pattern. */
static bool compare_place(const struct picture_watch *watch, int place_column, int place_row, double *correlation)
{
    double sum = 0, usual_sum = 0, products = 0, squares = 0, usual_squares = 0;
    const double count = PLACE_CELLS * PLACE_CELLS;
    for (int y = place_row * PLACE_CELLS; y < (place_row + 1) * PLACE_CELLS; y++)
        for (int x = place_column * PLACE_CELLS; x < (place_column + 1) * PLACE_CELLS; x++) {
            double now = watch->means[y * watch->columns + x], usual = watch->usual_means[y * watch->columns + x];
            sum += now;
            usual_sum += usual;
            products += now * usual;
            squares += now * now;
            usual_squares += usual * usual;
        }
    double usual_variance = usual_squares - usual_sum * usual_sum / count, variance = squares - sum * sum / count;
    if (usual_variance < pattern_levels * pattern_levels * count)
        return false;
    *correlation = variance > 0 ? (products - sum * usual_sum / count) / sqrt(variance * usual_variance) : 0;
    return true;
}

/* The share of places that still look as usual. Places, and not the picture as a whole: people hide some of them, a
 * camera that is turned takes all of them away. */
static double measure_likeness(const struct picture_watch *watch)
{
    int known = 0, same = 0;
    for (int row = 0; row < watch->rows / PLACE_CELLS; row++)
        for (int column = 0; column < watch->columns / PLACE_CELLS; column++) {
            double correlation;
            if (!compare_place(watch, column, row, &correlation))
                continue;
            known++;
            same += correlation >= same_pattern;
        }
    return known >= PATTERNS_MIN ? (double)same / known : 1;
}

static void learn_usual(struct picture_watch *watch, const struct light *light, double rate)
{
    for (int i = 0; i < watch->place_columns * watch->place_rows; i++)
        watch->usual_edges[i] += (float)rate * (watch->edges[i] - watch->usual_edges[i]);
    for (int i = 0; i < watch->columns * watch->rows; i++)
        watch->usual_means[i] += (float)rate * (watch->means[i] - watch->usual_means[i]);
    watch->usual_contrast += rate * (light->contrast - watch->usual_contrast);
}

static uint8_t to_share(double value)
{
    return (uint8_t)(CLAMP(value, 0, 1) * PICTURE_SHARE_ONE + 0.5);
}

static void note_usual(struct picture_watch *watch, const struct light *light, double seconds,
                       struct picture_facts *facts)
{
    double share = edge_share(watch), likeness = measure_likeness(watch);
    facts->is_usual_known = watch->is_usual_known;
    facts->edges = to_share(share);
    facts->likeness = to_share(likeness);
    facts->contrast = to_share(watch->usual_contrast > 0 ? light->contrast / watch->usual_contrast : 1);
    if (!watch->is_usual_known) {
        /* the mean of the first pictures: the first counts wholly */
        double age = (double)watch->watched_us / 1e6;
        learn_usual(watch, light, seconds > 0 ? fmin(seconds / (age + seconds), 1) : 1);
        watch->is_usual_known = age >= usual_learn_seconds;
        return;
    }
    bool is_usual = share >= usual_share && likeness >= usual_share;
    watch->unusual_seconds = is_usual || watch->unusual_since_us < 0 ? 0 : watch->unusual_seconds + fmin(seconds, 1);
    if (is_usual)
        watch->unusual_since_us = -1;
    else if (watch->unusual_since_us < 0)
        watch->unusual_since_us = watch->watched_us;
    bool is_accepted = !is_usual && (double)(watch->watched_us - watch->unusual_since_us) >= accept_seconds * 1e6 &&
                       watch->unusual_seconds >= told_share * watch->wishes.look_seconds;
    if (is_usual || is_accepted)
        learn_usual(watch, light, is_accepted ? 1 : fmin(seconds / usual_follow_seconds, 1));
}

/* ---- what stands ---- */

/* How much brighter the cells are than what usually is there, so that a lamp alone makes nothing stand. */
static double light_gain(const struct picture_watch *watch)
{
    double now = 0, usual = 0;
    for (int i = 0; i < watch->columns * watch->rows; i++)
        if (watch->slow[i] >= 0) {
            now += watch->quick[i];
            usual += watch->slow[i];
        }
    return usual > 0 && now > 0 ? now / usual : 1;
}

static bool update_cell(struct picture_watch *watch, int i, double gain, double seconds)
{
    float mean = watch->means[i];
    if (fabsf(mean - watch->quick[i]) > QUICK_LEVELS) {
        watch->quick[i] = mean;
        watch->quick_since_us[i] = watch->watched_us;
        return false;
    }
    static const float quick_share = 0.25F; /* of the way to the new mean, each picture */
    watch->quick[i] += quick_share * (mean - watch->quick[i]);
    double still = (double)(watch->watched_us - watch->quick_since_us[i]) / 1e6;
    if (still < still_seconds)
        return false;
    double off = watch->slow[i] < 0 ? INFINITY : watch->quick[i] - watch->slow[i] * gain;
    double known = watch->known_seconds[i];
    if (fabs(off) > STANDING_LEVELS) {
        bool is_known = known >= trust_seconds;
        if (still < (is_known ? accept_seconds + watch->wishes.thing_seconds : known))
            return is_known;
        watch->slow[i] = watch->quick[i] / (float)gain;
        watch->known_seconds[i] = (float)still;
        return false;
    }
    watch->known_seconds[i] += (float)seconds;
    watch->slow[i] += (float)(fmin(seconds / slow_follow_seconds, 1) * (watch->quick[i] - watch->slow[i]));
    return false;
}

static int update_cells(struct picture_watch *watch, double seconds)
{
    double gain = light_gain(watch);
    int standing = 0;
    for (int i = 0; i < watch->columns * watch->rows; i++) {
        watch->standing[i] = update_cell(watch, i, gain, seconds);
        standing += watch->standing[i];
    }
    return standing;
}

/* One region while its cells are gathered. */
struct gathering {
    int left, top, right, bottom, cells; /* in cells; right and bottom are one past */
    double step_now, step_usual;         /* over its outline */
};

static void gather_cell(struct picture_watch *watch, int cell, struct gathering *region, int *waiting)
{
    int x = cell % watch->columns, y = cell / watch->columns;
    region->left = MIN(region->left, x);
    region->top = MIN(region->top, y);
    region->right = MAX(region->right, x + 1);
    region->bottom = MAX(region->bottom, y + 1);
    region->cells++;
    static const int steps[][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        int nx = x + steps[i][0], ny = y + steps[i][1], next = ny * watch->columns + nx;
        if (nx < 0 || ny < 0 || nx >= watch->columns || ny >= watch->rows)
            continue;
        if (watch->standing[next] == 1) {
            watch->standing[next] = 2; /* is waiting, or was gathered */
            watch->stack[(*waiting)++] = next;
        } else if (watch->standing[next] == 0 && watch->slow[next] >= 0) {
            region->step_now += fabsf(watch->quick[cell] - watch->quick[next]);
            region->step_usual += fabsf(watch->slow[cell] - watch->slow[next]);
        }
    }
}

static int16_t to_box(int cells, int pixels)
{
    return (int16_t)(cells * CELL_PX * PICTURE_BOX_ONE / pixels);
}

static int area_of(const struct picture_region *region)
{
    return region->w * region->h;
}

/* Where nothing is looked for, or nothing so small, none is missed. */
static void note_shed(const struct picture_watch *watch, const struct picture_region *region,
                      struct picture_facts *facts)
{
    const double whole = (double)PICTURE_BOX_ONE * PICTURE_BOX_ONE;
    facts->regions_shed += watch->wishes.thing_seconds > 0 && area_of(region) >= watch->wishes.thing_area * whole;
}

/* The smallest gives way, and the order stays. */
static void replace_smallest(const struct picture_watch *watch, const struct picture_region *region,
                             struct picture_facts *facts)
{
    int smallest = 0, last = PICTURE_REGIONS_MAX - 1;
    for (int i = 1; i <= last; i++)
        if (area_of(&facts->regions[i]) < area_of(&facts->regions[smallest]))
            smallest = i;
    struct picture_region *place = &facts->regions[smallest];
    bool is_larger = area_of(region) > area_of(place);
    note_shed(watch, is_larger ? place : region, facts);
    if (!is_larger)
        return;
    memmove(place, place + 1, sizeof *place * (size_t)(last - smallest));
    facts->regions[last] = *region;
}

static void report_region(const struct picture_watch *watch, const struct gathering *region,
                          struct picture_facts *facts)
{
    int16_t x = to_box(region->left, watch->width), y = to_box(region->top, watch->height);
    const struct picture_region found = {
        .x = x,
        .y = y,
        .w = (int16_t)(to_box(region->right, watch->width) - x),
        .h = (int16_t)(to_box(region->bottom, watch->height) - y),
        .is_taken = region->step_usual > region->step_now,
    };
    if (facts->region_count < PICTURE_REGIONS_MAX)
        facts->regions[facts->region_count++] = found;
    else
        replace_smallest(watch, &found, facts);
}

static void find_regions(struct picture_watch *watch, struct picture_facts *facts)
{
    for (int i = 0; i < watch->columns * watch->rows; i++) {
        if (watch->standing[i] != 1)
            continue;
        struct gathering region = {.left = watch->columns, .top = watch->rows};
        int waiting = 1;
        watch->stack[0] = i;
        watch->standing[i] = 2;
        while (waiting > 0)
            gather_cell(watch, watch->stack[--waiting], &region, &waiting);
        if (region.cells >= REGION_CELLS_MIN)
            report_region(watch, &region, facts);
    }
}

/* Where so much is new the camera looks elsewhere: nothing was left, and after a while that is the usual view. */
static bool is_upheaval(struct picture_watch *watch, int standing)
{
    int cells = watch->columns * watch->rows;
    if (standing <= upheaval_share * cells) {
        watch->upheaval_since_us = -1;
        return false;
    }
    if (watch->upheaval_since_us < 0)
        watch->upheaval_since_us = watch->watched_us;
    if ((double)(watch->watched_us - watch->upheaval_since_us) >= upheaval_seconds * 1e6)
        memcpy(watch->slow, watch->quick, sizeof *watch->slow * (size_t)cells);
    return true;
}

/* ---- a frame ---- */

void picture_watch_update(struct picture_watch *watch, const struct frame *frame, const uint8_t *luma, int width,
                          int height, struct picture_facts *facts)
{
    *facts = (struct picture_facts){0};
    if (width < CELL_PX || height < CELL_PX)
        return;
    int64_t media_us = frame->media_us;
    if (watch->width != width || watch->height != height || media_us < watch->last_us)
        start_size(watch, width, height, media_us);
    int64_t gap_us = media_us - watch->last_us;
    double seconds = fmin((double)gap_us / 1e6, step_max_seconds);
    watch->last_us = media_us;
    watch->watched_us += (int64_t)(seconds * 1e6);
    facts->repeated_us = note_repeats(watch, frame, gap_us);
    if (facts->repeated_us == 0) /* a picture that is sent again has its noise again: no mean takes that away */
        update_average(watch, luma);
    struct light light = measure(watch, luma);
    facts->mean_luma = (uint8_t)light.mean;
    note_usual(watch, &light, seconds, facts);
    bool is_upheaved = is_upheaval(watch, update_cells(watch, seconds));
    /* a camera that looks elsewhere, or not at all, sees nothing left */
    bool is_blind = watch->unusual_since_us >= 0 || (double)facts->repeated_us >= still_seconds * 1e6;
    if (!is_upheaved && !is_blind)
        find_regions(watch, facts);
}
