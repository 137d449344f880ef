/* Gate: when the model runs, and on which part of the picture. A picture in which nothing moves has the objects it had;
 * the model is asked again where something moves, where a followed object was last on the move, and now and then, for
 * what came without moving and for what stands still: soon after something came to rest, and less and less often then.
 * What the background calls moving may stand still by now, so a moving object asks for the model only where the picture
 * itself differs from that of the last run. Pure: a function of what it is fed. One thread at a time.
 */
#pragma once

#include "facts/settings.h"
#include "vision/vision.h"

enum { GATE_MAX_BOXES = 256, GATE_COLUMNS = 64, GATE_LINES = 36 };

enum gate_answer {
    GATE_HOLD = 1, /* the objects of the last run still stand */
    GATE_WHOLE,
    GATE_REGION,
};

/* An object at rest. */
struct gate_remembered {
    struct detection object;
    bool is_found;     /* in the latest look */
    int looks, missed; /* that found it; in a row that did not */
};

struct gate {
    struct detector_settings settings; /* its texts are not used */
    bool has_run;
    int64_t run_us, whole_us; /* media time of the last run, and of the last on the whole picture */
    /* what moved at the last run: what still fills the same places has not changed. More than fit count as changed */
    struct record_box seen[GATE_MAX_BOXES];
    int seen_count;
    uint8_t luma[GATE_LINES][GATE_COLUMNS];     /* mean of each cell in this picture */
    uint8_t run_luma[GATE_LINES][GATE_COLUMNS]; /* and in that of the last run */
    bool holds_objects;
    struct record_box reach; /* of what moved since the last run */
    bool has_reach;
    bool has_cut;       /* the last look was at a region that cuts somebody */
    int64_t changed_us; /* media time of the last change */
    struct gate_remembered remembered[GATE_MAX_BOXES];
    int remembered_count;
    int64_t asked_us, fed_us; /* media time of the last question and of the one before */
};

void gate_init(struct gate *gate, const struct detector_settings *settings);
/* Other times and shares from the next frame on. */
void gate_configure(struct gate *gate, const struct detector_settings *settings);
/* Asked once for each frame. `moving` is what moves now, `tracks` what is followed since before, `held` what was found.
 * `region` is set with GATE_REGION: none of `tracks` and `held` reaches over its edge. */
enum gate_answer gate_ask(struct gate *gate, const struct frame *frame, const struct detections *moving,
                          const struct motion_scene *scene, const struct tracks *tracks, const struct detections *held,
                          struct record_box *region);
/* Whether the picture under a box, and beside it, is another than at the last run. */
bool gate_differs(const struct gate *gate, const struct record_box *box);
/* After a run and before gate_note_run: adds to what was found what earlier looks at the same picture found
 * (gate_memory.c). */
void gate_remember(struct gate *gate, enum gate_answer answer, struct detections *found);
/* What moved in a picture that was looked at, and what was found, so that the next question knows. */
void gate_note_run(struct gate *gate, const struct frame *frame, enum gate_answer answer,
                   const struct detections *moving, const struct detections *found);
/* After GATE_HOLD: moves the objects held to where their tracks say they are now. */
void gate_carry(struct gate *gate, const struct frame *frame, const struct tracks *tracks, struct detections *held);
/* Of the objects held, those that lie wholly within a region that was just looked at go: it shows them anew. */
void gate_drop_region(struct detections *held, const struct record_box *region);
/* Somebody whom nobody knew of may stand at the edge of a region, and is found in part: hidden by that part, and wholly
 * soon, for then the next look is at all of the picture. */
void gate_note_cut(struct gate *gate, const struct detections *found, const struct record_box *region);
