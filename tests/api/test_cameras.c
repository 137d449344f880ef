/* Cameras by the API: whose they are, who may, what is told of them, and what stays secret. */
#include "api_world.h"

#include "store/audit.h"
#include "store/cameras.h"
#include "user_world.h"

#define SECRETS "canary-secret"

struct cameras_world {
    struct api_world world;
    char *own, *other, *viewer;
    guint changes; /* that were told to who listens */
};

static void on_changed(void *data)
{
    ((struct cameras_world *)data)->changes++;
}

static void cameras_init(struct cameras_world *cameras)
{
    *cameras = (struct cameras_world){.changes = 0};
    world_init(&cameras->world);
    world_add_user(cameras->world.store, "0197a000-0000-7000-8000-000000000002", "other", "admin", ROLE_ADMIN);
    world_add_user(cameras->world.store, "0197a000-0000-7000-8000-000000000003", "default", "viewer", ROLE_OPERATOR);
    cameras->own = world_login_as(&cameras->world, "admin", WORLD_PASSWORD);
    cameras->other = world_login_as(&cameras->world, "other/admin", WORLD_PASSWORD);
    cameras->viewer = world_login_as(&cameras->world, "viewer", WORLD_PASSWORD);
    cameras_listen(cameras->world.cameras, on_changed, cameras);
}

static void cameras_clear(struct cameras_world *cameras)
{
    g_free(cameras->own);
    g_free(cameras->other);
    g_free(cameras->viewer);
    world_clear(&cameras->world);
}

static struct reply ask(struct cameras_world *cameras, const char *method, const char *target, const char *token,
                        const char *more, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n%s", token, more);
    struct reply reply = world_request(&cameras->world, method, target, headers, body);
    if (reply.body && strstr(reply.body->str, SECRETS))
        g_error("a secret is told: %s", reply.body->str);
    return reply;
}

static int status_of(struct cameras_world *cameras, const char *method, const char *target, const char *token,
                     const char *body)
{
    struct reply reply = ask(cameras, method, target, token, "", body);
    int status = reply.status;
    reply_clear(&reply);
    return status;
}

static const char new_camera[] =
    "{\"name\":\"Yard\",\"source\":\"rtsp://me:" SECRETS "@10.0.0.9/s?pwd=" SECRETS "\",\"password\":\"" SECRETS "\"}";

/* Its id; g_free. */
static char *create(struct cameras_world *cameras, const char *token, const char *body)
{
    struct reply reply = ask(cameras, "POST", "/api/v1/cameras", token, "", body);
    g_assert_cmpint(reply.status, ==, 201);
    json_t *camera = json_loads(reply.body->str, 0, NULL);
    char *id = g_strdup(json_string_value(json_object_get(camera, "id")));
    g_assert_nonnull(id);
    json_decref(camera);
    reply_clear(&reply);
    return id;
}

static void test_a_camera_is_its_orgs(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL),
                    *test = g_strconcat(path, "/test", NULL), *zones = g_strconcat(path, "/zones", NULL);
    g_autofree char *others = create(&cameras, cameras.other, new_camera); /* of the same name, in another org */
    g_assert_cmpuint(cameras.changes, ==, 2);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras", cameras.own, new_camera), ==, 409);
    g_assert_cmpint(status_of(&cameras, "GET", path, cameras.other, NULL), ==, 404);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.other, "{\"name\":\"Mine\"}"), ==, 404);
    g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.other, NULL), ==, 404);
    g_assert_cmpint(status_of(&cameras, "POST", test, cameras.other, NULL), ==, 404);
    g_assert_cmpint(status_of(&cameras, "GET", zones, cameras.other, NULL), ==, 404);
    struct reply reply = ask(&cameras, "GET", "/api/v1/cameras", cameras.other, "", NULL);
    g_assert_null(strstr(reply.body->str, id));
    g_assert_nonnull(strstr(reply.body->str, others));
    reply_clear(&reply);
    g_assert_cmpint(status_of(&cameras, "GET", path, cameras.own, NULL), ==, 200);
    cameras_clear(&cameras);
}

