/* What stands in the picture and no figure explains: a barrier, a ladder or a stripe of sun is of no body's shape. It
 * becomes background as figures do that keep still; else it would be something that moves, for good. */
#include "vision/motion_internal.h"

#include <string.h>

void standing_init(struct standing *standing, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    *standing = (struct standing){.width = width, .height = height};
    standing->seconds = g_new0(uint8_t, count);
    standing->settled = g_new0(uint8_t, count);
}

void standing_clear(struct standing *standing)
{
    g_free(standing->seconds);
    g_free(standing->settled);
    memset(standing, 0, sizeof *standing);
}

void standing_forget(struct standing *standing)
{
    memset(standing->seconds, 0, (size_t)standing->width * (size_t)standing->height);
}

/* Whole seconds since it last was looked at; 0: it is not due. */
static int take_seconds(struct standing *standing, double frame_seconds)
{
    standing->since_seconds += frame_seconds;
    int seconds = (int)standing->since_seconds;
    standing->since_seconds -= seconds;
    return seconds;
}

bool standing_note(struct standing *standing, const uint8_t *left_over, double frame_seconds)
{
    int passed = take_seconds(standing, frame_seconds), count = standing->width * standing->height;
    bool has_settled = false;
    for (int i = 0; i < count && passed > 0; i++) {
        int seconds = left_over[i] ? standing->seconds[i] + passed : 0;
        bool is_settled = seconds >= ABSORB_SECONDS;
        standing->seconds[i] = (uint8_t)(is_settled ? 0 : seconds);
        standing->settled[i] = is_settled ? 255 : 0;
        has_settled |= is_settled;
    }
    return has_settled;
}
