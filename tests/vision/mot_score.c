#include "vision/mot_score.h"

#include "vision/assignment.h"

#include <stdio.h>
#include <string.h>

static const double iou_min = 0.5;

static int compare_rows(gconstpointer a, gconstpointer b)
{
    const struct mot_row *left = a, *right = b;
    return left->frame != right->frame ? (left->frame > right->frame) - (left->frame < right->frame)
                                       : (left->id > right->id) - (left->id < right->id);
}

GArray *mot_read(const char *path)
{
    char line[512];
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct mot_row));
    while (fgets(line, sizeof line, file)) {
        struct mot_row row;
        if (sscanf(line, "%d,%d,%lf,%lf,%lf,%lf", &row.frame, &row.id, &row.left, &row.top, &row.width, &row.height) ==
            6)
            g_array_append_val(rows, row);
    }
    fclose(file);
    g_array_sort(rows, compare_rows);
    return rows;
}

static double iou(const struct mot_row *a, const struct mot_row *b)
{
    double w = MIN(a->left + a->width, b->left + b->width) - MAX(a->left, b->left);
    double h = MIN(a->top + a->height, b->top + b->height) - MAX(a->top, b->top);
    return w > 0 && h > 0 ? w * h / (a->width * a->height + b->width * b->height - w * h) : 0;
}

struct scoring {
    GHashTable *last;     /* truth id → found id of its last match */
    GHashTable *together; /* (truth id, found id) → frames in which they match by IoU alone */
    struct mot_score score;
};

static gpointer pair_key(int truth_id, int found_id)
{
    return GSIZE_TO_POINTER(((gsize)truth_id << 32) | (gsize)found_id);
}

static void count_together(struct scoring *scoring, int truth_id, int found_id)
{
    gpointer key = pair_key(truth_id, found_id);
    int frames = GPOINTER_TO_INT(g_hash_table_lookup(scoring->together, key));
    g_hash_table_insert(scoring->together, key, GINT_TO_POINTER(frames + 1));
}

static void score_frame(struct scoring *scoring, const struct mot_row *truth, int truth_count,
                        const struct mot_row *found, int found_count)
{
    g_autofree int *match = g_new(int, truth_count + 1), *chosen = g_new(int, truth_count + 1);
    g_autofree gboolean *is_taken = g_new0(gboolean, found_count + 1);
    for (int i = 0; i < truth_count; i++) { /* matches go on while they hold */
        gpointer last = g_hash_table_lookup(scoring->last, GINT_TO_POINTER(truth[i].id));
        match[i] = -1;
        for (int j = 0; j < found_count; j++) {
            if (iou(&truth[i], &found[j]) < iou_min)
                continue;
            count_together(scoring, truth[i].id, found[j].id);
            if (last && found[j].id == GPOINTER_TO_INT(last) && !is_taken[j]) {
                match[i] = j;
                is_taken[j] = TRUE;
            }
        }
    }
    struct assignment *assignment = assignment_new();
    assignment_begin(assignment, truth_count, found_count);
    for (int i = 0; i < truth_count; i++)
        for (int j = 0; match[i] < 0 && j < found_count; j++)
            if (!is_taken[j] && iou(&truth[i], &found[j]) >= iou_min)
                assignment_offer(assignment, i, j, 1 - iou(&truth[i], &found[j]), 100); /* as many as can be */
    assignment_solve(assignment, chosen);
    assignment_free(assignment);
    int matched = 0;
    for (int i = 0; i < truth_count; i++) {
        int j = match[i] >= 0 ? match[i] : chosen[i];
        if (j < 0)
            continue;
        gpointer last = g_hash_table_lookup(scoring->last, GINT_TO_POINTER(truth[i].id));
        scoring->score.switches += last && GPOINTER_TO_INT(last) != found[j].id;
        g_hash_table_insert(scoring->last, GINT_TO_POINTER(truth[i].id), GINT_TO_POINTER(found[j].id));
        matched++;
    }
    scoring->score.misses += truth_count - matched;
    scoring->score.false_positives += found_count - matched;
}

/* Identities are assigned one to one so that most frames agree. */
static double identity_f1(const struct scoring *scoring, guint truth_rows, guint found_rows)
{
    g_autoptr(GHashTable) rows = g_hash_table_new(NULL, NULL), columns = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, scoring->together);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        gpointer truth_id = GINT_TO_POINTER((int)(GPOINTER_TO_SIZE(key) >> 32));
        gpointer found_id = GINT_TO_POINTER((int)(GPOINTER_TO_SIZE(key) & 0xffffffff));
        if (!g_hash_table_contains(rows, truth_id))
            g_hash_table_insert(rows, truth_id, GINT_TO_POINTER(g_hash_table_size(rows)));
        if (!g_hash_table_contains(columns, found_id))
            g_hash_table_insert(columns, found_id, GINT_TO_POINTER(g_hash_table_size(columns)));
    }
    int row_count = (int)g_hash_table_size(rows), column_count = (int)g_hash_table_size(columns);
    g_autofree int *frames = g_new0(int, (gsize)row_count *(gsize)column_count + 1),
                   *chosen = g_new(int, row_count + 1);
    struct assignment *assignment = assignment_new();
    assignment_begin(assignment, row_count, column_count);
    g_hash_table_iter_init(&iter, scoring->together);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        int row = GPOINTER_TO_INT(g_hash_table_lookup(rows, GINT_TO_POINTER((int)(GPOINTER_TO_SIZE(key) >> 32))));
        int column =
            GPOINTER_TO_INT(g_hash_table_lookup(columns, GINT_TO_POINTER((int)(GPOINTER_TO_SIZE(key) & 0xffffffff))));
        frames[row * column_count + column] = GPOINTER_TO_INT(value);
        assignment_offer(assignment, row, column, -GPOINTER_TO_INT(value), 0);
    }
    assignment_solve(assignment, chosen);
    assignment_free(assignment);
    double true_positives = 0;
    for (int i = 0; i < row_count; i++)
        true_positives += chosen[i] >= 0 ? frames[i * column_count + chosen[i]] : 0;
    return 2 * true_positives / (truth_rows + found_rows);
}

struct mot_score mot_score(const GArray *truth, const GArray *found)
{
    struct scoring scoring = {g_hash_table_new(NULL, NULL), g_hash_table_new(NULL, NULL), {0}};
    const struct mot_row *t = (const struct mot_row *)(const void *)truth->data,
                         *f = (const struct mot_row *)(const void *)found->data;
    for (guint i = 0, j = 0; i < truth->len || j < found->len;) {
        int frame = i < truth->len && (j >= found->len || t[i].frame <= f[j].frame) ? t[i].frame : f[j].frame;
        guint i_end = i, j_end = j;
        while (i_end < truth->len && t[i_end].frame == frame)
            i_end++;
        while (j_end < found->len && f[j_end].frame == frame)
            j_end++;
        score_frame(&scoring, t + i, (int)(i_end - i), f + j, (int)(j_end - j));
        i = i_end;
        j = j_end;
    }
    struct mot_score *score = &scoring.score;
    score->mota = 1 - (double)(score->misses + score->false_positives + score->switches) / truth->len;
    score->idf1 = identity_f1(&scoring, truth->len, found->len);
    g_hash_table_unref(scoring.last);
    g_hash_table_unref(scoring.together);
    return *score;
}
