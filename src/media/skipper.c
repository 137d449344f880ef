#include "media/skipper.h"

#include <stddef.h>
#include <string.h>

#include <gst/video/video-event.h>

enum {
    KEY_FRAME_PATIENCE_US = 60000000, /* no camera is set to less than a key frame a minute */
    JUMP_FLOOR_BYTES = 1000,          /* smaller pictures vary without meaning */
};
static const double average_share = 0.05; /* of a new picture's size in the average */

struct media_skipper {
    /* immutable */
    enum camera_decode decode;
    int64_t quiet_us, most_us;
    int most_packets;
    size_t most_bytes;
    double jump_ratio;
    struct clock *clock;
    media_count_fn *count;
    void *count_data;

    int64_t last_active_us, last_skipped_us; /* atomic */
    /* atomic: the key frame that the decoder is to show before it gets the next (NONE: it has); the one that it decodes
     * a second time (NONE: none) */
    GstClockTime awaited_pts, repeated_pts;

    /* the streaming thread's */
    bool is_h26x, is_h265;
    int length_bytes, highest_layer;
    int64_t key_frame_us; /* when the last one came; 0: none yet */
    bool is_skipping;     /* auto: within a group whose key frame came while it was quiet */
    bool is_catching_up;
    double average_bytes; /* of pictures that are no key frames; 0: none seen */
    GQueue kept;          /* of GstBuffer: the group under way, behind its key frame */
    size_t kept_bytes;
    GstBuffer *key_frame; /* of the group under way, until the decoder has shown it by itself; NULL: it has */
    bool is_drained;      /* the decoder was made to show it, and has forgotten it since */
};

struct media_skipper *media_skipper_new(enum camera_decode decode, const struct source_settings *settings,
                                        struct clock *clock, media_count_fn *count, void *count_data)
{
    struct media_skipper *skipper = g_new0(struct media_skipper, 1);
    skipper->decode = decode;
    skipper->quiet_us = (int64_t)(settings->quiet_seconds * G_USEC_PER_SEC);
    skipper->most_us = (int64_t)(settings->kept_seconds * G_USEC_PER_SEC);
    skipper->most_packets = settings->kept_packets;
    skipper->most_bytes = (size_t)settings->kept_bytes;
    skipper->jump_ratio = settings->wake_ratio;
    skipper->clock = clock;
    skipper->count = count;
    skipper->count_data = count_data;
    skipper->last_active_us = clock_monotonic_us(clock);
    skipper->awaited_pts = skipper->repeated_pts = GST_CLOCK_TIME_NONE;
    g_queue_init(&skipper->kept);
    return skipper;
}

static void note(const struct media_skipper *skipper, size_t counter, int64_t amount)
{
    skipper->count(skipper->count_data, counter, amount);
}

static void forget_kept(struct media_skipper *skipper)
{
    gst_clear_buffer(&skipper->key_frame);
    g_queue_clear_full(&skipper->kept, (GDestroyNotify)gst_buffer_unref);
    skipper->kept_bytes = 0;
}

void media_skipper_free(struct media_skipper *skipper)
{
    if (!skipper)
        return;
    forget_kept(skipper);
    g_free(skipper);
}

static void note_active(struct media_skipper *skipper)
{
    __atomic_store_n(&skipper->last_active_us, clock_monotonic_us(skipper->clock), __ATOMIC_RELEASE);
}

void media_skipper_set_activity(struct media_skipper *skipper, bool is_active)
{
    if (is_active)
        note_active(skipper);
}

int64_t media_skipper_last_us(const struct media_skipper *skipper)
{
    return __atomic_load_n(&skipper->last_skipped_us, __ATOMIC_ACQUIRE);
}

static bool is_quiet(const struct media_skipper *skipper)
{
    int64_t since_us = __atomic_load_n(&skipper->last_active_us, __ATOMIC_ACQUIRE);
    return clock_monotonic_us(skipper->clock) - since_us >= skipper->quiet_us;
}

