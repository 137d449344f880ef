/* Ground truth, from the paths alone: nothing is rendered. */
#include "scene/scene_internal.h"

#include <math.h>
#include <string.h>

static double side_of(struct record_point a, struct record_point b, struct record_point p)
{
    return (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x);
}

int scene_line_crossed(const struct scene_line *line, struct record_point from, struct record_point to)
{
    double before = side_of(line->a, line->b, from), after = side_of(line->a, line->b, to);
    if ((before < 0) == (after < 0))
        return 0;
    if ((side_of(from, to, line->a) < 0) == (side_of(from, to, line->b) < 0))
        return 0; /* passes beyond an end */
    /* y runs down, so a positive side is the right one as seen */
    return after >= 0 ? 1 : -1;
}

/* Crossing number (Jordan curve theorem), for the convex and concave alike. */
bool scene_zone_holds(const struct scene_zone *zone, struct record_point p)
{
    bool is_inside = false;
    for (size_t i = 0, j = G_N_ELEMENTS(zone->corners) - 1; i < G_N_ELEMENTS(zone->corners); j = i++) {
        struct record_point a = zone->corners[i], b = zone->corners[j];
        if ((a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x)
            is_inside = !is_inside;
    }
    return is_inside;
}

/* What one walk over a clip finds out. */
struct truth {
    int ins[SCENE_LINES_MAX], outs[SCENE_LINES_MAX];
    int enters[SCENE_ZONES_MAX], exits[SCENE_ZONES_MAX];
    double seconds[SCENE_ZONES_MAX];
    int crossings, overlapped;
    GString *crossings_json, *figures_json, *stays_json[SCENE_ZONES_MAX]; /* NULL: only counts are wanted */
};

static bool boxes_overlap(struct record_box a, struct record_box b)
{
    return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

static bool is_overlapped(struct scene *scene, const struct scene_figure *figure, struct record_box box, double seconds)
{
    int64_t first, last;
    struct scene_figure others[8];
    struct record_point feet;
    scene_slots_at(scene, seconds, &first, &last);
    for (int64_t slot = first; slot <= last; slot++) {
        int count = scene_slot_figures(scene, slot, others);
        for (int i = 0; i < count; i++)
            if (others[i].id != figure->id && scene_figure_position(&others[i], seconds, &feet) &&
                boxes_overlap(box, scene_figure_box(scene, &others[i], feet)))
                return true;
    }
    return false;
}

static void append_number(GString *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];
    g_string_append(out, g_ascii_formatd(text, sizeof text, "%.5g", value));
}

static void note_crossing(struct scene *scene, struct truth *truth, const struct scene_figure *figure, int line,
                          int direction, uint64_t frame, struct record_point feet)
{
    bool overlapped = is_overlapped(scene, figure, scene_figure_box(scene, figure, feet), (double)frame / scene->fps);
    truth->crossings++;
    truth->overlapped += overlapped;
    *(direction > 0 ? &truth->ins[line] : &truth->outs[line]) += 1;
    if (truth->crossings_json)
        g_string_append_printf(truth->crossings_json,
                               "%s{\"figure\":%" G_GUINT64_FORMAT
                               ",\"line\":\"%s\",\"direction\":\"%s\",\"frame\":%" G_GUINT64_FORMAT
                               ",\"overlapped\":%s}",
                               truth->crossings > 1 ? "," : "", figure->id, scene->kind->lines[line].id,
                               direction > 0 ? "in" : "out", frame, overlapped ? "true" : "false");
}

/* Zone stays of one figure: begins and ends are kept while the clip is walked. */
static void note_zone(struct scene *scene, struct truth *truth, const struct scene_figure *figure, int zone,
                      bool is_inside, bool was_inside, uint64_t frame)
{
    truth->seconds[zone] += is_inside ? 1 / scene->fps : 0;
    truth->enters[zone] += is_inside && !was_inside;
    truth->exits[zone] += was_inside && !is_inside;
    GString *stays = truth->stays_json[zone];
    if (stays && is_inside != was_inside)
        g_string_append_printf(stays,
                               "%s{\"figure\":%" G_GUINT64_FORMAT ",\"event\":\"%s\",\"frame\":%" G_GUINT64_FORMAT "}",
                               stays->len ? "," : "", figure->id, is_inside ? "enter" : "exit", frame);
}

static void append_box(GString *out, uint64_t frame, struct record_box box, bool is_first)
{
    g_string_append_printf(out, "%s[%" G_GUINT64_FORMAT, is_first ? "" : ",", frame);
    const double values[] = {box.x, box.y, box.w, box.h};
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        g_string_append_c(out, ',');
        append_number(out, values[i]);
    }
    g_string_append_c(out, ']');
}

static void walk_figure(struct scene *scene, struct truth *truth, const struct scene_figure *figure,
                        uint64_t frame_count)
{
    uint64_t frame = (uint64_t)ceil(figure->path[0].at * scene->fps);
    bool inside[SCENE_ZONES_MAX] = {false}, has_before = false;
    struct record_point before = {0, 0}, feet;
    GString *boxes = truth->figures_json;
    if (boxes)
        g_string_append_printf(boxes, "%s{\"id\":%" G_GUINT64_FORMAT ",\"class\":\"%s\",\"boxes\":[",
                               boxes->len ? "," : "", figure->id,
                               figure->object_class == SCENE_VEHICLE ? "vehicle" : "person");
    for (; frame < frame_count && scene_figure_position(figure, (double)frame / scene->fps, &feet); frame++) {
        for (int i = 0; has_before && i < scene->kind->line_count; i++) {
            int direction = scene_line_crossed(&scene->kind->lines[i], before, feet);
            if (direction)
                note_crossing(scene, truth, figure, i, direction, frame, feet);
        }
        for (int i = 0; i < scene->kind->zone_count; i++) {
            bool is_inside = scene_zone_holds(&scene->kind->zones[i], feet);
            note_zone(scene, truth, figure, i, is_inside, inside[i], frame);
            inside[i] = is_inside;
        }
        if (boxes)
            append_box(boxes, frame, scene_figure_box(scene, figure, feet), !has_before);
        before = feet;
        has_before = true;
    }
    /* Someone who leaves the picture inside a zone leaves the zone too; so do all when the clip ends. */
    for (int i = 0; i < scene->kind->zone_count; i++)
        note_zone(scene, truth, figure, i, false, inside[i], frame);
    if (boxes)
        g_string_append(boxes, "]}");
}

