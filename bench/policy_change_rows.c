/* A change of a policy at a server of 10,000 cameras, from the call until it is in force in the server: tried on every
 * camera that it touches, stored with history and audit, read again, and a new view made. What reaches workers from
 * there is policy_latency.py's. */
#include "bench.h"

#include <glib.h>
#include <sqlite3.h>
#include <stdio.h>
#include <time.h>

#include "keeper/keeper.h"

enum { CAMERAS = 10000, WALL_ROUNDS = 9 };

struct server {
    char *directory;
    struct settings settings;
    struct server_health health;
    struct store *store;
    struct policy_keeper *keeper;
    int changes;
};

struct change_bench {
    struct server large, small; /* the baseline: the same change where there is one camera and no other document */
    bool is_for_all;
};

#define NIGHT                                                                                                          \
    "\"overlays\":[{\"name\":\"night\",\"time_zone\":\"Europe/Berlin\",\"schedule\":[{\"from\":\"20:00\",\"to\":"      \
    "\"06:00\"}],\"config\":{\"loitering_seconds\":5}}]"

static void add_camera(struct settings *settings, int number)
{
    static const struct record_point corners[] = {{0.2, 0.1}, {0.8, 0.1}, {0.8, 0.9}, {0.2, 0.9}};
    struct camera *camera = record_list_append(&settings->cameras, &camera_descriptor);
    camera->id = g_strdup_printf("camera-%d", number);
    camera->source = g_strdup_printf("rtsp://10.0.%d.%d/s", number / 250, number % 250);
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
}

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "policy change: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void make(struct server *server, const char *camera_id, int seconds)
{
    struct policy_changed changed;
    struct record_errors errors;
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_strdup_printf("{\"cooldown_seconds\":%d," NIGHT "}", seconds);
    record_errors_init(&errors);
    const struct policy_change change = {.name = {{.org_id = "default", .camera_id = camera_id}, POLICY_SAFETY, NULL},
                                         .action = POLICY_PUT,
                                         .body = body,
                                         .expected_version = -1,
                                         .by = {"default", "bench", NULL, NULL, NULL}};
    if (!policy_keeper_change(server->keeper, &change, &changed, &errors, &error))
        fail("change", error ? error->message : "it is not valid");
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

/* A document for each camera, by SQL: one by one they would take minutes. */
static void add_documents(const struct server *server, int cameras)
{
    g_autofree char *path = g_build_filename(server->directory, "vedette.db", NULL);
    g_autofree char *sql = g_strdup_printf(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) INSERT INTO "
        "service_policies (id, org_id, camera_id, service_name, policy_type, config, version, revision, created_at, "
        "updated_at) SELECT 'bench-' || n, 'default', 'camera-' || n, 'occupancy', 'occupancy', '{\"dwell_seconds\":' "
        "|| (n %% 60 + 1) || ',\"overlays\":[{\"name\":\"day\",\"schedule\":[{\"from\":\"08:00\",\"to\":\"18:00\"}],"
        "\"config\":{\"dwell_seconds\":7}}]}', 1, 1, 0, 0 FROM numbers",
        cameras - 1);
    sqlite3 *database = NULL;
    char *why = NULL;
    if (sqlite3_open(path, &database) != SQLITE_OK || sqlite3_exec(database, sql, NULL, NULL, &why) != SQLITE_OK)
        fail("documents", why ? why : "no database");
    sqlite3_close(database);
}

static void begin(struct server *server, int cameras, bool has_documents)
{
    static const struct store_settings settings = {.batch_records = 100,
                                                   .queue_records = 1000,
                                                   .connections = 3,
                                                   .connect_timeout_ms = 20000,
                                                   .query_timeout_ms = 20000,
                                                   .partition_days = 1};
    g_autoptr(GError) error = NULL;
    server->directory = g_dir_make_tmp("vedette-bench-XXXXXX", NULL);
    record_init(&settings_descriptor, &server->settings);
    for (int i = 0; i < cameras; i++)
        add_camera(&server->settings, i);
    server->store = store_open(server->directory, &settings, clock_system(), &server->health, &error);
    if (!server->store || !store_camera_put(server->store, server->settings.cameras.items, &error))
        fail("store", error->message);
    if (has_documents)
        add_documents(server, cameras);
    const struct policy_keeper_config config = {
        .store = server->store, .settings = &server->settings, .clock = clock_system()};
    server->keeper = policy_keeper_new(&config, &error);
    if (!server->keeper)
        fail("keeper", error->message);
    make(server, NULL, 1);
}

struct change_case {
    bool is_for_all, has_documents;
};

static void *change_setup(const void *argument)
{
    const struct change_case *of = argument;
    struct change_bench *bench = g_new0(struct change_bench, 1);
    bench->is_for_all = of->is_for_all;
    begin(&bench->large, CAMERAS, of->has_documents);
    begin(&bench->small, 1, false);
    return bench;
}

static void change(struct server *server, bool is_for_all)
{
    make(server, is_for_all ? NULL : "camera-0", 1 + ++server->changes % 600);
}

static void change_large(void *data)
{
    struct change_bench *bench = data;
    change(&bench->large, bench->is_for_all);
}

static void change_small(void *data)
{
    struct change_bench *bench = data;
    change(&bench->small, bench->is_for_all);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void end(struct server *server)
{
    policy_keeper_free(server->keeper);
    store_close(server->store);
    const char *const words[] = {"rm", "-rf", server->directory, NULL};
    g_spawn_sync(NULL, (char **)(uintptr_t)words, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
}

/* By the clock on the wall, which is what people wait by. */
static void change_report(void *data, const char *name)
{
    struct change_bench *bench = data;
    int64_t taken_us[WALL_ROUNDS];
    for (int i = 0; i < WALL_ROUNDS; i++) {
        int64_t began_us = g_get_monotonic_time();
        change_large(bench);
        taken_us[i] = g_get_monotonic_time() - began_us;
    }
    qsort(taken_us, WALL_ROUNDS, sizeof *taken_us, compare);
    printf("  %s: in force in the server after %.0f ms by the clock (median of %d; worst %.0f)\n", name,
           (double)taken_us[WALL_ROUNDS / 2] / 1000, WALL_ROUNDS, (double)taken_us[WALL_ROUNDS - 1] / 1000);
    end(&bench->large);
    end(&bench->small);
}

static const struct change_case one = {false, false}, one_of_many = {false, true}, all = {true, false},
                                all_of_many = {true, true};
static const struct row rows[] = {
    {"policy change, one of 10000 cameras", "the same with one camera", change_large, change_small, change_setup, &one,
     1, change_report},
    {"policy change, one of 10000 cameras with overlays of their own", "the same with one camera", change_large,
     change_small, change_setup, &one_of_many, 1, change_report},
    {"policy change, all 10000 cameras", "the same with one camera", change_large, change_small, change_setup, &all, 1,
     change_report},
    {"policy change, all 10000 cameras with overlays of their own", "the same with one camera", change_large,
     change_small, change_setup, &all_of_many, 1, change_report},
};
const struct row_table policy_change_rows = {rows, G_N_ELEMENTS(rows)};
