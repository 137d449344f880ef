/* Places that became background stay hidden by what they look like, whatever becomes background elsewhere. */
#include "vision/motion_internal.h"

#include <glib.h>
#include <string.h>

enum { WIDE_PX = 96, HIGH_PX = 64, WALL = 60, SLEEPER = 66 };
static const struct bounds bed = {16, 16, 32, 40}, gate = {64, 16, 88, 24};

/* A dim room without contrast, that was learnt. */
struct room {
    struct reduced picture;
    struct background background;
    uint8_t foreground[WIDE_PX * HIGH_PX], mask[WIDE_PX * HIGH_PX];
};

static void paint(struct room *room, struct bounds b, uint8_t luma)
{
    for (int y = b.top; y < b.bottom; y++)
        memset(room->picture.planes[0] + y * WIDE_PX + b.left, luma, (size_t)(b.right - b.left));
}

static void room_init(struct room *room)
{
    enum { FACTOR = 4 };
    struct frame *frame = frame_new_allocated(WIDE_PX * FACTOR, HIGH_PX * FACTOR);
    memset(room, 0, sizeof *room);
    reduced_init(&room->picture, frame, FACTOR);
    frame_unref(frame);
    for (int i = 0; i < 3; i++)
        memset(room->picture.planes[i], i ? 128 : WALL, WIDE_PX * HIGH_PX);
    background_init(&room->background, WIDE_PX, HIGH_PX);
    background_learn(&room->background, &room->picture);
    for (int i = 0; i < 200; i++) /* that there is no noise */
        background_compare(&room->background, &room->picture, 0.5, true, room->foreground);
}

static void room_clear(struct room *room)
{
    background_clear(&room->background);
    reduced_clear(&room->picture);
}

static bool is_foreground(struct room *room, struct bounds b)
{
    background_compare(&room->background, &room->picture, 0.5, true, room->foreground);
    return room->foreground[(b.top + b.bottom) / 2 * WIDE_PX + (b.left + b.right) / 2] != 0;
}

static bool is_hidden(const struct room *room, struct bounds b)
{
    for (int y = b.top; y < b.bottom; y++)
        for (int x = b.left; x < b.right; x++)
            if (!room->background.absorbed.places[y * WIDE_PX + x])
                return false;
    return true;
}

static void settle(struct room *room, struct bounds b)
{
    memset(room->mask, 0, sizeof room->mask);
    for (int y = b.top; y < b.bottom; y++)
        memset(room->mask + y * WIDE_PX + b.left, 255, (size_t)(b.right - b.left));
    background_absorb_places(&room->background, &room->picture, room->mask);
}

/* Now who sleeps is as bright as the wall was before they came. */
static void let_night_fall(struct room *room)
{
    for (int i = 0; i < WIDE_PX * HIGH_PX; i++)
        room->picture.planes[0][i] = (uint8_t)(room->picture.planes[0][i] * WALL / SLEEPER);
    g_assert_false(is_foreground(room, bed));
}

static void test_who_sleeps_is_hidden_when_something_else_settles(void)
{
    struct room room;
    room_init(&room);
    paint(&room, bed, SLEEPER);
    g_assert_true(is_foreground(&room, bed));
    background_absorb(&room.background, &room.picture, bed, true);
    let_night_fall(&room);
    paint(&room, gate, 200);
    settle(&room, gate);
    g_assert_true(is_hidden(&room, gate));
    g_assert_true(is_hidden(&room, bed));
    room_clear(&room);
}

/* In a room without contrast as well as by day: what is seen to come is seen to be there. */
static void test_what_settles_is_shown_when_it_went_and_no_sooner(void)
{
    struct room room;
    room_init(&room);
    paint(&room, bed, SLEEPER);
    g_assert_true(is_foreground(&room, bed));
    settle(&room, bed);
    settle(&room, bed); /* again, as it is */
    g_assert_true(is_hidden(&room, bed));
    paint(&room, bed, WALL);
    settle(&room, bed);
    g_assert_false(is_hidden(&room, bed));
    room_clear(&room);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/absorbed/who sleeps is hidden when something else settles",
                    test_who_sleeps_is_hidden_when_something_else_settles);
    g_test_add_func("/absorbed/what settles is shown when it went and no sooner",
                    test_what_settles_is_shown_when_it_went_and_no_sooner);
    return g_test_run();
}
