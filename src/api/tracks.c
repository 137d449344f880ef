/* Tracks as they are stored for policies to be tried on: which there were, and where one of them went. */
#include "analytics/chunk.h"
#include "api/api_internal.h"

/* ---- walking what is stored ---- */

/* Looks at each observation of a track that was really seen; false: it has seen enough. */
typedef bool (*track_look)(void *data, int64_t at_ms, const struct observed_track *track);
struct walk {
    const struct track_parameters *asked;
    track_look look;
    void *data;
    bool is_over;
};

static void look_at_frame(struct walk *walk, const struct observation *observation)
{
    const struct track_parameters *asked = walk->asked;
    if (observation->at_ms < asked->from.ms || observation->at_ms >= asked->to.ms)
        return;
    for (int i = 0; i < observation->track_count && !walk->is_over; i++)
        if (observation->tracks[i].is_confirmed && !observation->tracks[i].is_lost)
            walk->is_over = !walk->look(walk->data, observation->at_ms, &observation->tracks[i]);
}

/* What is damaged is told as far as it can be read: the store's check finds it, not who looks at tracks. */
static bool walk_chunk(void *data, const struct track_chunk *chunk, GError **error)
{
    struct walk *walk = data;
    gsize length = 0;
    g_autofree guchar *bytes = g_base64_decode(chunk->data, &length);
    struct observation observation;
    (void)error;
    CLEANUP(chunk_reader)
    struct chunk_reader *reader = walk->is_over ? NULL : chunk_reader_new(bytes, length, NULL);
    while (reader && !walk->is_over && chunk_reader_next(reader, &observation, NULL))
        look_at_frame(walk, &observation);
    return true;
}

/* False: the answer is made. */
static bool check_span(const struct request *request, struct answer *answer)
{
    const struct track_parameters *asked = request->parameters;
    int32_t most = request->api->settings->http.track_minutes;
    struct record_errors errors;
    record_errors_init(&errors);
    if (asked->to.ms <= asked->from.ms)
        record_errors_add(&errors, "to", "must be after from");
    else if (asked->to.ms - asked->from.ms > most * INT64_C(60000))
        record_errors_add(&errors, "to", "may be %d minutes after from at most (http.track_minutes)", most);
    bool is_good = errors.items->len == 0;
    if (!is_good)
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the parameters are not valid", &errors);
    record_errors_clear(&errors);
    return is_good;
}

static bool walk_tracks(const struct request *request, track_look look, void *data, struct answer *answer)
{
    const struct track_parameters *asked = request->parameters;
    /* A piece that began before may hold some of what is asked for. */
    int64_t piece_ms = request->api->settings->workers.track_chunk_seconds * INT64_C(1000);
    const struct store_track_filter filter = {request->login.user->org_id, asked->camera_id, asked->from.ms - piece_ms,
                                              asked->to.ms};
    struct walk walk = {asked, look, data, false};
    g_autoptr(GError) error = NULL;
    if (!check_span(request, answer))
        return false;
    if (store_track_chunks_each(request->api->store, &filter, walk_chunk, &walk, &error))
        return true;
    answer_error(answer, error);
    return false;
}

static struct record_box box_of(const struct observed_track *track)
{
    return (struct record_box){(double)track->x / OBSERVATION_BOX_ONE, (double)track->y / OBSERVATION_BOX_ONE,
                               (double)track->w / OBSERVATION_BOX_ONE, (double)track->h / OBSERVATION_BOX_ONE};
}

static double confidence_of(const struct observed_track *track)
{
    return track->confidence / 255.0;
}

/* ---- which there were ---- */

struct summaries {
    const struct track_parameters *asked;
    GHashTable *by_id; /* uint64_t → struct track_summary *, owned */
    uint64_t after;    /* the last track of the page before */
};

static void summary_free(void *summary)
{
    record_clear(&track_summary_descriptor, summary);
    g_free(summary);
}

