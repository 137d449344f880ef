/* Real models and pictures against what a reference saw, where the shared assets lie: faces, people and plates, by
 * name. */
#include "golden_world.h"
#include "media/media.h"

#include <math.h>
#include <string.h>

/* The nearest box of `found` to corners in pixels, and how far its worst corner is. */
static const struct detection *nearest(const struct detections *found, const struct frame *frame, const json_t *corners,
                                       double *away)
{
    const struct detection *best = NULL;
    *away = INFINITY;
    for (int i = 0; i < found->count; i++) {
        const struct record_box *box = &found->items[i].box;
        const double own[] = {box->x * frame->width_px, box->y * frame->height_px, (box->x + box->w) * frame->width_px,
                              (box->y + box->h) * frame->height_px};
        double worst = 0;
        for (size_t k = 0; k < G_N_ELEMENTS(own); k++)
            worst = MAX(worst, fabs(own[k] - json_number_value(json_array_get(corners, k))));
        best = worst < *away ? &found->items[i] : best;
        *away = MIN(*away, worst);
    }
    return best;
}

/* Tolerances are of pictures reduced to the model's input by another resize than the reference's: a share of a pixel
 * there is several of the picture's own. */
static double tolerance_px(const struct detector *detector, const struct frame *frame)
{
    const struct model_card *card = detector_card(detector);
    return MAX(
        4, 2 * MAX((double)frame->width_px / card->input_width_px, (double)frame->height_px / card->input_height_px));
}

/* Small faces near the threshold may come and go with the resize: those well above it are all there. */
static void check_faces(struct detector *detector, const char *key, const json_t *wanted, struct detections *found)
{
    CLEANUP(frame) struct frame *frame = golden_load_picture(key);
    size_t index, k;
    json_t *object, *value;
    g_assert_true(detector_run(detector, frame, found, NULL));
    json_array_foreach((json_t *)(uintptr_t)wanted, index, object)
    {
        double away, score = json_number_value(json_object_get(object, "s")), worst = 0;
        const struct detection *face = nearest(found, frame, json_object_get(object, "box"), &away);
        if (score < detector_card(detector)->confidence + 0.05)
            continue;
        g_test_message("%s: %.1f px, score off by %.3f", key, away, face ? face->confidence - score : 1);
        g_assert_cmpfloat(away, <=, tolerance_px(detector, frame));
        g_assert_cmpfloat_with_epsilon(face->confidence, score, 0.05);
        json_array_foreach(json_object_get(object, "k"), k, value)
        {
            double at = k % 2 ? face->points[k / 2].y * frame->height_px : face->points[k / 2].x * frame->width_px;
            worst = MAX(worst, fabs(at - json_number_value(value)));
        }
        g_test_message("%s: points off by %.1f px", key, worst);
        g_assert_cmpfloat(worst, <=, 2 * tolerance_px(detector, frame));
    }
    g_assert_cmpint(ABS(found->count - (int)json_array_size(wanted)), <=, 1 + (int)json_array_size(wanted) / 10);
}

static void check_faces_of(const char *model, const char *key_in_golden)
{
    CLEANUP(detector) struct detector *detector = golden_open_detector(model);
    json_t *golden = detector ? golden_load_json("GOLDEN_images.json") : NULL, *wanted;
    const char *key;
    int checked = 0;
    if (!golden)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    json_object_foreach(json_object_get(golden, key_in_golden), key, wanted)
    {
        if (!json_is_array(wanted))
            continue;
        check_faces(detector, key, wanted, found);
        checked++;
    }
    g_assert_cmpint(checked, >, 0);
    json_decref(golden);
}

static void test_yunet_sees_the_reference_s_faces_and_points(void)
{
    check_faces_of("yunet_n_640_640", "yunet_n_640_640");
}

static void test_ultraface_sees_the_reference_s_faces(void)
{
    check_faces_of("ultraface_version-RFB-320", "ultraface_RFB_320");
}

