/* Circuit breakers over the API: shown, forced, and what a camera that is left alone answers. */
#include "api_world.h"

#include <sqlite3.h>

#include "store/audit.h"
#include "store/store_internal.h"

static struct reply put(const struct api_world *world, const char *name, const char *body, const char *token)
{
    g_autofree char *path = g_strdup_printf("/api/v1/breakers/%s", name);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\nContent-Type: application/json\r\n", token);
    return world_request(world, "PUT", path, headers, body);
}

static int put_status(const struct api_world *world, const char *name, const char *body, const char *token)
{
    struct reply reply = put(world, name, body, token);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static void set_text(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static void set_breaker(struct api_world *world, const char *state, double retry_seconds)
{
    struct camera_health health;
    record_init(&camera_health_descriptor, &health);
    set_text(&health.camera_id, "cam-1");
    set_text(&health.state, "waiting");
    set_text(&health.last_error, "rtsp://10.0.0.7: connection refused");
    set_text(&health.circuit_breaker_state, state);
    health.circuit_breaker = vedette_breaker_state_of_name(state);
    health.circuit_breaker_failures = 5;
    health.circuit_breaker_retry_seconds = retry_seconds;
    live_set_health(world->live, &health);
    record_clear(&camera_health_descriptor, &health);
}

static void test_a_camera_that_is_left_alone_is_unavailable(void)
{
    static const char path[] = "/api/v1/cameras/cam-1/preview.jpg";
    static const struct {
        const char *state;
        double retry_seconds;
        const char *retry_after;
    } rows[] = {{"open", 12.3, "13"}, {"open", 0.001, "1"}, {"forced_open", 0, "60"}};
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        set_breaker(&world, rows[i].state, rows[i].retry_seconds);
        struct reply reply = world_get(&world, path, world.token);
        g_assert_cmpint(reply.status, ==, 503);
        g_autofree char *retry_after = reply_header(&reply, "Retry-After");
        g_assert_cmpstr(retry_after, ==, rows[i].retry_after);
        json_t *json = reply_json(&reply);
        g_assert_cmpstr(json_string_value(json_object_get(json, "title")), ==, "Camera unavailable");
        g_assert_nonnull(strstr(json_string_value(json_object_get(json, "detail")), "connection refused"));
        json_decref(json);
        reply_clear(&reply);
    }
    set_breaker(&world, "half_open", 0); /* it is being tried: the answer is about the picture again */
    struct reply reply = world_get(&world, path, world.token);
    g_assert_cmpint(reply.status, ==, 503);
    g_assert_null(strstr(reply.body->str, "Camera unavailable"));
    reply_clear(&reply);
    world_clear(&world);
}

/* What an operator holds open is not contacted, by nobody's test either. */
static void test_a_camera_that_is_held_open_is_not_tried(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    set_breaker(&world, "forced_open", 0);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    struct reply reply = world_request(&world, "POST", "/api/v1/cameras/cam-1/test", headers, NULL);
    g_assert_cmpint(reply.status, ==, 503);
    g_autofree char *retry_after = reply_header(&reply, "Retry-After");
    g_assert_cmpstr(retry_after, ==, "60");
    g_assert_nonnull(strstr(reply.body->str, "\"code\":\"camera_unavailable\""));
    reply_clear(&reply);
    world_clear(&world);
}

static void test_health_and_metrics_show_breakers(void)
{
    struct api_world world;
    world_init(&world);
    world_login(&world);
    set_breaker(&world, "open", 12.5);
    vedette_breaker_force(vedette_resilience_breaker(world.resilience, "upstream:store"), VEDETTE_BREAKER_FORCED_OPEN);
    struct reply reply = world_get(&world, "/health", world.token);
    json_t *json = reply_json(&reply);
    json_t *breakers = json_object_get(json_object_get(json, "resilience_stats"), "circuit_breakers");
    json_t *camera = json_object_get(breakers, "cam-1"), *store = json_object_get(breakers, "upstream:store");
    g_assert_cmpstr(json_string_value(json_object_get(camera, "state")), ==, "open");
    g_assert_cmpint(json_integer_value(json_object_get(camera, "failure_count")), ==, 5);
    g_assert_cmpfloat_with_epsilon(json_number_value(json_object_get(camera, "retry_after_seconds")), 12.5, 1e-6);
    g_assert_cmpstr(json_string_value(json_object_get(store, "state")), ==, "forced_open");
    json_decref(json);
    reply_clear(&reply);
    reply = world_get(&world, "/metrics", world.token);
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_circuit_breaker{name=\"upstream:store\"} 4\n"));
    g_assert_nonnull(strstr(reply.body->str, "\nvedette_camera_circuit_breaker{camera=\"cam-1\"} 2\n"));
    reply_clear(&reply);
    reply = world_get(&world, "/api/v1/breakers", world.token);
    g_assert_nonnull(strstr(reply.body->str, "\"upstream:store\""));
    g_assert_nonnull(strstr(reply.body->str, "\"cam-1\""));
    g_assert_null(strstr(reply.body->str, "cam-other"));
    reply_clear(&reply);
    world_clear(&world);
}

