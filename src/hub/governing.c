/* The shell of governor.h: measures each second, tells workers what to leave out, and tells everyone about it. What
 * cameras were measured to cost is remembered in governor.json of the data directory, for the next start to know
 * whether a new camera fits. Main loop's thread.
 */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/log.h"
#include "base/machine.h"
#include "hub/admission.h"
#include "hub/arrival.h"
#include "hub/disk_aside.h"
#include "hub/governor.h"

#include <string.h>
#include <unistd.h>

enum {
    LOOK_US = 1000000,
    SAVE_US = 60 * 1000000,
    LOOKS_TO_KNOW = 15, /* before what a camera costs is told: starting costs more */
};
static const double smoothing = 0.2; /* of what is measured each second */
static const char memory_file[] = "governor.json";

struct governing {
    struct hub *hub;
    char *machine_root;
    struct disk_aside *disk;
    struct admission *admission;
    struct machine machine;
    struct governor governor;
    struct governor_measures measures;
    /* smoothed; of all cameras together */
    double used_cores, own_cores, camera_cores; /* own: of our processes, cameras' and others */
    int64_t used_bytes, camera_bytes;
    /* what all that is not ours takes: as the last run had it, until no camera ran at a look */
    double other_cores;
    int64_t other_bytes;
    size_t cameras; /* that gave pictures at the last look */
    int looks;      /* with cameras */
    int room;
    /* at the last look */
    bool has_looked;
    int64_t looked_us;
    struct machine_usage usage;
    int64_t processed, late;
    /* of governor.json */
    struct governor_memory memory; /* of the run before */
    GHashTable *known;             /* of ids: cameras that this run's memory was saved with, while they are there */
    int64_t saved_us;
};

/* ---- what is remembered ---- */

static bool load_memory(struct governing *governing, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    struct record_errors errors;
    gsize length;
    if (!g_file_get_contents(path, &text, &length, error))
        return false;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&governor_memory_descriptor, text, length, &governing->memory, &errors) ||
                   record_errors_to_gerror(&errors, error);
    if (!is_good)
        record_init(&governor_memory_descriptor, &governing->memory);
    record_errors_clear(&errors);
    return is_good;
}

struct governing *governing_new(struct hub *hub, const char *machine_root)
{
    struct governing *governing = g_new0(struct governing, 1);
    g_autofree char *path = g_build_filename(hub->data_dir, memory_file, NULL);
    g_autoptr(GError) error = NULL;
    governing->hub = hub;
    governing->machine_root = g_strdup(machine_root);
    governing->room = -1;
    governing->disk = disk_aside_new(hub->data_dir, NULL);
    governing->admission = admission_new();
    governing->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    counter_set(&hub->health.room_cameras, -1);
    record_init(&governor_memory_descriptor, &governing->memory);
    machine_detect(machine_root, &governing->machine);
    if (!load_memory(governing, path, &error) && !g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        log_warning(NULL, "what cameras cost is measured anew: %s: %s", path, error->message);
    governing->other_cores = governing->memory.other_cores;
    governing->other_bytes = governing->memory.other_bytes;
    return governing;
}

void governing_free(struct governing *governing)
{
    if (!governing)
        return;
    disk_aside_free(governing->disk);
    admission_free(governing->admission);
    g_hash_table_unref(governing->known);
    record_clear(&governor_memory_descriptor, &governing->memory);
    g_free(governing->machine_root);
    g_free(governing);
}

static gboolean is_gone(gpointer id, gpointer value, gpointer set)
{
    (void)value;
    return !camera_set_find(set, id);
}

/* One that is switched off and on again is no new one. */
static void know_cameras(struct governing *governing, const GPtrArray *ids)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(governing->hub->live);
    for (guint i = 0; i < ids->len; i++)
        g_hash_table_add(governing->known, g_strdup(g_ptr_array_index(ids, i)));
    g_hash_table_foreach_remove(governing->known, is_gone, set);
}