/* Whether a list is told whole, by pages, by fields or as CSV: its numbers are the same, to the last digit. */
static void test_numbers_are_the_same_in_every_form_of_a_list(void)
{
    static const char polygon[] = "[[0.30000000000000004,1e-300],[1,0.1],[0,0.9999999999999999]]";
    static const char *const forms[] = {"", "?limit=1", "?fields=id,polygon", "?fields=polygon&format=csv"};
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera),
                    *zones = g_strdup_printf("/api/v1/cameras/%s/zones", id),
                    *body = g_strdup_printf("{\"id\":\"yard\",\"polygon\":%s}", polygon);
    g_assert_cmpint(status_of(&cameras, "POST", zones, cameras.own, body), ==, 201);
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *target = g_strconcat(zones, forms[i], NULL);
        struct reply reply = ask(&cameras, "GET", target, cameras.own, "", NULL);
        g_test_message("%s: %s", forms[i], reply.body->str);
        g_assert_cmpint(reply.status, ==, 200);
        g_assert_nonnull(strstr(reply.body->str, polygon));
        reply_clear(&reply);
    }
    cameras_clear(&cameras);
}

static void test_only_administrators_change_cameras(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras", cameras.viewer, new_camera), ==, 403);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.viewer, "{\"name\":\"x\"}"), ==, 403);
    g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.viewer, NULL), ==, 403);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras/test", cameras.viewer, "{\"source\":\"rtsp://h/\"}"),
                    ==, 403);
    g_assert_cmpint(status_of(&cameras, "GET", path, cameras.viewer, NULL), ==, 200);
    g_assert_cmpuint(cameras.changes, ==, 1);
    cameras_clear(&cameras);
}

/* The settings' camera of the world, and what is there no longer. */
static void test_what_the_settings_say_stays(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_assert_cmpint(status_of(&cameras, "PATCH", "/api/v1/cameras/cam-1", cameras.own, "{\"name\":\"x\"}"), ==, 409);
    g_assert_cmpint(status_of(&cameras, "DELETE", "/api/v1/cameras/cam-1", cameras.own, NULL), ==, 409);
    g_assert_cmpint(status_of(&cameras, "DELETE", "/api/v1/cameras/nobody", cameras.own, NULL), ==, 404);
    g_assert_cmpint(status_of(&cameras, "DELETE", "/api/v1/cameras/cam-1/lines/door", cameras.own, NULL), ==, 409);
    g_assert_cmpuint(cameras.changes, ==, 0);
    cameras_clear(&cameras);
}

static void test_secrets_stay_in_the_store(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    struct reply reply = ask(&cameras, "PATCH", path, cameras.own, "Content-Type: application/merge-patch+json\r\n",
                             "{\"analyse_fps\":7}");
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "rtsp://10.0.0.9/s?pwd=***"));
    reply_clear(&reply);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras.world.live);
    const struct camera *camera = camera_set_find(set, id);
    g_assert_cmpstr(camera->source, ==, "rtsp://10.0.0.9/s?pwd=" SECRETS);
    g_assert_cmpstr(camera->username, ==, "me");
    g_assert_cmpstr(camera->password, ==, SECRETS);
    g_autoptr(GPtrArray) entries = store_audit_list(cameras.world.store, "default", INT64_MAX, 100, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(entries->len, >=, 2);
    reply = ask(&cameras, "GET", "/api/v1/audit?limit=100", cameras.own, "", NULL); /* ask() looks for secrets */
    g_assert_nonnull(strstr(reply.body->str, id));
    reply_clear(&reply);
    cameras_clear(&cameras);
}

static void test_what_was_made_is_there_after_a_restart(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = create(&cameras, cameras.own, new_camera);
    struct live *live = live_new(&cameras.world.settings.cameras);
    const struct cameras_config config = {cameras.world.store,
                                          cameras.world.policies,
                                          live,
                                          &cameras.world.health,
                                          &cameras.world.settings.managed_cameras,
                                          cameras.world.clock};
    struct cameras *again = cameras_new(&config);
    g_assert_true(cameras_load(again, &error));
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    g_assert_cmpuint(set->count, ==, 3);
    const struct camera *camera = camera_set_find(set, id);
    g_assert_cmpstr(camera->name, ==, "Yard");
    g_assert_cmpstr(camera->password, ==, SECRETS);
    g_assert_null(camera->logins);
    g_assert_cmpint(camera->managed_by, ==, CAMERA_OF_API);
    cameras_free(again);
    live_free(live);
    cameras_clear(&cameras);
}

