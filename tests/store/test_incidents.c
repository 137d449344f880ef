/* What follows from signals: incidents and violations, in the transaction that stores them. VEDETTE_TEST_STORE says
 * which engine. */
#include "incidents_world.h"

static void test_signals_add_up(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    GPtrArray *batch = world_batch_new();
    g_ptr_array_add(batch, intrusion(&world, "s-1", "door", 0));
    g_ptr_array_add(batch, intrusion(&world, "s-2", "gate", 1));
    g_ptr_array_add(batch, world_zone_hit(&world, "hall", "enter", world_start_ms));
    g_ptr_array_add(batch, intrusion(&world, "s-3", "door", 50));
    world_store(&world, batch);
    ASSERT_INCIDENTS(&world, "door 2 open, gate 1 open");
    store_one(&world, intrusion(&world, "s-4", "door", 110)); /* of another batch */
    ASSERT_INCIDENTS(&world, "door 3 open, gate 1 open");
    store_one(&world, intrusion(&world, "s-5", "door", 171)); /* too late */
    ASSERT_INCIDENTS(&world, "door 1 open, door 3 open, gate 1 open");
    store_one(&world, world_signal(&world, NULL, "yard", "safety", "loitering", "info", world_start_ms));
    ASSERT_INCIDENTS(&world, "door 1 open, door 3 open, gate 1 open");
    world_clear(&world);
}

/* What is stored anew, alone or among others, counts once, in whichever batches it comes. */
static void test_stored_anew_is_the_same(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    for (int round = 0; round < 3; round++) {
        GPtrArray *batch = world_batch_new();
        for (int i = 0; i <= round; i++) {
            g_autofree char *id = g_strdup_printf("s-%d", i);
            g_ptr_array_add(batch, intrusion(&world, id, "door", i));
        }
        world_store(&world, batch);
    }
    ASSERT_INCIDENTS(&world, "door 3 open");
    world_clear(&world);
}

static int64_t standing_since_ms(struct store_world *world, const char *camera_id)
{
    g_autoptr(GError) error = NULL;
    int64_t since_ms = -1;
    store_incident_standing(world->store, "default", camera_id, "camera_offline", &since_ms, &error);
    g_assert_no_error(error);
    return since_ms;
}

static void test_what_recovers_is_over(void)
{
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    store_one(&world, world_signal(&world, NULL, "door", "system", "camera_offline", "high", world_start_ms));
    ASSERT_INCIDENTS(&world, "door 1 open");
    g_assert_cmpint(standing_since_ms(&world, "door"), ==, world_start_ms);
    g_assert_cmpint(standing_since_ms(&world, "gate"), ==, 0);
    store_one(&world,
              world_signal(&world, NULL, "door", "system", "camera_recovered", "info", world_start_ms + 3600000));
    g_assert_cmpint(standing_since_ms(&world, "door"), ==, 0);
    ASSERT_INCIDENTS(&world, "door 1 open over");
    GPtrArray *batch = world_batch_new(); /* both at once */
    g_ptr_array_add(batch, world_signal(&world, NULL, "gate", "system", "camera_offline", "high", world_start_ms + 1));
    g_ptr_array_add(batch,
                    world_signal(&world, NULL, "gate", "system", "camera_recovered", "info", world_start_ms + 5));
    world_store(&world, batch);
    ASSERT_INCIDENTS(&world, "gate 1 open over, door 1 open over");
    world_clear(&world);
}

/* Where a recovery was missed, the next ends what it would have ended. */
static void test_a_recovery_ends_all_that_stand(void)
{
    static const int seconds[] = {0, 1000, 2000};
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    for (size_t i = 0; i < G_N_ELEMENTS(seconds); i++)
        store_one(&world, world_signal(&world, NULL, "door", "system", "camera_offline", "high",
                                       world_start_ms + seconds[i] * INT64_C(1000)));
    GPtrArray *batch = world_batch_new(); /* the newest goes on in the batch that ends it */
    g_ptr_array_add(batch,
                    world_signal(&world, NULL, "door", "system", "camera_offline", "high", world_start_ms + 2030000));
    g_ptr_array_add(batch,
                    world_signal(&world, NULL, "door", "system", "camera_recovered", "info", world_start_ms + 2040000));
    world_store(&world, batch);
    ASSERT_INCIDENTS(&world, "door 2 open over, door 1 open over, door 1 open over");
    world_clear(&world);
}