static void walk_scene(struct scene *scene, struct truth *truth, uint64_t frame_count)
{
    int64_t first, last;
    struct scene_figure figures[8];
    scene_slots_at(scene, (double)frame_count / scene->fps, &first, &last);
    for (int64_t slot = 0; slot <= last; slot++) {
        int count = scene_slot_figures(scene, slot, figures);
        for (int i = 0; i < count; i++)
            walk_figure(scene, truth, &figures[i], frame_count);
    }
}

bool scene_truth_count(struct scene *scene, uint64_t frame_count, const char *id, int *in_or_entries, int *out_or_exits)
{
    struct truth truth = {0};
    walk_scene(scene, &truth, frame_count);
    for (int i = 0; i < scene->kind->line_count; i++)
        if (strcmp(scene->kind->lines[i].id, id) == 0) {
            *in_or_entries = truth.ins[i];
            *out_or_exits = truth.outs[i];
            return true;
        }
    for (int i = 0; i < scene->kind->zone_count; i++)
        if (strcmp(scene->kind->zones[i].id, id) == 0) {
            *in_or_entries = truth.enters[i];
            *out_or_exits = truth.exits[i];
            return true;
        }
    return false;
}

/* Frames at which the light changed by a step, and the gain after it. */
static void append_light_steps(struct scene *scene, uint64_t frame_count, GString *out)
{
    double before = scene_gain(scene, 0);
    bool is_first = true;
    g_string_append(out, ",\"light_steps\":[");
    for (uint64_t frame = 1; frame < frame_count; frame++) {
        double gain = scene_gain(scene, (double)frame / scene->fps);
        /* the slow wave moves the gain by far less than this in a frame */
        if (fabs(gain / before - 1) > 0.02) {
            g_string_append_printf(out, "%s{\"frame\":%" G_GUINT64_FORMAT ",\"gain\":", is_first ? "" : ",", frame);
            append_number(out, gain);
            g_string_append_c(out, '}');
            is_first = false;
        }
        before = gain;
    }
    g_string_append_c(out, ']');
}

static void append_totals(struct scene *scene, const struct truth *truth, GString *out)
{
    g_string_append(out, ",\"lines\":[");
    for (int i = 0; i < scene->kind->line_count; i++)
        g_string_append_printf(out, "%s{\"line\":\"%s\",\"in\":%d,\"out\":%d}", i ? "," : "", scene->kind->lines[i].id,
                               truth->ins[i], truth->outs[i]);
    g_string_append(out, "],\"zones\":[");
    for (int i = 0; i < scene->kind->zone_count; i++) {
        g_string_append_printf(out, "%s{\"zone\":\"%s\",\"enters\":%d,\"exits\":%d,\"seconds\":", i ? "," : "",
                               scene->kind->zones[i].id, truth->enters[i], truth->exits[i]);
        append_number(out, truth->seconds[i]);
        g_string_append_printf(out, ",\"events\":[%s]}", truth->stays_json[i] ? truth->stays_json[i]->str : "");
    }
    g_string_append(out, "]");
}

char *scene_truth_json(struct scene *scene, uint64_t frame_count)
{
    struct truth truth = {.crossings_json = g_string_new(NULL), .figures_json = g_string_new(NULL)};
    for (int i = 0; i < SCENE_ZONES_MAX; i++)
        truth.stays_json[i] = g_string_new(NULL);
    walk_scene(scene, &truth, frame_count);
    GString *out = g_string_new(NULL);
    g_string_append_printf(out,
                           "{\"scene\":\"%s\",\"seed\":%" G_GUINT64_FORMAT
                           ",\"width\":%d,\"height\":%d,\"frames\":%" G_GUINT64_FORMAT ",\"fps\":",
                           scene->kind->info.name, scene->seed, scene->width_px, scene->height_px, frame_count);
    append_number(out, scene->fps);
    g_string_append(out, ",\"noise\":{\"sigma\":");
    append_number(out, scene->kind->noise_sigma);
    g_string_append_printf(out, ",\"unit\":\"luma levels\"}");
    append_light_steps(scene, frame_count, out);
    append_totals(scene, &truth, out);
    g_string_append(out, ",\"overlapped_share\":");
    append_number(out, truth.crossings ? (double)truth.overlapped / truth.crossings : 0);
    g_string_append_printf(out, ",\"crossings\":[%s],\"figures\":[%s]}\n", truth.crossings_json->str,
                           truth.figures_json->str);
    g_string_free(truth.crossings_json, TRUE);
    g_string_free(truth.figures_json, TRUE);
    for (int i = 0; i < SCENE_ZONES_MAX; i++)
        g_string_free(truth.stays_json[i], TRUE);
    return g_string_free(out, FALSE);
}