/* As where the store was away at the start and is back: it is asked again, and none is told that there is no camera. */
static void test_cameras_that_are_not_read_yet_are_not_denied(void)
{
    static const char policy[] = "/api/v1/policies/safety?camera_id=cam-1";
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    live_remove_camera(cameras.world.live, id);
    camera_roster_set_whole(live_roster(cameras.world.live), false);
    const struct {
        const char *method, *path, *body;
        int early, later;
    } rows[] = {{"GET", path, NULL, 503, 200},
                {"GET", "/api/v1/cameras/cam-1", NULL, 200, 200},
                {"GET", "/api/v1/cameras/cam-other", NULL, 404, 404},
                {"PUT", policy, "{\"loitering_seconds\":5}", 503, 200}};
    for (int is_late = 0; is_late < 2; is_late++) {
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
            struct reply reply = ask(&cameras, rows[i].method, rows[i].path, cameras.own, "", rows[i].body);
            g_autofree char *again = reply_header(&reply, "Retry-After");
            g_assert_cmpint(reply.status, ==, is_late ? rows[i].later : rows[i].early);
            g_assert_true((again != NULL) == (reply.status == 503));
            reply_clear(&reply);
        }
        g_assert_true(cameras_load(cameras.world.cameras, &error));
        g_assert_no_error(error);
    }
    cameras_clear(&cameras);
}

#define KEY_ONE "one:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="
#define KEY_TWO "two:MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI="

/* Starts the cameras alone, with these keys: the login of one of them, g_free. */
static char *password_with_keys(struct cameras_world *cameras, const char *keys, const char *id)
{
    struct api_world *world = &cameras->world;
    g_autoptr(GError) error = NULL;
    g_free(world->settings.policies.keys);
    world->settings.policies.keys = g_strdup(keys);
    struct live *live = live_new(&world->settings.cameras);
    const struct policy_keeper_config policies = {
        .store = world->store, .settings = &world->settings, .clock = world->clock, .roster = live_roster(live)};
    struct policy_keeper *keeper = policy_keeper_new(&policies, &error);
    g_assert_no_error(error);
    const struct cameras_config config = {world->store, keeper, live, &world->health, &world->settings.managed_cameras,
                                          world->clock};
    struct cameras *again = cameras_new(&config);
    g_assert_true(cameras_load(again, &error));
    CLEANUP(camera_set) struct camera_set *set = live_cameras(live);
    const struct camera *camera = camera_set_find(set, id);
    char *password = g_strdup(camera ? camera->password : NULL);
    cameras_free(again);
    policy_keeper_free(keeper);
    live_free(live);
    return password;
}

/* As the store has them of the one camera that was made; g_free. */
static char *stored_logins(struct cameras_world *cameras)
{
    g_autoptr(GPtrArray) made = store_cameras_made(cameras->world.store, NULL);
    g_assert_cmpuint(made->len, ==, 1);
    return g_strdup(((const struct camera *)g_ptr_array_index(made, 0))->logins);
}

/* Made without a key; then there is one, then another before it, then the other alone. */
static void test_logins_follow_the_first_key(void)
{
    static const char *const keys[] = {KEY_ONE, KEY_TWO "\n" KEY_ONE, KEY_TWO}, *const ids[] = {"one", "two", "two"};
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *before = stored_logins(&cameras);
    g_assert_nonnull(strstr(before, SECRETS));
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *password = password_with_keys(&cameras, keys[i], id), *stored = stored_logins(&cameras),
                        *key = g_strdup_printf("v1.%s.", ids[i]);
        g_assert_cmpstr(password, ==, SECRETS);
        g_assert_nonnull(strstr(stored, key));
        g_assert_null(strstr(stored, SECRETS));
        g_assert_true(i != 2 || strcmp(stored, before) == 0); /* what is sealed with the first stays as it is */
        g_free(before);
        before = g_steal_pointer(&stored);
    }
    cameras_clear(&cameras);
}

