/* Which decoder is taken, on a machine whose hardware is made up: software under the names of hardware. */
#include <gst/gst.h>
#include <string.h>

#include "base/counter.h"
#include "media/media_internal.h"
#include "media/stage.h"

/* ---- what stands in for hardware ---- */

static GstStaticPadTemplate encoded_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-h264,alignment=au"));
static GstStaticPadTemplate decoded_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw"));

static void class_init(gpointer class, gpointer data)
{
    (void)data;
    gst_element_class_add_static_pad_template(class, &encoded_template);
    gst_element_class_add_static_pad_template(class, &decoded_template);
    gst_element_class_set_static_metadata(class, "Pretence", "Decoder", "Stands in for hardware", "Vedette");
}

/* Decodes, by software. */
static void working_init(GTypeInstance *instance, gpointer class)
{
    (void)class;
    GstElement *decoder = gst_element_factory_make("avdec_h264", NULL);
    gst_bin_add(GST_BIN(instance), decoder);
    static const char *const names[] = {"sink", "src"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        GstPad *pad = gst_element_get_static_pad(decoder, names[i]);
        gst_element_add_pad(GST_ELEMENT(instance), gst_ghost_pad_new(names[i], pad));
        gst_object_unref(pad);
    }
}

static GstFlowReturn throw_away(GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
    (void)pad;
    (void)parent;
    gst_buffer_unref(buffer);
    return GST_FLOW_OK;
}

/* Takes all and gives nothing. */
static void idle_init(GTypeInstance *instance, gpointer class)
{
    (void)class;
    GstPad *sink = gst_pad_new_from_static_template(&encoded_template, "sink");
    gst_pad_set_chain_function(sink, throw_away);
    gst_element_add_pad(GST_ELEMENT(instance), sink);
    gst_element_add_pad(GST_ELEMENT(instance), gst_pad_new_from_static_template(&decoded_template, "src"));
}

/* Its device does not open. */
static GstStateChangeReturn refuse_state(GstElement *element, GstStateChange change)
{
    (void)element;
    return change == GST_STATE_CHANGE_NULL_TO_READY ? GST_STATE_CHANGE_FAILURE : GST_STATE_CHANGE_SUCCESS;
}

static void broken_class_init(gpointer class, gpointer data)
{
    class_init(class, data);
    GST_ELEMENT_CLASS(class)->change_state = refuse_state;
}

static void make_known(const char *name, const char *type_name, GClassInitFunc class_init_function,
                       GInstanceInitFunc init)
{
    GType type = g_type_register_static_simple(GST_TYPE_BIN, type_name, sizeof(GstBinClass), class_init_function,
                                               sizeof(GstBin), init, 0);
    g_assert_true(gst_element_register(NULL, name, GST_RANK_NONE, type));
}

/* ---- choosing ---- */

static bool is_known(const char *name)
{
    GstElementFactory *found = gst_element_factory_find(name);
    g_clear_pointer(&found, gst_object_unref);
    return found;
}

static char *chosen(const char *codec, enum decoder_choice choice)
{
    g_autoptr(GError) error = NULL;
    GstElement *element = media_codec_decoder_new(media_codec_by_rtp_name(codec), choice, &error);
    g_assert_no_error(error);
    char *name = g_strdup(GST_OBJECT_NAME(gst_element_get_factory(element)));
    gst_object_unref(gst_object_ref_sink(element));
    return name;
}

static void expect_chosen(const char *codec, enum decoder_choice choice, const char *name)
{
    g_autofree char *taken = chosen(codec, choice);
    g_assert_cmpstr(taken, ==, name);
}

static const char *const names[] = {"vah264dec", "nvh264dec", "v4l2slh264dec", "v4l2h264dec",
                                    "vah265dec", "nvh265dec", "v4l2slh265dec", "v4l2h265dec"};

static bool has_real_hardware(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (is_known(names[i]))
            return true;
    return false;
}

static void test_software_where_there_is_nothing_else(void)
{
    for (int choice = 0; choice <= DECODER_V4L2; choice++) {
        expect_chosen("H264", (enum decoder_choice)choice, "avdec_h264");
        expect_chosen("H265", (enum decoder_choice)choice, "avdec_h265");
    }
}

