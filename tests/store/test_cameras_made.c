/* Cameras that the API makes, in the store: what is kept, of whom, and what stands in the way. */
#include "store_world.h"

#include "store/audit.h"
#include "store/cameras.h"

static const struct audit_by by = {"default", "u-1", "admin", NULL, NULL},
                             other_by = {"other", "u-2", "admin", NULL, NULL};

static struct camera camera_of(const char *org_id, const char *id, const char *name)
{
    struct camera camera;
    record_init(&camera_descriptor, &camera);
    g_free(camera.org_id);
    camera.id = g_strdup(id);
    camera.org_id = g_strdup(org_id);
    camera.name = g_strdup(name);
    camera.source = g_strdup("rtsp://10.0.0.7/s?pwd=canary");
    camera.username = g_strdup("canary-user");
    camera.password = g_strdup("canary-password");
    camera.logins = g_strdup("{\"sealed\":\"v1\"}");
    camera.managed_by = CAMERA_OF_API;
    return camera;
}

static void test_they_are_kept_with_their_sealed_logins_alone(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera camera = camera_of("default", "yard", "Yard"), file = camera_of("default", "door", "Yard");
    file.managed_by = CAMERA_OF_FILE;
    g_assert_true(store_camera_write(world.store, &camera, NULL, &by, &error));
    g_assert_true(store_camera_put(world.store, &file, &error)); /* the settings may name theirs as they like */
    g_assert_no_error(error);
    g_autoptr(GPtrArray) made = store_cameras_made(world.store, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(made->len, ==, 1);
    const struct camera *kept = g_ptr_array_index(made, 0);
    g_assert_cmpstr(kept->id, ==, "yard");
    g_assert_cmpstr(kept->logins, ==, "{\"sealed\":\"v1\"}");
    g_assert_null(kept->username);
    g_assert_null(kept->password);
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", INT64_MAX, 10, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(entries->len, ==, 2);
    for (guint i = 0; i < entries->len; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        record_encode_json(&audit_view_descriptor, g_ptr_array_index(entries, i), false, text);
        g_assert_null(strstr(text->str, "canary"));
    }
    record_clear(&camera_descriptor, &camera);
    record_clear(&camera_descriptor, &file);
    world_clear(&world);
}

static void test_names_are_an_orgs_own(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera first = camera_of("default", "a", "Yard"), second = camera_of("default", "b", "Yard"),
                  others = camera_of("other", "c", "Yard");
    g_assert_true(store_camera_write(world.store, &first, NULL, &by, &error));
    g_assert_true(store_camera_write(world.store, &others, NULL, &other_by, &error));
    g_assert_true(store_camera_write(world.store, &first, &first, &by, &error)); /* its own name is no other's */
    g_assert_false(store_camera_write(world.store, &second, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_free(second.name);
    second.name = g_strdup("Another yard");
    g_free(second.site_id);
    second.site_id = g_strdup("nowhere");
    g_assert_false(store_camera_write(world.store, &second, NULL, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    record_clear(&camera_descriptor, &first);
    record_clear(&camera_descriptor, &second);
    record_clear(&camera_descriptor, &others);
    world_clear(&world);
}

static void test_what_goes_is_one_orgs(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init(&world);
    struct camera own = camera_of("default", "a", "A"), others = camera_of("other", "b", "B");
    g_assert_true(store_camera_write(world.store, &own, NULL, &by, &error));
    g_assert_true(store_camera_write(world.store, &others, NULL, &other_by, &error));
    g_assert_true(store_camera_delete(world.store, &own, &by, &error));
    g_assert_no_error(error);
    g_autoptr(GPtrArray) made = store_cameras_made(world.store, &error);
    g_assert_cmpuint(made->len, ==, 1);
    g_assert_cmpstr(((const struct camera *)g_ptr_array_index(made, 0))->id, ==, "b");
    record_clear(&camera_descriptor, &own);
    record_clear(&camera_descriptor, &others);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/cameras/they_are_kept_with_their_sealed_logins_alone",
                    test_they_are_kept_with_their_sealed_logins_alone);
    g_test_add_func("/cameras/names_are_an_orgs_own", test_names_are_an_orgs_own);
    g_test_add_func("/cameras/what_goes_is_one_orgs", test_what_goes_is_one_orgs);
    return g_test_run();
}
