/* The table of scenes, and who comes when. Each slot of time brings one happening: someone alone, two who pass each
 * other on the line, two who go together, or a trap: someone who comes near the line and does not cross it. */
#include "scene/scene_internal.h"

#include <string.h>

/* ---- looks ---- */

static struct scene_colour colour(struct random *random, int low, int high)
{
    return (struct scene_colour){(uint8_t)random_range(random, low, high), (uint8_t)random_range(random, 96, 160),
                                 (uint8_t)random_range(random, 96, 160)};
}

/* Backgrounds lie around luma 115..150: clothes are clearly darker or brighter, like most clothes are. */
static struct scene_colour clothing(struct random *random)
{
    return random_uniform(random) < 0.6 ? colour(random, 28, 75) : colour(random, 175, 225);
}

static void dress(struct random *random, struct scene_figure *figure, enum scene_class object_class)
{
    figure->object_class = object_class;
    figure->scale = 0.92 + 0.16 * random_uniform(random);
    figure->stride = 1.6 + 0.5 * random_uniform(random);
    figure->texture = (uint32_t)random_next(random);
    figure->upper = clothing(random);
    figure->lower = object_class == SCENE_VEHICLE ? colour(random, 30, 60) : clothing(random);
    figure->head = (struct scene_colour){(uint8_t)random_range(random, 60, 95), 118, 150};
}

static struct scene_figure *person(struct random *random, struct scene_figure *figures, int *count)
{
    struct scene_figure *figure = &figures[(*count)++];
    memset(figure, 0, sizeof *figure);
    dress(random, figure, SCENE_PERSON);
    return figure;
}

static struct scene_figure *vehicle(struct random *random, struct scene_figure *figures, int *count)
{
    struct scene_figure *figure = &figures[(*count)++];
    memset(figure, 0, sizeof *figure);
    dress(random, figure, SCENE_VEHICLE);
    return figure;
}

/* ---- paths ---- */

static void start_at(struct scene_figure *figure, double at, double x, double y)
{
    figure->path[0] = (struct scene_waypoint){at, x, y};
    figure->waypoint_count = 1;
}

/* Walks to a place at `speed` (frames a second, along the longer axis). */
static void walk_to(struct scene_figure *figure, double x, double y, double speed)
{
    const struct scene_waypoint *last = &figure->path[figure->waypoint_count - 1];
    double dx = x > last->x ? x - last->x : last->x - x, dy = y > last->y ? y - last->y : last->y - y;
    double distance = dx > dy ? dx : dy;
    figure->path[figure->waypoint_count++] = (struct scene_waypoint){last->at + distance / speed, x, y};
}

static void stay(struct scene_figure *figure, double seconds)
{
    const struct scene_waypoint *last = &figure->path[figure->waypoint_count - 1];
    figure->path[figure->waypoint_count++] = (struct scene_waypoint){last->at + seconds, last->x, last->y};
}

/* Moves a whole path in time, so that it is where it should be when it should. */
static void shift(struct scene_figure *figure, double seconds)
{
    for (int i = 0; i < figure->waypoint_count; i++)
        figure->path[i].at += seconds;
}

/* When the feet pass a height (y) or a column (x); the path is known to do so. */
static double time_at(const struct scene_figure *figure, double where, bool is_x)
{
    for (int i = 1; i < figure->waypoint_count; i++) {
        const struct scene_waypoint *a = &figure->path[i - 1], *b = &figure->path[i];
        double from = is_x ? a->x : a->y, to = is_x ? b->x : b->y;
        if (from != to && (from - where) * (to - where) <= 0)
            return a->at + (b->at - a->at) * (where - from) / (to - from);
    }
    return figure->path[0].at;
}

static double between(struct random *random, double low, double high)
{
    return low + (high - low) * random_uniform(random);
}

/* ---- shop ---- */

static const double shop_line_y = 0.52;

/* Nobody walks along the shelf zone's border: whether someone a pixel beside it is inside, nobody could tell. */
static double beside_border(double x)
{
    static const double border = 0.70, clear = 0.02;
    if (x > border - clear && x < border + clear)
        return x < border ? border - clear : border + clear;
    return x;
}

