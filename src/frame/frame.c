#include "frame/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/spares.h"

/* The public struct comes first, so that a frame pointer is this one's too. */
struct frame_holder {
    struct frame frame;
    int references; /* atomic */
    void (*release)(void *data);
    void *data;
};

static struct spares holders;

struct frame *frame_new(const struct frame *template, void (*release)(void *data), void *data)
{
    struct frame_holder *holder = spares_take(&holders, sizeof *holder);
    *holder = (struct frame_holder){*template, 1, release, data};
    return &holder->frame;
}

struct frame *frame_ref(struct frame *frame)
{
    struct frame_holder *holder = (struct frame_holder *)frame;
    __atomic_fetch_add(&holder->references, 1, __ATOMIC_RELAXED);
    return frame;
}

void frame_unref(struct frame *frame)
{
    struct frame_holder *holder = (struct frame_holder *)frame;
    if (!holder || __atomic_sub_fetch(&holder->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (holder->release)
        holder->release(holder->data);
    spares_give(&holders, holder);
}

/* Rows start on cache lines, which is also what SIMD loads like best. */
enum { FRAME_ALIGNMENT_BYTES = 64 };

static int align_up(int bytes)
{
    return (bytes + FRAME_ALIGNMENT_BYTES - 1) / FRAME_ALIGNMENT_BYTES * FRAME_ALIGNMENT_BYTES;
}

struct frame *frame_new_allocated(int width_px, int height_px)
{
    int chroma_width = (width_px + 1) / 2, chroma_height = (height_px + 1) / 2;
    int luma_stride = align_up(width_px), chroma_stride = align_up(chroma_width);
    size_t luma_bytes = (size_t)luma_stride * (size_t)height_px;
    size_t chroma_bytes = (size_t)chroma_stride * (size_t)chroma_height;
    size_t total_bytes = luma_bytes + 2 * chroma_bytes;
    uint8_t *memory = aligned_alloc(FRAME_ALIGNMENT_BYTES, total_bytes);
    if (!memory)
        g_error("no memory for a frame of %d x %d", width_px, height_px);
    memset(memory, 0, total_bytes);
    const struct frame template = {
        .width_px = width_px,
        .height_px = height_px,
        .format = FRAME_I420,
        .planes = {memory, memory + luma_bytes, memory + luma_bytes + chroma_bytes},
        .strides_bytes = {luma_stride, chroma_stride, chroma_stride},
    };
    return frame_new(&template, free, memory);
}

uint8_t *frame_plane(struct frame *frame, int plane)
{
    return (uint8_t *)(uintptr_t)frame->planes[plane];
}

void frame_thinner_init(struct frame_thinner *thinner, double fps)
{
    thinner->interval_us = fps > 0 ? (int64_t)(G_USEC_PER_SEC / fps) : 0;
    thinner->next_us = INT64_MIN / 2; /* long due: the first frame passes and sets the beat */
}

bool frame_thinner_pass(struct frame_thinner *thinner, int64_t media_us)
{
    /* Time stamps shake: a frame that comes a quarter of an interval early is the one that was meant. */
    int64_t early_us = thinner->interval_us / 4;
    bool is_back = media_us < thinner->next_us - 2 * thinner->interval_us;
    if (media_us < thinner->next_us - early_us && !is_back)
        return false;
    bool is_behind = media_us > thinner->next_us + thinner->interval_us;
    thinner->next_us = is_back || is_behind ? media_us + thinner->interval_us : thinner->next_us + thinner->interval_us;
    return true;
}