static void test_a_login_goes_with_its_host(void)
{
    static const struct {
        const char *patch, *username;
    } cases[] = {
        {"{\"source\":\"rtsp://10.0.0.9/other\"}", "me"},      {"{\"password\":\"another\"}", "me"},
        {"{\"source\":\"rtsp://10.0.0.9:5540/other\"}", NULL}, {"{\"source\":\"rtsp://you@10.0.0.9/s\"}", "you"},
        {"{\"source\":\"rtsp://10.0.0.10/s\"}", NULL},         {"{\"username\":\"again\"}", "again"},
        {"{\"username\":\"\",\"password\":\"\"}", NULL},       {"{\"username\":\"me\",\"password\":\"p\"}", "me"},
        {"{\"username\":null,\"password\":null}", NULL},
    };
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, cases[i].patch), ==, 200);
        CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras.world.live);
        g_assert_cmpstr(camera_set_find(set, id)->username, ==, cases[i].username);
    }
    struct reply reply = ask(&cameras, "GET", "/api/v1/audit?limit=1", cameras.own, "", NULL);
    g_assert_nonnull(strstr(reply.body->str, "\"login_changed\":true"));
    reply_clear(&reply);
    cameras_clear(&cameras);
}

/* What holds for each address, in their order: "name:password", "-" where none does. g_free. */
static char *logins_of(struct cameras_world *cameras, const char *id)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->world.live);
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera_set_find(set, id), uses);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(text, "%s%s%s%s", i ? " " : "", uses[i].username ? uses[i].username : "-",
                               uses[i].password ? ":" : "", uses[i].password ? uses[i].password : "");
    return g_string_free(text, FALSE);
}

#define STREAM(source, role, more) "{\"source\":\"rtsp://" source "\",\"roles\":[\"" role "\"]" more "}"
#define STREAMS(first, second) "\"streams\":[" first "," second "]"
#define LOGIN(name, password) "\"username\":\"" name "\",\"password\":\"" password "\""
/* One host and a login an address; two hosts, of which the second has a login of its own; one address. */
#define TWO_LOGINS STREAMS(STREAM("u:p@a/1", "detect", ""), STREAM("v:q@a/2", "live", ""))
#define TWO_HOSTS STREAMS(STREAM("a/1", "detect", ""), STREAM("v:q@b/2", "live", "")) "," LOGIN("c", "d")
#define ALONE "\"source\":\"rtsp://c:d@a/1\""

