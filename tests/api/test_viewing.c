/* Who may see pictures in which nobody is hidden, and what the audit tells of them. */
#include "api_world.h"

#include "facts/parameters.h"
#include "user_world.h"

static int count_views(const struct api_world *world)
{
    struct reply reply = world_get(world, "/api/v1/audit", world->token);
    int count = 0;
    for (const char *at = reply.body->str; (at = strstr(at, "\"subject_kind\":\"material\"")); at++)
        count++;
    reply_clear(&reply);
    return count;
}

static const char preview[] = "/api/v1/cameras/cam-1/preview.jpg";

/* One by telling 1. */
static void set_preview(const struct api_world *world, uint64_t frame_number)
{
    g_autoptr(GBytes) jpeg = g_bytes_new_static("JPEG", 4);
    live_set_preview(world->live, "cam-1", 1, jpeg, clock_wall_ms(world->clock), frame_number);
}

static void begin_with_a_preview(struct api_world *world)
{
    world_init(world);
    world_login(world);
    world_expect_previews(world, 1, false);
    set_preview(world, 1);
}

/* Who sees a picture in which nobody is hidden is told, once for a while of looking. */
static void test_a_view_of_people_is_audited(void)
{
    struct api_world world;
    begin_with_a_preview(&world);
    g_autofree char *login = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    g_assert_cmpint(world_status(&world, "GET", preview, login), ==, 200);
    g_assert_cmpint(count_views(&world), ==, 0); /* as it comes, people are hidden */
    struct reply reply = world_request(&world, "PUT", "/api/v1/policies/privacy?camera_id=cam-1", login,
                                       "{\"face_blur_enabled\":false}");
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    for (int i = 0; i < 3; i++)
        g_assert_cmpint(world_status(&world, "GET", preview, login), ==, 200);
    g_assert_cmpint(count_views(&world), ==, 1);
    clock_fake_advance_us(world.clock, INT64_C(61) * 60000000);
    set_preview(&world, 2);
    g_assert_cmpint(world_status(&world, "GET", preview, login), ==, 200);
    g_assert_cmpint(count_views(&world), ==, 2);
    world_clear(&world);
}

/* Somebody else of the org, who has chosen their password. */
static char *log_in_as(const struct api_world *world, enum role role)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *admin = g_strdup_printf("Authorization: Bearer %s\r\n", world->token),
                    *name = g_strdup_printf("a-%s", role_names[role - 1]),
                    *body = g_strdup_printf("{\"username\":\"%s\",\"password\":\"" WORLD_PASSWORD "\",\"role\":\"%s\"}",
                                            name, role_names[role - 1]);
    struct reply reply = world_request(world, "POST", "/api/v1/users", admin, body);
    g_assert_cmpint(reply.status, ==, 201);
    reply_clear(&reply);
    struct user *user = store_user_find(world->store, name, &error);
    user->must_change_password = false;
    g_assert_true(world_put_user(world->store, user, &error));
    user_free(user);
    return world_login_as(world, name, WORLD_PASSWORD);
}

static void test_only_privacy_officers_see_who_is_not_hidden(void)
{
    static const struct {
        enum role role;
        int status;
    } rows[] = {{ROLE_VIEWER, 403}, {ROLE_OPERATOR, 403}, {ROLE_PRIVACY_OFFICER, 200}, {ROLE_ADMIN, 200}};
    struct api_world world;
    begin_with_a_preview(&world);
    g_autofree char *admin = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *token = log_in_as(&world, rows[i].role),
                        *login = g_strdup_printf("Authorization: Bearer %s\r\n", token);
        for (int is_hiding = 1; is_hiding >= 0; is_hiding--) {
            struct reply reply =
                world_request(&world, "PUT", "/api/v1/policies/privacy?camera_id=cam-1", admin,
                              is_hiding ? "{\"face_blur_enabled\":true}" : "{\"face_blur_enabled\":false}");
            g_assert_cmpint(reply.status, ==, 200);
            reply_clear(&reply);
            set_preview(&world, 2);
            g_assert_cmpint(world_status(&world, "GET", preview, login), ==, is_hiding ? 200 : rows[i].status);
        }
    }
    world_clear(&world);
}

