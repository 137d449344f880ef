/* Which encoded pictures a decoder is spared (a camera's `decode`). They are dropped before the decoder, which cannot
 * be told well enough itself.
 *
 * A decoder of a stream with B pictures holds a picture back until it knows those behind it, which it is spared here: a
 * key frame after which something is left out is asked out of it, and decoded once more where what follows it is
 * decoded after all.
 *
 *  - key-frames: only pictures that need no other; all of them while the stream has told no key frame for long.
 *  - non-reference: what no other picture is predicted from is left out.
 *  - auto: key frames only while nothing moves. What is left out of the group under way is kept, within bounds: as soon
 *    as something moves, or a picture takes many more bytes than its like, the group is decoded from where it was left.
 *    A group that is longer or larger than the bounds is decoded whole, so a camera without key frames loses
 *    nothing.
 */
#pragma once

#include <stdbool.h>

#include <gst/gst.h>

#include "base/clock.h"
#include "facts/camera.h"
#include "facts/health.h"
#include "facts/settings.h"

struct media_skipper;

/* Adds to a counter of struct camera_health, by its offset. On the streaming thread. */
typedef void media_count_fn(void *data, size_t counter, int64_t amount);

/* `clock` is borrowed for its life; what is left out is told to `count`. */
struct media_skipper *media_skipper_new(enum camera_decode decode, const struct source_settings *settings,
                                        struct clock *clock, media_count_fn *count, void *count_data);
void media_skipper_free(struct media_skipper *skipper);
/* Whether something moves in the pictures. Any thread. */
void media_skipper_set_activity(struct media_skipper *skipper, bool is_active);

/* When a picture was left out last, which is as good a sign of life as a decoded one; 0: never. Any thread. */
int64_t media_skipper_last_us(const struct media_skipper *skipper);

/* The rest on the streaming thread. */

/* A decoder begins: nothing of what came before is of use to it. Before data flows. */
void media_skipper_begin(struct media_skipper *skipper);
/* What the parser tells of the stream. */
void media_skipper_set_caps(struct media_skipper *skipper, const GstCaps *caps);
/* True when the decoder is to be spared this picture. Where it is not, what was kept for it is pushed into `pad`, the
 * decoder's, first. */
bool media_skipper_skips(struct media_skipper *skipper, GstPad *pad, GstBuffer *encoded);

/* A picture left the decoder, on whichever thread it does so. True when it is one that was shown before and must not be
 * shown again. */
bool media_skipper_note_decoded(struct media_skipper *skipper, GstClockTime pts);

/* Decoding can begin with this picture and go on. */
bool media_skipper_begins_group(const struct media_skipper *skipper, GstBuffer *encoded);
/* What was kept passes by the decoder's pad again. */
bool media_skipper_is_catching_up(const struct media_skipper *skipper);

/* No other picture is predicted from this access unit. `length_bytes`: of the sizes before NAL units, 0 where they have
 * start codes. `highest_layer` holds the highest temporal sub-layer seen (H.265), and is kept up to date. */
bool media_picture_is_disposable(bool is_h265, int length_bytes, const uint8_t *data, size_t size, int *highest_layer);