static void save_memory(struct governing *governing)
{
    struct hub *hub = governing->hub;
    g_autoptr(GPtrArray) ids = g_ptr_array_new();
    for (guint i = 0; i < hub->workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        for (guint j = 0; j < worker->cameras->len && !worker->is_apart; j++)
            g_ptr_array_add(ids, ((struct camera *)g_ptr_array_index(worker->cameras, j))->id);
    }
    const struct governor_memory memory = {
        .cameras = {(char **)ids->pdata, ids->len},
        .camera_cores = governing->camera_cores,
        .camera_bytes = governing->camera_bytes,
        .other_cores = MAX(governing->used_cores - governing->camera_cores * (double)governing->cameras, 0),
        .other_bytes = MAX(governing->used_bytes - governing->camera_bytes * (int64_t)governing->cameras, 0),
    };
    g_autoptr(GString) json = g_string_new(NULL);
    record_encode_json(&governor_memory_descriptor, &memory, true, json);
    disk_aside_write(governing->disk, memory_file, json->str);
    know_cameras(governing, ids);
}

/* ---- admission ---- */

static bool is_remembered(const struct governing *governing, const struct camera *camera)
{
    for (size_t i = 0; i < governing->memory.cameras.count; i++)
        if (strcmp(governing->memory.cameras.items[i], camera->id) == 0)
            return true;
    return false;
}

static bool is_known(const struct governing *governing, const struct camera *camera)
{
    return is_remembered(governing, camera) || g_hash_table_contains(governing->known, camera->id);
}

/* Of those that are watched, but for those that cost nothing. */
static int count_new(const struct governing *governing)
{
    const GPtrArray *workers = governing->hub->workers;
    int count = 0;
    for (guint i = 0; i < workers->len; i++) {
        const struct hub_worker *worker = g_ptr_array_index(workers, i);
        for (guint j = 0; j < worker->cameras->len && !worker->is_apart; j++) {
            const struct camera *camera = g_ptr_array_index(worker->cameras, j);
            count += !is_remembered(governing, camera) && !admission_is_idle(governing->admission, camera->id);
        }
    }
    return count;
}

/* Of those of the last run, which will take again what they took, how many there are; all, while some may still join.
 */
static size_t count_remembered(const struct governing *governing)
{
    const struct record_strings *cameras = &governing->memory.cameras;
    if (!arrival_is_over(governing->hub->arrival))
        return cameras->count;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(governing->hub->live);
    size_t count = 0;
    for (size_t i = 0; i < cameras->count; i++) {
        const struct camera *camera = camera_set_find(set, cameras->items[i]);
        count += camera && camera->enabled;
    }
    return count;
}

/* Room for new cameras, by what those of the last run cost; -1: nothing is known. */
static int remembered_room(const struct governing *governing)
{
    const struct governor_memory *memory = &governing->memory;
    size_t remembered = count_remembered(governing);
    const struct governor_load load = {
        .cores = governing->machine.cores,
        .used_cores = governing->other_cores + memory->camera_cores * (double)remembered,
        .camera_cores = memory->camera_cores,
        .memory_bytes = machine_usable_bytes(&governing->machine),
        .used_bytes = governing->other_bytes + memory->camera_bytes * (int64_t)remembered,
        .camera_bytes = memory->camera_bytes,
    };
    int room = governor_room(&governing->hub->settings->governor, &load);
    return room < 0 ? room : MAX(room - count_new(governing), 0);
}

/* For one more camera, now; -1: nothing is known. */
static int room_now(const struct governing *governing)
{
    bool is_measured = governing->room >= 0; /* of this run */
    return is_measured ? admission_room(governing->admission, governing->room) : remembered_room(governing);
}

static void refuse(const struct governing *governing, const struct camera *camera, const char *reason)
{
    g_autofree char *refused = g_strdup_printf("refused: %s", reason);
    log_error(camera->id, "%s", refused);
    live_set_offline(governing->hub->live, camera->id, refused);
}

/* What it is measured by; g_free. */
static char *describe_lack(const struct governing *governing, int room)
{
    bool is_measured = governing->room >= 0;
    size_t like = is_measured ? governing->cameras : governing->memory.cameras.count;
    return g_strdup_printf("there is room for %d new cameras like the %zu %s, and it is one more "
                           "(governor.admission: refuse, warn or off)",
                           room, like, is_measured ? "that run" : "before");
}

