/* From two looks at the counts to what came in between. Pure. */
#include "api/api.h"
#include "hub/path_times.h"
#include "hub/profile.h"

#include <string.h>

static void named_free(void *data)
{
    struct named_latencies *named = data;
    g_free(named->name);
    g_free(named->stages);
    g_free(named);
}

struct profile_look *profile_look_new(void)
{
    struct profile_look *look = g_new0(struct profile_look, 1);
    look->cameras = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    look->awaited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    look->records = g_new0(struct latency, PATH_END);
    look->routes = g_ptr_array_new_with_free_func(named_free);
    return look;
}

void profile_look_free(struct profile_look *look)
{
    if (!look)
        return;
    g_hash_table_unref(look->cameras);
    g_hash_table_unref(look->awaited);
    g_free(look->records);
    g_ptr_array_unref(look->routes);
    g_free(look);
}

void profile_look_await(struct profile_look *look, const char *camera_id, const char *worker_id)
{
    g_hash_table_replace(look->awaited, g_strdup(camera_id), g_strdup(worker_id));
}

static gboolean is_of_worker(void *camera_id, void *worker_id, void *answered_id)
{
    (void)camera_id;
    return strcmp(worker_id, answered_id) == 0;
}

void profile_look_answered(struct profile_look *look, const char *worker_id)
{
    g_hash_table_foreach_remove(look->awaited, is_of_worker, (void *)(uintptr_t)worker_id);
}

/* What came between. Counts that fell were begun anew: then all of them came since. */
static void subtract(struct latency *now, const struct latency *before, int count)
{
    for (int i = 0; before && i < count; i++)
        for (int j = 0; j < LATENCY_BUCKETS; j++)
            if (now[i].counts[j] < before[i].counts[j])
                return;
    for (int i = 0; before && i < count; i++)
        latency_subtract(&now[i], &before[i]);
}

static struct profile_part *add_part(struct profile_report *report, enum profile_part_kind kind, const char *name)
{
    struct profile_part *part = record_list_append(&report->parts, &profile_part_descriptor);
    part->kind = kind;
    part->name = g_strdup(name);
    return part;
}

/* Decoding and waiting come before an analyser has the frame. */
static void add_frames(struct profile_part *part, const struct latency stages[STAGE_END])
{
    int64_t whole_ns = stages[STAGE_FRAME].total_ns;
    part->count = latency_count(&stages[STAGE_FRAME]);
    for (int stage = STAGE_DECODE; stage < STAGE_END; stage++)
        profile_part_add(part, record_enum_name(frame_stage_names, (unsigned)stage), &stages[stage],
                         stage <= STAGE_WAIT ? 0 : whole_ns);
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The table's keys, in order: *ids, g_free. */
static guint sort_ids(GHashTable *table, gpointer **ids)
{
    guint count;
    *ids = g_hash_table_get_keys_as_array(table, &count);
    if (count)
        qsort(*ids, count, sizeof **ids, compare_ids);
    return count;
}

/* Those whose counts one of the looks should have and has not. Without the first a camera's counts are all since its
 * worker's start. A new GHashTable; its keys are borrowed. */
static GHashTable *find_left_out(const struct profile_look *before, const struct profile_look *after)
{
    const struct profile_look *const looks[] = {before, after};
    GHashTable *left_out = g_hash_table_new(g_str_hash, g_str_equal);
    for (size_t i = 0; i < G_N_ELEMENTS(looks); i++) {
        GHashTableIter iter;
        void *id;
        g_hash_table_iter_init(&iter, looks[i]->awaited);
        while (g_hash_table_iter_next(&iter, &id, NULL))
            if (!g_hash_table_contains(looks[i]->cameras, id))
                g_hash_table_add(left_out, id);
    }
    return left_out;
}

static gboolean is_in(void *id, void *times, void *ids)
{
    (void)times;
    return g_hash_table_contains(ids, id);
}

static void add_left_out(GHashTable *left_out, struct profile_report *report)
{
    g_autofree gpointer *ids = NULL;
    guint count = sort_ids(left_out, &ids);
    for (guint i = 0; i < count; i++)
        add_part(report, PROFILE_LEFT_OUT, ids[i]);
}

static void add_cameras(const struct profile_look *before, const struct profile_look *after,
                        struct profile_report *report)
{
    g_autoptr(GHashTable) left_out = find_left_out(before, after);
    g_hash_table_foreach_remove(after->cameras, is_in, left_out);
    g_autofree gpointer *ids = NULL;
    guint count = sort_ids(after->cameras, &ids);
    g_autofree struct camera_latencies *all = g_new0(struct camera_latencies, 1),
                                       *now = g_new(struct camera_latencies, count);
    for (guint i = 0; i < count; i++) {
        const struct camera_latencies *then = g_hash_table_lookup(before->cameras, ids[i]);
        now[i] = *(const struct camera_latencies *)g_hash_table_lookup(after->cameras, ids[i]);
        subtract(now[i].stages, then ? then->stages : NULL, STAGE_END);
        for (int stage = STAGE_DECODE; stage < STAGE_END; stage++)
            latency_add(&all->stages[stage], &now[i].stages[stage]);
    }
    add_frames(add_part(report, PROFILE_CAMERAS, "all"), all->stages);
    for (guint i = 0; i < count; i++)
        add_frames(add_part(report, PROFILE_CAMERA, ids[i]), now[i].stages);
    add_left_out(left_out, report);
}

static void add_records(const struct profile_look *before, const struct profile_look *after,
                        struct profile_report *report)
{
    struct profile_part *part = add_part(report, PROFILE_RECORDS, "all");
    subtract(after->records, before->records, PATH_END);
    part->count = latency_count(&after->records[PATH_STORE]);
    for (int stage = PATH_INTAKE; stage < PATH_END; stage++)
        profile_part_add(part, record_enum_name(path_stage_names, (unsigned)stage), &after->records[stage], 0);
}

static const struct latency *find_route(const struct profile_look *look, const char *name)
{
    for (guint i = 0; i < look->routes->len; i++) {
        const struct named_latencies *named = g_ptr_array_index(look->routes, i);
        if (strcmp(named->name, name) == 0)
            return named->stages;
    }
    return NULL;
}

static void add_route(const struct profile_look *before, struct named_latencies *now, struct profile_report *report)
{
    subtract(now->stages, find_route(before, now->name), API_STAGES);
    int64_t count = latency_count(&now->stages[API_REQUEST]);
    if (count == 0)
        return;
    struct profile_part *part = add_part(report, PROFILE_ROUTE, now->name);
    part->count = count;
    for (int stage = API_AUTH; stage < API_STAGES; stage++)
        profile_part_add(part, record_enum_name(api_stage_names, (unsigned)stage), &now->stages[stage],
                         now->stages[API_REQUEST].total_ns);
}

void profile_report_make(const struct profile_look *before, const struct profile_look *after, double seconds,
                         struct profile_report *report)
{
    record_init(&profile_report_descriptor, report);
    report->seconds = seconds;
    add_cameras(before, after, report);
    add_records(before, after, report);
    for (guint i = 0; i < after->routes->len; i++)
        add_route(before, g_ptr_array_index(after->routes, i), report);
}