static void try_to_tell(const struct api_world *world, char *name, bool can)
{
    struct camera_config config;
    CLEANUP(camera_set) struct camera_set *cameras = camera_roster_get(live_roster(world->live));
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world->policies);
    struct camera camera = *camera_set_find(cameras, "cam-1");
    camera.name = name;
    bool is_good = policy_keeper_configure(world->policies, view, &camera, &config, NULL);
    g_assert_cmpint(is_good, ==, can);
    if (is_good)
        record_clear(&camera_config_descriptor, &config);
}

/* The view says that people are hidden, and the worker was never told. */
static void test_h11_what_cannot_be_told_to_hide_people_is_not_for_all(void)
{
    struct api_world world;
    begin_with_a_preview(&world);
    g_autofree char *token = log_in_as(&world, ROLE_VIEWER), *long_name = g_strnfill(5000, 'n'),
                    *viewer = g_strdup_printf("Authorization: Bearer %s\r\n", token),
                    *admin = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    try_to_tell(&world, long_name, false);
    struct reply reply = world_request(&world, "GET", preview, viewer, NULL);
    g_assert_cmpint(reply.status, ==, 403);
    g_assert_nonnull(strstr(reply.body->str, "cannot be told what its policies come to"));
    reply_clear(&reply);
    int before = count_views(&world);
    g_assert_cmpint(world_status(&world, "GET", preview, admin), ==, 200);
    g_assert_cmpint(count_views(&world), ==, before + 1);
    char name[] = "Door";
    try_to_tell(&world, name, true);
    g_assert_cmpint(world_status(&world, "GET", preview, viewer), ==, 200);
    world_clear(&world);
}

/* The policies say that people are hidden, and the picture was made when they did not. */
static void test_h11_a_picture_from_before_is_not_for_all(void)
{
    struct api_world world;
    begin_with_a_preview(&world);
    g_autofree char *token = log_in_as(&world, ROLE_VIEWER),
                    *viewer = g_strdup_printf("Authorization: Bearer %s\r\n", token),
                    *admin = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    world_expect_previews(&world, 1, true);
    g_assert_cmpint(world_status(&world, "GET", preview, viewer), ==, 403);
    int before = count_views(&world);
    g_assert_cmpint(world_status(&world, "GET", preview, admin), ==, 200);
    g_assert_cmpint(count_views(&world), ==, before + 1);
    world_expect_previews(&world, 2, false);
    set_preview(&world, 3); /* made by the telling of before, and late */
    g_assert_cmpint(world_status(&world, "GET", preview, viewer), ==, 503);
    g_assert_cmpint(world_status(&world, "GET", preview, admin), ==, 503);
    g_autoptr(GBytes) jpeg = g_bytes_new_static("JPEG", 4);
    live_set_preview(world.live, "cam-1", 2, jpeg, clock_wall_ms(world.clock), 4);
    g_assert_cmpint(world_status(&world, "GET", preview, viewer), ==, 200);
    world_clear(&world);
}

/* One more entry than the largest page holds: the list says so. */
static void test_no_page_of_the_audit_is_the_last_by_its_size(void)
{
    const struct audit_by by = {"default", "system", NULL, NULL, "test"};
    const struct audit_change change = {AUDIT_CAMERA, "cam-1", "update", NULL, NULL};
    struct api_world world;
    world_init(&world);
    world_login(&world);
    for (int i = 0; i <= PARAMETER_LIMIT_MAX; i++)
        g_assert_true(store_audit_add(world.store, &by, &change, NULL));
    g_autofree char *path = g_strdup_printf("/api/v1/audit?limit=%d", PARAMETER_LIMIT_MAX);
    struct reply reply = world_get(&world, path, world.token);
    json_t *json = reply_json(&reply);
    g_assert_cmpuint(json_array_size(json_object_get(json, "items")), ==, PARAMETER_LIMIT_MAX);
    g_assert_true(json_is_string(json_object_get(json, "next_cursor")));
    json_decref(json);
    reply_clear(&reply);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/viewing/a view of people is audited", test_a_view_of_people_is_audited);
    g_test_add_func("/api/viewing/only privacy officers see who is not hidden",
                    test_only_privacy_officers_see_who_is_not_hidden);
    g_test_add_func("/api/viewing/h11 what cannot be told to hide people is not for all",
                    test_h11_what_cannot_be_told_to_hide_people_is_not_for_all);
    g_test_add_func("/api/viewing/h11 a picture from before is not for all",
                    test_h11_a_picture_from_before_is_not_for_all);
    g_test_add_func("/api/viewing/no page of the audit is the last by its size",
                    test_no_page_of_the_audit_is_the_last_by_its_size);
    return g_test_run();
}
