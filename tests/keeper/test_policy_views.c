/* Case H2 at the keeper: while documents change, hours come and cameras are looked at anew, whoever reads has one
 * version or a later one, and what was changed is in force when the change returns. The suite runs under the
 * sanitizers.
 */
#include "keeper_world.h"

enum { CHANGES = 60, READS = 100 };

static void turn(struct world *world)
{
    clock_fake_advance_us(world->store.clock, INT64_C(86400) * G_USEC_PER_SEC); /* an overlay came and went */
    policy_keeper_turn(world->keeper);
}

static void see_cameras(struct world *world)
{
    policy_keeper_see_cameras(world->keeper);
}

static void only_read(struct world *world)
{
    (void)world;
}

struct reader {
    struct world *world;
    void (*act)(struct world *world); /* between its reads */
};

/* Version n says n in two keys of one document and in one of another level. */
static void *read_on(void *data)
{
    const struct reader *reader = data;
    int64_t newest = 0;
    while (!atomic_load(&reader->world->is_over)) {
        reader->act(reader->world);
        for (int i = 0; i < READS; i++) {
            CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(reader->world->keeper);
            const struct policy_camera *camera = policy_view_find(view, "default", "door");
            const struct safety_policy *safety = policy_camera_record(camera, POLICY_SAFETY);
            g_assert_cmpfloat(safety->loitering_seconds.value, ==, safety->tamper_seconds.value);
            g_assert_cmpint(policy_view_revision(view), >=, newest);
            newest = policy_view_revision(view);
        }
    }
    return NULL;
}

static void change(struct world *world, int version)
{
    struct record_errors errors;
    struct policy_changed changed;
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_strdup_printf(
        "{\"loitering_seconds\":%d,\"tamper_seconds\":%d,\"overlays\":[{\"name\":\"day\",\"schedule\":[{"
        "\"from\":\"08:00\",\"to\":\"18:00\"}],\"config\":{\"cooldown_seconds\":6}}]}",
        version, version);
    record_errors_init(&errors);
    policy_keeper_change(world->keeper,
                         &(struct policy_change){.name = {{.org_id = "default"}, POLICY_SAFETY, NULL},
                                                 .action = POLICY_PUT,
                                                 .body = body,
                                                 .expected_version = -1,
                                                 .by = {"default", "u1", "ann", NULL, "because"}},
                         &changed, &errors, &error);
    g_assert_no_error(error);
    CLEANUP(policy_view) struct policy_view *view = policy_keeper_get_view(world->keeper);
    g_assert_cmpint(policy_view_revision(view), >=, changed.revision);
    policy_changed_clear(&changed);
    record_errors_clear(&errors);
}

static void test_h02_a_view_is_never_older_than_the_one_before(void)
{
    static void (*const acts[])(struct world *) = {turn, see_cameras, only_read};
    struct world world;
    struct reader readers[G_N_ELEMENTS(acts)];
    pthread_t threads[G_N_ELEMENTS(acts)];
    world_begin(&world);
    change(&world, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(acts); i++) {
        readers[i] = (struct reader){&world, acts[i]};
        g_assert_cmpint(pthread_create(&threads[i], NULL, read_on, &readers[i]), ==, 0);
    }
    for (int i = 2; i <= CHANGES; i++)
        change(&world, i);
    atomic_store(&world.is_over, true);
    for (size_t i = 0; i < G_N_ELEMENTS(acts); i++)
        pthread_join(threads[i], NULL);
    world_end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy views/h02_a_view_is_never_older_than_the_one_before",
                    test_h02_a_view_is_never_older_than_the_one_before);
    return g_test_run();
}
