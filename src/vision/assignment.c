#include "vision/assignment.h"

#include <glib.h>
#include <math.h>
#include <string.h>

struct pair {
    int row, column;
    double gain; /* cost − limit: below 0 */
};

/* Grows to the largest problem seen and then stays. */
struct scratch {
    void *memory;
    size_t bytes;
};

struct assignment {
    int rows, columns;
    GArray *pairs;          /* of struct pair */
    struct scratch parents; /* int per node: rows, then columns (union-find) */
    struct scratch order;   /* int per pair, sorted by component */
    struct scratch local;   /* int per node: its index in its component */
    struct scratch matrix, doubles, ints;
};

static void *scratch_get(struct scratch *scratch, size_t bytes)
{
    if (bytes > scratch->bytes) {
        g_free(scratch->memory);
        scratch->memory = g_malloc(bytes * 2);
        scratch->bytes = bytes * 2;
    }
    return scratch->memory;
}

/* Room for what most cameras see: frames of 128 tracks and as many objects, 16 of them in each other's way. Only a
 * frame with more asks for memory. */
static void make_room(struct assignment *assignment)
{
    enum { NODES = 256, PAIRS = 512, CROWD = 16 };
    scratch_get(&assignment->parents, sizeof(int) * NODES);
    scratch_get(&assignment->local, sizeof(int) * NODES);
    scratch_get(&assignment->order, sizeof(int) * PAIRS);
    scratch_get(&assignment->matrix, sizeof(double) * CROWD * CROWD);
    scratch_get(&assignment->doubles, sizeof(double) * 4 * CROWD);
    scratch_get(&assignment->ints, sizeof(int) * 4 * CROWD);
    g_array_set_size(assignment->pairs, PAIRS);
    g_array_set_size(assignment->pairs, 0);
}

struct assignment *assignment_new(void)
{
    struct assignment *assignment = g_new0(struct assignment, 1);
    assignment->pairs = g_array_new(FALSE, FALSE, sizeof(struct pair));
    make_room(assignment);
    return assignment;
}

void assignment_free(struct assignment *assignment)
{
    g_array_unref(assignment->pairs);
    struct scratch *all[] = {&assignment->parents, &assignment->order,   &assignment->local,
                             &assignment->matrix,  &assignment->doubles, &assignment->ints};
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++)
        g_free(all[i]->memory);
    g_free(assignment);
}

void assignment_begin(struct assignment *assignment, int rows, int columns)
{
    assignment->rows = rows;
    assignment->columns = columns;
    g_array_set_size(assignment->pairs, 0);
}

void assignment_offer(struct assignment *assignment, int row, int column, double cost, double limit)
{
    if (!(cost < limit))
        return;
    const struct pair pair = {row, column, cost - limit};
    g_array_append_val(assignment->pairs, pair);
}

static int root_of(int *parents, int node)
{
    while (parents[node] != node) {
        parents[node] = parents[parents[node]];
        node = parents[node];
    }
    return node;
}

/* One component as a dense problem: n rows ≤ m columns, missing pairs gain nothing. */
struct dense {
    int n, m;
    const double *gain; /* n × m */
    int *row_of_column; /* m + 1, from 1; 0: free */
};