/* The smaller face models, and the masks', against photos whose faces the reference knows. */
static void test_the_other_face_models_see_them_too(void)
{
    static const struct {
        const char *model, *picture, *object_class;
        double confidence; /* 0: the card's */
        int least, most;
    } cases[] = {{"ultraface_version-slim-320", "faces/obama.jpg", "face", 0, 1, 1},
                 {"yunet_n_320_320", "faces/two_people.jpg", "face", 0, 2, 2},
                 {"yunet_n_dynamic", "faces/two_people.jpg", "face", 0, 2, 2},
                 {"ultraface_RFB-640-masked_face-v2", "ppe/masked_img1.jpeg", "masked_face", 0.6, 16, 18}};
    g_autofree struct detections *found = g_new0(struct detections, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CLEANUP(detector) struct detector *detector = golden_open_sure(cases[i].model, cases[i].confidence);
        if (!detector)
            return;
        CLEANUP(frame) struct frame *frame = golden_load_picture(cases[i].picture);
        g_assert_true(detector_run(detector, frame, found, NULL));
        g_test_message("%s: %d", cases[i].model, found->count);
        g_assert_cmpint(found->count, >=, cases[i].least);
        g_assert_cmpint(found->count, <=, cases[i].most);
        for (int k = 0; k < found->count; k++)
            g_assert_cmpstr(found->items[k].object_class, ==, cases[i].object_class);
    }
}

/* The people that people found in the pictures (the pictures' own annotations; 13 of 14 are the reference's figure). */
static void test_nanodet_finds_the_people_of_the_annotations(void)
{
    CLEANUP(detector) struct detector *detector = golden_open_detector("nanodet_m_320");
    json_t *root = detector ? golden_load_json("media/coco_gt/test_coco.json") : NULL, *annotation, *image;
    size_t index, number;
    int people = 0, found_people = 0;
    if (!root)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    json_array_foreach(json_object_get(root, "images"), number, image)
    {
        g_autofree char *key = g_strconcat("coco_gt/", json_string_value(json_object_get(image, "file_name")), NULL);
        g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SHARED"), "assets/media", key, NULL);
        if (!g_file_test(path, G_FILE_TEST_EXISTS))
            continue; /* not every annotated picture is among the assets */
        CLEANUP(frame) struct frame *frame = golden_load_picture(key);
        g_assert_true(detector_run(detector, frame, found, NULL));
        json_array_foreach(json_object_get(root, "annotations"), index, annotation)
        {
            if (!json_equal(json_object_get(annotation, "image_id"), json_object_get(image, "id")))
                continue;
            const json_t *b = json_object_get(annotation, "bbox");
            double x = json_number_value(json_array_get(b, 0)), y = json_number_value(json_array_get(b, 1));
            double w = json_number_value(json_array_get(b, 2)), h = json_number_value(json_array_get(b, 3)), best = 0;
            for (int i = 0; i < found->count; i++) {
                const struct record_box *o = &found->items[i].box;
                double ox = o->x * frame->width_px, oy = o->y * frame->height_px, ow = o->w * frame->width_px,
                       oh = o->h * frame->height_px;
                double shared_w = MIN(x + w, ox + ow) - MAX(x, ox), shared_h = MIN(y + h, oy + oh) - MAX(y, oy);
                double shared = MAX(shared_w, 0) * MAX(shared_h, 0);
                if (strcmp(found->items[i].object_class, "person") == 0)
                    best = MAX(best, shared / (w * h + ow * oh - shared));
            }
            people++;
            found_people += best >= 0.5;
        }
    }
    g_test_message("%d of %d people", found_people, people);
    g_assert_cmpint(people, >=, 3);
    g_assert_cmpint(people - found_people, <=, 1);
    json_decref(root);
}

/* ---- plates ---- */

/* Of a detection with corners in pixels: shared area by area of both. */
static double overlap_px(const struct detection *found, const struct frame *frame, const json_t *corners)
{
    double c[4];
    for (size_t i = 0; i < G_N_ELEMENTS(c); i++)
        c[i] = json_number_value(json_array_get(corners, i));
    double left = found->box.x * frame->width_px, top = found->box.y * frame->height_px;
    double width = found->box.w * frame->width_px, height = found->box.h * frame->height_px;
    double shared =
        MAX(MIN(left + width, c[2]) - MAX(left, c[0]), 0) * MAX(MIN(top + height, c[3]) - MAX(top, c[1]), 0);
    return shared / (width * height + (c[2] - c[0]) * (c[3] - c[1]) - shared);
}