/* Comes in from above, crosses the line downwards at lane x, and leaves by a side, some after a stop at the shelf. */
static void shop_inbound(struct random *random, struct scene_figure *figure, double at, double lane, double speed)
{
    start_at(figure, at, beside_border(lane), -0.02);
    walk_to(figure, beside_border(lane + between(random, -0.02, 0.02)), 0.80, speed);
    if (lane > 0.5 && random_uniform(random) < 0.45) {
        walk_to(figure, between(random, 0.80, 0.88), between(random, 0.80, 0.86), speed);
        stay(figure, between(random, 3, 7));
        walk_to(figure, 1.15, 0.84, speed * 1.3);
    } else {
        walk_to(figure, lane > 0.5 ? 0.60 : 0.40, 0.86, speed);
        walk_to(figure, lane > 0.5 ? 0.56 : -0.15, lane > 0.5 ? 1.5 : 0.88, speed * 1.3);
    }
}

/* The other way: from the left edge or from below, up across the line, out above. */
static void shop_outbound(struct random *random, struct scene_figure *figure, double at, double lane, double speed)
{
    if (lane < 0.5)
        start_at(figure, at, -0.15, 0.86);
    else
        start_at(figure, at, 0.55, 1.5);
    if (lane >= 0.5)
        walk_to(figure, 0.56, 0.86, speed * 1.3);
    walk_to(figure, beside_border(lane), 0.80, speed * 1.3);
    walk_to(figure, beside_border(lane + between(random, -0.02, 0.02)), -0.03, speed);
}

/* Two pass each other on the line, side by side enough that each stays partly to be seen. */
static int shop_meeting(struct random *random, double at, double lane, struct scene_figure *figures)
{
    int count = 0;
    double apart = between(random, 0.045, 0.065) * (random_uniform(random) < 0.5 ? -1 : 1);
    struct scene_figure *a = person(random, figures, &count), *b = person(random, figures, &count);
    shop_inbound(random, a, at, lane, between(random, 0.14, 0.18));
    shop_outbound(random, b, at, lane + apart, between(random, 0.14, 0.18));
    double meet = time_at(a, shop_line_y, false) + between(random, -0.4, 0.4);
    double early = time_at(b, shop_line_y, false) - meet;
    shift(b, -early);
    if (early > 0) { /* nobody starts before the slot does */
        shift(a, early);
        shift(b, early);
    }
    return count;
}

/* Two walk the same way, one half beside and half behind the other. */
static int shop_pair(struct random *random, double at, double lane, struct scene_figure *figures)
{
    int count = 0;
    double speed = between(random, 0.14, 0.17), apart = between(random, 0.055, 0.075);
    bool is_in = random_uniform(random) < 0.5;
    for (int i = 0; i < 2; i++) {
        struct scene_figure *figure = person(random, figures, &count);
        double start = at + i * between(random, 0.35, 0.6);
        if (is_in)
            shop_inbound(random, figure, start, lane + i * apart, speed);
        else
            shop_outbound(random, figure, start, lane + i * apart, speed);
    }
    return count;
}

static int shop_trap(struct random *random, double at, double lane, struct scene_figure *figures)
{
    int count = 0;
    struct scene_figure *figure = person(random, figures, &count);
    double speed = between(random, 0.14, 0.18);
    if (random_uniform(random) < 0.5) { /* comes near, waits, turns back */
        start_at(figure, at, lane, -0.02);
        walk_to(figure, lane, between(random, 0.34, 0.38), speed);
        stay(figure, between(random, 1, 3));
        walk_to(figure, lane, -0.03, speed);
    } else { /* passes along it */
        start_at(figure, at, -0.12, 0.37);
        walk_to(figure, 1.12, 0.36, speed);
    }
    return count;
}