struct order {
    char *camera_id;
    enum breaker_word word;
};

static void note_order(void *data, const char *camera_id, enum breaker_word word)
{
    struct order *order = data;
    g_free(order->camera_id);
    *order = (struct order){g_strdup(camera_id), word};
}

static void test_an_administrator_forces_breakers(void)
{
    struct api_world world;
    struct order order = {0};
    world_init(&world);
    world_login(&world);
    set_breaker(&world, "closed", 0);
    live_set_breaker_forced(world.live, note_order, &order);
    struct reply reply =
        put(&world, "cam-1", "{\"state\":\"forced_open\",\"reason\":\"lens is cleaned\"}", world.token);
    g_assert_cmpint(reply.status, ==, 202); /* its worker is told */
    reply_clear(&reply);
    g_assert_cmpstr(order.camera_id, ==, "cam-1");
    g_assert_cmpint(order.word, ==, BREAKER_FORCED_OPEN);
    g_assert_cmpint(put_status(&world, "cam-1", "{\"state\":\"open\"}", world.token), ==, 400);
    g_assert_cmpint(put_status(&world, "cam-1", "{}", world.token), ==, 400);
    g_assert_cmpint(put_status(&world, "cam-other", "{\"state\":\"closed\"}", world.token), ==, 404);
    g_assert_cmpint(put_status(&world, "cam-1", "{\"state\":\"closed\"}", "nonsense"), ==, 401);
    g_assert_cmpint(order.word, ==, BREAKER_FORCED_OPEN);
    live_set_breaker_forced(world.live, NULL, NULL);
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, 1, NULL);
    const struct audit_view *entry = g_ptr_array_index(entries, 0);
    g_assert_cmpint(entry->subject_kind, ==, AUDIT_BREAKER);
    g_assert_cmpstr(entry->subject_id, ==, "cam-1");
    g_assert_cmpstr(entry->after.text, ==, "{\"state\":\"forced_open\"}");
    g_assert_cmpstr(entry->reason, ==, "lens is cleaned");
    g_assert_cmpstr(entry->actor_name, ==, "admin");
    g_free(order.camera_id);
    world_clear(&world);
}

static void forget_other_orgs(struct api_world *world)
{
    record_clear(&settings_descriptor, &world->settings);
    record_init(&settings_descriptor, &world->settings);
    set_text(&world->settings.admin_password, WORLD_PASSWORD);
    world->settings.http.port = 0;
    world->settings.store.minimum_free_bytes = 0;
    world_add_camera(world, "cam-1", "default");
}

/* What another org depends on too is not one org's administrator's. */
static void test_a_shared_upstream_is_not_one_orgs(void)
{
    static const char body[] = "{\"state\":\"forced_closed\"}";
    struct api_world world;
    world_init(&world);
    world_login(&world);
    vedette_resilience_breaker(world.resilience, "upstream:store");
    g_assert_cmpint(put_status(&world, "upstream:store", body, world.token), ==, 403);
    world_clear(&world);
    world_prepare(&world);
    forget_other_orgs(&world);
    world_start(&world);
    world_login(&world);
    struct vedette_breaker *breaker = vedette_resilience_breaker(world.resilience, "upstream:store");
    struct vedette_breaker_stats stats;
    g_assert_cmpint(put_status(&world, "upstream:store", body, world.token), ==, 200);
    vedette_breaker_get_stats(breaker, &stats);
    g_assert_cmpint(stats.state, ==, VEDETTE_BREAKER_FORCED_CLOSED);
    g_assert_cmpint(put_status(&world, "upstream:nobody", body, world.token), ==, 404);
    world_clear(&world);
}

/* What a word is said in: it waits for the answer elsewhere. */
static int begin_put(const struct api_world *world, const char *name, const char *body)
{
    g_autofree char *text = g_strdup_printf("PUT /api/v1/breakers/%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: "
                                            "Bearer %s\r\nContent-Type: application/json\r\nContent-Length: "
                                            "%zu\r\n\r\n%s",
                                            name, api_port(world->api), world->token, strlen(body), body);
    int fd = world_connect(world);
    world_send(fd, text);
    return fd;
}

