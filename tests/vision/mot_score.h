/* Scores of a tracker against ground truth, as the MOTChallenge does: CLEAR MOT (Bernardin and Stiefelhagen 2008) with
 * matches that go on while they hold, and IDF1 (Ristani et al. 2016) by global assignment of identities. IoU 0.5.
 */
#pragma once

#include <glib.h>

struct mot_row {
    int frame, id;
    double left, top, width, height;
};
struct mot_score {
    double mota, idf1;
    int switches, false_positives, misses;
};
/* Rows of a MOTChallenge file, by frame. NULL when it cannot be read. */
GArray *mot_read(const char *path);
struct mot_score mot_score(const GArray *truth, const GArray *found);
