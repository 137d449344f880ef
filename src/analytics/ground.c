/* From the picture to the ground: the homography that four points and their places on the ground give. */
#include "analytics/analytics_internal.h"

#include <math.h>

/* The third homogeneous coordinate falls with the distance and is 0 at the horizon; above it, it has the other sign.
 * What is further than ten times as far as the calibrated place is not measured: a pixel there is many metres. */
static const double weight_min_share = 0.1;

/* Takes the unit square's corners (0,0), (1,0), (1,1), (0,1) to a quadrilateral's: Heckbert, "Fundamentals of Texture
 * Mapping and Image Warping" (1989), section 2.2.3. */
static void square_to_quad(const struct record_point p[4], double m[9])
{
    double sum_x = p[0].x - p[1].x + p[2].x - p[3].x, sum_y = p[0].y - p[1].y + p[2].y - p[3].y;
    double dx1 = p[1].x - p[2].x, dy1 = p[1].y - p[2].y, dx2 = p[3].x - p[2].x, dy2 = p[3].y - p[2].y;
    double determinant = dx1 * dy2 - dx2 * dy1;
    double g = (sum_x * dy2 - dx2 * sum_y) / determinant, h = (dx1 * sum_y - sum_x * dy1) / determinant;
    m[0] = p[1].x - p[0].x + g * p[1].x;
    m[1] = p[3].x - p[0].x + h * p[3].x;
    m[2] = p[0].x;
    m[3] = p[1].y - p[0].y + g * p[1].y;
    m[4] = p[3].y - p[0].y + h * p[3].y;
    m[5] = p[0].y;
    m[6] = g;
    m[7] = h;
    m[8] = 1;
}

/* The adjugate is the inverse up to a factor, and a homography does not see factors. */
static void invert(const double m[9], double out[9])
{
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            int r1 = (column + 1) % 3, r2 = (column + 2) % 3, c1 = (row + 1) % 3, c2 = (row + 2) % 3;
            out[row * 3 + column] = m[r1 * 3 + c1] * m[r2 * 3 + c2] - m[r1 * 3 + c2] * m[r2 * 3 + c1];
        }
}

static void multiply(const double a[9], const double b[9], double out[9])
{
    for (int row = 0; row < 3; row++)
        for (int column = 0; column < 3; column++) {
            out[row * 3 + column] = 0;
            for (int i = 0; i < 3; i++)
                out[row * 3 + column] += a[row * 3 + i] * b[i * 3 + column];
        }
}

static double weight_at(const double m[9], struct record_point p)
{
    return m[6] * p.x + m[7] * p.y + m[8];
}

/* The middle of the four points lies on the ground: the weight is 1 there. */
static void scale_to_centre(double m[9], const struct record_point p[4])
{
    struct record_point centre = {(p[0].x + p[1].x + p[2].x + p[3].x) / 4, (p[0].y + p[1].y + p[2].y + p[3].y) / 4};
    double weight = weight_at(m, centre);
    for (int i = 0; i < 9; i++)
        m[i] /= weight;
}

void ground_init(struct ground *ground, const struct camera_rules *camera_rules)
{
    *ground = (struct ground){0};
    if (camera_rules->calibration_image.count != 4 || camera_rules->calibration_ground.count != 4)
        return;
    double image[9], square[9], metres[9];
    square_to_quad(camera_rules->calibration_image.items, image);
    square_to_quad(camera_rules->calibration_ground.items, metres);
    invert(image, square);
    multiply(metres, square, ground->to_ground);
    scale_to_centre(ground->to_ground, camera_rules->calibration_image.items);
    ground->is_calibrated = true;
}

bool ground_point(const struct ground *ground, struct record_point p, double aspect, struct record_point *place)
{
    *place = (struct record_point){p.x, p.y * aspect};
    if (!ground->is_calibrated)
        return true;
    const double *m = ground->to_ground;
    double weight = weight_at(m, p);
    if (!(weight >= weight_min_share))
        return false;
    *place =
        (struct record_point){(m[0] * p.x + m[1] * p.y + m[2]) / weight, (m[3] * p.x + m[4] * p.y + m[5]) / weight};
    return true;
}