static int shop_populate(struct random *random, double at, struct scene_figure *figures)
{
    double lane = random_uniform(random) < 0.5 ? between(random, 0.16, 0.38) : between(random, 0.60, 0.78);
    double dice = random_uniform(random);
    if (dice < 0.40)
        return shop_meeting(random, at, lane, figures);
    if (dice < 0.55)
        return shop_pair(random, at, lane, figures);
    if (dice < 0.66)
        return shop_trap(random, at, lane, figures);
    int count = 0;
    struct scene_figure *figure = person(random, figures, &count);
    if (random_uniform(random) < 0.5)
        shop_inbound(random, figure, at, lane, between(random, 0.14, 0.19));
    else
        shop_outbound(random, figure, at, lane, between(random, 0.14, 0.19));
    return count;
}

/* ---- gate ---- */

static const double gate_line_x = 0.5;

static void gate_drive(struct random *random, struct scene_figure *figure, double at, bool is_in)
{
    double speed = between(random, 0.20, 0.30);
    start_at(figure, at, is_in ? -0.25 : 1.25, is_in ? between(random, 0.78, 0.81) : between(random, 0.62, 0.65));
    double y = figure->path[0].y;
    if (is_in && random_uniform(random) < 0.3) {
        walk_to(figure, 0.78, y, speed);
        stay(figure, between(random, 3, 6));
    }
    walk_to(figure, is_in ? 1.25 : -0.25, y, speed);
}

static int gate_meeting(struct random *random, double at, struct scene_figure *figures)
{
    int count = 0;
    struct scene_figure *a = vehicle(random, figures, &count), *b = vehicle(random, figures, &count);
    gate_drive(random, a, at, true);
    gate_drive(random, b, at, false);
    double early = time_at(b, gate_line_x, true) - time_at(a, gate_line_x, true) + between(random, -0.3, 0.3);
    shift(b, -early);
    if (early > 0) {
        shift(a, early);
        shift(b, early);
    }
    return count;
}

static int gate_populate(struct random *random, double at, struct scene_figure *figures)
{
    int count = 0;
    double dice = random_uniform(random);
    if (dice < 0.38)
        return gate_meeting(random, at, figures);
    if (dice < 0.50) { /* someone on foot along the near side, or one who turns back before the line */
        struct scene_figure *figure = person(random, figures, &count);
        bool is_trap = random_uniform(random) < 0.4;
        start_at(figure, at, -0.08, 0.94);
        walk_to(figure, is_trap ? 0.34 : 1.08, 0.94, 0.16);
        if (is_trap)
            walk_to(figure, -0.10, 0.94, 0.16);
        return count;
    }
    gate_drive(random, vehicle(random, figures, &count), at, random_uniform(random) < 0.5);
    return count;
}

/* ---- corridor ---- */

static void corridor_walk(struct random *random, struct scene_figure *figure, double at, double lane, bool is_in,
                          double speed)
{
    double drift = between(random, -0.01, 0.01);
    start_at(figure, at, lane, is_in ? -0.02 : 1.5);
    walk_to(figure, lane + drift, is_in ? 1.5 : -0.03, speed);
}

static int corridor_populate(struct random *random, double at, struct scene_figure *figures)
{
    int count = 0;
    double lane = between(random, 0.34, 0.60), speed = between(random, 0.15, 0.19);
    bool is_in = random_uniform(random) < 0.5;
    double dice = random_uniform(random);
    corridor_walk(random, person(random, figures, &count), at, lane, is_in, speed);
    if (dice > 0.60)
        return count;
    bool is_same_way = dice < 0.15;
    struct scene_figure *other = person(random, figures, &count);
    double other_speed = is_same_way ? speed : between(random, 0.15, 0.19);
    corridor_walk(random, other, at, lane + between(random, 0.055, 0.075), is_same_way == is_in, other_speed);
    if (is_same_way) {
        shift(other, between(random, 0.35, 0.6));
        return count;
    }
    double early = time_at(other, 0.5, false) - time_at(&figures[0], 0.5, false) + between(random, -0.3, 0.3);
    shift(other, -early);
    for (int i = 0; early > 0 && i < count; i++)
        shift(&figures[i], early);
    return count;
}

/* ---- night ---- */