/* A camera is made, then changed, then changed where no login is. */
static void test_a_login_is_sent_where_it_was_given_for(void)
{
    static const struct {
        const char *made, *patch, *logins;
    } cases[] = {
        /* a stream's own: with its host, by address, then by role */
        {TWO_LOGINS, STREAMS(STREAM("a/3", "detect", ""), STREAM("a/2", "live", "")), "u:p v:q"},
        {TWO_LOGINS, STREAMS(STREAM("a/3", "detect", ""), STREAM("a/4", "live", "")), "u:p v:q"},
        {TWO_LOGINS, STREAMS(STREAM("a/1", "live", ""), STREAM("a/2", "detect", "")), "u:p v:q"},
        {TWO_LOGINS, STREAMS(STREAM("a/3", "live", ""), STREAM("a/4", "detect", "")), "v:q u:p"},
        {TWO_LOGINS, STREAMS(STREAM("a/1", "detect", ""), STREAM("b/2", "live", "")), "u:p -"},
        {TWO_LOGINS, STREAMS(STREAM("a:5540/1", "detect", ""), STREAM("a/2", "live", "")), "- v:q"},
        {TWO_LOGINS, STREAMS(STREAM("a/3", "detect", ",\"password\":\"r\""), STREAM("a/2", "live", "")), "u:r v:q"},
        {TWO_LOGINS, STREAMS(STREAM("n:m@a/1", "detect", ""), STREAM("b/2", "live", "," LOGIN("w", "x"))), "n:m w:x"},
        {TWO_LOGINS, STREAMS(STREAM("a/1", "detect", "," LOGIN("", "")), STREAM("a/2", "live", "")), "- v:q"},
        /* from streams to a source */
        {TWO_LOGINS, "\"source\":\"rtsp://a/3\"", "u:p"},
        {TWO_LOGINS, "\"source\":\"rtsp://a/2\"", "v:q"},
        {TWO_LOGINS, "\"source\":\"rtsp://b/1\"", "-"},
        {TWO_HOSTS, "\"source\":\"rtsp://b/1\"", "v:q"},
        {TWO_HOSTS, "\"source\":\"rtsp://a/3\"", "c:d"},
        {TWO_HOSTS, "\"source\":\"rtsp://n:m@b/3\"", "n:m"},
        /* the camera's: never to the host whose stream had its own, nor to a new one */
        {TWO_HOSTS, STREAMS(STREAM("a/1", "detect", ""), STREAM("b/3", "live", "")), "c:d v:q"},
        {TWO_HOSTS, STREAMS(STREAM("a/3", "detect", ""), STREAM("b/2", "live", "," LOGIN("", ""))), "c:d -"},
        {TWO_HOSTS, STREAMS(STREAM("b/3", "detect", ""), STREAM("b/4", "live", "")), "v:q v:q"},
        {TWO_HOSTS, STREAMS(STREAM("a/1", "detect", ""), STREAM("c/2", "live", "")), "c:d -"},
        {TWO_HOSTS, STREAMS(STREAM("c/1", "detect", ""), STREAM("b/2", "live", "")), "- v:q"},
        {TWO_HOSTS, STREAMS(STREAM("a/1", "detect", ""), STREAM("c/2", "live", "")) ",\"password\":\"e\"", "c:e -:e"},
        {TWO_HOSTS, STREAMS(STREAM("a/1", "detect", ""), STREAM("c/2", "live", "")) "," LOGIN("n", "m"), "n:m n:m"},
        {TWO_HOSTS, LOGIN("n", "m"), "n:m v:q"},
        {TWO_HOSTS, LOGIN("", ""), "- v:q"},
        {TWO_HOSTS, "\"name\":\"Gate\"", "c:d v:q"},
        /* one that nobody was sent is for nobody */
        {TWO_LOGINS "," LOGIN("c", "d"), STREAMS(STREAM("a/1", "detect", ""), STREAM("b/2", "live", "")), "u:p -"},
        {TWO_LOGINS "," LOGIN("c", "d"), STREAMS(STREAM("b/1", "detect", ""), STREAM("c/2", "live", "")), "- -"},
        /* from a source to streams */
        {ALONE, STREAMS(STREAM("a/1", "detect", ""), STREAM("a/2", "live", "")), "c:d c:d"},
        {ALONE, STREAMS(STREAM("a/1", "detect", ""), STREAM("b/2", "live", "")), "c:d -"},
        {ALONE, STREAMS(STREAM("b/1", "detect", ""), STREAM("v:q@a/2", "live", "")), "- v:q"},
    };
    struct cameras_world cameras;
    cameras_init(&cameras);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *made = g_strdup_printf("{\"name\":\"Yard\",%s}", cases[i].made),
                        *patch = g_strdup_printf("{%s}", cases[i].patch), *id = create(&cameras, cameras.own, made),
                        *path = g_strconcat("/api/v1/cameras/", id, NULL);
        g_test_message("%s", patch);
        g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, patch), ==, 200);
        g_autofree char *changed = logins_of(&cameras, id);
        g_assert_cmpstr(changed, ==, cases[i].logins);
        g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"analyse_fps\":3}"), ==, 200);
        g_autofree char *same = logins_of(&cameras, id);
        g_assert_cmpstr(same, ==, cases[i].logins);
        g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.own, NULL), ==, 204);
    }
    cameras_clear(&cameras);
}

static void test_patches_keep_what_they_do_not_name(void)
{
    static const char streams[] =
        "{\"streams\":[{\"source\":\"rtsp://10.0.0.9/a\",\"roles\":[\"detect\"]},"
        "{\"source\":\"rtsp://10.0.0.9/b\",\"roles\":[\"live\"],\"password\":\"" SECRETS "\"}]}";
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, streams), ==, 200);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"analyse_fps\":null,\"name\":\"B\"}"), ==, 200);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras.world.live);
    const struct camera *camera = camera_set_find(set, id);
    g_assert_cmpuint(camera->streams.count, ==, 2);
    g_assert_cmpstr(camera->source, ==, "rtsp://10.0.0.9/a");
    g_assert_cmpstr(((const struct camera_stream *)camera->streams.items)[1].password, ==, SECRETS);
    g_assert_cmpfloat(camera->analyse_fps, ==, 5);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"source\":\"rtsp://10.0.0.9/c\"}"), ==, 200);
    CLEANUP(camera_set) struct camera_set *after = live_cameras(cameras.world.live);
    g_assert_cmpuint(camera_set_find(after, id)->streams.count, ==, 0);
    g_assert_cmpstr(camera->source, ==, "rtsp://10.0.0.9/a"); /* who holds a set sees what it was */
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"id\":\"mine\"}"), ==, 400);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"name\":\"\"}"), ==, 400);
    cameras_clear(&cameras);
}