/* ---- what a picture is ---- */

/* Where the sizes before NAL units tell their length: ISO/IEC 14496-15, 5.3.3.1 (avcC) and 8.3.3.1 (hvcC). */
static int length_bytes_of(const GstStructure *structure, bool is_h265)
{
    const GValue *value = gst_structure_get_value(structure, "codec_data");
    size_t offset = is_h265 ? 21 : 4;
    guint8 byte = 0;
    if (g_strcmp0(gst_structure_get_string(structure, "stream-format"), "byte-stream") == 0 || !value ||
        gst_buffer_extract(gst_value_get_buffer(value), offset, &byte, 1) != 1)
        return 0;
    return (byte & 3) + 1;
}

void media_skipper_begin(struct media_skipper *skipper)
{
    skipper->highest_layer = 0;
    skipper->key_frame_us = 0;
    skipper->is_skipping = false;
    skipper->average_bytes = 0;
    forget_kept(skipper);
}

void media_skipper_set_caps(struct media_skipper *skipper, const GstCaps *caps)
{
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    skipper->is_h265 = gst_structure_has_name(structure, "video/x-h265");
    skipper->is_h26x = skipper->is_h265 || gst_structure_has_name(structure, "video/x-h264");
    skipper->length_bytes = length_bytes_of(structure, skipper->is_h265);
}

/* ITU-T H.264 7.4.1: a coded slice with nal_ref_idc 0. */
static bool is_disposable_h264(const uint8_t *nal)
{
    return (nal[0] & 0x60) == 0;
}

/* ITU-T H.265 table 7-1: even types up to 14 are of no use to their own sub-layer; none is above the highest. */
static bool is_disposable_h265(const uint8_t *nal, size_t size, int *highest_layer)
{
    int type = nal[0] >> 1 & 0x3f, layer = size > 1 ? (nal[1] & 7) - 1 : 0;
    *highest_layer = MAX(*highest_layer, layer);
    return type <= 14 && type % 2 == 0 && layer == *highest_layer;
}

static bool is_slice(bool is_h265, uint8_t first_byte)
{
    int type = is_h265 ? first_byte >> 1 & 0x3f : first_byte & 0x1f;
    return is_h265 ? type < 32 : type >= 1 && type <= 5;
}

/* The next NAL unit at or after `*at`, which moves behind its header; its header's first byte, or NULL at the end. */
static const uint8_t *next_unit(int length_bytes, const uint8_t *data, size_t size, size_t *at)
{
    if (length_bytes == 0) {
        for (size_t i = *at; i + 3 < size; i++)
            if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1) {
                *at = i + 4;
                return data + i + 3;
            }
        return NULL;
    }
    size_t length = 0, header = (size_t)length_bytes;
    if (size - *at <= header)
        return NULL;
    for (size_t i = 0; i < header; i++)
        length = length << 8 | data[*at + i];
    const uint8_t *unit = data + *at + header;
    size_t left = size - *at - header;
    *at = length >= left ? size : *at + header + length;
    return length == 0 ? NULL : unit;
}

bool media_picture_is_disposable(bool is_h265, int length_bytes, const uint8_t *data, size_t size, int *highest_layer)
{
    bool has_slice = false, is_disposable = true;
    size_t at = 0;
    for (const uint8_t *nal; (nal = next_unit(length_bytes, data, size, &at));) {
        if (!is_slice(is_h265, nal[0]))
            continue;
        has_slice = true;
        is_disposable = is_disposable && (is_h265 ? is_disposable_h265(nal, size - (size_t)(nal - data), highest_layer)
                                                  : is_disposable_h264(nal));
    }
    return has_slice && is_disposable;
}

static bool is_delta(GstBuffer *encoded)
{
    return GST_BUFFER_FLAG_IS_SET(encoded, GST_BUFFER_FLAG_DELTA_UNIT);
}

