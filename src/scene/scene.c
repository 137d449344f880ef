#include "scene/scene.h"

#include "scene/scene_internal.h"

#include <stdlib.h>
#include <string.h>

enum { SCENE_MIN_PX = 32, SCENE_MAX_PX = 4096, SCENE_MAX_FPS = 120 };
static const double scene_default_fps = 10;
static const char fault_option[] = "fault=";

const struct scene_info *scene_list(size_t *count)
{
    static struct scene_info infos[16];
    for (size_t i = 0; i < scene_kind_count; i++)
        infos[i] = scene_kinds[i].info;
    *count = scene_kind_count;
    return infos;
}

/* ---- the URI ---- */

static const struct scene_kind *kind_find(const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);
    for (size_t i = 0; i < scene_kind_count; i++) {
        if (strcmp(scene_kinds[i].info.name, name) == 0)
            return &scene_kinds[i];
        g_string_append_printf(known, "%s%s", i ? ", " : "", scene_kinds[i].info.name);
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "scene '%.40s' is unknown; there are %s", name,
                known->str);
    return NULL;
}

struct scene_options {
    double seed, fps, width, height, frames;
};

static bool option_parse(const char *word, struct scene_options *options, GError **error)
{
    const struct {
        const char *name;
        double *value, low, high;
    } known[] = {
        {"seed", &options->seed, 0, 0x1p53},
        {"fps", &options->fps, 0.1, SCENE_MAX_FPS},
        {"width", &options->width, SCENE_MIN_PX, SCENE_MAX_PX},
        {"height", &options->height, SCENE_MIN_PX, SCENE_MAX_PX},
        {"frames", &options->frames, 0, 0x1p53},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        size_t length = strlen(known[i].name);
        if (strncmp(word, known[i].name, length) != 0 || word[length] != '=')
            continue;
        char *end = NULL;
        *known[i].value = g_ascii_strtod(word + length + 1, &end);
        if (end != word + length + 1 && !*end && *known[i].value >= known[i].low && *known[i].value <= known[i].high)
            return true;
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "scene option '%.40s': must be between %g and %g",
                    word, known[i].low, known[i].high);
        return false;
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "scene option '%.40s' is unknown; allowed are seed, fps, width, height, frames, fault", word);
    return false;
}

struct scene *scene_new_from_uri(const char *uri, GError **error)
{
    const char *name = g_str_has_prefix(uri, "scene://") ? uri + strlen("scene://") : uri;
    g_auto(GStrv) parts = g_strsplit(name, "?", 2);
    const struct scene_kind *kind = kind_find(parts[0] ? parts[0] : "", error);
    if (!kind)
        return NULL;
    CLEANUP(scene) struct scene *scene = g_new0(struct scene, 1);
    struct scene_options options = {1, scene_default_fps, 640, 360, 0};
    g_auto(GStrv) words = g_strsplit(parts[0] && parts[1] ? parts[1] : "", "&", -1);
    for (char **word = words; *word; word++)
        if (**word &&
            !(g_str_has_prefix(*word, fault_option) ? scene_fault_parse(*word + strlen(fault_option), scene, error)
                                                    : option_parse(*word, &options, error)))
            return NULL;
    scene->kind = kind;
    scene->seed = (uint64_t)options.seed;
    scene->fps = options.fps;
    scene->width_px = (int)options.width;
    scene->height_px = (int)options.height;
    scene->end_seconds = options.frames / options.fps;
    scene->figures = g_new0(struct scene_figure, SCENE_FIGURES_MAX);
    scene->figures_at_slot = -1;
    return g_steal_pointer(&scene);
}

void scene_free(struct scene *scene)
{
    if (!scene)
        return;
    frame_unref(scene->background);
    g_free(scene->noise);
    g_free(scene->figures);
    g_free(scene);
}

double scene_fps(const struct scene *scene)
{
    return scene->fps;
}

int scene_width_px(const struct scene *scene)
{
    return scene->width_px;
}

int scene_height_px(const struct scene *scene)
{
    return scene->height_px;
}

uint64_t scene_frame_count(const struct scene *scene)
{
    return (uint64_t)(scene->end_seconds * scene->fps + 0.5);
}

/* ---- description ---- */

static void describe_line(const struct scene_line *from, struct camera *camera)
{
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    line->id = g_strdup(from->id);
    line->name = g_strdup(from->name);
    line->a = from->a;
    line->b = from->b;
    g_free(line->in_name);
    g_free(line->out_name);
    line->in_name = g_strdup(from->in_name);
    line->out_name = g_strdup(from->out_name);
}

static void describe_zone(const struct scene_zone *from, struct camera *camera)
{
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup(from->id);
    zone->name = g_strdup(from->name);
    zone->kind = from->kind;
    zone->polygon.items = g_memdup2(from->corners, sizeof from->corners);
    zone->polygon.count = G_N_ELEMENTS(from->corners);
}