/* The addresses as they lie there, in their order. g_free. */
static char *addresses_of(struct cameras_world *cameras, const char *id)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->world.live);
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera_set_find(set, id), uses);
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < count; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", uses[i].source + strlen("rtsp://"));
    return g_string_free(text, FALSE);
}

#define HIDDEN_STREAMS STREAMS(STREAM("a/?pwd=x1", "detect", ""), STREAM("a/?pwd=x2", "live", ""))

/* What was read is sent back, with something else changed. */
static void test_an_address_as_it_was_told_is_the_one_that_is_there(void)
{
    static const struct {
        const char *made, *patch, *addresses; /* NULL: it is refused */
    } cases[] = {
        {"\"source\":\"rtsp://a/?pwd=x\"", "\"source\":\"rtsp://a/?pwd=***\"", "a/?pwd=x"},
        {"\"source\":\"rtsp://a/?pwd=x\"", STREAMS(STREAM("a/?pwd=***", "live", ""), STREAM("b/", "detect", "")),
         "a/?pwd=x b/"},
        {HIDDEN_STREAMS, STREAMS(STREAM("a/?pwd=***", "detect", ""), STREAM("a/?pwd=***", "record", "")),
         "a/?pwd=x1 a/?pwd=x2"},
        {HIDDEN_STREAMS, STREAMS(STREAM("a/?pwd=***", "live", ""), STREAM("a/?pwd=***", "detect", "")),
         "a/?pwd=x2 a/?pwd=x1"},
        {HIDDEN_STREAMS, STREAMS(STREAM("a/?pwd=x3", "live", ""), STREAM("a/?pwd=***", "detect", "")),
         "a/?pwd=x3 a/?pwd=x1"},
        {HIDDEN_STREAMS,
         "\"source\":\"rtsp://a/?pwd=***\"," STREAMS(STREAM("a/?pwd=***", "detect", ""), STREAM("b/", "live", "")),
         "a/?pwd=x1 b/"},
        {HIDDEN_STREAMS, "\"source\":\"rtsp://a/?pwd=***\"", "a/?pwd=x1"},
        {HIDDEN_STREAMS, "\"name\":\"Gate\"", "a/?pwd=x1 a/?pwd=x2"},
        {HIDDEN_STREAMS, "\"source\":\"rtsp://b/?pwd=***\"", NULL},
        {HIDDEN_STREAMS, "\"source\":\"rtsp://a/2?pwd=***\"", NULL},
        {HIDDEN_STREAMS, STREAMS(STREAM("a/?pwd=***", "detect", ""), STREAM("a/?pwd=***&c=1", "live", "")), NULL},
    };
    struct cameras_world cameras;
    cameras_init(&cameras);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *made = g_strdup_printf("{\"name\":\"Yard\",%s}", cases[i].made),
                        *patch = g_strdup_printf("{%s}", cases[i].patch), *id = create(&cameras, cameras.own, made),
                        *path = g_strconcat("/api/v1/cameras/", id, NULL), *before = addresses_of(&cameras, id);
        g_test_message("%s", patch);
        g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, patch), ==, cases[i].addresses ? 200 : 400);
        g_autofree char *after = addresses_of(&cameras, id);
        g_assert_cmpstr(after, ==, cases[i].addresses ? cases[i].addresses : before);
        g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.own, NULL), ==, 204);
    }
    cameras_clear(&cameras);
}