bool governing_admit(struct governing *governing, const struct camera *camera)
{
    if (!governing)
        return true;
    enum governor_admission admission = governing->hub->settings->governor.admission;
    int room = room_now(governing);
    if (admission == ADMISSION_OFF || is_remembered(governing, camera))
        return true;
    if (is_known(governing, camera)) { /* it comes back, and takes its place before another does */
        admission_let_in(governing->admission, camera->id);
        return true;
    }
    bool is_full = room == 0, is_in = !is_full || admission == ADMISSION_WARN;
    if (is_in)
        admission_let_in(governing->admission, camera->id);
    if (!is_full)
        return true;
    admission_note_beyond(governing->admission, camera->id);
    g_autofree char *reason = describe_lack(governing, room);
    if (is_in)
        log_warning(camera->id, "admitted, though %s", reason);
    else
        refuse(governing, camera, reason);
    return is_in;
}

static enum admission_state state_of(void *data, const char *camera_id)
{
    const struct hub *hub = data;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(hub->live);
    const struct camera *camera = camera_set_find(set, camera_id);
    if (!camera || !camera->enabled)
        return ADMISSION_GONE;
    return live_is_online(hub->live, camera_id, clock_wall_ms(hub->clock)) ? ADMISSION_RUNNING : ADMISSION_WAITING;
}

/* Where nothing is known and nobody takes any room, one is let in, and what it costs is seen. */
static bool has_room_again(const struct governing *governing)
{
    int room = room_now(governing);
    bool is_empty = arrival_is_over(governing->hub->arrival) && count_new(governing) == 0;
    return room > 0 || (room < 0 && is_empty);
}

/* Those who were refused are asked for again, one at each look, so that each is counted before the next. */
static void look_at_admission(struct governing *governing)
{
    struct hub *hub = governing->hub;
    admission_look(governing->admission, state_of, hub);
    if (!has_room_again(governing))
        return;
    admission_forgive(governing->admission);
    for (guint i = 0; i < hub->not_placed->len; i++)
        admission_note_beyond(governing->admission, ((struct camera *)g_ptr_array_index(hub->not_placed, i))->id);
    if (hub->not_placed->len == 0)
        return;
    g_ptr_array_remove_index(hub->not_placed, 0);
    hub_cameras_changed(hub);
}

/* ---- measuring ---- */

static void smooth(double *value, double latest, bool is_first)
{
    *value = is_first ? latest : *value + smoothing * (latest - *value);
}

