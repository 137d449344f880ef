#include "scene/scene.h"

#include <string.h>

static char *checksum(const char *uri, uint64_t number)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
    CLEANUP(frame) struct frame *frame = scene_render(scene, number);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (int plane = 0; plane < 3; plane++)
        for (int y = 0; y < frame_plane_rows(frame, plane); y++)
            g_checksum_update(sum, frame->planes[plane] + y * frame->strides_bytes[plane],
                              frame_plane_row_bytes(frame, plane));
    return g_strdup(g_checksum_get_string(sum));
}

static void test_the_same_seed_gives_the_same_pixels(void)
{
    g_autofree char *once = checksum("scene://shop?seed=3", 150), *again = checksum("scene://shop?seed=3", 150);
    g_autofree char *other = checksum("scene://shop?seed=4", 150);
    g_assert_cmpstr(once, ==, again);
    g_assert_cmpstr(once, !=, other);
}

static void test_frames_may_be_asked_for_in_any_order(void)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://gate?seed=2", NULL);
    CLEANUP(frame) struct frame *late = scene_render(scene, 400);
    CLEANUP(frame) struct frame *early = scene_render(scene, 100);
    CLEANUP(frame) struct frame *late_again = scene_render(scene, 400);
    g_assert_cmpmem(late->planes[0], 640 * 360, late_again->planes[0], 640 * 360);
    g_assert_cmpint(memcmp(late->planes[0], early->planes[0], 640 * 360), !=, 0);
}

static double number_after(const char *json, const char *key)
{
    const char *found = strstr(json, key);
    g_assert_nonnull(found);
    return g_ascii_strtod(found + strlen(key), NULL);
}

static void test_a_third_of_crossings_happens_in_overlaps(void)
{
    static const char *const kinds[] = {"shop", "gate", "corridor"};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        double overlapped = 0;
        for (int seed = 1; seed <= 20; seed++) {
            g_autofree char *uri = g_strdup_printf("scene://%s?seed=%d&frames=1200", kinds[i], seed);
            CLEANUP(scene) struct scene *scene = scene_new_from_uri(uri, NULL);
            g_autofree char *truth = scene_truth_json(scene, 1200);
            overlapped += number_after(truth, "\"overlapped_share\":") / 20;
        }
        g_test_message("%s: %.0f %% of crossings overlap", kinds[i], 100 * overlapped);
        g_assert_cmpfloat(overlapped, >=, 0.3);
    }
}

static void test_the_truth_states_noise_light_and_totals(void)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?seed=1&frames=900", NULL);
    g_autofree char *truth = scene_truth_json(scene, 900);
    int in, out;
    g_assert_true(scene_truth_count(scene, 900, "door", &in, &out));
    g_autofree char *line = g_strdup_printf("{\"line\":\"door\",\"in\":%d,\"out\":%d}", in, out);
    g_assert_nonnull(strstr(truth, line));
    g_assert_cmpint(in + out, >, 10);
    g_assert_cmpfloat(number_after(truth, "\"sigma\":"), >, 0);
    g_assert_nonnull(strstr(truth, "\"light_steps\":[{\"frame\":"));
    g_assert_false(scene_truth_count(scene, 900, "nowhere", &in, &out));
}

static void test_nothing_counts_in_an_empty_room(void)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://empty?seed=9", NULL);
    int in = 1, out = 1;
    g_assert_true(scene_truth_count(scene, 3000, "door", &in, &out));
    g_assert_cmpint(in + out, ==, 0);
}

static void test_wrong_uris_say_what_is_right(void)
{
    static const struct {
        const char *uri, *error;
    } cases[] = {{"scene://mall", "there are shop, gate, corridor, night, empty"},
                 {"scene://shop?seed=x", "must be between"},
                 {"scene://shop?fps=0", "must be between"},
                 {"scene://shop?width=100000", "must be between"},
                 {"scene://shop?fault=stolen@3", "kinds are covered, blurred, moved, frozen, dark, left, taken"},
                 {"scene://shop?fault=dark", "must be KIND@SECONDS"},
                 {"scene://shop?fault=dark@soon", "must be KIND@SECONDS"},
                 {"scene://shop?colour=1", "allowed are seed, fps, width, height, frames"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(scene_new_from_uri(cases[i].uri, &error));
        g_assert_nonnull(strstr(error->message, cases[i].error));
    }
}

static void test_odd_sizes_are_drawn(void)
{
    CLEANUP(scene) struct scene *scene = scene_new_from_uri("scene://shop?width=321&height=243", NULL);
    CLEANUP(frame) struct frame *frame = scene_render(scene, 100);
    g_assert_cmpint(frame->width_px, ==, 321);
    g_assert_cmpint(frame_plane_rows(frame, 1), ==, 122);
}

static void test_a_fault_begins_at_its_time(void)
{
    static const char *const faults[] = {"covered", "blurred", "moved", "dark", "left"};
    CLEANUP(scene) struct scene *sound = scene_new_from_uri("scene://shop?seed=4", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_autofree char *uri = g_strdup_printf("scene://shop?seed=4&fault=%s@3", faults[i]);
        CLEANUP(scene) struct scene *faulty = scene_new_from_uri(uri, NULL);
        for (uint64_t number = 29; number <= 30; number++) { /* ten a second */
            CLEANUP(frame) struct frame *a = scene_render(sound, number);
            CLEANUP(frame) struct frame *b = scene_render(faulty, number);
            size_t bytes = (size_t)a->strides_bytes[0] * (size_t)a->height_px;
            g_assert_cmpint(memcmp(a->planes[0], b->planes[0], bytes) != 0, ==, number == 30);
        }
    }
    CLEANUP(scene) struct scene *frozen = scene_new_from_uri("scene://shop?seed=4&fault=frozen@3", NULL);
    CLEANUP(frame) struct frame *last = scene_render(frozen, 30);
    CLEANUP(frame) struct frame *later = scene_render(frozen, 60);
    g_assert_cmpmem(last->planes[0], last->strides_bytes[0] * 360, later->planes[0], later->strides_bytes[0] * 360);
    g_assert_cmpint(later->media_us, ==, 6000000); /* its clock goes on */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scene/the same seed gives the same pixels", test_the_same_seed_gives_the_same_pixels);
    g_test_add_func("/scene/frames may be asked for in any order", test_frames_may_be_asked_for_in_any_order);
    g_test_add_func("/scene/a third of crossings happens in overlaps", test_a_third_of_crossings_happens_in_overlaps);
    g_test_add_func("/scene/the truth states noise, light and totals", test_the_truth_states_noise_light_and_totals);
    g_test_add_func("/scene/nothing counts in an empty room", test_nothing_counts_in_an_empty_room);
    g_test_add_func("/scene/wrong URIs say what is right", test_wrong_uris_say_what_is_right);
    g_test_add_func("/scene/a fault begins at its time", test_a_fault_begins_at_its_time);
    g_test_add_func("/scene/odd sizes are drawn", test_odd_sizes_are_drawn);
    return g_test_run();
}
