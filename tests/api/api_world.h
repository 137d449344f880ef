/* An API on a free port with a store, two cameras and users, and a client that speaks raw HTTP: what a browser would
 * never send must be sendable here. */
#pragma once

#include <arpa/inet.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../store/postgres_world.h"
#include "api/api.h"
#include "base/counter.h"
#include "base/fault.h"
#include "directory.h"
#include "store/cameras.h"

#define WORLD_PASSWORD "canary password 1"
#define WORLD_SCRAPE_TOKEN "canary-scrape-token"
#define WORLD_CAMERA_PASSWORD "canary-camera-password"

static const int64_t world_start_ms = INT64_C(1767225600000); /* 2026-01-01T00:00:00Z */

struct api_world {
    char *directory;
    char *database; /* PostgreSQL's, with VEDETTE_TEST_STORE=postgres; else NULL */
    struct settings settings;
    struct clock *clock;
    struct server_health health;
    struct store *store;
    struct policy_keeper *policies;
    struct live *live;
    struct vedette_resilience *resilience;
    struct vedette_spool *spool; /* a test's own; NULL: none */
    struct api_parts parts;
    struct cameras *cameras;
    struct api *api;
    char *token; /* of admin, once world_login was called */
};

static inline void world_add_camera(struct api_world *world, const char *id, const char *org)
{
    struct camera *camera = record_list_append(&world->settings.cameras, &camera_descriptor);
    camera->id = g_strdup(id);
    g_free(camera->org_id);
    camera->org_id = g_strdup(org);
    camera->name = g_strdup("Door");
    camera->source = g_strdup("rtsp://10.0.0.7/s1?channel=1&pwd=canary-in-address");
    camera->username = g_strdup("canary-camera-user");
    camera->password = g_strdup(WORLD_CAMERA_PASSWORD);
    struct line *line = record_list_append(&camera->lines, &line_descriptor);
    line->id = g_strdup("door");
    line->name = g_strdup("Front door");
    line->b = (struct record_point){1, 1};
    struct zone *zone = record_list_append(&camera->zones, &zone_descriptor);
    zone->id = g_strdup("hall");
    static const struct record_point corners[] = {{0.2, 0.2}, {0.8, 0.2}, {0.8, 0.9}};
    zone->polygon.items = g_memdup2(corners, sizeof corners);
    zone->polygon.count = G_N_ELEMENTS(corners);
    zone->name = g_strdup("Hall");
}

/* One more while it runs: as the first of the settings, of this id and org. */
static inline void world_put_camera(struct api_world *world, const char *id, const char *org)
{
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    camera.id = g_strdup(id);
    g_free(camera.org_id);
    camera.org_id = g_strdup(org);
    camera.name = g_strdup(id);
    camera.source = g_strdup("rtsp://10.0.0.8/s1");
    g_assert_true(store_camera_put(world->store, &camera, NULL));
    live_put_camera(world->live, &camera);
    record_clear(&camera_descriptor, &camera);
}

/* Its worker was told by this number, of the camera as it is now, to hide nobody or to hide people. */
static inline void world_expect_previews(const struct api_world *world, int64_t telling, bool shows_people)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(world->live);
    live_expect_previews(world->live, camera_set_find(set, "cam-1"), telling, shows_people);
}

static inline void world_take_database(struct api_world *world)
{
    if (!postgres.pid)
        return;
    world->database = postgres_database();
    g_free(world->settings.store.url);
    world->settings.store.url = postgres_url("vedette_login", world->database);
}

static inline void world_prepare(struct api_world *world)
{
    *world = (struct api_world){.directory = g_dir_make_tmp("vedette-api-XXXXXX", NULL)};
    record_init(&settings_descriptor, &world->settings);
    g_free(world->settings.admin_password);
    world->settings.admin_password = g_strdup(WORLD_PASSWORD);
    g_free(world->settings.metrics_token);
    world->settings.metrics_token = g_strdup(WORLD_SCRAPE_TOKEN);
    world->settings.http.port = 0;
    world->settings.http.max_connections = 64;
    world->settings.http.max_connections_per_address = 64;
    world->settings.store.minimum_free_bytes = 0;
    world_add_camera(world, "cam-1", "default");
    world_add_camera(world, "cam-other", "other");
    world->clock = clock_fake_new(world_start_ms);
    world_take_database(world);
}

