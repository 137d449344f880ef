/* Pictures as a source, and capture devices: a device stands in, there is none on a test machine. */
#include <gst/gst.h>
#include <string.h>
#include <sys/stat.h>

#include "base/counter.h"
#include "media/media_internal.h"
#include "media/media_world.h"

/* ---- pictures ---- */

static void make_picture(const char *path, const char *encoder, int width_px)
{
    g_autofree char *text = g_strdup_printf("videotestsrc num-buffers=1 ! video/x-raw,width=%d,height=120 ! "
                                            "videoconvert ! %s ! filesink name=out",
                                            width_px, encoder);
    g_assert_true(media_world_make(path, text));
}

static void test_a_folder_is_read_by_name_at_its_rate(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *second = media_world_path(&world, "b.jpg"), *first = media_world_path(&world, "a.PNG");
    g_autofree char *other = media_world_path(&world, "c.txt");
    make_picture(second, "jpegenc", 160);
    make_picture(first, "pngenc", 80);
    g_assert_true(g_file_set_contents(other, "words", -1, NULL));
    struct source_settings settings = media_world_settings();
    settings.picture_fps = 4;
    g_autoptr(GError) error = NULL;
    g_autofree char *address = g_strconcat("file://", world.directory, NULL);
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(address, &settings, &error);
    g_assert_no_error(error);
    g_assert_cmpfloat(media_reader_fps(reader), ==, 4);
    CLEANUP(frame) struct frame *one = media_reader_next(reader, &error);
    CLEANUP(frame) struct frame *two = media_reader_next(reader, &error);
    g_assert_no_error(error);
    g_assert_cmpint(one->width_px, ==, 80);
    g_assert_cmpint(two->width_px, ==, 160);
    g_assert_cmpint(two->media_us - one->media_us, ==, 250000);
    g_assert_null(media_reader_next(reader, &error));
    g_assert_no_error(error);
    g_assert_cmpint(media_reader_copies(reader), ==, 2);
    media_world_clear(&world);
}

static void test_what_is_no_picture_is_named(void)
{
    struct media_world world;
    media_world_init(&world);
    struct source_settings settings = media_world_settings();
    g_autoptr(GError) error = NULL;
    g_assert_null(media_reader_open(world.directory, &settings, &error));
    g_assert_nonnull(strstr(error->message, "holds no .jpg, .jpeg or .png"));
    g_clear_error(&error);
    g_autofree char *path = media_world_path(&world, "a.jpg");
    g_assert_true(g_file_set_contents(path, "\xff\xd8\xff and no more", -1, NULL));
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings, &error);
    g_assert_no_error(error);
    g_assert_null(media_reader_next(reader, &error));
    g_assert_nonnull(strstr(error->message, path));
    media_world_clear(&world);
}

/* Nobody writes into it, and nobody is waited for who might. */
static void test_a_pipe_is_no_picture(void)
{
    struct media_world world;
    media_world_init(&world);
    struct source_settings settings = media_world_settings();
    g_autofree char *pipe = media_world_path(&world, "a.jpg"), *picture = media_world_path(&world, "b.jpg");
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);
    make_picture(picture, "jpegenc", 80);
    g_assert_null(media_reader_open(pipe, &settings, &error));
    g_assert_nonnull(strstr(error->message, "is no file"));
    g_clear_error(&error);
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(world.directory, &settings, &error);
    g_assert_no_error(error);
    CLEANUP(frame) struct frame *frame = media_reader_next(reader, &error);
    g_assert_no_error(error);
    g_assert_cmpint(frame->width_px, ==, 80);
    media_world_clear(&world);
}

static void test_a_picture_is_watched_again_and_again(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "a.jpg");
    make_picture(path, "jpegenc", 160);
    media_eye_init(&eye);
    eye.loop = true;
    eye.settings.picture_fps = 20;
    media_eye_open(&eye, path);
    int64_t before_us = -1000000;
    for (int i = 0; i < 5; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_cmpint(frame->media_us, >=, before_us + 49000); /* in real time, not as fast as it can be read */
        before_us = frame->media_us;
    }
    media_eye_close(&eye);
    media_world_clear(&world);
}

/* What lies behind it is read, at its own moment. */
static void test_a_bad_picture_of_a_folder_is_passed_over(void)
{
    struct media_world world;
    media_world_init(&world);
    g_autofree char *first = media_world_path(&world, "a.jpg"), *bad = media_world_path(&world, "b.jpg");
    g_autofree char *third = media_world_path(&world, "c.jpg"), *last = media_world_path(&world, "d.jpg");
    make_picture(first, "jpegenc", 80);
    make_picture(third, "jpegenc", 160);
    g_assert_true(g_file_set_contents(bad, "\xff\xd8\xff and no more", -1, NULL));
    g_assert_true(g_file_set_contents(last, "", 0, NULL));
    struct source_settings settings = media_world_settings();
    settings.picture_fps = 4;
    g_autoptr(GError) error = NULL;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(world.directory, &settings, &error);
    CLEANUP(frame) struct frame *one = media_reader_next(reader, &error);
    CLEANUP(frame) struct frame *two = media_reader_next(reader, &error);
    g_assert_no_error(error);
    g_assert_cmpint(one->width_px, ==, 80);
    g_assert_cmpint(two->width_px, ==, 160);
    g_assert_cmpint(two->media_us, ==, 500000);
    g_assert_null(media_reader_next(reader, &error));
    g_assert_no_error(error);
    const char *why;
    g_assert_cmpint(media_reader_bad_pictures(reader, &why), ==, 2);
    g_assert_nonnull(strstr(why, last));
    media_world_clear(&world);
}

