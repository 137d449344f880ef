/* Rows of service_policies that other programs write: changed like any other, and no version names two documents. */
#include "keeper_world.h"
#include "store/store_internal.h"

static const struct policy_name org_safety = {{.org_id = "default"}, POLICY_SAFETY, NULL};
static const struct policy_name door_safety = {{.org_id = "default", .camera_id = "door"}, POLICY_SAFETY, NULL};

/* As another program does. */
static void run_sql_of(struct world *world, const char *org_id, const char *sql)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(world->store.store, STORE_WRITE, org_id, &error);
    g_assert_true(store_run(transaction, sql, STORE_NO_VALUES, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(store_commit(g_steal_pointer(&transaction), &error));
}

static void run_sql(struct world *world, const char *sql)
{
    run_sql_of(world, "default", sql);
}

/* Its id is its own, as the database gives one. */
static void insert_row(struct world *world)
{
    static const char sql[] = "INSERT INTO service_policies (id, org_id, service_name, policy_type, config, version, "
                              "revision, created_at, updated_at) "
                              "SELECT 'of-another', 'default', 'safety', 'safety', '{\"loitering_seconds\":5}', 1, 0, "
                              "created_at, created_at FROM orgs WHERE id = 'default'";
    run_sql(world, sql);
}

static bool change_to(struct world *world, const struct policy_change *change, struct policy_changed *changed,
                      GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = policy_keeper_change(world->keeper, change, changed, &errors, error);
    record_errors_clear(&errors);
    return is_good;
}

/* Whichever version stands. */
static void change(struct world *world, const struct policy_change *what, int version, const char *config)
{
    g_autoptr(GError) error = NULL;
    struct policy_changed changed;
    struct policy_change whole = *what;
    whole.expected_version = -1;
    whole.by = (struct audit_by){"default", "u1", "ann", NULL, "because"};
    change_to(world, &whole, &changed, &error);
    g_assert_no_error(error);
    g_assert_cmpint(changed.version, ==, version);
    g_assert_cmpstr(changed.config_json, ==, config);
    policy_changed_clear(&changed);
}

static void test_a_row_of_another_program_is_changed_in_every_way(void)
{
    const struct policy_change first[] = {
        {.name = org_safety, .action = POLICY_PUT, .body = "{\"loitering_seconds\":7}"},
        {.name = org_safety, .action = POLICY_PATCH, .body = "{\"loitering_seconds\":7}"},
        {.name = org_safety,
         .action = POLICY_PUT,
         .body = "{\"loitering_seconds\":7}",
         .webhook = &(struct store_webhook_claim){.id = "w1", .expires_ms = world_start_ms + 1000, .max_ids = 10}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(first); i++) {
        struct world world;
        world_begin(&world);
        insert_row(&world);
        change(&world, &first[i], 2, "{\"loitering_seconds\":7}");
        change(&world,
               &(struct policy_change){.name = org_safety, .action = POLICY_PATCH, .body = "{\"frozen_seconds\":60}"},
               3, "{\"frozen_seconds\":60,\"loitering_seconds\":7}");
        change(&world, &(struct policy_change){.name = org_safety, .action = POLICY_ROLLBACK, .to_version = 2}, 4,
               "{\"loitering_seconds\":7}");
        change(&world, &(struct policy_change){.name = org_safety, .action = POLICY_DELETE}, 5, NULL);
        world_end(&world);
    }
}

static void test_a_version_that_another_program_gave_is_used_no_more(void)
{
    static const int given[] = {2, 4, 10};
    struct world world;
    world_begin(&world);
    int version = 1;
    change(&world,
           &(struct policy_change){.name = org_safety, .action = POLICY_PUT, .body = "{\"loitering_seconds\":1}"},
           version, "{\"loitering_seconds\":1}");
    for (size_t i = 0; i < G_N_ELEMENTS(given); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *sql = g_strdup_printf(
            "UPDATE service_policies SET config = '{\"loitering_seconds\":%d}', version = %d", given[i], given[i]);
        struct policy_changed changed;
        run_sql(&world, sql);
        change(
            &world,
            &(struct policy_change){.name = org_safety, .action = POLICY_PATCH, .body = "{\"loitering_seconds\":99}"},
            given[i] + 1, "{\"loitering_seconds\":99}");
        const struct policy_change late = {.name = org_safety,
                                           .action = POLICY_PATCH,
                                           .body = "{\"loitering_seconds\":3}",
                                           .expected_version = given[i], /* as it read it before */
                                           .by = {"default", "u2", "bob", NULL, "because"}};
        g_assert_false(change_to(&world, &late, &changed, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    }
    world_end(&world);
}

static void test_after_the_last_version_there_is_none(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    struct policy_changed changed;
    world_begin(&world);
    insert_row(&world);
    run_sql(&world, "UPDATE service_policies SET version = 2147483647");
    const struct policy_change more = {.name = org_safety,
                                       .action = POLICY_PUT,
                                       .body = "{}",
                                       .expected_version = -1,
                                       .by = {"default", "u2", "bob", NULL, "because"}};
    g_assert_false(change_to(&world, &more, &changed, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_assert_nonnull(strstr(error->message, "2147483647"));
    world_end(&world);
}

/* The camera's became the org's: a new one of the camera takes nothing from it. */
static void test_a_row_that_another_program_moved_stays(void)
{
    struct world world;
    g_autoptr(GError) error = NULL;
    world_begin(&world);
    change(&world,
           &(struct policy_change){.name = door_safety, .action = POLICY_PUT, .body = "{\"loitering_seconds\":1}"}, 1,
           "{\"loitering_seconds\":1}");
    run_sql(&world, "UPDATE service_policies SET camera_id = NULL");
    change(&world,
           &(struct policy_change){.name = door_safety, .action = POLICY_PUT, .body = "{\"loitering_seconds\":2}"}, 2,
           "{\"loitering_seconds\":2}");
    struct service_policy *moved = policy_keeper_find(world.keeper, &org_safety, &error);
    g_assert_no_error(error);
    g_assert_nonnull(strstr(moved->config.text, "1"));
    service_policy_free(moved);
    world_end(&world);
}

/* In SQLite by another org's row that no reader takes: who lists their own does not come by it. */
static void test_a_list_reads_no_other_orgs(void)
{
    struct world world;
    int64_t revision;
    g_autoptr(GError) error = NULL, failure = NULL;
    world_begin(&world);
    change(&world,
           &(struct policy_change){.name = org_safety, .action = POLICY_PUT, .body = "{\"loitering_seconds\":1}"}, 1,
           "{\"loitering_seconds\":1}");
    change(&world, &(struct policy_change){.name = {{NULL}, POLICY_SAFETY, NULL}, .action = POLICY_PUT, .body = "{}"},
           1, "{}");
    run_sql_of(&world, "other", "INSERT INTO orgs (id) VALUES ('other')");
    run_sql_of(&world, "other",
               "INSERT INTO service_policies (id, org_id, service_name, policy_type, config, version, revision, "
               "created_at, updated_at) SELECT 'of-other', 'other', 'safety', 'safety', '{}', 1, 0, created_at, "
               "created_at FROM orgs WHERE id = 'other'");
    if (!world_is_postgres()) {
        run_sql_of(&world, "other", "UPDATE service_policies SET version = 4294967296");
        g_assert_null(store_policies_list(world.store.store, &revision, &failure));
    }
    g_autoptr(GPtrArray) listed = policy_keeper_list(world.keeper, "default", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(listed->len, ==, 2);
    world_end(&world);
}

int main(int argc, char **argv)
{
    if (world_is_missing())
        return 0;
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy rows/a row of another program is changed in every way",
                    test_a_row_of_another_program_is_changed_in_every_way);
    g_test_add_func("/policy rows/a version that another program gave is used no more",
                    test_a_version_that_another_program_gave_is_used_no_more);
    g_test_add_func("/policy rows/after the last version there is none", test_after_the_last_version_there_is_none);
    g_test_add_func("/policy rows/a row that another program moved stays", test_a_row_that_another_program_moved_stays);
    g_test_add_func("/policy rows/a list reads no other orgs", test_a_list_reads_no_other_orgs);
    return g_test_run();
}