static bool summarise(void *data, int64_t at_ms, const struct observed_track *track)
{
    struct summaries *summaries = data;
    const struct track_parameters *asked = summaries->asked;
    if (track->id <= summaries->after ||
        (asked->object_class && g_strcmp0(track->object_class, asked->object_class) != 0))
        return true;
    struct track_summary *summary = g_hash_table_lookup(summaries->by_id, &track->id);
    if (!summary) {
        summary = g_new0(struct track_summary, 1);
        *summary = (struct track_summary){.camera_id = g_strdup(asked->camera_id),
                                          .track_id = track->id,
                                          .object_class = g_strdup(track->object_class),
                                          .first_at = {at_ms},
                                          .first_box = box_of(track)};
        g_hash_table_insert(summaries->by_id, &summary->track_id, summary);
    }
    summary->last_at.ms = at_ms;
    summary->last_box = box_of(track);
    summary->observations++;
    summary->confidence = MAX(summary->confidence, confidence_of(track));
    return true;
}

static gint compare_summaries(gconstpointer left, gconstpointer right)
{
    const struct track_summary *a = *(const struct track_summary *const *)left,
                               *b = *(const struct track_summary *const *)right;
    return a->track_id < b->track_id ? -1 : a->track_id > b->track_id;
}

static void answer_summaries(const struct summaries *summaries, struct answer *answer)
{
    g_autoptr(GPtrArray) rows = g_ptr_array_new();
    GHashTableIter next;
    void *row;
    g_hash_table_iter_init(&next, summaries->by_id);
    while (g_hash_table_iter_next(&next, NULL, &row))
        g_ptr_array_add(rows, row);
    g_ptr_array_sort(rows, compare_summaries);
    guint count = MIN(rows->len, (guint)summaries->asked->limit);
    const struct track_summary *last = count ? g_ptr_array_index(rows, count - 1) : NULL;
    g_autofree char *cursor = last && rows->len > count ? g_strdup_printf("%" G_GUINT64_FORMAT, last->track_id) : NULL;
    answer_page(answer, &track_summary_descriptor, rows, count, cursor);
}

static void handle_tracks(struct request *request, struct answer *answer)
{
    g_autoptr(GHashTable) by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, summary_free);
    const struct track_parameters *asked = request->parameters;
    struct summaries summaries = {asked, by_id, (uint64_t)parameter_cursor_number(asked->cursor)};
    if (walk_tracks(request, summarise, &summaries, answer))
        answer_summaries(&summaries, answer);
}

/* ---- where one of them went ---- */

struct path_work {
    const struct track_parameters *asked;
    struct track_path path;
};

static bool add_point(void *data, int64_t at_ms, const struct observed_track *track)
{
    struct path_work *work = data;
    if (track->id != work->asked->id)
        return true;
    if (work->path.points.count >= (size_t)work->asked->limit) {
        work->path.is_complete = false;
        return false;
    }
    if (!work->path.object_class)
        work->path.object_class = g_strdup(track->object_class);
    struct track_point *point = record_list_append(&work->path.points, &track_point_descriptor);
    *point = (struct track_point){{at_ms}, box_of(track), confidence_of(track)};
    return true;
}

static void handle_track(struct request *request, struct answer *answer)
{
    const struct track_parameters *asked = request->parameters;
    struct path_work work = {asked,
                             {.camera_id = g_strdup(asked->camera_id), .track_id = asked->id, .is_complete = true}};
    if (!walk_tracks(request, add_point, &work, answer))
        ;
    else if (work.path.points.count)
        answer_tagged(request, answer, MHD_HTTP_OK, &track_path_descriptor, &work.path);
    else
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such track of the camera in this time", NULL);
    record_clear(&track_path_descriptor, &work.path);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/tracks",
     .name = "listTracks",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &tracks_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &track_summary_descriptor,
     .handle = handle_tracks,
     .doc = "The tracks of a camera that were seen within a time, in the order in which they began. They are kept for "
            "retention.track_days, where workers.store_tracks has them kept."},
    {.method = "GET",
     .path = "/api/v1/tracks/{id}",
     .name = "getTrack",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &track_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &track_path_descriptor,
     .features = ROUTE_CACHED,
     .handle = handle_track,
     .doc = "Where one of them went."},
};
const struct route_group track_routes = ROUTE_GROUP("tracks", "What moved where, as it is stored.", routes);
