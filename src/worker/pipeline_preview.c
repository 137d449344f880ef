/* Pictures of a camera's frames, in which every figure is hidden, and every mask. */
#include "base/counter.h"
#include "worker/pipeline_internal.h"

/* A model that other cameras keep busy for a moment has not failed: who it found last is hidden for so long where it
 * found them, and who moves since is hidden as moving. It is as long as a quiet picture waits for its next look. */
enum { MODEL_WORD_HOLDS_US = 10 * 1000000 };

static void note_figure(struct pipeline *pipeline, const char *object_class, const struct record_box *box)
{
    if (selection_hides(&pipeline->selection, object_class))
        pipeline->figures[pipeline->figure_count++] = selection_figure(object_class, box);
}

static void note_detections(struct pipeline *pipeline, const struct detections *detections)
{
    for (int i = 0; i < detections->count; i++)
        note_figure(pipeline, detections->items[i].object_class, &detections->items[i].box);
}

/* A model that finds no people is none here. */
static bool knows_people(const struct pipeline *pipeline)
{
    return pipeline->detector && detector_knows_people(pipeline->detector);
}

/* Without a model what moves, and what moved and then kept still, is all there is to know. With one that fails, or is
 * late, or rests, nobody knows who stands there: who stood there when the background was learnt is part of it. */
static bool is_known(const struct pipeline *pipeline, bool is_by_model)
{
    if (pipeline->hides_all_without_model && !knows_people(pipeline))
        return false;
    return !pipeline->detector || is_by_model ||
           (pipeline->has_word && clock_monotonic_us(pipeline->clock) - pipeline->word_us <= MODEL_WORD_HOLDS_US);
}

/* Everything that could be a person: tracks, also lost and tentative ones, what moves, and what the model found. */
void pipeline_note_figures(struct pipeline *pipeline, const struct tracks *tracks, const struct detections *detections,
                           const struct motion_scene *scene)
{
    pipeline->figure_count = 0;
    for (int i = 0; i < tracks->count; i++)
        note_figure(pipeline, tracks->items[i].object_class, &tracks->items[i].box);
    note_detections(pipeline, detections);
    bool is_by_model = detections == pipeline->found;
    if (!is_by_model && pipeline->has_word)
        note_detections(pipeline, pipeline->found);
    pipeline->hides_all = scene->is_learning || !is_known(pipeline, is_by_model);
}

static struct privacy_request request_for(const struct pipeline *pipeline, const struct frame *frame)
{
    struct privacy_request request = {
        .figures = pipeline->figures,
        .figure_count = pipeline->figure_count,
        /* what is known belongs to the frame that was fed last: of any other nothing is known */
        .hide_all = pipeline->hides_all || frame->number != pipeline->last_frame,
    };
    if (selection_hides_any(&pipeline->selection))
        request.foreground = motion_hidden(pipeline->motion, !knows_people(pipeline), &request.foreground_width_px,
                                           &request.foreground_height_px);
    else
        request.hide_all = false;
    return request;
}

/* Every picture comes by here. Masks hold for all of them: they are the camera's as it is now, whatever was found when.
 */
static GBytes *encode(struct pipeline *pipeline, const struct frame *frame, struct privacy_request *request,
                      GError **error)
{
    request->masks = pipeline->selection.masks;
    request->mask_count = pipeline->selection.mask_count;
    request->cells_a_side = privacy_cells_a_side(pipeline->selection.privacy.blur_strength);
    if (!pipeline->encoder)
        pipeline->encoder = privacy_encoder_new(pipeline->preview_width_px, pipeline->preview_quality);
    GBytes *jpeg = privacy_encode_jpeg(pipeline->encoder, frame, request, error);
    counter_add(jpeg ? &pipeline->health->previews_encoded : &pipeline->health->previews_refused, 1);
    return jpeg;
}

GBytes *pipeline_preview(struct pipeline *pipeline, struct frame *frame, GError **error)
{
    return pipeline_preview_outlined(pipeline, frame, NULL, 0, error);
}

GBytes *pipeline_preview_outlined(struct pipeline *pipeline, struct frame *frame, const struct record_box *outlines,
                                  size_t count, GError **error)
{
    struct privacy_request request = request_for(pipeline, frame);
    request.outlines = outlines;
    request.outline_count = count;
    return encode(pipeline, frame, &request, error);
}

int64_t pipeline_remember_figures(struct pipeline *pipeline, const struct frame *frame)
{
    int64_t covered_ms = 0;
    const struct privacy_request request = request_for(pipeline, frame);
    if (!pipeline->history)
        pipeline->history = figure_history_new(pipeline->live_window_ms);
    figure_history_note(pipeline->history, frame, &request);
    figure_history_covered_ms(pipeline->history, &covered_ms);
    return covered_ms;
}

GBytes *pipeline_preview_live(struct pipeline *pipeline, struct frame *frame, uint64_t *number,
                              enum figure_refusal *refusal, GError **error)
{
    struct privacy_request request;
    *refusal = pipeline->history ? figure_history_request(pipeline->history, frame, &request, number) : FIGURES_TOO_FEW;
    if (*refusal)
        return NULL;
    return encode(pipeline, frame, &request, error);
}
