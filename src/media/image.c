#include "base/file.h"
#include "frame/picture_header.h"
#include "media/media_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <turbojpeg.h>

enum { IMAGE_MAX_FILE_BYTES = 64 << 20 };
static const int64_t image_max_pixels = 64 * 1000 * 1000;

static uint8_t *read_file(const char *path, size_t *length, GError **error)
{
    FILE *file = file_open_at_once(path);
    if (!file) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "image '%s': cannot be opened: %s", path,
                    g_strerror(errno));
        return NULL;
    }
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    rewind(file);
    uint8_t *bytes = NULL;
    if (size <= 0 || size > IMAGE_MAX_FILE_BYTES) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "image '%s': is empty or larger than %d MiB", path,
                    IMAGE_MAX_FILE_BYTES >> 20);
    } else {
        bytes = g_malloc((size_t)size);
        *length = fread(bytes, 1, (size_t)size, file);
    }
    fclose(file);
    return bytes;
}

/* Pixels of RGB in the order in which they are seen. */
struct raster {
    const uint8_t *first; /* borrowed: the top left one */
    ptrdiff_t column_bytes, row_bytes;
    int width_px, height_px;
};

/* Of one that is coded upright or, as EXIF's orientations are, on its side, on its head or mirrored. */
static struct raster raster_turn(const uint8_t *rgb, const struct picture_header *header)
{
    enum { TOP_RIGHT = 2, BOTTOM_RIGHT, BOTTOM_LEFT, LEFT_TOP, RIGHT_TOP, RIGHT_BOTTOM, LEFT_BOTTOM };
    int width = header->width_px, height = header->height_px, is = header->orientation;
    bool from_right = is == TOP_RIGHT || is == BOTTOM_RIGHT || is == RIGHT_BOTTOM || is == LEFT_BOTTOM;
    bool from_below = is == BOTTOM_RIGHT || is == BOTTOM_LEFT || is == RIGHT_TOP || is == RIGHT_BOTTOM;
    ptrdiff_t pixel = 3, row = pixel * width;
    struct raster raster = {rgb + (from_right ? row - pixel : 0) + (from_below ? row * (height - 1) : 0),
                            from_right ? -pixel : pixel, from_below ? -row : row, width, height};
    if (is < LEFT_TOP)
        return raster;
    return (struct raster){raster.first, raster.row_bytes, raster.column_bytes, height, width};
}

static const uint8_t *pixel_at(const struct raster *raster, int x, int y)
{
    return raster->first + x * raster->column_bytes + y * raster->row_bytes;
}

/* BT.601 full range, as JFIF says. */
static struct frame *frame_of(const struct raster *raster)
{
    int width = raster->width_px, height = raster->height_px;
    struct frame *frame = frame_new_allocated(width, height);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const uint8_t *p = pixel_at(raster, x, y);
            frame_plane(frame, 0)[y * frame->strides_bytes[0] + x] =
                (uint8_t)((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 32768) >> 16);
        }
    for (int y = 0; y < (height + 1) / 2; y++)
        for (int x = 0; x < (width + 1) / 2; x++) {
            int sum[3] = {0, 0, 0};
            for (int i = 0; i < 4; i++) {
                const uint8_t *p = pixel_at(raster, MIN(2 * x + (i & 1), width - 1), MIN(2 * y + i / 2, height - 1));
                for (int c = 0; c < 3; c++)
                    sum[c] += p[c];
            }
            double r = sum[0] / 4.0, g = sum[1] / 4.0, b = sum[2] / 4.0;
            double u = 128 - 0.168736 * r - 0.331264 * g + 0.5 * b, v = 128 + 0.5 * r - 0.418688 * g - 0.081312 * b;
            frame_plane(frame, 1)[y * frame->strides_bytes[1] + x] = (uint8_t)CLAMP(u + 0.5, 0, 255);
            frame_plane(frame, 2)[y * frame->strides_bytes[2] + x] = (uint8_t)CLAMP(v + 0.5, 0, 255);
        }
    frame->is_full_range = true;
    return frame;
}