static void resolve_all(struct store_world *world)
{
    const struct store_row_filter filter = {.org_id = "default", .limit = 100};
    GPtrArray *rows = store_rows_list(world->store, &store_incidents, &filter, NULL);
    for (guint i = 0; i < rows->len; i++) {
        g_autoptr(GError) error = NULL;
        const struct incident *incident = g_ptr_array_index(rows, i);
        const struct store_row_change change = {.id = incident->id, .action = "resolve", .edit = resolve};
        store_row_free(&store_incidents, store_row_change(world->store, &store_incidents, &change, &by, &error));
        g_assert_no_error(error);
    }
    store_rows_free(&store_incidents, rows);
}

/* However many there are, and nobody hears again of what people closed long ago. */
static void test_a_recovery_ends_however_many_stand(void)
{
    enum { STANDING = 40, RESOLVED = 20 };
    struct store_world world;
    world_init_fused(&world, SEVERITY_LOW);
    for (int i = 0; i < STANDING; i++) {
        store_one(&world, world_signal(&world, NULL, "door", "system", "camera_offline", "high",
                                       world_start_ms + i * INT64_C(1000000)));
        if (i == RESOLVED - 1)
            resolve_all(&world);
    }
    g_autofree char *before = changes_of(&world, "default", true);
    store_one(&world, world_signal(&world, NULL, "door", "system", "camera_recovered", "info",
                                   world_start_ms + STANDING * INT64_C(1000000)));
    g_autofree char *states = incidents(&world), *told = changes_of(&world, "default", true);
    gchar **each = g_strsplit(states, ", ", -1), **steps = g_strsplit(told, ", ", -1);
    g_assert_cmpuint(g_strv_length(each), ==, STANDING);
    g_assert_cmpuint(g_strv_length(steps), ==, STANDING - RESOLVED);
    for (int i = 0; i < STANDING; i++)
        g_assert_cmpstr(each[i], ==, i < STANDING - RESOLVED ? "door 1 open over" : "door 1 resolved over");
    for (int i = 0; i < STANDING - RESOLVED; i++)
        g_assert_cmpstr(steps[i], ==, "ended door");
    g_strfreev(each);
    g_strfreev(steps);
    world_clear(&world);
}

static struct analytics_event *at_site(struct analytics_event *event, const char *site)
{
    g_free(event->site_id);
    event->site_id = g_strdup(site);
    return event;
}

/* A late one joins the newest it belongs to, of its own site, whether that was touched in its batch or not. */
static void test_a_late_one_joins_the_same_in_any_batch(void)
{
    for (int is_one_batch = 0; is_one_batch < 2; is_one_batch++) {
        struct store_world world;
        world_init_fused(&world, SEVERITY_LOW);
        store_one(&world, at_site(intrusion(&world, "s-1", "door", 0), "lyon"));
        store_one(&world, at_site(intrusion(&world, "s-2", "door", 100), "lyon"));
        store_one(&world, at_site(intrusion(&world, "s-3", "door", 120), "nice"));
        struct analytics_event *early = at_site(intrusion(&world, "s-4", "door", -20), "lyon"),
                               *late = at_site(intrusion(&world, "s-5", "door", 50), "lyon");
        GPtrArray *batch = one_of(early);
        if (is_one_batch)
            g_ptr_array_add(batch, late);
        world_store(&world, batch);
        if (!is_one_batch)
            store_one(&world, late);
        ASSERT_INCIDENTS(&world, "door 1 open, door 2 open, door 2 open");
        world_clear(&world);
    }
}