static gint compare_doubles(gconstpointer a, gconstpointer b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Frames and their age, over all cameras that give pictures. */
static void measure_cameras(struct governing *governing)
{
    struct hub *hub = governing->hub;
    g_autoptr(GArray) ages = g_array_new(FALSE, FALSE, sizeof(double));
    int64_t processed = 0, late = 0, now_ms = clock_wall_ms(hub->clock);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(hub->live);
    for (size_t i = 0; i < set->count; i++) {
        const char *id = set->items[i]->id;
        struct camera_health health;
        if (!live_get_health(hub->live, id, &health))
            continue;
        processed += health.frames_processed;
        late += health.frames_dropped;
        if (live_is_online(hub->live, id, now_ms) && health.frames_processed > 0)
            g_array_append_val(ages, health.avg_latency_ms);
        record_clear(&camera_health_descriptor, &health);
    }
    g_array_sort(ages, compare_doubles);
    governing->cameras = ages->len;
    governing->measures.frame_age_ms = ages->len ? g_array_index(ages, double, ages->len / 2) : 0;
    /* a worker that began anew counts from zero: its second is left out */
    int64_t done = processed - governing->processed, lost = late - governing->late;
    if (done >= 0 && lost >= 0)
        smooth(&governing->measures.late_share, done + lost > 0 ? (double)lost / (double)(done + lost) : 0,
               !governing->has_looked);
    governing->processed = processed;
    governing->late = late;
}

static int64_t cpu_since(const struct governing *governing, pid_t pid, struct process_cpu *before)
{
    int64_t now_us = machine_process_cpu_us(governing->machine_root, pid);
    int64_t spent_us = before->pid == pid ? MAX(now_us - before->us, 0) : 0;
    *before = (struct process_cpu){pid, now_us};
    return spent_us;
}

/* Of all our processes. */
struct own_usage {
    double cores; /* since the look before */
    int64_t worker_bytes;
};

static struct own_usage measure_processes(struct governing *governing, int64_t elapsed_us)
{
    struct hub *hub = governing->hub;
    int64_t cpu_us = cpu_since(governing, getpid(), &hub->cpu), bytes = 0;
    for (guint i = 0; i < hub->workers->len; i++) {
        struct hub_worker *worker = g_ptr_array_index(hub->workers, i);
        if (!worker->pid)
            continue;
        cpu_us += cpu_since(governing, worker->pid, &worker->cpu);
        bytes += machine_process_memory_bytes(governing->machine_root, worker->pid);
    }
    return (struct own_usage){(double)cpu_us / (double)elapsed_us, bytes};
}

/* What our processes take is what the cameras cost. */
static void count_cost(struct governing *governing, const struct own_usage *own)
{
    if (governing->cameras == 0)
        return;
    smooth(&governing->camera_cores, own->cores / (double)governing->cameras, governing->looks == 0);
    governing->camera_bytes = own->worker_bytes / (int64_t)governing->cameras;
    governing->looks++;
}

/* As long as no camera runs, what the others take is seen by itself. */
static void count_others(struct governing *governing, const struct own_usage *own)
{
    if (governing->cameras > 0)
        return;
    governing->other_cores = MAX(governing->used_cores - governing->own_cores, 0);
    governing->other_bytes = MAX(governing->used_bytes - own->worker_bytes, 0);
}

/* 0 where it is not known. */
static double disk_want(const struct governing *governing)
{
    int64_t free_bytes = disk_aside_free_bytes(governing->disk);
    double wanted_bytes = (double)governing->hub->settings->store.minimum_free_bytes;
    return free_bytes >= 0 ? wanted_bytes / MAX((double)free_bytes, 1) : 0;
}

static void measure(struct governing *governing, int64_t elapsed_us)
{
    struct hub *hub = governing->hub;
    struct governor_measures *measures = &governing->measures;
    struct machine_usage usage;
    bool is_first = !governing->has_looked;
    machine_measure(governing->machine_root, &governing->machine, &usage);
    measure_cameras(governing);
    const struct own_usage own = measure_processes(governing, elapsed_us);
    governing->used_bytes = usage.memory_used_bytes;
    if (!is_first) {
        double share = machine_cpu_share(&governing->machine, &governing->usage, &usage, elapsed_us);
        smooth(&governing->own_cores, own.cores, governing->used_cores <= 0); /* as the share, to be taken from it */
        smooth(&measures->cpu_share, share, governing->used_cores <= 0);
        governing->used_cores = measures->cpu_share * governing->machine.cores;
        count_cost(governing, &own);
        count_others(governing, &own);
    }
    measures->memory_share =
        usage.memory_total_bytes ? (double)usage.memory_used_bytes / (double)usage.memory_total_bytes : 0;
    measures->queue_share = hub->records ? record_path_fullness(hub->records) : 0;
    measures->disk_want = disk_want(governing);
    governing->usage = usage;
}

static void count_room(struct governing *governing)
{
    const struct governor_load load = {
        .cores = governing->machine.cores,
        .used_cores = governing->used_cores,
        .camera_cores = governing->camera_cores,
        .memory_bytes = governing->usage.memory_total_bytes,
        .used_bytes = governing->used_bytes,
        .camera_bytes = governing->camera_bytes,
    };
    governing->room = governing->looks < LOOKS_TO_KNOW || governing->cameras == 0 ? -1
                      : governing->governor.is_overloaded                         ? 0
                                                          : governor_room(&governing->hub->settings->governor, &load);
}

/* ---- telling ---- */

/* "cpu, frame_age"; g_free. */
static char *hot_names(const struct governor *governor)
{
    GString *names = g_string_new(NULL);
    for (int i = 0; i < GOVERNOR_RESOURCES; i++)
        if (governor->hot & 1U << i)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "",
                                   governor_resource_name((enum governor_resource)i));
    return g_string_free(names, FALSE);
}

void governing_order_worker(struct governing *governing, struct hub_worker *worker)
{
    struct governor_order order;
    g_autoptr(GString) json = g_string_new(NULL);
    if (!governing || !worker->link || !worker->has_said_hello)
        return;
    governor_order(&governing->governor, &governing->hub->settings->governor, &order);
    record_encode_json(&governor_order_descriptor, &order, true, json);
    if (!link_send(worker->link, LINK_GOVERN, json->str, json->len, NULL))
        log_debug(worker->id, "not told what to leave out: it does not read");
}