/* Into the store, as the server has it there: those of the settings and those that were made by the API. */
static inline void world_store_camera(struct api_world *world, const struct camera *camera)
{
    const struct audit_by by = {.org_id = camera->org_id, .actor_id = "system"};
    g_autoptr(GError) error = NULL;
    bool is_stored = camera->managed_by == CAMERA_OF_API ? store_camera_write(world->store, camera, NULL, &by, &error)
                                                         : store_camera_put(world->store, camera, &error);
    g_assert_no_error(error);
    g_assert_true(is_stored);
}

/* All but the API itself. */
static inline void world_open(struct api_world *world)
{
    g_autoptr(GError) error = NULL;
    world->store = store_open(world->directory, &world->settings.store, world->clock, &world->health, &error);
    g_assert_no_error(error);
    world->live = live_new(&world->settings.cameras);
    live_set_clock(world->live, world->clock);
    for (size_t i = 0; i < world->settings.cameras.count; i++)
        world_store_camera(world, (const struct camera *)world->settings.cameras.items + i);
    const struct policy_keeper_config policies = {
        .store = world->store, .settings = &world->settings, .clock = world->clock, .roster = live_roster(world->live)};
    world->policies = policy_keeper_new(&policies, &error);
    g_assert_no_error(error);
    world->resilience = vedette_resilience_new("hub", NULL, NULL);
    const struct cameras_config cameras = {
        world->store, world->policies, world->live, &world->health, &world->settings.managed_cameras, world->clock};
    world->cameras = cameras_new(&cameras);
    g_assert_true(cameras_load(world->cameras, NULL));
    world->parts = (struct api_parts){world->store,   world->spool,      world->policies, world->live,
                                      &world->health, world->resilience, world->clock,    .cameras = world->cameras};
}

static inline void world_serve(struct api_world *world)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *password = NULL;
    world->api = api_start(&world->settings, &world->parts, &password, &error);
    g_assert_no_error(error);
}

static inline void world_start(struct api_world *world)
{
    world_open(world);
    world_serve(world);
}

static inline void world_init(struct api_world *world)
{
    world_prepare(world);
    world_start(world);
}

static inline void world_stop(struct api_world *world)
{
    api_stop(world->api);
    vedette_resilience_free(world->resilience);
    cameras_free(world->cameras);
    policy_keeper_free(world->policies);
    live_free(world->live);
    store_close(world->store);
}

/* What it had in memory is gone, what it stored is there. */
static inline void world_restart(struct api_world *world)
{
    world_stop(world);
    world_start(world);
}

static inline void world_clear(struct api_world *world)
{
    world_stop(world);
    record_clear(&settings_descriptor, &world->settings);
    clock_fake_free(world->clock);
    static const char *const names[] = {"vedette.db", "vedette.db-wal", "vedette.db-shm", "lock", "probe"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(world->directory, names[i], NULL);
        g_unlink(path);
    }
    g_rmdir(world->directory);
    if (world->database) {
        g_autofree char *sql = g_strdup_printf("DROP DATABASE %s WITH (FORCE)", world->database);
        postgres_do("postgres", sql);
    }
    g_free(world->database);
    g_free(world->directory);
    g_free(world->token);
}

static inline int world_connect(const struct api_world *world)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)api_port(world->api))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    return fd;
}

static inline void world_send(int fd, const char *text)
{
    size_t length = strlen(text);
    g_assert_cmpint(send(fd, text, length, MSG_NOSIGNAL), ==, (ssize_t)length);
}

/* Waits for bytes, at most a minute; 0 at the end of the stream. */
static inline ssize_t world_receive(int fd, void *buffer, size_t size)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    g_assert_cmpint(poll(&wait, 1, 60000), ==, 1);
    return recv(fd, buffer, size, 0);
}

struct reply {
    int status;
    char *head; /* status line and headers */
    GString *body;
};

static inline void reply_clear(struct reply *reply)
{
    g_free(reply->head);
    if (reply->body)
        g_string_free(reply->body, TRUE);
    *reply = (struct reply){0};
}

/* The value of a header, or NULL. g_free. */
static inline char *reply_header(const struct reply *reply, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(reply->head, "\r\n", -1);
    size_t length = strlen(name);
    for (size_t i = 1; lines[i]; i++)
        if (g_ascii_strncasecmp(lines[i], name, length) == 0 && lines[i][length] == ':')
            return g_strdup(g_strstrip(lines[i] + length + 1));
    return NULL;
}

