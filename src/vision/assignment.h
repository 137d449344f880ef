/* Linear assignment with a cost limit, on a sparse set of candidate pairs. Exact: the sum of (cost − limit) over the
 * chosen pairs is the least possible, which is what lapjv with an extended cost matrix of limit / 2 gives. The graph
 * falls apart into components, which are solved one by one (Hungarian algorithm with potentials), so that many objects
 * far apart stay cheap. One thread at a time per solver.
 */
#pragma once

#include <stdbool.h>

struct assignment;

struct assignment *assignment_new(void);
void assignment_free(struct assignment *assignment);

/* Starts a problem of `rows` × `columns`. */
void assignment_begin(struct assignment *assignment, int rows, int columns);
/* Offers a pair; pairs at or over the limit are ignored. At most one offer a pair. */
void assignment_offer(struct assignment *assignment, int row, int column, double cost, double limit);
/* column_of_row[row] receives the column chosen, or -1. */
void assignment_solve(struct assignment *assignment, int *column_of_row);