static void tell_change(struct governing *governing)
{
    const struct governor *governor = &governing->governor;
    const struct governor_measures *measures = &governing->measures;
    const char *text = governor_level_text(governor->level);
    g_autofree char *hot = hot_names(governor);
    g_autoptr(GString) host = g_string_new(NULL);
    record_append_json_string(host, g_get_host_name());
    g_autofree char *attributes = g_strdup_printf(
        "{\"host\":%s,\"level\":%d,\"because\":\"%s\",\"left_out\":\"%s\",\"cpu_percent\":%.0f,\"memory_percent\":%.0f,"
        "\"late_percent\":%.0f,\"frame_age_ms\":%.0f}",
        host->str, (int)governor->level, hot, text, 100 * measures->cpu_share, 100 * measures->memory_share,
        100 * measures->late_share, measures->frame_age_ms);
    for (guint i = 0; i < governing->hub->workers->len; i++)
        governing_order_worker(governing, g_ptr_array_index(governing->hub->workers, i));
    if (governor->is_overloaded) {
        log_warning(NULL, "overload (%s): %s", *hot ? hot : "passing", text);
        monitor_raise_for_orgs(governing->hub->monitor, SERVER_SIGNAL_OVERLOAD, 0, attributes);
    } else {
        log_info(NULL, "the overload is over: %s", text);
        monitor_raise_for_orgs(governing->hub->monitor, SERVER_SIGNAL_OVERLOAD_ENDED, 0, attributes);
    }
}

static void describe(struct governing *governing)
{
    const struct governor *governor = &governing->governor;
    g_autoptr(GString) text = g_string_new(NULL);
    if (governor->is_overloaded) {
        g_autofree char *hot = hot_names(governor);
        g_string_append_printf(text, "overload (%s): %s", *hot ? hot : "passing", governor_level_text(governor->level));
    } else if (governing->room >= 0) {
        int room = admission_room(governing->admission, governing->room);
        g_string_append_printf(text, "room for %d more camera%s like these", room, room == 1 ? "" : "s");
    }
    size_t beyond = admission_count_beyond(governing->admission);
    if (beyond)
        g_string_append_printf(text, "%s%zu new camera%s beyond the room there was (governor.admission)",
                               text->len ? "; " : "", beyond, beyond == 1 ? " is" : "s are");
    live_set_capacity(governing->hub->live, text->str, governor->is_overloaded || beyond);
}

static void publish(struct governing *governing)
{
    struct server_health *health = &governing->hub->health;
    counter_set(&health->overload_level, governing->governor.level);
    counter_set(&health->overloaded, governing->governor.is_overloaded);
    counter_set(&health->room_cameras, admission_room(governing->admission, governing->room));
    counter_set(&health->camera_bytes, governing->camera_bytes);
    gauge_set(&health->camera_cores, governing->camera_cores);
    gauge_set(&health->cpu_share, governing->measures.cpu_share);
    gauge_set(&health->memory_share, governing->measures.memory_share);
    gauge_set(&health->late_share, governing->measures.late_share);
    gauge_set(&health->frame_age_ms, governing->measures.frame_age_ms);
    describe(governing);
}

void governing_turn(struct governing *governing)
{
    struct hub *hub = governing->hub;
    int64_t now_us = clock_monotonic_us(hub->clock), elapsed_us = now_us - governing->looked_us;
    if (governing->has_looked && elapsed_us < LOOK_US)
        return;
    bool was_overloaded = governing->governor.is_overloaded;
    measure(governing, MAX(elapsed_us, 1));
    governing->has_looked = true;
    governing->looked_us = now_us;
    if (governor_turn(&governing->governor, &hub->settings->governor, &governing->measures, now_us)) {
        counter_add(&hub->health.overloads, !was_overloaded);
        tell_change(governing);
    }
    count_room(governing);
    look_at_admission(governing);
    publish(governing);
    if (governing->room < 0 || governing->governor.is_overloaded || now_us - governing->saved_us < SAVE_US)
        return;
    if (!arrival_is_over(hub->arrival)) /* cameras that are known will still join */
        return;
    governing->saved_us = now_us;
    save_memory(governing);
}
