/* What policies have followed and hidden: a class that is not followed is hidden all the same. */
#include "worker/selection.h"

static void tell(struct selection *selection, const char *class, double confidence, bool hides_faces, bool hides_plates)
{
    struct camera_config config;
    record_init(&camera_config_descriptor, &config);
    if (class) {
        config.classes.items = g_new0(char *, 1);
        config.classes.items[0] = g_strdup(class);
        config.classes.count = 1;
    }
    config.detector.confidence = confidence;
    config.privacy.face_blur_enabled = hides_faces;
    config.privacy.license_plate_blur_enabled = hides_plates;
    selection_configure(selection, &config);
    record_clear(&camera_config_descriptor, &config);
}

static struct detections *some_finds(void)
{
    struct detections *found = g_new0(struct detections, 1);
    const char *const classes[] = {"person", "car", "person"};
    const double confidences[] = {0.9, 0.8, 0.3};
    for (int i = 0; i < 3; i++)
        found->items[found->count++] =
            (struct detection){.object_class = g_intern_string(classes[i]), .confidence = confidences[i]};
    return found;
}

static void test_classes_and_confidence_choose_what_is_followed(void)
{
    struct selection selection;
    g_autofree struct detections *found = some_finds();
    selection_init(&selection);
    g_assert_true(selection_of(&selection, found) == found);
    tell(&selection, "person", 0, true, true);
    g_assert_cmpint(selection_of(&selection, found)->count, ==, 2);
    tell(&selection, "person", 0.5, true, true);
    g_assert_cmpint(selection_of(&selection, found)->count, ==, 1);
    tell(&selection, NULL, 0.5, true, true);
    g_assert_cmpint(selection_of(&selection, found)->count, ==, 2);
    g_assert_cmpint(found->count, ==, 3);
    selection_clear(&selection);
}

/* A name that an org invents, again and again, is given back with the policy. */
static void test_names_of_classes_do_not_stay(void)
{
    static const char invented[] = "a class that no model has";
    struct selection selection;
    selection_init(&selection);
    tell(&selection, invented, 0, true, true);
    tell(&selection, "person", 0, true, true);
    g_assert_cmpuint(g_quark_try_string(invented), ==, 0); /* nor is it in GLib's table of names for ever */
    selection_clear(&selection);
}

static void test_all_is_hidden_until_a_policy_says_otherwise(void)
{
    static const struct {
        bool hides_faces, hides_plates;
        bool person, car, unknown, any; /* hidden */
    } cases[] = {
        {true, true, true, true, true, true},
        {true, false, true, true, true, true}, /* a face may look out of a car */
        {false, true, false, true, true, true},
        {false, false, false, false, false, false},
    };
    struct selection selection;
    selection_init(&selection);
    g_assert_true(selection_hides(&selection, g_intern_static_string("person")));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        tell(&selection, "car", 0, cases[i].hides_faces, cases[i].hides_plates); /* people are not followed */
        g_assert_cmpint(selection_hides(&selection, g_intern_static_string("person")), ==, cases[i].person);
        g_assert_cmpint(selection_hides(&selection, g_intern_static_string("car")), ==, cases[i].car);
        g_assert_cmpint(selection_hides(&selection, g_intern_static_string("motion")), ==, cases[i].unknown);
        g_assert_cmpint(selection_hides_any(&selection), ==, cases[i].any);
    }
    selection_clear(&selection);
}

/* A face, a plate and what nobody knows are no figure of which a face would be a small part. */
static void test_only_whole_figures_are_hidden_finely(void)
{
    static const char *const whole[] = {"person", "car", "dog"};
    static const char *const others[] = {"face", "license_plate", "masked_face", "motion", "thing"};
    const struct record_box box = {0.1, 0.2, 0.3, 0.4};
    for (size_t i = 0; i < G_N_ELEMENTS(whole); i++)
        g_assert_false(selection_figure(whole[i], &box).may_be_face);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        g_assert_true(selection_figure(others[i], &box).may_be_face);
    g_assert_cmpfloat(selection_figure("face", &box).box.w, ==, box.w);
}

/* The feet of who is cut by the picture's edge lie on the edge, or beyond it. */
static void test_a_mask_at_the_edge_holds_who_is_cut_by_it(void)
{
    static const struct record_point corners[] = {{0.5, 0.5}, {1, 0.5}, {1, 1}, {0.5, 1}};
    static const struct {
        struct record_box box;
        bool is_masked;
    } cases[] = {
        {{0.6, 0.4, 0.1, 0.4}, true},   {{0.6, 0.6, 0.1, 0.4}, true},  {{0.6, 0.6, 0.1, 0.45}, true},
        {{0.96, 0.4, 0.08, 0.4}, true}, {{0.98, 0.4, 0.1, 0.4}, true}, {{0.2, 0.6, 0.1, 0.45}, false},
    };
    struct record_list zones = {0};
    struct zone *zone = record_list_append(&zones, &zone_descriptor);
    struct selection selection;
    zone->kind = ZONE_PRIVACY_MASK;
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    selection_init(&selection);
    selection_set_masks(&selection, &zones);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        if (selection_masks(&selection, &cases[i].box) != cases[i].is_masked)
            g_error("case %zu is wrong", i);
    selection_clear(&selection);
    record_clear(&zone_descriptor, zone);
    g_free(zones.items);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/selection/classes and confidence choose what is followed",
                    test_classes_and_confidence_choose_what_is_followed);
    g_test_add_func("/selection/names of classes do not stay", test_names_of_classes_do_not_stay);
    g_test_add_func("/selection/all is hidden until a policy says otherwise",
                    test_all_is_hidden_until_a_policy_says_otherwise);
    g_test_add_func("/selection/only whole figures are hidden finely", test_only_whole_figures_are_hidden_finely);
    g_test_add_func("/selection/a mask at the edge holds who is cut by it",
                    test_a_mask_at_the_edge_holds_who_is_cut_by_it);
    return g_test_run();
}