/* The first of the table's order that works; one whose device does not open is passed over. */
static void test_hardware_in_its_order(void)
{
    make_known("v4l2h264dec", "IdleV4l2", class_init, idle_init);
    make_known("nvh264dec", "WorkingNv", class_init, working_init);
    make_known("vah264dec", "BrokenVa", broken_class_init, working_init);
    expect_chosen("H264", DECODER_AUTO, "nvh264dec");
    expect_chosen("H264", DECODER_VA, "avdec_h264");
    expect_chosen("H264", DECODER_V4L2, "v4l2h264dec");
    expect_chosen("H264", DECODER_SOFTWARE, "avdec_h264");
    expect_chosen("H265", DECODER_AUTO, "avdec_h265");
}

static struct media_player *player;

static void watch(struct media_eye *eye, enum decoder_choice choice, int stall_timeout_ms)
{
    g_autofree char *address = address_of(player);
    media_eye_init(eye);
    eye->settings.decoder = choice;
    eye->settings.stall_timeout_ms = stall_timeout_ms;
    media_eye_open(eye, address);
    CLEANUP(frame) struct frame *frame = media_eye_wait_frame(eye);
    g_assert_nonnull(frame);
    g_assert_cmpint(frame->width_px, ==, 640);
}

static void test_health_tells_which(void)
{
    struct media_eye eye;
    watch(&eye, DECODER_SOFTWARE, 60000);
    g_assert_cmpstr(media_eye_look(&eye)->decoder, ==, "avdec_h264");
    media_eye_close(&eye);
    watch(&eye, DECODER_NVDEC, 60000);
    g_assert_cmpstr(media_eye_look(&eye)->decoder, ==, "nvh264dec");
    media_eye_close(&eye);
}

/* Hardware that takes the stream and gives nothing: the next try is by software. */
static void test_hardware_that_gives_nothing_is_given_up(void)
{
    struct media_eye eye;
    watch(&eye, DECODER_V4L2, 4000);
    g_assert_cmpstr(media_eye_look(&eye)->decoder, ==, "avdec_h264");
    g_assert_cmpint(counter_get(&eye.health.connects), ==, 2);
    media_eye_close(&eye);
}

static bool sees_live(void *data)
{
    struct media_eye *eye = data;
    media_source_want_live(eye->source, clock_monotonic_us(clock_system()) + 10 * G_USEC_PER_SEC);
    CLEANUP(frame) struct frame *frame = media_source_find_live(eye->source, g_get_real_time() / 1000, 60000);
    return frame;
}

/* So with hardware that is to decode for those who look, on a stream that is not analysed. */
static void test_hardware_that_shows_nothing_is_given_up(void)
{
    static char *roles[] = {(char *)"detect", (char *)"live"};
    struct media_player *shown = play("scene://shop?seed=2&fps=25&width=640&height=360", 0, NULL, NULL);
    g_autofree char *analysed_address = address_of(player), *shown_address = address_of(shown);
    struct camera_stream streams[] = {{.source = analysed_address, .roles = {roles, 1}},
                                      {.source = shown_address, .roles = {roles + 1, 1}}};
    struct media_eye eye;
    media_eye_init(&eye);
    eye.settings.decoder = DECODER_V4L2;
    eye.settings.stall_timeout_ms = 2000;
    eye.streams = (struct record_list){streams, G_N_ELEMENTS(streams)};
    media_eye_open(&eye, NULL);
    g_assert_true(media_world_wait(sees_live, &eye));
    const struct stream_health *health = (const struct stream_health *)media_eye_look(&eye)->streams.items + 1;
    g_assert_cmpint(health->live_errors, ==, 1);
    media_eye_close(&eye);
    stop_playing(shown);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    media_world_start();
    if (has_real_hardware()) {
        g_test_message("this machine has hardware of its own");
        return 77; /* skipped, to Meson */
    }
    stage_open();
    player = play("scene://shop?seed=1&fps=25&width=640&height=360", 0, NULL, NULL);
    g_test_add_func("/media/hardware/a_software_where_there_is_nothing_else",
                    test_software_where_there_is_nothing_else);
    g_test_add_func("/media/hardware/b_hardware_in_its_order", test_hardware_in_its_order);
    g_test_add_func("/media/hardware/c_health_tells_which", test_health_tells_which);
    g_test_add_func("/media/hardware/d_hardware_that_gives_nothing_is_given_up",
                    test_hardware_that_gives_nothing_is_given_up);
    g_test_add_func("/media/hardware/e_hardware_that_shows_nothing_is_given_up",
                    test_hardware_that_shows_nothing_is_given_up);
    int result = g_test_run();
    stop_playing(player);
    stage_close();
    return result;
}