void scene_describe_camera(const struct scene *scene, struct camera *camera)
{
    record_init(&camera_descriptor, camera);
    camera->analyse_fps = scene->fps;
    for (int i = 0; i < scene->kind->line_count; i++)
        describe_line(&scene->kind->lines[i], camera);
    for (int i = 0; i < scene->kind->zone_count; i++)
        describe_zone(&scene->kind->zones[i], camera);
}

/* ---- rendering ---- */

/* The sum of four uniform numbers is near enough to a normal one (Irwin and Hall) and needs no libm. */
static int8_t *noise_new(double sigma, uint64_t seed)
{
    struct random random;
    random_init(&random, seed ^ 0x6e6f697365u);
    int8_t *noise = g_malloc(SCENE_NOISE_COUNT);
    for (int i = 0; i < SCENE_NOISE_COUNT; i++) {
        double sum = -2;
        for (int j = 0; j < 4; j++)
            sum += random_uniform(&random);
        /* four uniforms have a standard deviation of sqrt(4 / 12) */
        double level = sum * 1.7320508075688772 * sigma;
        noise[i] = (int8_t)(level < 0 ? level - 0.5 : level + 0.5);
    }
    return noise;
}

static void draw_lit_background(const struct scene *scene, struct frame *frame, double light)
{
    uint8_t lit[256];
    for (int i = 0; i < 256; i++) {
        double level = i * light + 0.5;
        lit[i] = level > 255 ? 255 : (uint8_t)level;
    }
    for (int y = 0; y < scene->height_px; y++) {
        const uint8_t *from = scene->background->planes[0] + y * scene->background->strides_bytes[0];
        uint8_t *to = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        for (int x = 0; x < scene->width_px; x++)
            to[x] = lit[from[x]];
    }
    for (int plane = 1; plane < 3; plane++)
        memcpy(frame_plane(frame, plane), scene->background->planes[plane],
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
}

static void add_noise(const struct scene *scene, struct frame *frame, uint64_t number)
{
    for (int y = 0; y < scene->height_px; y++) {
        uint8_t *row = frame_plane(frame, 0) + y * frame->strides_bytes[0];
        uint32_t offset = scene_hash((uint32_t)number * 2654435761u + (uint32_t)scene->seed, (uint32_t)y);
        const int8_t *noise = scene->noise + offset % (uint32_t)(SCENE_NOISE_COUNT - SCENE_MAX_PX);
        for (int x = 0; x < scene->width_px; x++) {
            int level = row[x] + noise[x];
            row[x] = (uint8_t)(level < 0 ? 0 : level > 255 ? 255 : level);
        }
    }
}

struct placed {
    const struct scene_figure *figure;
    struct record_point feet;
};

static int compare_depth(const void *a, const void *b)
{
    double left = ((const struct placed *)a)->feet.y, right = ((const struct placed *)b)->feet.y;
    return (left > right) - (left < right);
}

static void draw_figures(struct scene *scene, struct frame *frame, double seconds)
{
    struct placed placed[SCENE_FIGURES_MAX] = {0};
    int count, placed_count = 0;
    const struct scene_figure *figures = scene_figures_at(scene, seconds, &count);
    for (int i = 0; i < count; i++)
        if (scene_figure_position(&figures[i], seconds, &placed[placed_count].feet))
            placed[placed_count++].figure = &figures[i];
    /* from far to near, so that the near hide the far */
    qsort(placed, (size_t)placed_count, sizeof *placed, compare_depth);
    for (int i = 0; i < placed_count; i++)
        scene_draw_figure(scene, frame, placed[i].figure, placed[i].feet, seconds);
}

struct frame *scene_render(struct scene *scene, uint64_t number)
{
    if (!scene->background) {
        scene->background = scene_draw_background(scene);
        scene->noise = noise_new(scene->kind->noise_sigma, scene->seed);
    }
    /* a frozen camera goes on to send what it saw last */
    uint64_t drawn = number, frozen = (uint64_t)(scene->fault_at * scene->fps);
    if (scene->fault == SCENE_FAULT_FROZEN && number > frozen)
        drawn = frozen;
    double seconds = (double)drawn / scene->fps;
    struct frame *frame = frame_new_allocated(scene->width_px, scene->height_px);
    draw_lit_background(scene, frame, scene->kind->brightness * scene_gain(scene, seconds));
    draw_figures(scene, frame, seconds);
    scene_fault_before_noise(scene, frame, seconds);
    add_noise(scene, frame, drawn);
    frame->number = number;
    frame->media_us = (int64_t)((double)number / scene->fps * G_USEC_PER_SEC + 0.5);
    return frame;
}
