#include "analytics/analytics_internal.h"

#include <math.h>
#include <string.h>

int16_t observation_quantise(double value, int one)
{
    double scaled = nearbyint(value * one);
    if (!(scaled > INT16_MIN)) /* and not a number */
        return INT16_MIN;
    return scaled > INT16_MAX ? INT16_MAX : (int16_t)scaled;
}

double observation_aspect(const struct observation *observation)
{
    return observation->aspect > 0 ? observation->aspect / (double)OBSERVATION_BOX_ONE : 1;
}

bool segments_meet(struct record_point a, struct record_point b, struct record_point c, struct record_point d)
{
    return (side_of_line(a, b, c) < 0) != (side_of_line(a, b, d) < 0) &&
           (side_of_line(c, d, a) < 0) != (side_of_line(c, d, b) < 0);
}

struct record_box polygon_bounds(const struct record_points *polygon)
{
    struct record_point low = polygon->items[0], high = low;
    for (size_t i = 1; i < polygon->count; i++) {
        struct record_point p = polygon->items[i];
        low = (struct record_point){MIN(low.x, p.x), MIN(low.y, p.y)};
        high = (struct record_point){MAX(high.x, p.x), MAX(high.y, p.y)};
    }
    return (struct record_box){low.x, low.y, high.x - low.x, high.y - low.y};
}

bool class_is_wanted(const struct record_strings *classes, const char *object_class)
{
    for (size_t i = 0; i < classes->count; i++)
        if (strcmp(classes->items[i], object_class) == 0)
            return true;
    return classes->count == 0;
}