static bool has_passed_over_two(void *data)
{
    return counter_get(&((struct media_eye *)data)->health.decode_errors) >= 2;
}

static void test_a_folder_with_a_bad_picture_is_watched(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *first = media_world_path(&world, "a.jpg"), *bad = media_world_path(&world, "b.jpg");
    g_autofree char *third = media_world_path(&world, "c.jpg");
    make_picture(first, "jpegenc", 80);
    make_picture(third, "jpegenc", 160);
    g_assert_true(g_file_set_contents(bad, "\xff\xd8\xff and no more", -1, NULL));
    media_eye_init(&eye);
    eye.loop = true;
    eye.settings.picture_fps = 20;
    media_eye_open(&eye, world.directory);
    bool seen[2] = {false};
    int64_t before_us = -1;
    for (int i = 0; i < 40 && !(seen[0] && seen[1]); i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->media_us, >, before_us);
        before_us = frame->media_us;
        seen[frame->width_px == 160] = true;
    }
    g_assert_true(seen[0] && seen[1]);
    g_assert_cmpfloat(media_eye_look(&eye)->picture_interval_seconds, ==, 1.0 / eye.settings.picture_fps);
    g_assert_true(media_world_wait(has_passed_over_two, &eye)); /* in two rounds */
    g_assert_cmpint(counter_get(&eye.health.errors_count), ==, 0);
    media_eye_close(&eye);
    media_world_clear(&world);
}

/* Trying each of very many would hold up whoever waits. */
static void test_a_folder_of_bad_pictures_fails(void)
{
    struct media_world world;
    media_world_init(&world);
    for (int i = 0; i < 150; i++) {
        g_autofree char *name = g_strdup_printf("%03d.jpg", i), *path = media_world_path(&world, name);
        if (i == 0)
            make_picture(path, "jpegenc", 80);
        else
            g_assert_true(g_file_set_contents(path, "no picture", -1, NULL));
    }
    struct source_settings settings = media_world_settings();
    g_autoptr(GError) error = NULL;
    CLEANUP(media_reader) struct media_reader *reader = media_reader_open(world.directory, &settings, &error);
    CLEANUP(frame) struct frame *one = media_reader_next(reader, &error);
    g_assert_no_error(error);
    g_assert_null(media_reader_next(reader, &error));
    g_assert_nonnull(strstr(error->message, "100.jpg"));
    media_world_clear(&world);
}

/* Time goes on where it was when a file that failed can be read again. */
static void test_time_goes_on_over_a_failure(void)
{
    struct media_world world;
    struct media_eye eye;
    media_world_init(&world);
    g_autofree char *path = media_world_path(&world, "a.jpg"), *aside = media_world_path(&world, "aside");
    make_picture(path, "jpegenc", 160);
    media_eye_init(&eye);
    eye.loop = true;
    eye.settings.picture_fps = 20;
    media_eye_open(&eye, path);
    int64_t before_us = -1;
    for (int i = 0; i < 10; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        before_us = frame->media_us;
    }
    g_assert_cmpint(before_us, >, 400000);
    g_assert_cmpint(g_rename(path, aside), ==, 0);
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    for (struct frame *frame; (frame = media_source_take(eye.source)); frame_unref(frame))
        before_us = frame->media_us;
    g_assert_cmpint(g_rename(aside, path), ==, 0);
    for (int i = 0; i < 3; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->media_us, >, before_us);
        before_us = frame->media_us;
    }
    media_eye_close(&eye);
    media_world_clear(&world);
}

/* ---- devices ---- */

static bool is_device_there(const char *device)
{
    return strcmp(device, "/dev/video0") == 0; /* which is made up; others are not there */
}

/* A bin under the name of v4l2src that gives JPEGs, or whose device cannot be opened. */
struct stand_in {
    GstBin bin;
    char *device;
};

static void stand_in_set(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    (void)id;
    (void)spec;
    struct stand_in *stand_in = (struct stand_in *)object;
    g_free(stand_in->device);
    stand_in->device = g_value_dup_string(value);
}

static void stand_in_finalize(GObject *object)
{
    g_free(((struct stand_in *)object)->device);
    G_OBJECT_CLASS(g_type_class_peek(GST_TYPE_BIN))->finalize(object);
}