static bool is_forced_open(const struct api_world *world, const char *name)
{
    struct vedette_breaker_stats stats;
    vedette_breaker_get_stats(vedette_resilience_breaker(world->resilience, name), &stats);
    return stats.state == VEDETTE_BREAKER_FORCED_OPEN;
}

static void note_word(void *data, const char *camera_id, enum breaker_word word)
{
    (void)camera_id;
    __atomic_store_n((int *)data, word, __ATOMIC_SEQ_CST);
}

/* The store that hangs is what somebody says it for. */
static void test_a_word_waits_for_no_store(void)
{
    static const char body[] = "{\"state\":\"forced_open\"}";
    static const struct {
        const char *name;
        int status;
    } rows[] = {{"upstream:store", 200}, {"cam-1", 202}};
    struct api_world world;
    int word = 0, fds[G_N_ELEMENTS(rows)];
    world_prepare(&world);
    forget_other_orgs(&world);
    world_start(&world);
    world_login(&world);
    set_breaker(&world, "closed", 0);
    vedette_resilience_breaker(world.resilience, "upstream:store");
    live_set_breaker_forced(world.live, note_word, &word);
    struct store_transaction *held = store_begin(world.store, STORE_WRITE, "default", NULL);
    g_assert_nonnull(held);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        fds[i] = begin_put(&world, rows[i].name, body);
    WORLD_AWAIT(is_forced_open(&world, "upstream:store"));
    WORLD_AWAIT(__atomic_load_n(&word, __ATOMIC_SEQ_CST) == BREAKER_FORCED_OPEN);
    store_rollback(held);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *asked = g_strdup_printf("PUT /api/v1/breakers/%s HTTP/1.1", rows[i].name);
        struct reply reply = world_read_answer(fds[i], asked);
        g_assert_cmpint(reply.status, ==, rows[i].status);
        reply_clear(&reply);
        close(fds[i]);
    }
    live_set_breaker_forced(world.live, NULL, NULL);
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, 2, NULL); /* both, all the same */
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(((const struct audit_view *)g_ptr_array_index(entries, i))->subject_kind, ==, AUDIT_BREAKER);
    world_clear(&world);
}

/* As another program sees it: of the orgs nothing can be read while their table has another name. */
static void rename_orgs(const struct api_world *world, const char *from, const char *to)
{
    g_autofree char *path = g_build_filename(world->directory, "vedette.db", NULL),
                    *sql = g_strdup_printf("ALTER TABLE %s RENAME TO %s", from, to);
    sqlite3 *database = NULL;
    g_assert_cmpint(sqlite3_open(path, &database), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(database, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(database);
}

/* The login was looked up just before, and is remembered. */
static int put_without_orgs(const struct api_world *world, const char *body)
{
    struct reply reply = world_get(world, "/auth/me", world->token);
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    rename_orgs(world, "orgs", "orgs_away");
    int status = put_status(world, "upstream:store", body, world->token);
    rename_orgs(world, "orgs_away", "orgs");
    return status;
}

/* What an outage needs: who ran the server when the store was last asked does so meanwhile, and nobody else. */
static void test_an_only_orgs_administrator_runs_the_server_while_the_store_is_away(void)
{
    static const char body[] = "{\"state\":\"forced_closed\"}";
    struct api_world world;
    world_prepare(&world);
    forget_other_orgs(&world);
    world_start(&world);
    world_login(&world);
    vedette_resilience_breaker(world.resilience, "upstream:store");
    g_assert_cmpint(put_without_orgs(&world, body), ==, 200);
    world_put_camera(&world, "cam-new", "another"); /* and so another org, after which the store was not asked */
    g_assert_cmpint(put_without_orgs(&world, body), ==, 503);
    g_assert_cmpint(put_status(&world, "upstream:store", body, world.token), ==, 403);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/breakers/a_camera_that_is_held_open_is_not_tried",
                    test_a_camera_that_is_held_open_is_not_tried);
    g_test_add_func("/api/breakers/a_camera_that_is_left_alone_is_unavailable",
                    test_a_camera_that_is_left_alone_is_unavailable);
    g_test_add_func("/api/breakers/health_and_metrics_show_breakers", test_health_and_metrics_show_breakers);
    g_test_add_func("/api/breakers/an_administrator_forces_breakers", test_an_administrator_forces_breakers);
    g_test_add_func("/api/breakers/a_word_waits_for_no_store", test_a_word_waits_for_no_store);
    g_test_add_func("/api/breakers/a_shared_upstream_is_not_one_orgs", test_a_shared_upstream_is_not_one_orgs);
    g_test_add_func("/api/breakers/an_only_orgs_administrator_runs_the_server_while_the_store_is_away",
                    test_an_only_orgs_administrator_runs_the_server_while_the_store_is_away);
    return g_test_run();
}
