#include "media/media_internal.h"

#include <string.h>

static const struct media_codec codecs[] = {
    {"H264", "H264", "video/x-h264", 0, "h264parse", "avdec_h264", "rtph264depay", "rtph264pay", MEDIA_DRAW_BY_CAPS},
    {"H265", "H265", "video/x-h265", 0, "h265parse", "avdec_h265", "rtph265depay", "rtph265pay", MEDIA_DRAW_BY_CAPS},
    {"MPEG4", NULL, "video/mpeg", 4, "mpeg4videoparse", "avdec_mpeg4", NULL, NULL, MEDIA_DRAW_ALWAYS},
    {"MPEG4", NULL, "video/x-divx", 0, "mpeg4videoparse", "avdec_mpeg4", NULL, NULL, MEDIA_DRAW_ALWAYS},
    {"MJPEG", "JPEG", "image/jpeg", 0, "jpegparse", "avdec_mjpeg", "rtpjpegdepay", NULL, MEDIA_DRAW_NEVER},
    {"RAW", NULL, "video/x-raw", 0, "identity", "identity", NULL, NULL, MEDIA_DRAW_NEVER}, /* of capture devices */
};

/* In the order in which they are tried. All give pictures in the machine's own memory when asked for them. */
static const struct {
    const char *codec, *element;
    enum decoder_choice choice;
} hardware[] = {
    {"H264", "vah264dec", DECODER_VA},       {"H265", "vah265dec", DECODER_VA},
    {"H264", "nvh264dec", DECODER_NVDEC},    {"H265", "nvh265dec", DECODER_NVDEC},
    {"H264", "v4l2slh264dec", DECODER_V4L2}, {"H265", "v4l2slh265dec", DECODER_V4L2},
    {"H264", "v4l2h264dec", DECODER_V4L2},   {"H265", "v4l2h265dec", DECODER_V4L2},
};

/* What sources and files need besides the codecs. */
static const char *const other_elements[] = {"appsrc",   "appsink",      "filesrc",    "qtdemux", "matroskademux",
                                             "avidemux", "videoconvert", "capsfilter", "fakesink"};

/* What a machine may lack without harm to other sources. */
static const char *const optional_elements[] = {"v4l2src"};

const struct media_codec *media_codec_by_caps(const GstCaps *caps)
{
    if (!caps || gst_caps_get_size(caps) == 0)
        return NULL;
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    int version = 0;
    gst_structure_get_int(structure, "mpegversion", &version);
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++)
        if (gst_structure_has_name(structure, codecs[i].caps_name) &&
            (codecs[i].mpeg_version == 0 || codecs[i].mpeg_version == version))
            return &codecs[i];
    return NULL;
}

const struct media_codec *media_codec_by_rtp_name(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++)
        if (codecs[i].depayloader && g_ascii_strcasecmp(codecs[i].rtp_name, name) == 0)
            return &codecs[i];
    return NULL;
}

GstElement *media_element_new(const char *factory, GError **error)
{
    GstElement *element = gst_element_factory_make(factory, NULL);
    if (!element)
        g_set_error(
            error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
            "GStreamer has no element '%s': install gstreamer1.0-libav and gstreamer1.0-plugins-good, -bad and -ugly",
            factory);
    return element;
}

static bool element_load(const char *name, GError **error)
{
    GstElement *element = media_element_new(name, error);
    if (!element)
        return false;
    /* READY loads what the element itself loads late (codec tables, libraries) */
    gst_element_set_state(element, GST_STATE_READY);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(gst_object_ref_sink(element));
    return true;
}

/* NULL when the machine has no such element, or its device does not open. */
static GstElement *hardware_new(const char *element_name)
{
    GstElement *element = gst_element_factory_make(element_name, NULL);
    if (element && gst_element_set_state(element, GST_STATE_READY) != GST_STATE_CHANGE_FAILURE) {
        gst_element_set_state(element, GST_STATE_NULL);
        return element;
    }
    if (element) {
        gst_element_set_state(element, GST_STATE_NULL);
        gst_object_unref(gst_object_ref_sink(element));
    }
    return NULL;
}

GstElement *media_codec_decoder_new(const struct media_codec *codec, enum decoder_choice choice, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hardware); i++)
        if ((choice == DECODER_AUTO || choice == hardware[i].choice) && strcmp(hardware[i].codec, codec->name) == 0) {
            GstElement *element = hardware_new(hardware[i].element);
            if (element)
                return element;
        }
    return media_element_new(codec->decoder, error);
}

/* Libraries and drivers load before the cage closes. */
static void load_hardware(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hardware); i++) {
        GstElement *element = hardware_new(hardware[i].element);
        if (element)
            gst_object_unref(gst_object_ref_sink(element));
    }
}

bool media_codecs_load(GError **error)
{
    load_hardware();
    for (size_t i = 0; i < G_N_ELEMENTS(optional_elements); i++)
        element_load(optional_elements[i], NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++)
        if (!element_load(codecs[i].parser, error) || !element_load(codecs[i].decoder, error) ||
            (codecs[i].depayloader && !element_load(codecs[i].depayloader, error)))
            return false;
    for (size_t i = 0; i < G_N_ELEMENTS(other_elements); i++)
        if (!element_load(other_elements[i], error))
            return false;
    return true;
}

static void note_missing(const char *element, GString *missing)
{
    GstElementFactory *factory = gst_element_factory_find(element);
    if (factory)
        gst_object_unref(factory);
    else
        g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", element);
}

static void append_hardware(const char *codec, GString *text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hardware); i++) {
        GstElement *element = strcmp(hardware[i].codec, codec) == 0 ? hardware_new(hardware[i].element) : NULL;
        if (!element)
            continue;
        g_string_append_printf(text, "%s (hardware), ", hardware[i].element);
        gst_object_unref(gst_object_ref_sink(element));
    }
}

char *media_decoders_available(char **missing)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GString) lacks = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        if (i > 0 && strcmp(codecs[i].name, codecs[i - 1].name) == 0)
            continue; /* another name of the same */
        g_string_append_printf(text, "%s%s: ", text->len ? "; " : "", codecs[i].name);
        append_hardware(codecs[i].name, text);
        g_string_append(text, codecs[i].decoder);
        note_missing(codecs[i].parser, lacks);
        note_missing(codecs[i].decoder, lacks);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(other_elements); i++)
        note_missing(other_elements[i], lacks);
    *missing = lacks->len ? g_string_free(g_steal_pointer(&lacks), FALSE) : NULL;
    return g_string_free(g_steal_pointer(&text), FALSE);
}
