/* The pool that decoders draw into, and the proof that they do.
 *
 * Offering a plain GstVideoBufferPool is not enough for GStreamer 1.22: avdec keeps each picture mapped for writing
 * while it still predicts from it, gst_video_decoder_finish_frame then asks for a writable buffer, the write lock on
 * the memory forbids sharing it, and the whole picture is copied. So our buffers' GstVideoMeta has map functions of its
 * own, which hand out the address without taking that lock: the writable buffer becomes a second header over the same
 * memory. Nobody but the decoder writes there, and it writes before it hands the picture on.
 *
 * What counts as copied: a picture whose memory is not ours (the decoder, or a converter, copied it elsewhere), and one
 * that had entered the decoder before this pool was in force: the decoder drew it in a pool of its own, and copied it.
 */
#include "media/media_internal.h"

#include <gst/video/gstvideometa.h>
#include <gst/video/gstvideopool.h>

typedef struct {
    GstVideoBufferPool parent;
    struct media_watch *watch; /* outlives every start of the pool */
    bool is_direct;            /* configured for drawing: a decoder that only copies asks for no alignment */
} MediaPool;
typedef struct {
    GstVideoBufferPoolClass parent;
} MediaPoolClass;
GType media_pool_get_type(void);
G_DEFINE_TYPE(MediaPool, media_pool, GST_TYPE_VIDEO_BUFFER_POOL)

static GQuark drawn_quark(void)
{
    return g_quark_from_static_string("vedette-drawn-in-place");
}

static gboolean map_unlocked(GstVideoMeta *meta, guint plane, GstMapInfo *info, gpointer *data, gint *stride,
                             GstMapFlags flags)
{
    (void)flags;
    GstMemory *memory = gst_buffer_peek_memory(meta->buffer, 0);
    /* system memory: the address stays the same after the unmap */
    if (!gst_memory_map(memory, info, GST_MAP_READ))
        return FALSE;
    *data = info->data + meta->offset[plane];
    *stride = meta->stride[plane];
    gst_memory_unmap(memory, info);
    return TRUE;
}

static gboolean unmap_unlocked(GstVideoMeta *meta, guint plane, GstMapInfo *info)
{
    (void)meta;
    (void)plane;
    (void)info;
    return TRUE;
}

static GstFlowReturn alloc_buffer(GstBufferPool *pool, GstBuffer **buffer, GstBufferPoolAcquireParams *params)
{
    MediaPool *own = (MediaPool *)pool;
    GstFlowReturn result = GST_BUFFER_POOL_CLASS(media_pool_parent_class)->alloc_buffer(pool, buffer, params);
    GstVideoMeta *meta = result == GST_FLOW_OK ? gst_buffer_get_video_meta(*buffer) : NULL;
    GstMemory *memory = meta && gst_buffer_n_memory(*buffer) == 1 ? gst_buffer_peek_memory(*buffer, 0) : NULL;
    if (!memory || !own->is_direct || !gst_memory_is_type(memory, GST_ALLOCATOR_SYSMEM))
        return result;
    meta->map = map_unlocked;
    meta->unmap = unmap_unlocked;
    gst_mini_object_set_qdata(GST_MINI_OBJECT_CAST(memory), drawn_quark(), memory, NULL);
    return result;
}

static gboolean set_config(GstBufferPool *pool, GstStructure *config)
{
    ((MediaPool *)pool)->is_direct = gst_buffer_pool_config_has_option(config, GST_BUFFER_POOL_OPTION_VIDEO_ALIGNMENT);
    return GST_BUFFER_POOL_CLASS(media_pool_parent_class)->set_config(pool, config);
}

static gboolean start(GstBufferPool *pool)
{
    struct media_watch *watch = ((MediaPool *)pool)->watch;
    pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < G_N_ELEMENTS(watch->elsewhere); i++)
        watch->elsewhere[i] = watch->entered[i];
    pthread_mutex_unlock(&watch->lock);
    return GST_BUFFER_POOL_CLASS(media_pool_parent_class)->start(pool);
}

static void media_pool_class_init(MediaPoolClass *class)
{
    GstBufferPoolClass *pool_class = GST_BUFFER_POOL_CLASS(class);
    pool_class->alloc_buffer = alloc_buffer;
    pool_class->set_config = set_config;
    pool_class->start = start;
}

static void media_pool_init(MediaPool *pool)
{
    pool->is_direct = false;
}

GstBufferPool *media_pool_new(struct media_watch *watch)
{
    MediaPool *pool = g_object_new(media_pool_get_type(), NULL);
    pool->watch = watch;
    return GST_BUFFER_POOL(gst_object_ref_sink(pool));
}

void media_watch_init(struct media_watch *watch)
{
    pthread_mutex_init(&watch->lock, NULL);
    watch->next = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(watch->entered); i++)
        watch->entered[i] = watch->elsewhere[i] = GST_CLOCK_TIME_NONE;
}

void media_watch_clear(struct media_watch *watch)
{
    pthread_mutex_destroy(&watch->lock);
}

void media_watch_enter(struct media_watch *watch, const GstBuffer *encoded)
{
    pthread_mutex_lock(&watch->lock);
    watch->entered[watch->next++ % G_N_ELEMENTS(watch->entered)] = GST_BUFFER_PTS(encoded);
    pthread_mutex_unlock(&watch->lock);
}

bool media_watch_take_early(struct media_watch *watch, const GstBuffer *picture)
{
    bool is_early = false;
    if (!GST_BUFFER_PTS_IS_VALID(picture))
        return false;
    pthread_mutex_lock(&watch->lock);
    for (size_t i = 0; i < G_N_ELEMENTS(watch->elsewhere) && !is_early; i++)
        if (watch->elsewhere[i] == GST_BUFFER_PTS(picture)) {
            watch->elsewhere[i] = GST_CLOCK_TIME_NONE; /* each stands for one picture, also when time stands still */
            is_early = true;
        }
    pthread_mutex_unlock(&watch->lock);
    return is_early;
}

bool media_pool_drew(GstBuffer *picture)
{
    GstMemory *memory = gst_buffer_n_memory(picture) == 1 ? gst_buffer_peek_memory(picture, 0) : NULL;
    return memory && gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(memory), drawn_quark());
}
