/* Deleting an org by the API (case G8): closed at once, erased in the background, and the platform can see that it was.
 */
#include "api_world.h"

#include "jobs/jobs.h"
#include "store/places.h"
#include "user_world.h"

struct orgs {
    struct api_world world;
    struct scheduler *scheduler;
    char *token; /* of the platform's administrator, of the org `default` */
};

static void orgs_begin(struct orgs *orgs)
{
    g_autoptr(GError) error = NULL;
    world_init(&orgs->world);
    world_add_user(orgs->world.store, "0197a000-0000-7000-8000-000000000002", "default", "platform", ROLE_PLATFORM);
    world_add_user(orgs->world.store, "0197a000-0000-7000-8000-000000000003", "acme", "admin", ROLE_ADMIN);
    const struct scheduler_options options = {built_in_jobs,         built_in_job_count,  orgs->world.store,
                                              &orgs->world.settings, &orgs->world.health, orgs->world.clock};
    orgs->scheduler = scheduler_new(&options, &error);
    g_assert_no_error(error);
    api_set_scheduler(orgs->world.api, orgs->scheduler);
    orgs->token = world_login_as(&orgs->world, "platform", WORLD_PASSWORD);
}

static void orgs_end(struct orgs *orgs)
{
    api_set_scheduler(orgs->world.api, NULL);
    scheduler_free(orgs->scheduler);
    g_free(orgs->token);
    world_clear(&orgs->world);
}

/* `if_match` NULL: whatever it is. */
static unsigned delete_org_as(struct orgs *orgs, const char *token, const char *org_id, const char *if_match)
{
    g_autofree char *path = g_strdup_printf("/api/v1/orgs/%s?reason=over", org_id);
    g_autofree char *headers =
        g_strdup_printf("Authorization: Bearer %s\r\n%s%s%s", token, if_match ? "If-Match: " : "",
                        if_match ? if_match : "", if_match ? "\r\n" : "");
    struct reply reply = world_request(&orgs->world, "DELETE", path, headers, "");
    unsigned status = (unsigned)reply.status;
    reply_clear(&reply);
    return status;
}

static unsigned delete_org(struct orgs *orgs, const char *token, const char *org_id)
{
    return delete_org_as(orgs, token, org_id, NULL);
}

/* An answer that holds all of this, waited for. */
static bool is_told(struct orgs *orgs, const char *path, const char *what)
{
    struct reply reply = world_get(&orgs->world, path, orgs->token);
    bool is_there = reply.body && strstr(reply.body->str, what);
    reply_clear(&reply);
    return is_there;
}

static void test_g08_an_org_is_deleted_and_its_people_are_out(void)
{
    struct orgs orgs;
    orgs_begin(&orgs);
    g_autofree char *theirs = world_login_as(&orgs.world, "acme/admin", WORLD_PASSWORD);
    g_assert_cmpuint(delete_org(&orgs, theirs, "acme"), ==, 403); /* the platform's alone */
    g_assert_cmpuint(delete_org(&orgs, orgs.token, "acme"), ==, 202);
    gint64 deadline = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;
    while (!is_told(&orgs, "/api/v1/orgs", "\"erased_at\"")) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(2000);
    }
    g_assert_true(is_told(&orgs, "/api/v1/orgs", "\"users\":1"));
    g_assert_true(is_told(&orgs, "/api/v1/audit", "\"erase\""));
    struct reply reply = world_get(&orgs.world, "/api/v1/cameras", theirs);
    g_assert_cmpint(reply.status, ==, 401);
    reply_clear(&reply);
    orgs_end(&orgs);
}

static void test_what_is_refused(void)
{
    struct orgs orgs;
    orgs_begin(&orgs);
    g_assert_cmpuint(delete_org(&orgs, orgs.token, "nobody"), ==, 404);
    g_assert_cmpuint(delete_org(&orgs, orgs.token, "default"), ==, 409); /* one's own */
    g_assert_cmpuint(delete_org(&orgs, orgs.token, "other"), ==, 409);   /* its camera is watched */
    g_assert_false(is_told(&orgs, "/api/v1/orgs", "deleted_at"));
    orgs_end(&orgs);
}

/* The settings' camera is at rest, which in the store looks like one that the settings have no more. */
static void test_a_site_with_a_camera_at_rest_stays(void)
{
    struct orgs orgs;
    orgs_begin(&orgs);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(orgs.world.live);
    struct camera camera = *camera_set_find(set, "cam-1"); /* borrows everything */
    camera.enabled = false;
    live_put_camera(orgs.world.live, &camera);
    g_assert_true(store_camera_put(orgs.world.store, &camera, NULL));
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", orgs.token);
    g_assert_cmpint(world_status(&orgs.world, "DELETE", "/api/v1/sites/default", headers), ==, 409);
    live_remove_camera(orgs.world.live, "cam-1"); /* as after a start without it */
    g_assert_cmpint(world_status(&orgs.world, "DELETE", "/api/v1/sites/default", headers), ==, 204);
    orgs_end(&orgs);
}

