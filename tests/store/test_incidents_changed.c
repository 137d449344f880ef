/* What people do with incidents, and what becomes of them for those who are notified. VEDETTE_TEST_STORE says which
 * engine. */
#include "incidents_world.h"

/* g_free. */
static char *id_of_only(struct store_world *world)
{
    const struct store_row_filter filter = {.org_id = "default", .limit = 2};
    GPtrArray *rows = store_rows_list(world->store, &store_incidents, &filter, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    char *id = g_strdup(((const struct incident *)g_ptr_array_index(rows, 0))->id);
    store_rows_free(&store_incidents, rows);
    return id;
}

static bool never(void *data, const void *record)
{
    (void)data;
    (void)record;
    return false;
}

static void test_people_change_them(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    g_autofree char *id = id_of_only(&world);
    struct store_row_change change = {.id = id, .action = "resolve", .expects = never, .edit = resolve};
    g_assert_null(store_row_change(world.store, &store_incidents, &change, &by, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT);
    g_clear_error(&error);
    ASSERT_INCIDENTS(&world, "door 1 open");
    change.expects = NULL;
    store_row_free(&store_incidents, store_row_change(world.store, &store_incidents, &change, &by, &error));
    g_assert_no_error(error);
    store_one(&world, intrusion(&world, "s-2", "door", 1)); /* another one */
    ASSERT_INCIDENTS(&world, "door 1 open, door 1 resolved");
    const struct audit_by foreign = {"other", "u-2", "Eve", NULL, NULL};
    g_assert_null(store_row_change(world.store, &store_incidents, &change, &foreign, &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, 10, NULL);
    g_assert_cmpuint(entries->len, ==, 1);
    const struct audit_view *entry = g_ptr_array_index(entries, 0);
    g_assert_cmpstr(entry->action, ==, "resolve");
    g_assert_nonnull(strstr(entry->before.text, "\"open\""));
    g_assert_nonnull(strstr(entry->after.text, "\"resolved\""));
    world_clear(&world);
}

/* One that cannot be read holds up nothing: signals begin another, and are added to that. */
static void test_an_unreadable_one_holds_up_no_signal(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 30));
    struct store_transaction *transaction = store_begin(world.store, STORE_WRITE, "default", &error);
    store_run(transaction, "UPDATE incidents SET notes = '[7]'", STORE_NO_VALUES, NULL, &error);
    store_commit(transaction, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(world_store(&world, one_of(intrusion(&world, "s-2", "door", 10))).new_records, ==, 1);
    g_assert_cmpint(counter_get(&world.health.incidents_unreadable), ==, 1);
    store_one(&world, intrusion(&world, "s-3", "door", 20)); /* the newest is still the one that cannot be read */
    transaction = store_begin(world.store, STORE_WRITE, "default", &error);
    store_run(transaction, "UPDATE incidents SET notes = NULL", STORE_NO_VALUES, NULL, &error);
    store_commit(transaction, &error);
    g_assert_no_error(error);
    ASSERT_INCIDENTS(&world, "door 1 open, door 2 open");
    world_clear(&world);
}

static bool add_note(void *data, void *record, GError **error)
{
    return incident_add_note(record, world_start_ms, "u-1", data, error);
}

/* The audit of a note is as long as the note, however many there are. */
static void test_the_audit_has_only_the_new_note(void)
{
    static const char *const notes[] = {"first", "second"};
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    g_autofree char *id = id_of_only(&world);
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        const struct store_row_change change = {
            .id = id, .action = "note", .edit = add_note, .data = (void *)(uintptr_t)notes[i]};
        struct incident *incident = store_row_change(world.store, &store_incidents, &change, &by, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(incident->notes.count, ==, i + 1);
        store_row_free(&store_incidents, incident);
    }
    g_autoptr(GPtrArray) entries = store_audit_list(world.store, "default", 0, 10, NULL);
    const struct audit_view *entry = g_ptr_array_index(entries, 0);
    g_assert_null(strstr(entry->before.text, "first"));
    g_assert_null(strstr(entry->after.text, "first"));
    g_assert_nonnull(strstr(entry->after.text, "second"));
    world_clear(&world);
}

static void count_told(void *data, const struct incident *incident)
{
    (void)incident;
    __atomic_add_fetch((int *)data, 1, __ATOMIC_SEQ_CST);
}

static bool dismiss(void *data, void *record, GError **error)
{
    (void)data;
    (void)error;
    ((struct incident *)record)->status = INCIDENT_DISMISSED;
    return true;
}

/* That it was dismissed is told; that it goes on is not. */
static void test_a_dismissed_one_is_silent(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    int told = 0;
    world_init_fused(&world, SEVERITY_LOW);
    store_watch_incidents(world.store, count_told, &told);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    g_assert_cmpint(__atomic_load_n(&told, __ATOMIC_SEQ_CST), ==, 1);
    g_autofree char *id = id_of_only(&world);
    const struct store_row_change change = {.id = id, .action = "dismiss", .edit = dismiss};
    store_row_free(&store_incidents, store_row_change(world.store, &store_incidents, &change, &by, &error));
    g_assert_no_error(error);
    g_assert_cmpint(told, ==, 2);
    store_one(&world, intrusion(&world, "s-2", "door", 10));
    store_one(&world, intrusion(&world, "s-3", "gate", 10));
    g_assert_cmpint(__atomic_load_n(&told, __ATOMIC_SEQ_CST), ==, 3);
    ASSERT_INCIDENTS(&world, "gate 1 open, door 2 dismissed");
    world_clear(&world);
}

/* ---- what became of them, for those who are notified ---- */

#define ASSERT_CHANGES(world, words)                                                                                   \
    do {                                                                                                               \
        g_autofree char *found_ = changes_of(world, "default", true);                                                  \
        g_assert_cmpstr(found_, ==, words);                                                                            \
    } while (0)

static void test_what_becomes_of_them_is_left_to_be_told(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    g_autofree char *first = changes_of(&world, "default", false), *foreign = changes_of(&world, "other", true);
    g_assert_cmpstr(first, ==, "opened door"); /* and stands until it is taken, by its org alone */
    g_assert_cmpstr(foreign, ==, "");
    ASSERT_CHANGES(&world, "opened door");
    store_one(&world, intrusion(&world, "s-1", "door", 0)); /* anew */
    store_one(&world, intrusion(&world, "s-2", "door", 1)); /* one more, no worse */
    ASSERT_CHANGES(&world, "");
    store_one(&world, world_signal(&world, "s-3", "door", "safety", "intrusion", "critical", world_start_ms + 2000));
    ASSERT_CHANGES(&world, "changed door");
    store_one(&world, world_signal(&world, NULL, "gate", "system", "camera_offline", "high", world_start_ms));
    ASSERT_CHANGES(&world, "opened gate");
    store_one(&world, world_signal(&world, NULL, "gate", "system", "camera_recovered", "info", world_start_ms + 9));
    ASSERT_CHANGES(&world, "ended gate");
    world_clear(&world);
}

static void change_only(struct store_world *world, const char *action,
                        bool (*edit)(void *data, void *record, GError **error), const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *id = id_of_only(world);
    const struct store_row_change change = {.id = id, .action = action, .edit = edit, .data = (void *)(uintptr_t)text};
    store_row_free(&store_incidents, store_row_change(world->store, &store_incidents, &change, &by, &error));
    g_assert_no_error(error);
}

static void test_what_people_do_is_left_to_be_told(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    ASSERT_CHANGES(&world, "opened door");
    change_only(&world, "note", add_note, "on my way");
    ASSERT_CHANGES(&world, "changed door");
    change_only(&world, "dismiss", dismiss, NULL);
    ASSERT_CHANGES(&world, "closed door");
    store_one(&world, intrusion(&world, "s-2", "door", 10)); /* dismissed: it goes on in silence */
    ASSERT_CHANGES(&world, "");
    world_clear(&world);
}

/* In front of the others, and as many as are read at once. */
static void test_a_change_that_cannot_be_read_hides_no_other(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    int skipped = 0;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, intrusion(&world, "s-1", "door", 0));
    store_one(&world, intrusion(&world, "s-2", "gate", 0));
    struct store_transaction *transaction = store_begin(world.store, STORE_WRITE, "default", &error);
    store_run(transaction,
              "UPDATE incident_changes SET step = 'gone' WHERE id = (SELECT min(id) FROM incident_changes)",
              STORE_NO_VALUES, NULL, &error);
    store_commit(transaction, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) none = store_incident_changes_list(world.store, "default", &skipped, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
    g_assert_cmpint(skipped, ==, 1);
    g_autoptr(GPtrArray) rest = store_incident_changes_list(world.store, "default", &skipped, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rest->len, ==, 1);
    g_assert_cmpint(skipped, ==, 1);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/incidents/people_change_them", test_people_change_them);
    g_test_add_func("/incidents/a_change_that_cannot_be_read_hides_no_other",
                    test_a_change_that_cannot_be_read_hides_no_other);
    g_test_add_func("/incidents/an_unreadable_one_holds_up_no_signal", test_an_unreadable_one_holds_up_no_signal);
    g_test_add_func("/incidents/the_audit_has_only_the_new_note", test_the_audit_has_only_the_new_note);
    g_test_add_func("/incidents/a_dismissed_one_is_silent", test_a_dismissed_one_is_silent);
    g_test_add_func("/incidents/what_becomes_of_them_is_left_to_be_told", test_what_becomes_of_them_is_left_to_be_told);
    g_test_add_func("/incidents/what_people_do_is_left_to_be_told", test_what_people_do_is_left_to_be_told);
    return g_test_run();
}