static void test_what_is_hidden_is_no_address(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras", cameras.own,
                              "{\"name\":\"Yard\",\"source\":\"rtsp://a/?pwd=***\"}"),
                    ==, 400);
    g_assert_cmpint(
        status_of(&cameras, "POST", "/api/v1/cameras/test", cameras.own, "{\"source\":\"rtsp://a/?pwd=***\"}"), ==,
        400);
    cameras_clear(&cameras);
}

/* Two addresses that differ in their logins alone are one. */
static void test_an_address_stands_once(void)
{
    static const char *const streams[] = {
        STREAMS(STREAM("a/1", "detect", ""), STREAM("a/1", "live", "")),
        STREAMS(STREAM("a/1", "detect", ""), STREAM("v:q@a/1", "live", "")),
        STREAMS(STREAM("u:p@a/1", "detect", ""), STREAM("v:q@a/1", "live", "")),
    };
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(streams); i++) {
        g_autofree char *body = g_strdup_printf("{\"name\":\"Gate\",%s}", streams[i]);
        struct reply reply = ask(&cameras, "POST", "/api/v1/cameras", cameras.own, "", body);
        g_assert_cmpint(reply.status, ==, 400);
        g_assert_nonnull(strstr(reply.body->str, "streams[1].source"));
        reply_clear(&reply);
        g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, body), ==, 400);
    }
    cameras_clear(&cameras);
}

/* One that has it from before it was refused can still be changed. */
static void test_a_camera_with_what_is_hidden_can_be_changed(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras.world.live);
    struct camera broken = *camera_set_find(set, id); /* borrows everything */
    broken.source = (char *)"rtsp://10.0.0.9/s?pwd=***";
    live_put_camera(cameras.world.live, &broken);
    g_assert_cmpint(status_of(&cameras, "PATCH", path, cameras.own, "{\"analyse_fps\":7}"), ==, 200);
    cameras_clear(&cameras);
}

static void test_a_camera_with_policies_stays(void)
{
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_autofree char *id = create(&cameras, cameras.own, new_camera), *path = g_strconcat("/api/v1/cameras/", id, NULL),
                    *policy = g_strconcat("/api/v1/policies/safety?camera_id=", id, NULL);
    g_assert_cmpint(status_of(&cameras, "PUT", policy, cameras.own, "{\"loitering_seconds\":7}"), ==, 200);
    g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.own, NULL), ==, 409);
    g_assert_cmpint(status_of(&cameras, "DELETE", policy, cameras.own, NULL), <, 300);
    g_assert_cmpint(status_of(&cameras, "DELETE", path, cameras.own, NULL), ==, 204);
    cameras_clear(&cameras);
}

static char *time_zone_of(struct cameras_world *cameras, const char *path)
{
    struct reply reply = ask(cameras, "GET", path, cameras->own, "", NULL);
    json_t *camera = reply_json(&reply), *rules = json_object_get(camera, "rules");
    char *name = g_strdup(json_string_value(json_object_get(rules, "time_zone")));
    json_decref(camera);
    reply_clear(&reply);
    return name;
}

/* Hours are by the clocks of the place, unless the camera says by which. */
static void test_a_schedule_is_by_the_clocks_of_its_site(void)
{
#define GUARDED(name, more)                                                                                            \
    "{\"name\":\"" name "\",\"source\":\"rtsp://10.0.0.8/\",\"site_id\":\"berlin\"," more                              \
    "\"zones\":[{\"id\":\"gate\",\"polygon\":[[0,0],[1,0],[1,1]],\"schedule\":[{\"from\":\"20:00\",\"to\":\"06:00\"}]" \
    "}]}"
    struct cameras_world cameras;
    cameras_init(&cameras);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/sites", cameras.own,
                              "{\"id\":\"berlin\",\"name\":\"Berlin\",\"time_zone\":\"Europe/Berlin\"}"),
                    ==, 201);
    g_autofree char *guarded = create(&cameras, cameras.own, GUARDED("Gate", "")),
                    *own = create(&cameras, cameras.own, GUARDED("Dock", "\"rules\":{\"time_zone\":\"Asia/Tokyo\"},")),
                    *open = create(&cameras, cameras.own,
                                   "{\"name\":\"Yard\",\"source\":\"rtsp://10.0.0.7/\",\"site_id\":\"berlin\"}");
    g_autofree char *guarded_path = g_strconcat("/api/v1/cameras/", guarded, NULL),
                    *own_path = g_strconcat("/api/v1/cameras/", own, NULL),
                    *open_path = g_strconcat("/api/v1/cameras/", open, NULL);
    g_autofree char *of_guarded = time_zone_of(&cameras, guarded_path), *of_own = time_zone_of(&cameras, own_path),
                    *before = time_zone_of(&cameras, open_path);
    g_assert_cmpstr(of_guarded, ==, "Europe/Berlin");
    g_assert_cmpstr(of_own, ==, "Asia/Tokyo");
    g_assert_true(!before || !*before); /* has no hours */
    g_assert_cmpint(status_of(&cameras, "PATCH", open_path, cameras.own, GUARDED("Yard", "")), ==, 200);
    g_autofree char *after = time_zone_of(&cameras, open_path);
    g_assert_cmpstr(after, ==, "Europe/Berlin");
    cameras_clear(&cameras);
}