/* The answer to a new name; `if_match` NULL: whatever it is called now. */
static struct reply rename_org(struct orgs *orgs, const char *token, const char *org_id, const char *if_match,
                               const char *name)
{
    g_autofree char *path = g_strdup_printf("/api/v1/orgs/%s?reason=moved", org_id),
                    *body = g_strdup_printf("{\"name\":\"%s\"}", name),
                    *headers =
                        g_strdup_printf("Authorization: Bearer %s\r\n%s%s%s", token, if_match ? "If-Match: " : "",
                                        if_match ? if_match : "", if_match ? "\r\n" : "");
    return world_request(&orgs->world, "PATCH", path, headers, body);
}

static unsigned status_of_rename(struct orgs *orgs, const char *token, const char *org_id, const char *if_match)
{
    struct reply reply = rename_org(orgs, token, org_id, if_match, "Other");
    unsigned status = (unsigned)reply.status;
    reply_clear(&reply);
    return status;
}

static void test_an_org_gets_another_name(void)
{
    struct orgs orgs;
    orgs_begin(&orgs);
    g_autofree char *theirs = world_login_as(&orgs.world, "acme/admin", WORLD_PASSWORD);
    struct reply reply = world_get(&orgs.world, "/api/v1/orgs/acme", theirs);
    g_autofree char *before = reply_header(&reply, "ETag");
    reply_clear(&reply);
    reply = rename_org(&orgs, theirs, "acme", before, "Acme Ltd");
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "\"name\":\"Acme Ltd\""));
    g_assert_nonnull(strstr(reply.body->str, "\"created_at\""));
    g_autofree char *after = reply_header(&reply, "ETag");
    g_assert_cmpstr(after, !=, before);
    reply_clear(&reply);
    g_assert_cmpuint(status_of_rename(&orgs, theirs, "acme", before), ==, 412);
    g_assert_cmpuint(status_of_rename(&orgs, theirs, "default", NULL), ==, 404); /* is not there for them */
    g_assert_cmpuint(status_of_rename(&orgs, orgs.token, "nobody", NULL), ==, 404);
    g_assert_cmpuint(status_of_rename(&orgs, orgs.token, "acme", after), ==, 200); /* the platform's any */
    g_assert_true(is_told(&orgs, "/api/v1/orgs/acme", "\"name\":\"Other\""));
    reply = world_get(&orgs.world, "/api/v1/audit", theirs); /* the org itself sees who called it what */
    g_assert_nonnull(strstr(reply.body->str, "Acme Ltd"));
    g_assert_nonnull(strstr(reply.body->str, "\"reason\":\"moved\""));
    reply_clear(&reply);
    g_assert_cmpuint(delete_org(&orgs, orgs.token, "acme"), ==, 202);
    g_assert_cmpuint(status_of_rename(&orgs, orgs.token, "acme", NULL), ==, 409);
    orgs_end(&orgs);
}

/* Who read the org before somebody changed it closes nothing. */
static void test_an_org_that_changed_is_not_deleted(void)
{
    struct orgs orgs;
    orgs_begin(&orgs);
    struct reply reply = world_get(&orgs.world, "/api/v1/orgs/acme", orgs.token);
    g_autofree char *before = reply_header(&reply, "ETag");
    reply_clear(&reply);
    reply = rename_org(&orgs, orgs.token, "acme", before, "Acme Ltd");
    g_autofree char *after = reply_header(&reply, "ETag");
    reply_clear(&reply);
    g_assert_cmpuint(delete_org_as(&orgs, orgs.token, "acme", before), ==, 412);
    g_assert_false(is_told(&orgs, "/api/v1/orgs", "deleted_at"));
    g_assert_cmpuint(delete_org_as(&orgs, orgs.token, "acme", after), ==, 202);
    orgs_end(&orgs);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/orgs/g08_an_org_is_deleted_and_its_people_are_out",
                    test_g08_an_org_is_deleted_and_its_people_are_out);
    g_test_add_func("/orgs/what_is_refused", test_what_is_refused);
    g_test_add_func("/orgs/a_site_with_a_camera_at_rest_stays", test_a_site_with_a_camera_at_rest_stays);
    g_test_add_func("/orgs/an_org_gets_another_name", test_an_org_gets_another_name);
    g_test_add_func("/orgs/an_org_that_changed_is_not_deleted", test_an_org_that_changed_is_not_deleted);
    return g_test_run();
}
