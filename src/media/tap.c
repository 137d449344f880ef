/* Encoded pictures of a stream, kept until they are recorded: a ring that always begins where decoding can, within
 * bounds of packets, bytes and seconds. What goes unread goes in whole groups of pictures, counted.
 *
 * Threads: the streaming thread puts; one other takes. `lock` guards everything but what is immutable.
 */
#include "base/counter.h"
#include "media/media_internal.h"

struct kept_packet {
    GstBuffer *encoded;
    GstCaps *caps;
    bool is_key_frame, is_after_gap, is_camera_clock;
    int64_t captured_at_ms, arrived_us;
    size_t bytes;
};

struct media_tap {
    /* immutable */
    struct clock *clock;
    size_t most_packets, most_bytes;
    int64_t kept_us;

    pthread_mutex_t lock;
    struct kept_packet *ring; /* most_packets of them */
    size_t first, count, bytes;
    bool waits_for_key; /* what comes cannot be decoded: its group was not kept from its beginning */
    bool has_lost;      /* something since the packet kept last */
    GstCaps *caps;      /* of the packet offered last */
    int64_t offered, shed;
    bool is_read; /* somebody asked for a packet, ever */
};

struct media_tap *media_tap_new(const struct source_settings *settings, struct clock *clock)
{
    struct media_tap *tap = g_new0(struct media_tap, 1);
    tap->clock = clock;
    tap->most_packets = (size_t)MAX(settings->record_packets, 1);
    tap->most_bytes = (size_t)settings->record_bytes;
    tap->kept_us = (int64_t)(settings->record_seconds * G_USEC_PER_SEC);
    tap->ring = g_new0(struct kept_packet, tap->most_packets);
    tap->waits_for_key = true;
    pthread_mutex_init(&tap->lock, NULL);
    return tap;
}

static struct kept_packet *packet_at(struct media_tap *tap, size_t index)
{
    return &tap->ring[(tap->first + index) % tap->most_packets];
}

static struct kept_packet pop(struct media_tap *tap)
{
    struct kept_packet packet = *packet_at(tap, 0);
    tap->first = (tap->first + 1) % tap->most_packets;
    tap->count--;
    tap->bytes -= packet.bytes;
    return packet;
}

static void drop(const struct kept_packet *packet)
{
    gst_buffer_unref(packet->encoded);
    gst_caps_unref(packet->caps);
}

/* How many packets stand before the second key frame: the oldest group, or what a reader left of it. 0: there is but
 * one group, and it is still growing. */
static size_t oldest_group(struct media_tap *tap)
{
    for (size_t i = 1; i < tap->count; i++)
        if (packet_at(tap, i)->is_key_frame)
            return i;
    return 0;
}

static void shed_oldest(struct media_tap *tap, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kept_packet packet = pop(tap);
        drop(&packet);
    }
    tap->shed += (int64_t)count;
    if (tap->count > 0)
        packet_at(tap, 0)->is_after_gap = true;
    else
        tap->has_lost = true;
}

static bool has_room(const struct media_tap *tap, size_t bytes)
{
    return tap->count < tap->most_packets && tap->bytes + bytes <= tap->most_bytes;
}

/* Old groups go once the one behind them reaches back far enough. */
static void shed_old(struct media_tap *tap, int64_t now_us)
{
    for (size_t group; (group = oldest_group(tap)) > 0;) {
        if (now_us - packet_at(tap, group)->arrived_us < tap->kept_us)
            return;
        shed_oldest(tap, group);
    }
}

/* False when the packet is to be shed itself: its group alone is more than there is room for, and keeps its beginning.
 */
static bool make_room(struct media_tap *tap, const struct stream_packet *packet, size_t bytes)
{
    while (!has_room(tap, bytes) && tap->count > 0) {
        size_t group = oldest_group(tap);
        if (group == 0 && !packet->is_key_frame)
            return false;
        shed_oldest(tap, group > 0 ? group : tap->count);
    }
    return has_room(tap, bytes);
}

static void keep(struct media_tap *tap, const struct stream_packet *packet, size_t bytes, int64_t now_us)
{
    *packet_at(tap, tap->count++) = (struct kept_packet){.encoded = gst_buffer_ref(packet->encoded),
                                                         .caps = gst_caps_ref(packet->caps),
                                                         .is_key_frame = packet->is_key_frame,
                                                         .is_after_gap = tap->has_lost,
                                                         .is_camera_clock = packet->is_camera_clock,
                                                         .captured_at_ms = packet->captured_at_ms,
                                                         .arrived_us = now_us,
                                                         .bytes = bytes};
    tap->bytes += bytes;
    tap->has_lost = false;
}

/* Another connection, or another description of the stream: what came before does not go on. */
static void note_caps(struct media_tap *tap, GstCaps *caps)
{
    if (tap->caps == caps)
        return;
    gst_caps_replace(&tap->caps, caps);
    tap->waits_for_key = tap->has_lost = true;
}

void media_tap_put(void *data, const struct stream_packet *packet)
{
    struct media_tap *tap = data;
    int64_t now_us = clock_monotonic_us(tap->clock);
    size_t bytes = gst_buffer_get_size(packet->encoded);
    pthread_mutex_lock(&tap->lock);
    tap->offered++;
    note_caps(tap, packet->caps);
    if (packet->is_key_frame) {
        shed_old(tap, now_us);
        tap->waits_for_key = false;
    }
    if (!tap->waits_for_key && make_room(tap, packet, bytes)) {
        keep(tap, packet, bytes, now_us);
    } else {
        tap->waits_for_key = tap->has_lost = true;
        tap->shed++;
    }
    pthread_mutex_unlock(&tap->lock);
}

bool media_tap_take(struct media_tap *tap, struct media_packet *packet)
{
    pthread_mutex_lock(&tap->lock);
    tap->is_read = true;
    bool is_there = tap->count > 0;
    if (is_there) {
        struct kept_packet kept = pop(tap);
        *packet = (struct media_packet){.encoded = kept.encoded,
                                        .caps = kept.caps,
                                        .is_key_frame = kept.is_key_frame,
                                        .is_after_gap = kept.is_after_gap,
                                        .is_camera_clock = kept.is_camera_clock,
                                        .captured_at_ms = kept.captured_at_ms,
                                        .bytes = kept.bytes};
    }
    pthread_mutex_unlock(&tap->lock);
    return is_there;
}

void media_packet_clear(struct media_packet *packet)
{
    g_clear_pointer(&packet->encoded, gst_buffer_unref);
    g_clear_pointer(&packet->caps, gst_caps_unref);
}

void media_tap_describe(struct media_tap *tap, struct stream_health *health)
{
    pthread_mutex_lock(&tap->lock);
    health->recording = tap->is_read ? STREAM_RECORDING_READ : STREAM_RECORDING_UNREAD;
    health->record_packets = tap->offered;
    health->record_packets_shed = tap->shed;
    health->record_packets_kept = (int64_t)tap->count;
    health->record_bytes_kept = (int64_t)tap->bytes;
    pthread_mutex_unlock(&tap->lock);
}

void media_tap_free(struct media_tap *tap)
{
    if (!tap)
        return;
    while (tap->count > 0) {
        struct kept_packet packet = pop(tap);
        drop(&packet);
    }
    gst_clear_caps(&tap->caps);
    pthread_mutex_destroy(&tap->lock);
    g_free(tap->ring);
    g_free(tap);
}
