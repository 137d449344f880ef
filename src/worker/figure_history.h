/* What had to be hidden in the frames analysed last, so that pictures of another stream of the same camera can be shown
 * with it hidden. The streams' clocks are not one: everything found within a window before and after a picture is
 * hidden in it, and a picture that the window does not cover is not shown. One thread at a time. */
#pragma once

#include "frame/frame.h"
#include "privacy/privacy.h"

struct figure_history;

struct figure_history *figure_history_new(int window_ms);
void figure_history_free(struct figure_history *history);
/* Notes what must be hidden in an analysed frame; all of `request` is copied. */
void figure_history_note(struct figure_history *history, const struct frame *frame,
                         const struct privacy_request *request);
/* The time of which enough is known by now. False: of none. */
bool figure_history_covered_ms(const struct figure_history *history, int64_t *at_ms);
/* Why it is not known what must be hidden in a picture. */
enum figure_refusal {
    FIGURES_KNOWN = 0,
    FIGURES_OF_ANOTHER_SHAPE, /* the two streams show another shape of picture */
    FIGURES_OF_ANOTHER_CLOCK, /* only one of them tells the camera's time */
    FIGURES_LATE,             /* a picture of either was held up on its way by more than a part of the window */
    FIGURES_TOO_FEW,          /* are analysed around it */
    FIGURES_ELSEWHEN,         /* there is no picture of a moment that was analysed */
};
/* What must be hidden in `frame` of another stream, borrowed until the next call; and the number of the analysed frame
 * nearest to it, whose boxes belong over it. */
enum figure_refusal figure_history_request(struct figure_history *history, const struct frame *frame,
                                           struct privacy_request *request, uint64_t *number);