/* Shortest augmenting paths with potentials (Jonker and Volgenant 1987; this form after Lopatin), O(n² m). */
static void dense_solve(struct assignment *assignment, struct dense *dense)
{
    int n = dense->n, m = dense->m;
    double *u = scratch_get(&assignment->doubles, sizeof(double) * (size_t)(n + 1 + 2 * (m + 1)));
    double *v = u + n + 1, *least = v + m + 1;
    int *way = dense->row_of_column + m + 1, *is_used = way + m + 1;
    memset(u, 0, sizeof(double) * (size_t)(n + 1 + m + 1));
    memset(dense->row_of_column, 0, sizeof(int) * (size_t)(m + 1));
    for (int i = 1; i <= n; i++) {
        int column = 0;
        dense->row_of_column[0] = i;
        memset(is_used, 0, sizeof(int) * (size_t)(m + 1));
        for (int j = 0; j <= m; j++)
            least[j] = INFINITY;
        do {
            is_used[column] = 1;
            int row = dense->row_of_column[column], next = 0;
            double delta = INFINITY;
            for (int j = 1; j <= m; j++) {
                if (is_used[j])
                    continue;
                double reduced = dense->gain[(size_t)(row - 1) * (size_t)m + (size_t)(j - 1)] - u[row] - v[j];
                if (reduced < least[j]) {
                    least[j] = reduced;
                    way[j] = column;
                }
                if (least[j] < delta) {
                    delta = least[j];
                    next = j;
                }
            }
            for (int j = 0; j <= m; j++) {
                if (is_used[j]) {
                    u[dense->row_of_column[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
        } while (dense->row_of_column[column] != 0);
        for (; column; column = way[column])
            dense->row_of_column[column] = dense->row_of_column[way[column]];
    }
}

/* Solves the pairs order[from..to), all of one component. `local` numbers nodes within it; names of rows and columns
 * come back through the pairs themselves. */
static void solve_component(struct assignment *assignment, const int *order, int from, int to, int *local,
                            int *column_of_row)
{
    const struct pair *pairs = (const struct pair *)(const void *)assignment->pairs->data;
    int rows = 0, columns = 0;
    for (int i = from; i < to; i++) {
        local[pairs[order[i]].row] = -1;
        local[assignment->rows + pairs[order[i]].column] = -1;
    }
    for (int i = from; i < to; i++) {
        int *row = &local[pairs[order[i]].row], *column = &local[assignment->rows + pairs[order[i]].column];
        *row = *row < 0 ? rows++ : *row;
        *column = *column < 0 ? columns++ : *column;
    }
    if (to - from == 1) { /* most components are one pair */
        column_of_row[pairs[order[from]].row] = pairs[order[from]].column;
        return;
    }
    bool is_turned = rows > columns;
    int n = MIN(rows, columns), m = MAX(rows, columns);
    double *gain = scratch_get(&assignment->matrix, sizeof(double) * (size_t)n * (size_t)m);
    memset(gain, 0, sizeof(double) * (size_t)n * (size_t)m);
    for (int i = from; i < to; i++) {
        const struct pair *pair = &pairs[order[i]];
        int row = local[pair->row], column = local[assignment->rows + pair->column];
        gain[is_turned ? column * m + row : row * m + column] = pair->gain;
    }
    struct dense dense = {n, m, gain, scratch_get(&assignment->ints, sizeof(int) * 3 * (size_t)(m + 1))};
    dense_solve(assignment, &dense);
    for (int i = from; i < to; i++) { /* a chosen place without a pair stays unmatched */
        const struct pair *pair = &pairs[order[i]];
        int row = local[pair->row], column = local[assignment->rows + pair->column];
        if (is_turned ? dense.row_of_column[row + 1] == column + 1 : dense.row_of_column[column + 1] == row + 1)
            column_of_row[pair->row] = pair->column;
    }
}

/* Sorts pair numbers by the root of their component: counting sort, so that equal input gives equal output. */
static void sort_by_component(struct assignment *assignment, int *parents, int *counts, int *order)
{
    const struct pair *pairs = (const struct pair *)(const void *)assignment->pairs->data;
    int nodes = assignment->rows + assignment->columns, pair_count = (int)assignment->pairs->len;
    memset(counts, 0, sizeof(int) * (size_t)(nodes + 1));
    for (int i = 0; i < pair_count; i++)
        counts[root_of(parents, pairs[i].row) + 1]++;
    for (int i = 0; i < nodes; i++)
        counts[i + 1] += counts[i];
    for (int i = 0; i < pair_count; i++)
        order[counts[root_of(parents, pairs[i].row)]++] = i;
}

void assignment_solve(struct assignment *assignment, int *column_of_row)
{
    const struct pair *pairs = (const struct pair *)(const void *)assignment->pairs->data;
    int nodes = assignment->rows + assignment->columns, pair_count = (int)assignment->pairs->len;
    for (int i = 0; i < assignment->rows; i++)
        column_of_row[i] = -1;
    int *parents = scratch_get(&assignment->parents, sizeof(int) * (size_t)(nodes + 1));
    int *local = scratch_get(&assignment->local, sizeof(int) * (size_t)(nodes + 1));
    int *order = scratch_get(&assignment->order, sizeof(int) * (size_t)(pair_count + 1));
    for (int i = 0; i < nodes; i++)
        parents[i] = i;
    for (int i = 0; i < pair_count; i++)
        parents[root_of(parents, pairs[i].row)] = root_of(parents, assignment->rows + pairs[i].column);
    sort_by_component(assignment, parents, local, order); /* local is free until components are solved */
    for (int from = 0, to; from < pair_count; from = to) {
        int root = root_of(parents, pairs[order[from]].row);
        for (to = from + 1; to < pair_count && root_of(parents, pairs[order[to]].row) == root; to++)
            ;
        solve_component(assignment, order, from, to, local, column_of_row);
    }
}