/* Decoding can begin here and go on. The parser of H.264 also takes intra pictures within a group for key frames,
 * behind which pictures may be predicted from what came before: only an IDR picture (nal_unit_type 5) ends that. */
bool media_skipper_begins_group(const struct media_skipper *skipper, GstBuffer *encoded)
{
    GstMapInfo map;
    bool is_idr = false;
    size_t at = 0;
    if (is_delta(encoded) || !skipper->is_h26x || skipper->is_h265 || !gst_buffer_map(encoded, &map, GST_MAP_READ))
        return !is_delta(encoded);
    for (const uint8_t *nal; !is_idr && (nal = next_unit(skipper->length_bytes, map.data, map.size, &at));)
        is_idr = (nal[0] & 0x1f) == 5;
    gst_buffer_unmap(encoded, &map);
    return is_idr;
}

bool media_skipper_is_catching_up(const struct media_skipper *skipper)
{
    return skipper->is_catching_up;
}

static bool is_disposable(struct media_skipper *skipper, GstBuffer *encoded)
{
    GstMapInfo map;
    if (!skipper->is_h26x || !gst_buffer_map(encoded, &map, GST_MAP_READ))
        return false;
    bool is_so = media_picture_is_disposable(skipper->is_h265, skipper->length_bytes, map.data, map.size,
                                             &skipper->highest_layer);
    gst_buffer_unmap(encoded, &map);
    return is_so;
}

/* A picture that holds something new takes many more bytes than one that repeats the last. */
static bool has_jumped(struct media_skipper *skipper, size_t bytes)
{
    double average = skipper->average_bytes;
    skipper->average_bytes = average > 0 ? average + average_share * ((double)bytes - average) : (double)bytes;
    return average > 0 && bytes > JUMP_FLOOR_BYTES && (double)bytes > skipper->jump_ratio * average;
}

/* Nobody can be followed from one key frame to the next where they are far apart. */
static bool has_room(const struct media_skipper *skipper, size_t bytes)
{
    return clock_monotonic_us(skipper->clock) - skipper->key_frame_us < skipper->most_us &&
           (int)skipper->kept.length < skipper->most_packets && skipper->kept_bytes + bytes <= skipper->most_bytes;
}

/* ---- key frames that a decoder holds back ---- */

