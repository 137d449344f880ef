/* Files: which demuxer reads them, told by their first bytes and never by name or by autoplugging. */
#include "media/media_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

static const char *sniff(const uint8_t *bytes, size_t length)
{
    if (length >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0)
        return "qtdemux";
    if (length >= 8 && (memcmp(bytes + 4, "moov", 4) == 0 || memcmp(bytes + 4, "mdat", 4) == 0))
        return "qtdemux";
    if (length >= 4 && memcmp(bytes, "\x1a\x45\xdf\xa3", 4) == 0)
        return "matroskademux";
    if (length >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "AVI ", 4) == 0)
        return "avidemux";
    return NULL;
}

/* The demuxer for a file, or NULL with an error. */
static const char *choose_demuxer(const char *path, GError **error)
{
    uint8_t bytes[16];
    struct stat info;
    FILE *file = file_open_at_once(path);
    if (!file || fstat(fileno(file), &info) != 0) {
        g_set_error(error, VEDETTE_ERROR, errno == ENOENT ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO,
                    "video '%s': cannot be opened: %s", path, g_strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        fclose(file);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "video '%s': is no file", path);
        return NULL;
    }
    size_t length = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    const char *demuxer = sniff(bytes, length);
    if (!demuxer)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "video '%s': %s; MP4, MKV and AVI are read", path,
                    length == 0 ? "is empty" : "is no video file Vedette knows");
    return demuxer;
}

GstElement *media_container_open(const char *path, GCallback on_pad_added, void *data, GError **error)
{
    const char *demuxer_name = choose_demuxer(path, error);
    if (!demuxer_name)
        return NULL;
    GstElement *source = media_element_new("filesrc", error);
    GstElement *demuxer = source ? media_element_new(demuxer_name, error) : NULL;
    if (!demuxer) {
        if (source)
            gst_object_unref(gst_object_ref_sink(source));
        return NULL;
    }
    GstElement *pipeline = gst_pipeline_new(NULL);
    g_object_set(source, "location", path, NULL);
    gst_bin_add_many(GST_BIN(pipeline), source, demuxer, NULL);
    gst_element_link(source, demuxer);
    g_signal_connect(demuxer, "pad-added", on_pad_added, data);
    return pipeline;
}

const struct media_codec *media_container_codec(GstPad *pad, char **name)
{
    GstCaps *caps = gst_pad_get_current_caps(pad);
    if (!caps)
        caps = gst_pad_query_caps(pad, NULL);
    const char *caps_name =
        gst_caps_get_size(caps) > 0 ? gst_structure_get_name(gst_caps_get_structure(caps, 0)) : "nothing";
    bool is_video = g_str_has_prefix(caps_name, "video/") || g_str_has_prefix(caps_name, "image/");
    const struct media_codec *codec = media_codec_by_caps(caps);
    *name = is_video && !codec ? g_strdup(caps_name) : NULL;
    gst_caps_unref(caps);
    return codec;
}