static void check_plate(struct detector *finder, struct reader *reader, const char *file, const json_t *wanted,
                        struct detections *found, struct reading *reading)
{
    g_autofree char *key = g_strconcat("plates_openalpr/", file, NULL);
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SHARED"), "assets/media", key, NULL);
    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        return;
    CLEANUP(frame) struct frame *frame = golden_load_picture(key);
    const json_t *box = json_object_get(wanted, "gtbox_xywh");
    double corner[4];
    for (size_t i = 0; i < G_N_ELEMENTS(corner); i++)
        corner[i] = json_number_value(json_array_get(box, i));
    const struct detection plate = {.box = {corner[0] / frame->width_px, corner[1] / frame->height_px,
                                            corner[2] / frame->width_px, corner[3] / frame->height_px}};
    g_assert_true(reader_run(reader, frame, &plate, reading, NULL));
    g_test_message("%s: %s (%.3f), wanted %s", file, reading->text, reading->confidence,
                   json_string_value(json_object_get(wanted, "ocr")));
    if (json_number_value(json_object_get(wanted, "ocr_min_char_prob")) > 0.6) /* else a toss-up of two letters */
        g_assert_cmpstr(reading->text, ==, json_string_value(json_object_get(wanted, "ocr")));
    size_t index;
    json_t *object;
    g_assert_true(detector_run(finder, frame, found, NULL));
    json_array_foreach(json_object_get(wanted, "lpd"), index, object)
    {
        double away, score = json_number_value(json_object_get(object, "s"));
        const struct detection *nearby = nearest(found, frame, json_object_get(object, "box"), &away);
        bool is_much_reduced = frame->width_px > 2.5 * detector_card(finder)->input_width_px;
        if (score < 0.4 || is_much_reduced)
            continue; /* near the threshold, and where every fourth pixel is taken, the resize decides */
        g_test_message("%s: plate off by %.1f px and %.3f", file, away, nearby ? nearby->confidence - score : 1);
        /* of neighbouring priors with nearly the same score the resize chooses, and one corner may be another's */
        g_assert_cmpfloat(overlap_px(nearby, frame, json_object_get(object, "box")), >=, 0.6);
        g_assert_cmpfloat_with_epsilon(nearby->confidence, score, 0.1);
        g_assert_cmpint(nearby->point_count, ==, 4);
    }
}

static void test_plates_are_found_and_read(void)
{
    CLEANUP(detector) struct detector *finder = golden_open_detector("license_plate_detection_lpd_yunet_2022may");
    CLEANUP(reader) struct reader *reader = finder ? golden_open_reader("cct_xs_v1_global") : NULL;
    json_t *golden = reader ? golden_load_json("GOLDEN_images.json") : NULL, *wanted;
    const char *key;
    if (!golden)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    json_object_foreach(json_object_get(golden, "plate"), key, wanted)
    {
        if (json_is_object(wanted))
            check_plate(finder, reader, key, wanted, found, reading);
    }
    static const char *const crops[][2] = {{"plates_misc/fastplateocr_test_plate_1.png", "AD799KB"},
                                           {"plates_misc/fastplateocr_test_plate_2.png", "KRW301"}};
    for (size_t i = 0; i < G_N_ELEMENTS(crops); i++) {
        CLEANUP(frame) struct frame *frame = golden_load_picture(crops[i][0]);
        g_assert_true(reader_run(reader, frame, NULL, reading, NULL));
        g_assert_cmpstr(reading->text, ==, crops[i][1]);
    }
    json_decref(golden);
}

/* ---- faces and people compared ---- */

static void embed_face(const char *file, struct detector *finder, struct reader *reader, struct detections *found,
                       struct reading *reading)
{
    g_autofree char *key = g_strconcat("faces/", file, NULL);
    CLEANUP(frame) struct frame *frame = golden_load_picture(key);
    g_autoptr(GError) error = NULL;
    g_assert_true(detector_run(finder, frame, found, NULL));
    g_assert_cmpint(found->count, >=, 1);
    g_assert_true(reader_run(reader, frame, &found->items[0], reading, &error));
    g_assert_no_error(error);
}