/* The cameras of the pages, one incident a page; each page's goes on before the next is read. */
static char *read_while_they_go_on(struct store_world *world, bool is_by_id)
{
    GString *read = g_string_new(NULL);
    g_autofree char *cursor = NULL;
    for (guint count = 1, pages = 0; count && pages < 9; pages++, g_string_append(read, " ")) {
        const struct store_row_condition before = {"started_at", sql_time(world_start_ms + 2000), "<"};
        const struct store_row_filter filter = {.org_id = "default",
                                                .conditions = &before,
                                                .condition_count = 1,
                                                .before_id = cursor,
                                                .is_by_id = is_by_id,
                                                .limit = 1};
        GPtrArray *rows = store_rows_list(world->store, &store_incidents, &filter, NULL);
        count = rows->len;
        if (count) {
            const struct incident *incident = g_ptr_array_index(rows, 0);
            g_string_append(read, incident->camera_id);
            g_free(cursor);
            cursor = store_row_cursor(&store_incidents, incident);
            store_one(world,
                      intrusion(world, NULL, incident->camera_id, 30 + (int)pages)); /* in time it is the newest now */
        }
        store_rows_free(&store_incidents, rows);
    }
    return g_string_free(read, FALSE);
}

/* Who reads them page by page has each once, though a signal moves one from behind to the front meanwhile. */
static void test_pages_have_each_once(void)
{
    static const char *const cameras[] = {"door", "gate", "yard"};
    for (int is_by_id = 0; is_by_id < 2; is_by_id++) {
        struct store_world world;
        world_init_fused(&world, SEVERITY_LOW);
        for (size_t i = 0; i < G_N_ELEMENTS(cameras); i++)
            store_one(&world, intrusion(&world, NULL, cameras[i], (int)i));
        g_autofree char *read = read_while_they_go_on(&world, is_by_id);
        g_assert_cmpstr(read, ==, "gate door  "); /* the yard's began too late */
        world_clear(&world);
    }
}

/* ---- what became of them, for those who are notified ---- */

static void test_violations_come_of_signals(void)
{
    struct store_world world;
    g_autoptr(GError) error = NULL;
    world_init_fused(&world, SEVERITY_LOW);
    for (int round = 0; round < 2; round++)
        store_one(&world, world_signal(&world, "s-1", "door", "safety", "restricted_zone", "critical", world_start_ms));
    const struct store_row_condition camera = {"camera_id",
                                               {.type = RECORD_SQL_TEXT, .text = (char *)(uintptr_t) "door"}};
    const struct store_row_filter filter = {
        .org_id = "default", .conditions = &camera, .condition_count = 1, .limit = 10};
    GPtrArray *rows = store_rows_list(world.store, &store_violations, &filter, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 1);
    const struct violation *violation = g_ptr_array_index(rows, 0);
    g_assert_cmpint(violation->kind, ==, VIOLATION_RESTRICTED_ZONE);
    g_assert_cmpuint(violation->track_id, ==, 7);
    g_assert_cmpfloat(violation->box.w, ==, 0.3);
    store_rows_free(&store_violations, rows);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (world_is_missing())
        return 0;
    g_test_add_func("/incidents/signals_add_up", test_signals_add_up);
    g_test_add_func("/incidents/stored_anew_is_the_same", test_stored_anew_is_the_same);
    g_test_add_func("/incidents/what_recovers_is_over", test_what_recovers_is_over);
    g_test_add_func("/incidents/a_recovery_ends_all_that_stand", test_a_recovery_ends_all_that_stand);
    g_test_add_func("/incidents/a recovery ends however many stand", test_a_recovery_ends_however_many_stand);
    g_test_add_func("/incidents/a late one joins the same in any batch", test_a_late_one_joins_the_same_in_any_batch);
    g_test_add_func("/incidents/pages have each once", test_pages_have_each_once);
    g_test_add_func("/incidents/violations_come_of_signals", test_violations_come_of_signals);
    return g_test_run();
}