static GstStateChangeReturn stand_in_change(GstElement *element, GstStateChange change)
{
    if (change == GST_STATE_CHANGE_NULL_TO_READY && !is_device_there(((struct stand_in *)element)->device)) {
        GST_ELEMENT_ERROR(element, RESOURCE, NOT_FOUND, ("Cannot identify the device."), (NULL));
        return GST_STATE_CHANGE_FAILURE;
    }
    return GST_ELEMENT_CLASS(g_type_class_peek(GST_TYPE_BIN))->change_state(element, change);
}

static void stand_in_class_init(gpointer class, gpointer data)
{
    (void)data;
    static GstStaticPadTemplate template =
        GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("image/jpeg"));
    gst_element_class_add_static_pad_template(class, &template);
    gst_element_class_set_static_metadata(class, "Pretence", "Source", "Stands in for a device", "Vedette");
    G_OBJECT_CLASS(class)->set_property = stand_in_set;
    G_OBJECT_CLASS(class)->finalize = stand_in_finalize;
    g_object_class_install_property(class, 1,
                                    g_param_spec_string("device", NULL, NULL, NULL, (GParamFlags)G_PARAM_WRITABLE));
    GST_ELEMENT_CLASS(class)->change_state = stand_in_change;
}

static void stand_in_init(GTypeInstance *instance, gpointer class)
{
    (void)class;
    GstElement *source = gst_element_factory_make("videotestsrc", NULL);
    GstElement *encoder = gst_element_factory_make("jpegenc", NULL);
    g_object_set(source, "is-live", TRUE, NULL);
    gst_bin_add_many(GST_BIN(instance), source, encoder, NULL);
    gst_element_link(source, encoder);
    GstPad *pad = gst_element_get_static_pad(encoder, "src");
    gst_element_add_pad(GST_ELEMENT(instance), gst_ghost_pad_new("src", pad));
    gst_object_unref(pad);
}

static void make_stand_in(void)
{
    GstPluginFeature *real = gst_registry_lookup_feature(gst_registry_get(), "v4l2src");
    if (real) {
        gst_registry_remove_feature(gst_registry_get(), real);
        gst_object_unref(real);
    }
    GType type = g_type_register_static_simple(GST_TYPE_BIN, "StandInDevice", sizeof(GstBinClass), stand_in_class_init,
                                               sizeof(struct stand_in), stand_in_init, 0);
    g_assert_true(gst_element_register(NULL, "v4l2src", GST_RANK_NONE, type));
}

/* The real element, on a device that is not there. */
static void test_a_device_that_is_not_there_is_named(void)
{
    struct media_eye eye;
    media_eye_init(&eye);
    media_eye_open(&eye, "v4l2:///dev/video987");
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(eye.told.last_error, "v4l2:///dev/video987: open the device: "));
    media_eye_close(&eye);
}

static void test_a_device_is_watched(void)
{
    struct media_eye eye;
    make_stand_in();
    media_eye_init(&eye);
    media_eye_open(&eye, "v4l2:///dev/video0");
    for (int i = 0; i < 3; i++) {
        CLEANUP(frame) struct frame *frame = media_eye_wait_frame(&eye);
        g_assert_nonnull(frame);
        g_assert_cmpint(frame->width_px, ==, 320);
    }
    g_assert_true(media_eye_wait_state(&eye, "online"));
    g_assert_cmpstr(eye.told.codec, ==, "MJPEG");
    media_eye_close(&eye);
    media_eye_init(&eye);
    media_eye_open(&eye, "v4l2:///dev/video1");
    g_assert_true(media_eye_wait_state(&eye, "waiting"));
    g_assert_nonnull(strstr(eye.told.last_error, "Cannot identify the device"));
    media_eye_close(&eye);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    g_test_add_func("/media/pictures/a_folder_is_read_by_name_at_its_rate", test_a_folder_is_read_by_name_at_its_rate);
    g_test_add_func("/media/pictures/a_pipe_is_no_picture", test_a_pipe_is_no_picture);
    g_test_add_func("/media/pictures/what_is_no_picture_is_named", test_what_is_no_picture_is_named);
    g_test_add_func("/media/pictures/a_picture_is_watched_again_and_again", test_a_picture_is_watched_again_and_again);
    g_test_add_func("/media/pictures/a_bad_picture_of_a_folder_is_passed_over",
                    test_a_bad_picture_of_a_folder_is_passed_over);
    g_test_add_func("/media/pictures/a_folder_with_a_bad_picture_is_watched",
                    test_a_folder_with_a_bad_picture_is_watched);
    g_test_add_func("/media/pictures/a_folder_of_bad_pictures_fails", test_a_folder_of_bad_pictures_fails);
    g_test_add_func("/media/pictures/time_goes_on_over_a_failure", test_time_goes_on_over_a_failure);
    g_test_add_func("/media/device/a_device_that_is_not_there_is_named", test_a_device_that_is_not_there_is_named);
    g_test_add_func("/media/device/a_device_is_watched", test_a_device_is_watched);
    return g_test_run();
}