/* The head of an answer, and not a byte beyond it. status 0: the server closed the connection without one. */
static inline struct reply world_read_head(int fd)
{
    struct reply reply = {.body = g_string_new(NULL)};
    g_autoptr(GString) head = g_string_new(NULL);
    char byte;
    while (!g_str_has_suffix(head->str, "\r\n\r\n")) {
        if (world_receive(fd, &byte, 1) != 1)
            return reply;
        g_string_append_c(head, byte);
    }
    reply.head = g_strndup(head->str, head->len - 4);
    g_assert_cmpint(sscanf(reply.head, "HTTP/1.1 %d", &reply.status), ==, 1);
    return reply;
}

/* And its body, as long as its head says. */
static inline void world_read_body(int fd, struct reply *reply)
{
    char buffer[4096];
    g_autofree char *length_text = reply->status ? reply_header(reply, "Content-Length") : NULL;
    gsize length = length_text ? (gsize)g_ascii_strtoull(length_text, NULL, 10) : 0;
    while (reply->body->len < length) {
        ssize_t count = world_receive(fd, buffer, MIN(sizeof buffer, length - reply->body->len));
        g_assert_cmpint(count, >, 0);
        g_string_append_len(reply->body, buffer, count);
    }
}

/* One answer from a connection. */
static inline struct reply world_read_reply(int fd, bool is_head)
{
    struct reply reply = world_read_head(fd);
    if (!is_head)
        world_read_body(fd, &reply);
    return reply;
}

/* Where VEDETTE_ANSWERS says, a file of each program, which begins anew. NULL: nowhere, or it runs on PostgreSQL: the
 * file is of the same program on SQLite. Any thread. */
static inline FILE *world_answers(void)
{
    static FILE *file;
    static gsize is_open;
    const char *directory = g_getenv("VEDETTE_ANSWERS");
    if (postgres.pid)
        return NULL;
    if (directory && g_once_init_enter(&is_open)) {
        g_autofree char *program = g_path_get_basename(g_get_prgname()),
                        *path = g_strconcat(directory, "/", program, ".ndjson", NULL);
        g_mkdir_with_parents(directory, 0755);
        file = fopen(path, "we");
        g_assert_nonnull(file);
        g_once_init_leave(&is_open, 1);
    }
    return file;
}

/* {"name": "value", …} of the head, with names in lower case. A new reference. */
static inline json_t *reply_headers(const struct reply *reply)
{
    json_t *headers = json_object();
    g_auto(GStrv) lines = g_strsplit(reply->head, "\r\n", -1);
    for (size_t i = 1; lines[i]; i++) {
        g_auto(GStrv) parts = g_strsplit(lines[i], ": ", 2);
        g_autofree char *name = parts[0] ? g_ascii_strdown(parts[0], -1) : NULL;
        if (name && parts[1])
            json_object_set_new(headers, name, json_string(parts[1]));
    }
    return headers;
}

/* Adds what was asked and answered as a line of JSON: tests/contract holds them to the contract. Of a body that is no
 * text only its head. */
static inline void world_note_answer(const char *text, const struct reply *reply)
{
    FILE *file = world_answers();
    g_auto(GStrv) words = g_strsplit_set(text, " \r\n", 3);
    if (!file || !reply->status || g_strv_length(words) < 3)
        return;
    g_autofree char *type = reply_header(reply, "Content-Type");
    bool is_text = g_utf8_validate(reply->body->str, (gssize)reply->body->len, NULL);
    json_t *line = json_pack("{s:s, s:s, s:i, s:s?, s:s%, s:o}", "method", words[0], "target", words[1], "status",
                             reply->status, "type", type, "text", reply->body->str,
                             is_text ? (size_t)reply->body->len : 0, "headers", reply_headers(reply));
    char *words_of_line = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (words_of_line) {
        fprintf(file, "%s\n", words_of_line);
        fflush(file);
    }
    free(words_of_line);
    json_decref(line);
}

/* The answer to what was sent, noted with it. */
static inline struct reply world_read_answer(int fd, const char *text)
{
    struct reply reply = world_read_reply(fd, g_str_has_prefix(text, "HEAD"));
    world_note_answer(text, &reply);
    return reply;
}

/* Sends the bytes as they are on a connection of their own. */
static inline struct reply world_raw(const struct api_world *world, const char *text)
{
    int fd = world_connect(world);
    world_send(fd, text);
    struct reply reply = world_read_answer(fd, text);
    close(fd);
    return reply;
}

/* `headers` are whole lines with CR LF, or "". */
static inline struct reply world_request(const struct api_world *world, const char *method, const char *path,
                                         const char *headers, const char *body)
{
    g_autofree char *text =
        g_strdup_printf("%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Length: %zu\r\n\r\n%s", method, path,
                        api_port(world->api), headers, body ? strlen(body) : 0, body ? body : "");
    return world_raw(world, text);
}