static struct frame *load_jpeg(const char *path, const uint8_t *bytes, size_t length,
                               const struct picture_header *header, GError **error)
{
    int width = 0, height = 0, subsampling, colourspace;
    tjhandle jpeg = tjInitDecompress();
    struct frame *frame = NULL;
    g_autofree uint8_t *rgb = NULL;
    if (!jpeg ||
        tjDecompressHeader3(jpeg, bytes, (unsigned long)length, &width, &height, &subsampling, &colourspace) != 0 ||
        width != header->width_px || height != header->height_px) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "image '%s': is no JPEG: %s", path,
                    tjGetErrorStr2(jpeg));
    } else {
        rgb = g_malloc((size_t)width * (size_t)height * 3);
        int result =
            tjDecompress2(jpeg, bytes, (unsigned long)length, rgb, width, 0, height, TJPF_RGB, TJFLAG_ACCURATEDCT);
        if (result != 0 && tjGetErrorCode(jpeg) == TJERR_FATAL) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "image '%s': %s", path, tjGetErrorStr2(jpeg));
        } else {
            struct raster raster = raster_turn(rgb, header);
            frame = frame_of(&raster);
        }
    }
    if (jpeg)
        tjDestroy(jpeg);
    return frame;
}

static struct frame *frame_from_rgb_sample(GstSample *sample, const struct picture_header *header)
{
    GstVideoInfo info;
    GstVideoFrame video;
    if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample)) ||
        !gst_video_frame_map(&video, &info, gst_sample_get_buffer(sample), GST_MAP_READ))
        return NULL;
    int width = GST_VIDEO_INFO_WIDTH(&info), height = GST_VIDEO_INFO_HEIGHT(&info);
    if (width != header->width_px || height != header->height_px) {
        gst_video_frame_unmap(&video);
        return NULL;
    }
    g_autofree uint8_t *rgb = g_malloc((size_t)width * (size_t)height * 3);
    for (int y = 0; y < height; y++)
        memcpy(rgb + (size_t)y * (size_t)width * 3,
               (const uint8_t *)GST_VIDEO_FRAME_PLANE_DATA(&video, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE(&video, 0),
               (size_t)width * 3);
    gst_video_frame_unmap(&video);
    struct raster raster = raster_turn(rgb, header);
    return frame_of(&raster);
}

static struct frame *load_png(const char *path, const uint8_t *bytes, size_t length,
                              const struct picture_header *header, GError **error)
{
    static const char *const names[] = {"appsrc", "pngdec", "videoconvert", "appsink"};
    GstElement *elements[G_N_ELEMENTS(names)], *pipeline = gst_pipeline_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        elements[i] = media_element_new(names[i], error);
        if (!elements[i] || !gst_bin_add(GST_BIN(pipeline), elements[i])) {
            gst_object_unref(pipeline);
            return NULL;
        }
        if (i > 0)
            gst_element_link(elements[i - 1], elements[i]);
    }
    GstCaps *caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "RGB", NULL);
    g_object_set(elements[3], "caps", caps, "sync", FALSE, NULL);
    gst_caps_unref(caps);
    caps = gst_caps_new_empty_simple("image/png");
    g_object_set(elements[0], "caps", caps, "format", GST_FORMAT_TIME, NULL);
    gst_caps_unref(caps);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gst_app_src_push_buffer(GST_APP_SRC(elements[0]), gst_buffer_new_memdup(bytes, length));
    gst_app_src_end_of_stream(GST_APP_SRC(elements[0]));
    GstSample *sample = gst_app_sink_try_pull_sample(GST_APP_SINK(elements[3]), 10 * GST_SECOND);
    struct frame *frame = sample ? frame_from_rgb_sample(sample, header) : NULL;
    if (!frame)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "image '%s': is a PNG that cannot be decoded", path);
    g_clear_pointer(&sample, gst_sample_unref);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    return frame;
}

struct frame *media_image_load(const char *path, GError **error)
{
    size_t length = 0;
    g_autofree uint8_t *bytes = read_file(path, &length, error);
    return bytes ? media_image_decode(path, bytes, length, image_max_pixels, error) : NULL;
}

struct frame *media_image_decode(const char *name, const uint8_t *bytes, size_t length, int64_t max_pixels,
                                 GError **error)
{
    struct picture_header header;
    if (!picture_header_check(bytes, length, INT32_MAX, max_pixels, &header, error)) {
        g_prefix_error(error, "image '%s': ", name);
        return NULL;
    }
    return (header.format == PICTURE_JPEG ? load_jpeg : load_png)(name, bytes, length, &header, error);
}