static void test_there_are_bounds(void)
{
    struct cameras_world cameras = {.changes = 0};
    world_prepare(&cameras.world);
    cameras.world.settings.managed_cameras.max_cameras_of_org = 1;
    world_start(&cameras.world);
    cameras.own = world_login_as(&cameras.world, "admin", WORLD_PASSWORD);
    cameras.other = cameras.viewer = NULL;
    g_autofree char *id = create(&cameras, cameras.own, new_camera);
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras", cameras.own,
                              "{\"name\":\"Second\",\"source\":\"rtsp://10.0.0.1/\"}"),
                    ==, 409);
    g_assert_cmpint(counter_get(&cameras.world.health.cameras_refused), ==, 1);
    g_assert_cmpint(counter_get(&cameras.world.health.cameras_managed), ==, 1);
    /* nobody tries sources here */
    g_assert_cmpint(status_of(&cameras, "POST", "/api/v1/cameras/test", cameras.own, "{\"source\":\"rtsp://h/\"}"), ==,
                    429);
    g_assert_cmpint(counter_get(&cameras.world.health.camera_tests_refused), ==, 1);
    cameras_clear(&cameras);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cameras/a_camera_is_its_orgs", test_a_camera_is_its_orgs);
    g_test_add_func("/cameras/numbers", test_numbers_are_the_same_in_every_form_of_a_list);
    g_test_add_func("/cameras/only_administrators_change_cameras", test_only_administrators_change_cameras);
    g_test_add_func("/cameras/what_the_settings_say_stays", test_what_the_settings_say_stays);
    g_test_add_func("/cameras/secrets_stay_in_the_store", test_secrets_stay_in_the_store);
    g_test_add_func("/cameras/cameras_that_are_not_read_yet_are_not_denied",
                    test_cameras_that_are_not_read_yet_are_not_denied);
    g_test_add_func("/cameras/what_was_made_is_there_after_a_restart", test_what_was_made_is_there_after_a_restart);
    g_test_add_func("/cameras/logins_follow_the_first_key", test_logins_follow_the_first_key);
    g_test_add_func("/cameras/a_login_goes_with_its_host", test_a_login_goes_with_its_host);
    g_test_add_func("/cameras/a_login_is_sent_where_it_was_given_for", test_a_login_is_sent_where_it_was_given_for);
    g_test_add_func("/cameras/patches_keep_what_they_do_not_name", test_patches_keep_what_they_do_not_name);
    g_test_add_func("/cameras/an_address_as_it_was_told_is_the_one_that_is_there",
                    test_an_address_as_it_was_told_is_the_one_that_is_there);
    g_test_add_func("/cameras/what_is_hidden_is_no_address", test_what_is_hidden_is_no_address);
    g_test_add_func("/cameras/an_address_stands_once", test_an_address_stands_once);
    g_test_add_func("/cameras/a_camera_with_what_is_hidden_can_be_changed",
                    test_a_camera_with_what_is_hidden_can_be_changed);
    g_test_add_func("/cameras/a_camera_with_policies_stays", test_a_camera_with_policies_stays);
    g_test_add_func("/cameras/a_schedule_is_by_the_clocks_of_its_site", test_a_schedule_is_by_the_clocks_of_its_site);
    g_test_add_func("/cameras/there_are_bounds", test_there_are_bounds);
    return g_test_run();
}
