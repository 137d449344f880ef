/* What policies of a site or class keep is not lost by the removal or the move of a camera, nor with its org (case G8).
 */
#include "api_world.h"

#include "user_world.h"

struct held {
    struct api_world world;
    char *platform, *admin; /* tokens: of an administrator of the platform, of one of the org acme */
    char *camera;           /* its path: of site `back` and class `8b` of acme */
};

static void add_class(struct held *held)
{
    g_autoptr(GError) error = NULL;
    struct store_transaction *transaction = store_begin(held->world.store, STORE_WRITE, "acme", &error);
    g_assert_true(store_run(transaction, "INSERT INTO classes (org_id, id, site_id) VALUES ($1, '8b', 'back')",
                            STORE_VALUES(sql_text("acme")), NULL, &error));
    g_assert_true(store_commit(transaction, &error));
}

static struct reply ask_as(struct held *held, const char *token, const char *method, const char *path, const char *body)
{
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", token);
    return world_request(&held->world, method, path, headers, body);
}

/* `words` NULL: whatever it says. */
static void expect_as(struct held *held, const char *token, const char *method, const char *path, const char *body,
                      int status, const char *words)
{
    struct reply reply = ask_as(held, token, method, path, body);
    if (reply.status != status || (words && !strstr(reply.body->str, words)))
        g_error("%s %s %s: %d, not %d with '%s': %s", method, path, body ? body : "", reply.status, status,
                words ? words : "", reply.body->str);
    reply_clear(&reply);
}

static void expect(struct held *held, const char *method, const char *path, const char *body, int status,
                   const char *words)
{
    expect_as(held, held->admin, method, path, body, status, words);
}

static void held_begin(struct held *held)
{
    world_init(&held->world);
    world_add_user(held->world.store, "0197a000-0000-7000-8000-000000000002", "default", "platform", ROLE_PLATFORM);
    world_add_user(held->world.store, "0197a000-0000-7000-8000-000000000003", "acme", "admin", ROLE_ADMIN);
    held->platform = world_login_as(&held->world, "platform", WORLD_PASSWORD);
    held->admin = world_login_as(&held->world, "acme/admin", WORLD_PASSWORD);
    expect(held, "POST", "/api/v1/sites", "{\"id\":\"back\"}", 201, NULL);
    expect(held, "POST", "/api/v1/sites", "{\"id\":\"front\"}", 201, NULL);
    add_class(held);
    struct reply reply = ask_as(held, held->admin, "POST", "/api/v1/cameras",
                                "{\"name\":\"Gate\",\"source\":\"rtsp://10.0.0.9/s\",\"site_id\":\"back\","
                                "\"class_id\":\"8b\"}");
    g_assert_cmpint(reply.status, ==, 201);
    json_t *camera = reply_json(&reply);
    held->camera = g_strconcat("/api/v1/cameras/", json_string_value(json_object_get(camera, "id")), NULL);
    json_decref(camera);
    reply_clear(&reply);
}

static void held_end(struct held *held)
{
    g_free(held->platform);
    g_free(held->admin);
    g_free(held->camera);
    world_clear(&held->world);
}

#define HOLD "{\"legal_hold\":true}"
/* On Saturdays; the world begins on a Thursday. */
#define HOLD_AT_TIMES                                                                                                  \
    "{\"overlays\":[{\"name\":\"weekend\",\"schedule\":[{\"days\":[\"sat\"],\"from\":\"08:00\",\"to\":\"18:00\"}],"    \
    "\"config\":{\"legal_hold\":true}}]}"
#define YEARS "{\"event_days\":4000}"
#define OF_ORG "/api/v1/policies/retention"
#define AWAY "{\"site_id\":\"front\",\"class_id\":null}"

/* Whose policy keeps what the camera saw, and what it says. */
static const struct {
    const char *path, *body, *words;
    bool keeps_org;
} cases[] = {
    {OF_ORG "?site_id=back", HOLD, "the retention policy of site 'back' keeps", true},
    {OF_ORG "?class_id=8b", HOLD, "the retention policy of class '8b' keeps", true},
    {OF_ORG "?site_id=back", HOLD_AT_TIMES, "site 'back' (overlay 'weekend') keeps", true},
    {OF_ORG "?class_id=8b", HOLD_AT_TIMES, "class '8b' (overlay 'weekend') keeps", true},
    {OF_ORG "?site_id=back", YEARS, "the retention policy of site 'back' keeps", false},
    {OF_ORG "?class_id=8b", YEARS, "the retention policy of class '8b' keeps", false},
};

/* Out of the hold only by word of the org, which keeps as much; then the site's or class's own still keeps the org. */
static void test_g08_a_held_camera_stays_and_then_its_org(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct held held;
        held_begin(&held);
        expect(&held, "PUT", cases[i].path, cases[i].body, 200, NULL);
        expect(&held, "DELETE", held.camera, NULL, 409, cases[i].words);
        expect(&held, "PATCH", held.camera, AWAY, 409, cases[i].words);
        expect(&held, "PATCH", held.camera, "{\"name\":\"Yard\"}", 200, NULL);
        expect(&held, "GET", held.camera, NULL, 200, "\"site_id\":\"back\"");
        expect(&held, "PUT", OF_ORG, cases[i].body, 200, NULL);
        expect(&held, "DELETE", held.camera, NULL, 204, NULL);
        if (cases[i].keeps_org) {
            expect_as(&held, held.platform, "DELETE", "/api/v1/orgs/acme", NULL, 409, "legal_hold");
            expect(&held, "DELETE", OF_ORG, NULL, 200, NULL);
            expect_as(&held, held.platform, "DELETE", "/api/v1/orgs/acme", NULL, 409, "legal_hold");
            expect(&held, "DELETE", cases[i].path, NULL, 200, NULL);
        }
        expect_as(&held, held.platform, "DELETE", "/api/v1/orgs/acme", NULL, 202, NULL);
        held_end(&held);
    }
}

/* Where it goes keeps less than the org, or as much as where it was. */
static void test_g08_a_camera_moves_where_as_much_is_kept(void)
{
    struct held held;
    held_begin(&held);
    expect(&held, "PUT", OF_ORG, HOLD, 200, NULL);
    expect(&held, "PUT", OF_ORG "?site_id=front", "{\"legal_hold\":false}", 200, NULL);
    expect(&held, "PATCH", held.camera, AWAY, 409, "the retention policy of org 'acme' keeps");
    expect(&held, "PUT", OF_ORG "?site_id=front", "{\"event_days\":1}", 200, NULL); /* held all the same */
    expect(&held, "PATCH", held.camera, AWAY, 200, NULL);
    expect(&held, "DELETE", held.camera, NULL, 204, NULL);
    held_end(&held);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/held_cameras/g08_a_held_camera_stays_and_then_its_org",
                    test_g08_a_held_camera_stays_and_then_its_org);
    g_test_add_func("/held_cameras/g08_a_camera_moves_where_as_much_is_kept",
                    test_g08_a_camera_moves_where_as_much_is_kept);
    return g_test_run();
}