static inline struct reply world_get(const struct api_world *world, const char *path, const char *token)
{
    g_autofree char *headers = token ? g_strdup_printf("Authorization: Bearer %s\r\n", token) : g_strdup("");
    return world_request(world, "GET", path, headers, NULL);
}

static inline json_t *reply_json(const struct reply *reply)
{
    json_error_t error;
    json_t *json = json_loadb(reply->body->str, reply->body->len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        g_error("not JSON: %s: %s", error.text, reply->body->str);
    return json;
}

/* A new token of a user. g_free. */
static inline char *world_login_as(const struct api_world *world, const char *username, const char *password)
{
    g_autofree char *body = g_strdup_printf("{\"username\":\"%s\",\"password\":\"%s\"}", username, password);
    struct reply reply = world_request(world, "POST", "/auth/login", "Content-Type: application/json\r\n", body);
    g_assert_cmpint(reply.status, ==, 200);
    json_t *json = reply_json(&reply);
    char *token = g_strdup(json_string_value(json_object_get(json, "access_token")));
    json_decref(json);
    reply_clear(&reply);
    return token;
}

static inline const char *world_login(struct api_world *world)
{
    world->token = world_login_as(world, "admin", WORLD_PASSWORD);
    return world->token;
}

/* Makes an API key of this role that is bound to one camera, by `token`'s word; g_free. */
static inline char *world_bound_key(const struct api_world *world, const char *token, const char *role,
                                    const char *camera_id)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token),
                    *body =
                        g_strdup_printf("{\"name\":\"gate\",\"role\":\"%s\",\"cameras\":[\"%s\"]}", role, camera_id);
    struct reply reply = world_request(world, "POST", "/api/v1/tokens", headers, body);
    g_assert_cmpint(reply.status, ==, 201);
    json_t *json = reply_json(&reply);
    char *key = g_strdup(json_string_value(json_object_get(json, "token")));
    json_decref(json);
    reply_clear(&reply);
    return key;
}

/* An answer that is a problem, as RFC 9457 has it. */
static inline void world_assert_problem(const struct reply *reply, int status)
{
    g_assert_cmpint(reply->status, ==, status);
    g_autofree char *type = reply_header(reply, "Content-Type");
    g_assert_cmpstr(type, ==, "application/problem+json");
    json_t *json = reply_json(reply);
    g_assert_cmpint(json_integer_value(json_object_get(json, "status")), ==, status);
    g_assert_nonnull(json_object_get(json, "title"));
    g_assert_nonnull(json_object_get(json, "type"));
    g_assert_nonnull(json_object_get(json, "detail"));
    json_decref(json);
}

static inline int world_status(const struct api_world *world, const char *method, const char *path, const char *headers)
{
    struct reply reply = world_request(world, method, path, headers, NULL);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

/* The status of a login as admin. */
static inline int world_try_login(const struct api_world *world, const char *password)
{
    g_autofree char *body = g_strdup_printf("{\"username\":\"admin\",\"password\":\"%s\"}", password);
    struct reply reply = world_request(world, "POST", "/auth/login", "Content-Type: application/json\r\n", body);
    int status = reply.status;
    if (status == 429) {
        g_autofree char *retry = reply_header(&reply, "Retry-After");
        g_assert_cmpint((int)g_ascii_strtoll(retry, NULL, 10), >, 0);
    }
    reply_clear(&reply);
    return status;
}

static inline void world_set_online(struct api_world *world)
{
    struct camera_health health;
    record_init(&camera_health_descriptor, &health);
    health.camera_id = g_strdup("cam-1");
    g_free(health.state);
    health.state = g_strdup("online");
    health.fps = 12.5;
    health.frames_decoded = 42;
    g_free(health.decoder);
    health.decoder = g_strdup("avdec_h264");
    live_set_health(world->live, &health);
    g_free(health.camera_id);
    health.camera_id = g_strdup("cam-other");
    live_set_health(world->live, &health);
    record_clear(&camera_health_descriptor, &health);
}

/* Polls until a condition holds, at most a minute. */
#define WORLD_AWAIT(condition)                                                                                         \
    do {                                                                                                               \
        gint64 deadline_ = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;                                               \
        while (!(condition)) {                                                                                         \
            g_assert_cmpint(g_get_monotonic_time(), <, deadline_);                                                     \
            g_usleep(1000);                                                                                            \
        }                                                                                                              \
    } while (0)