static int night_populate(struct random *random, double at, struct scene_figure *figures)
{
    int count = 0;
    struct scene_figure *figure = person(random, figures, &count);
    bool is_in = random_uniform(random) < 0.5;
    figure->upper = colour(random, 170, 225); /* only what reflects is seen at night */
    figure->lower = colour(random, 130, 200);
    corridor_walk(random, figure, at, between(random, 0.25, 0.75), is_in, between(random, 0.13, 0.17));
    return count;
}

const struct scene_kind scene_kinds[] = {
    {.info = {"shop", "people come and go past a door line; some stop at a shelf"},
     .populate = shop_populate,
     .slot_seconds = 5,
     .height_far = 0.20,
     .height_near = 0.46,
     .lines = {{"door", "Door", "in", "out", {0.06, 0.52}, {0.94, 0.52}}},
     .line_count = 1,
     .zones = {{"shelf", "Shelf", ZONE_SHELF, {{0.70, 0.64}, {1.0, 0.64}, {1.0, 0.98}, {0.70, 0.98}}}},
     .zone_count = 1,
     .pillar = {0.035, 0.30, 0.022, 0.70},
     .brightness = 1,
     .noise_sigma = 3,
     .light_step_seconds = 20,
     .light_step_share = 0.12,
     .light_drift_share = 0.04},
    {.info = {"gate", "vehicles and people pass a gate in both directions"},
     .populate = gate_populate,
     .slot_seconds = 5,
     .height_far = 0.14,
     .height_near = 0.30,
     .lines = {{"gate", "Gate", "in", "out", {0.5, 1.0}, {0.5, 0.35}}},
     .line_count = 1,
     .zones = {{"yard", "Yard", ZONE_AREA, {{0.62, 0.45}, {0.94, 0.45}, {0.94, 0.99}, {0.62, 0.99}}}},
     .zone_count = 1,
     .brightness = 1,
     .noise_sigma = 3,
     .light_step_seconds = 24,
     .light_step_share = 0.12,
     .light_drift_share = 0.05},
    {.info = {"corridor", "people pass each other in a corridor"},
     .populate = corridor_populate,
     .slot_seconds = 5,
     .height_far = 0.20,
     .height_near = 0.46,
     .lines = {{"middle", "Middle", "in", "out", {0.15, 0.5}, {0.85, 0.5}}},
     .line_count = 1,
     .zones = {{"near", "Near end", ZONE_AREA, {{0.15, 0.66}, {0.85, 0.66}, {0.85, 0.98}, {0.15, 0.98}}}},
     .zone_count = 1,
     .brightness = 0.85,
     .noise_sigma = 4,
     .light_step_seconds = 30,
     .light_step_share = 0.10,
     .light_drift_share = 0.03},
    {.info = {"night", "a dark yard: strong noise, few people"},
     .populate = night_populate,
     .slot_seconds = 9,
     .height_far = 0.20,
     .height_near = 0.44,
     .lines = {{"path", "Path", "in", "out", {0.1, 0.5}, {0.9, 0.5}}},
     .line_count = 1,
     .zones = {{"keep-out", "Keep out", ZONE_INTRUSION, {{0.1, 0.68}, {0.9, 0.68}, {0.9, 0.98}, {0.1, 0.98}}}},
     .zone_count = 1,
     .brightness = 0.35,
     .noise_sigma = 6,
     .light_step_seconds = 14,
     .light_step_share = 0.25,
     .light_drift_share = 0.05},
    {.info = {"empty", "an empty room: nothing may be counted"},
     .slot_seconds = 5,
     .height_far = 0.20,
     .height_near = 0.46,
     .lines = {{"door", "Door", "in", "out", {0.06, 0.52}, {0.94, 0.52}}},
     .line_count = 1,
     .zones = {{"room", "Room", ZONE_AREA, {{0.1, 0.2}, {0.9, 0.2}, {0.9, 0.95}, {0.1, 0.95}}}},
     .zone_count = 1,
     .brightness = 1,
     .noise_sigma = 4,
     .light_step_seconds = 8,
     .light_step_share = 0.2,
     .light_drift_share = 0.1},
};
const size_t scene_kind_count = G_N_ELEMENTS(scene_kinds);