bool media_skipper_note_decoded(struct media_skipper *skipper, GstClockTime pts)
{
    GstClockTime awaited = pts, repeated = pts;
    if (!GST_CLOCK_TIME_IS_VALID(pts))
        return false;
    if (__atomic_compare_exchange_n(&skipper->awaited_pts, &awaited, GST_CLOCK_TIME_NONE, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return false;
    return __atomic_compare_exchange_n(&skipper->repeated_pts, &repeated, GST_CLOCK_TIME_NONE, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* A picture without a time could not be told from its repetition. */
static void await_key_frame(struct media_skipper *skipper, GstBuffer *encoded)
{
    __atomic_store_n(&skipper->repeated_pts, GST_CLOCK_TIME_NONE, __ATOMIC_RELEASE);
    __atomic_store_n(&skipper->awaited_pts, GST_BUFFER_PTS(encoded), __ATOMIC_RELEASE);
    skipper->is_drained = false;
    if (GST_BUFFER_PTS_IS_VALID(encoded))
        gst_buffer_replace(&skipper->key_frame, encoded);
}

/* With the first picture that is left out behind it. That the picture stands still for a while makes a decoder show all
 * it has; nobody behind it makes anything of that. */
static void show_key_frame(struct media_skipper *skipper, GstPad *pad)
{
    if (!skipper->key_frame || skipper->is_drained)
        return;
    if (!GST_CLOCK_TIME_IS_VALID(__atomic_load_n(&skipper->awaited_pts, __ATOMIC_ACQUIRE))) {
        gst_clear_buffer(&skipper->key_frame);
        return;
    }
    skipper->is_drained = true;
    gst_pad_send_event(pad, gst_video_event_new_still_frame(TRUE));
}

/* What was kept is predicted from it. */
static void repeat_key_frame(struct media_skipper *skipper, GstPad *pad)
{
    if (!skipper->is_drained)
        return;
    skipper->is_drained = false;
    __atomic_store_n(&skipper->repeated_pts, GST_BUFFER_PTS(skipper->key_frame), __ATOMIC_RELEASE);
    gst_pad_chain(pad, g_steal_pointer(&skipper->key_frame));
}

/* ---- what is done with it ---- */

static void catch_up(struct media_skipper *skipper, GstPad *pad)
{
    skipper->is_skipping = false;
    skipper->is_catching_up = true; /* these pass by media_skipper_skips again */
    repeat_key_frame(skipper, pad);
    note(skipper, offsetof(struct camera_health, packets_caught_up), g_queue_get_length(&skipper->kept));
    for (GstBuffer *kept; (kept = g_queue_pop_head(&skipper->kept));)
        gst_pad_chain(pad, kept); /* a failure comes again with the picture that follows */
    skipper->kept_bytes = 0;
    skipper->is_catching_up = false;
}

static bool skips_quiet(struct media_skipper *skipper, GstPad *pad, GstBuffer *encoded)
{
    size_t bytes = gst_buffer_get_size(encoded);
    if (is_delta(encoded) && has_jumped(skipper, bytes)) /* intra pictures are large by nature */
        note_active(skipper);
    if (!skipper->is_skipping)
        return false;
    if (!is_quiet(skipper) || !has_room(skipper, bytes)) {
        catch_up(skipper, pad);
        return false;
    }
    g_queue_push_tail(&skipper->kept, gst_buffer_ref(encoded));
    skipper->kept_bytes += bytes;
    show_key_frame(skipper, pad);
    note(skipper, offsetof(struct camera_health, packets_skipped_quiet), 1);
    return true;
}

static bool skips_delta(struct media_skipper *skipper, GstPad *pad)
{
    bool has_key_frames = skipper->key_frame_us != 0 &&
                          clock_monotonic_us(skipper->clock) - skipper->key_frame_us < KEY_FRAME_PATIENCE_US;
    if (!has_key_frames)
        return false;
    show_key_frame(skipper, pad);
    note(skipper, offsetof(struct camera_health, packets_skipped_delta), 1);
    return true;
}

static bool skips_disposable(struct media_skipper *skipper, GstBuffer *encoded)
{
    bool is_so = is_disposable(skipper, encoded);
    if (is_so)
        note(skipper, offsetof(struct camera_health, packets_skipped_non_reference), 1);
    return is_so;
}

static void begin_group(struct media_skipper *skipper, GstBuffer *encoded)
{
    skipper->key_frame_us = clock_monotonic_us(skipper->clock);
    skipper->is_skipping = is_quiet(skipper);
    forget_kept(skipper);
    if (skipper->is_skipping || skipper->decode == DECODE_KEY_FRAMES)
        await_key_frame(skipper, encoded);
}

static bool skips(struct media_skipper *skipper, GstPad *pad, GstBuffer *encoded)
{
    switch (skipper->decode) {
    case DECODE_NON_REFERENCE:
        return skips_disposable(skipper, encoded);
    case DECODE_KEY_FRAMES:
        return skips_delta(skipper, pad);
    case DECODE_AUTO:
        return skips_quiet(skipper, pad, encoded);
    case DECODE_ALL:
        break;
    }
    return false;
}

bool media_skipper_skips(struct media_skipper *skipper, GstPad *pad, GstBuffer *encoded)
{
    if (skipper->decode == DECODE_ALL || skipper->is_catching_up)
        return false;
    if (media_skipper_begins_group(skipper, encoded)) {
        begin_group(skipper, encoded);
        return false;
    }
    bool is_skipped = skips(skipper, pad, encoded);
    if (is_skipped)
        __atomic_store_n(&skipper->last_skipped_us, clock_monotonic_us(skipper->clock), __ATOMIC_RELEASE);
    return is_skipped;
}
