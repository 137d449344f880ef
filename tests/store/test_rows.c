/* Rows that people keep, where one names another. VEDETTE_TEST_STORE says which engine. */
#include "store_world.h"

#include "facts/staff.h"
#include "store/audit.h"
#include "store/places.h"
#include "store/rows.h"

static const struct audit_by by = {"default", "u-1", "Ada", NULL, NULL};

static void staffed_world_init(struct store_world *world)
{
    g_autoptr(GError) error = NULL;
    struct org own = {.id = (char *)(uintptr_t) "default"};
    world_init(world);
    store_org_create(world->store, &own, &by, &error);
    g_assert_no_error(error);
}

static void make_shift(struct store *store, const char *id)
{
    g_autoptr(GError) error = NULL;
    struct shift shift;
    record_init(&shift_descriptor, &shift);
    shift.id = g_strdup(id);
    shift.name = g_strdup("night");
    shift.start_time = g_strdup("22:00");
    shift.end_time = g_strdup("06:00");
    store_row_create(store, &store_shifts, &shift, &by, &error);
    g_assert_no_error(error);
    record_clear(&shift_descriptor, &shift);
}

static bool make_employee(struct store *store, const char *shift_id, GError **error)
{
    struct employee employee;
    record_init(&employee_descriptor, &employee);
    employee.name = g_strdup("Grace");
    employee.shift_id = g_strdup(shift_id);
    bool is_good = store_row_create(store, &store_employees, &employee, &by, error);
    record_clear(&employee_descriptor, &employee);
    return is_good;
}

static bool delete_shift(struct store *store, const char *id, GError **error)
{
    const struct store_row_change change = {.id = id, .action = "delete"};
    return store_row_delete(store, &store_shifts, &change, &by, error);
}

static void test_what_is_named_is_there_and_stays(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    staffed_world_init(&world);
    g_assert_false(make_employee(world.store, "night", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_cmpstr(error->message, ==, "shift_id: there is no shift 'night'");
    g_clear_error(&error);
    make_shift(world.store, "night");
    make_shift(world.store, "day");
    g_assert_true(make_employee(world.store, "night", &error));
    g_assert_false(delete_shift(world.store, "night", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED);
    g_assert_cmpstr(error->message, ==, "the shift is the shift_id of 1 employee: give them another first");
    g_clear_error(&error);
    g_assert_true(delete_shift(world.store, "day", &error));
    world_clear(&world);
}

struct remover {
    struct store *store;
    const char *shift_id;
    bool is_removed;
};

static void *remove_shift(void *data)
{
    struct remover *remover = data;
    remover->is_removed = delete_shift(remover->store, remover->shift_id, NULL);
    return NULL;
}

static void test_one_of_two_at_once_is_refused(void)
{
    enum { ROUNDS = 20 };
    struct store_world world;
    staffed_world_init(&world);
    for (int i = 0; i < ROUNDS; i++) {
        g_autofree char *id = g_strdup_printf("shift-%d", i);
        struct remover remover = {world.store, id, false};
        pthread_t thread;
        make_shift(world.store, id);
        g_assert_cmpint(pthread_create(&thread, NULL, remove_shift, &remover), ==, 0);
        bool is_made = make_employee(world.store, id, NULL);
        pthread_join(thread, NULL);
        g_assert_true(is_made != remover.is_removed);
    }
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/rows/what_is_named_is_there_and_stays", test_what_is_named_is_there_and_stays);
    g_test_add_func("/rows/one_of_two_at_once_is_refused", test_one_of_two_at_once_is_refused);
    return g_test_run();
}
