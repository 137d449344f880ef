/* Speed as ratios to a baseline measured in the same run: process CPU time, A and B interleaved, medians. Machines are
 * noisy; the ratio is what stays, and more turns make it steadier. `bench [--json FILE] [WORD…]` prints a table and
 * writes the same as JSON; with words only the rows whose names hold one of them.
 */
#include "bench.h"

#include "base/cpu.h"
#include "scene/scene.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROUNDS_MIN = 15, ROUNDS_MAX = 101, ROUNDS_BUDGET_MS = 3000, SETS_MAX = 8 };

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static double time_calls(void (*call)(void *), void *data, int repeats)
{
    double started = cpu_ms();
    for (int i = 0; i < repeats; i++)
        call(data);
    return (cpu_ms() - started) / repeats;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

struct contender {
    const char *set; /* of instructions; NULL: not a kernel */
    void (*call)(void *data);
    void *data;
    double times_ms[ROUNDS_MAX];
    int rounds;
};

static double median_ms(const struct contender *contender)
{
    return contender->times_ms[contender->rounds / 2];
}

static void measure(struct contender *contenders, size_t count, int repeats)
{
    double started = cpu_ms();
    for (size_t i = 0; i < count; i++)
        time_calls(contenders[i].call, contenders[i].data, 1); /* warm-up */
    int rounds = 0;
    for (; rounds < ROUNDS_MAX && (rounds < ROUNDS_MIN || cpu_ms() - started < ROUNDS_BUDGET_MS); rounds++)
        for (size_t i = 0; i < count; i++)
            contenders[i].times_ms[rounds] = time_calls(contenders[i].call, contenders[i].data, repeats);
    for (size_t i = 0; i < count; i++) {
        contenders[i].rounds = rounds;
        qsort(contenders[i].times_ms, (size_t)rounds, sizeof *contenders[i].times_ms, compare);
    }
}

struct frame *bench_frame(enum frame_format format)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?width=1920&height=1080", NULL);
    struct frame *frame = scene_render(scene, 100);
    if (format == FRAME_I420)
        return frame;
    struct frame template = *frame;
    int row_bytes = 2 * ((frame->width_px + 1) / 2), rows = (frame->height_px + 1) / 2;
    uint8_t *interleaved = g_malloc((gsize)row_bytes * (gsize)rows);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < row_bytes; x++)
            interleaved[y * row_bytes + x] = frame->planes[1 + x % 2][y * frame->strides_bytes[1 + x % 2] + x / 2];
    template.format = FRAME_NV12;
    template.planes[1] = interleaved;
    template.planes[2] = NULL;
    template.strides_bytes[1] = row_bytes;
    return frame_new(&template, NULL, NULL);
}

/* ---- the table ---- */

static const struct row_table *const tables[] = {&motion_rows, &motion_kernel_rows, &kernel_rows, &model_rows,
                                                 &track_rows,  &output_rows,        &family_rows, &path_rows,
                                                 &policy_rows, &policy_change_rows};

static void tell(const char *name, const struct row *row, double ours, double theirs, FILE *json)
{
    static const char *separator = "[";
    printf("%-50s %12.5f %12.5f %8.2f  %s\n", name, ours, theirs, ours / theirs, row->baseline);
    if (json)
        fprintf(json, "%s\n{\"name\":\"%s\",\"baseline\":\"%s\",\"ours_ms\":%.6f,\"baseline_ms\":%.6f,\"ratio\":%.4f}",
                separator, name, row->baseline, ours, theirs, ours / theirs);
    separator = ",";
}

/* The portable form is the first. */
static void show_kernel(const struct row *row, FILE *json)
{
    struct contender forms[SETS_MAX];
    size_t count = 0;
    for (const struct cpu_set *set = NULL; count < SETS_MAX && (set = cpu_next_set(set));) {
        cpu_limit(set->features);
        forms[count++] = (struct contender){set->name, row->ours, row->setup(row->argument), {0}, 0};
    }
    cpu_limit(~0U);
    measure(forms, count, row->repeats);
    for (size_t i = 1; i < count; i++) {
        g_autofree char *name = g_strdup_printf("%s, %s", row->name, forms[i].set);
        tell(name, row, median_ms(&forms[i]), median_ms(&forms[0]), json);
    }
}

static void show(const struct row *row, FILE *json)
{
    void *data = row->setup(row->argument);
    if (!data)
        return;
    struct contender both[] = {{NULL, row->ours, data, {0}, 0}, {NULL, row->theirs, data, {0}, 0}};
    measure(both, G_N_ELEMENTS(both), row->repeats);
    tell(row->name, row, median_ms(&both[0]), median_ms(&both[1]), json);
    if (row->report)
        row->report(data, row->name);
}

static bool is_chosen(const char *name, char **words)
{
    bool is_held = !*words;
    for (; *words; words++)
        is_held = is_held || strstr(name, *words);
    return is_held;
}

int main(int argc, char **argv)
{
    bool has_json = argc >= 3 && strcmp(argv[1], "--json") == 0;
    char **words = argv + (has_json ? 3 : 1);
    FILE *json = has_json ? fopen(argv[2], "we") : NULL;
    if (has_json && !json) {
        perror(argv[2]);
        return 1;
    }
    printf("%-50s %12s %12s %8s  %s\n", "what", "ours, ms", "base, ms", "ratio", "baseline");
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++)
        for (size_t k = 0; k < tables[i]->count; k++)
            if (is_chosen(tables[i]->rows[k].name, words))
                (tables[i]->rows[k].theirs ? show : show_kernel)(&tables[i]->rows[k], json);
    if (json) {
        fputs("\n]\n", json);
        fclose(json);
    }
    return 0;
}