static void test_faces_are_as_alike_as_the_reference_says(void)
{
    CLEANUP(detector) struct detector *finder = golden_open_detector("yunet_n_640_640");
    CLEANUP(reader) struct reader *reader = finder ? golden_open_reader("mobilefacenet_foamliu_112") : NULL;
    json_t *golden = reader ? golden_load_json("GOLDEN_images.json") : NULL, *wanted;
    const char *key;
    if (!golden)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autofree struct reading *readings = g_new0(struct reading, 2);
    json_object_foreach(json_object_get(golden, "face_cosine"), key, wanted)
    {
        g_auto(GStrv) files = g_strsplit(key, " | ", 2);
        if (!json_is_number(wanted))
            continue;
        for (int i = 0; i < 2; i++)
            embed_face(files[i], finder, reader, found, &readings[i]);
        double cosine = reading_cosine(&readings[0], &readings[1]);
        g_test_message("%s: %.3f, wanted %.3f", key, cosine, json_number_value(wanted));
        g_assert_cmpfloat_with_epsilon(cosine, json_number_value(wanted), 0.08);
    }
    json_decref(golden);
}

static void test_a_smile_is_read(void)
{
    CLEANUP(detector) struct detector *finder = golden_open_detector("yunet_n_640_640");
    CLEANUP(reader)
    struct reader *reader = finder ? golden_open_reader("fer2013_mini_XCEPTION.102-0.66.converted") : NULL;
    if (!reader)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    embed_face("obama.jpg", finder, reader, found, reading);
    g_test_message("%s %.2f", reading->text, reading->confidence);
    g_assert_cmpstr(reading->text, ==, "happy");
    g_assert_cmpint(reading->value_count, ==, 7);
}

/* The person whose box's left edge lies nearest to `left`. */
static const struct detection *person_at(const struct detections *found, double left)
{
    const struct detection *best = NULL;
    for (int i = 0; i < found->count; i++)
        if (strcmp(found->items[i].object_class, "person") == 0 &&
            (!best || fabs(found->items[i].box.x - left) < fabs(best->box.x - left)))
            best = &found->items[i];
    g_assert_nonnull(best);
    return best;
}

/* Two people in two frames half a second apart: each is more like itself than like the other. */
static void test_people_are_known_again(void)
{
    static const char *const models[] = {"person-reidentification-retail-0248", "person-reidentification-retail-0287"};
    static const double at[] = {158.0 / 480, 313.4 / 480}; /* the reference's boxes in the first frame */
    CLEANUP(detector) struct detector *finder = golden_open_detector("yolox_nano");
    if (!finder)
        return;
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autofree struct reading *readings = g_new0(struct reading, 4);
    for (size_t m = 0; m < G_N_ELEMENTS(models); m++) {
        CLEANUP(reader) struct reader *reader = golden_open_reader(models[m]);
        for (int when = 0; when < 2; when++) {
            CLEANUP(frame)
            struct frame *frame = golden_load_picture(when ? "video/vtest_480x360_h264.mp4#frame5"
                                                           : "video/vtest_480x360_h264.mp4#frame0");
            g_assert_true(detector_run(finder, frame, found, NULL));
            for (int i = 0; i < 2; i++)
                g_assert_true(reader_run(reader, frame, person_at(found, at[i]), &readings[2 * when + i], NULL));
        }
        for (int i = 0; i < 2; i++) {
            double same = reading_cosine(&readings[i], &readings[2 + i]);
            double other = reading_cosine(&readings[i], &readings[3 - i]);
            g_test_message("%s: same %.2f, other %.2f", models[m], same, other);
            g_assert_cmpfloat(same, >, other);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_true(media_init(false, NULL));
    g_test_add_func("/golden faces/yunet sees the reference's faces and points",
                    test_yunet_sees_the_reference_s_faces_and_points);
    g_test_add_func("/golden faces/ultraface sees the reference's faces", test_ultraface_sees_the_reference_s_faces);
    g_test_add_func("/golden faces/the other face models see them too", test_the_other_face_models_see_them_too);
    g_test_add_func("/golden faces/nanodet finds the people of the annotations",
                    test_nanodet_finds_the_people_of_the_annotations);
    g_test_add_func("/golden faces/plates are found and read", test_plates_are_found_and_read);
    g_test_add_func("/golden faces/faces are as alike as the reference says",
                    test_faces_are_as_alike_as_the_reference_says);
    g_test_add_func("/golden faces/a smile is read", test_a_smile_is_read);
    g_test_add_func("/golden faces/people are known again", test_people_are_known_again);
    return g_test_run();
}
