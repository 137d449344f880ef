/* One camera of a backtest, without a store: its bounds, and that it ends when it is told. */
#include "keeper/backtest.h"

#include <string.h>

#include "facts/incident.h"

enum { ENOUGH = 1000 };
static const int64_t start_ms = INT64_C(1767225600000);
static const struct fusion_settings fusion = {60, 10, SEVERITY_LOW};
static const struct backtest_rules rules = {
    .subject = {.org_id = (char *)(uintptr_t) "default", .camera_id = (char *)(uintptr_t) "door"},
    .fusion = &fusion,
    .signals_max = ENOUGH,
    .from_ms = start_ms,
    .to_ms = start_ms + 3600000};

static bool note_signal_at(struct backtest_camera *camera, const char *started_at, GError **error)
{
    g_autofree char *payload =
        g_strdup_printf("{\"id\":\"s-1\",\"camera_id\":\"door\",\"service\":\"safety\",\"kind\":\"intrusion\","
                        "\"severity\":\"high\",\"confidence\":1,\"started_at\":\"%s\"}",
                        started_at);
    const struct analytics_event event = {.type = EVENT_SIGNAL, .payload = {.text = payload}};
    return backtest_camera_note_stored(camera, &event, error);
}

static bool note_signal(struct backtest_camera *camera, GError **error)
{
    return note_signal_at(camera, "2026-01-01T00:00:01Z", error);
}

static bool note_incident(struct backtest_camera *camera, GError **error)
{
    struct incident *incident = g_new0(struct incident, 1);
    record_init(&incident_descriptor, incident);
    incident->id = g_strdup("i-1");
    incident->camera_id = g_strdup("door");
    incident->service = SERVICE_SAFETY;
    incident->kind = g_strdup("intrusion");
    incident->started_at.ms = incident->last_signal_at.ms = start_ms;
    return backtest_camera_note_incident(camera, incident, error);
}

static void test_too_many_to_hold_are_refused(void)
{
    static bool (*const notes[])(struct backtest_camera * camera, GError * *error) = {note_signal, note_incident};
    static const char *const names[] = {"signals", "incidents"};
    for (size_t i = 0; i < G_N_ELEMENTS(notes); i++) {
        g_autoptr(GError) error = NULL;
        CLEANUP(backtest_camera) struct backtest_camera *camera = backtest_camera_new(&rules);
        for (int count = 0; count < ENOUGH; count++)
            g_assert_true(notes[i](camera, &error));
        g_assert_false(notes[i](camera, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL);
        g_assert_nonnull(strstr(error->message, "door"));
        g_assert_nonnull(strstr(error->message, names[i]));
        g_assert_nonnull(strstr(error->message, "policies.backtest_signals"));
    }
}

/* As many as may be held are; what does not count needs no room. */
static void test_what_does_not_count_takes_no_room(void)
{
    g_autoptr(GError) error = NULL;
    CLEANUP(backtest_camera) struct backtest_camera *camera = backtest_camera_new(&rules);
    for (int count = 0; count < ENOUGH; count++)
        g_assert_true(note_signal(camera, &error));
    note_signal_at(camera, "2026-01-01T02:00:00Z", &error); /* after the time asked for */
    g_assert_no_error(error);
    g_assert_false(note_signal(camera, &error));
}

struct countdown {
    int asked, most;
};

static bool is_over(void *data, GError **error)
{
    struct countdown *countdown = data;
    if (countdown->asked++ < countdown->most)
        return false;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED, "enough");
    return true;
}

/* Whenever it is told, until it has asked for the last time: then nothing of the camera counts. */
static void test_it_ends_when_it_is_told(void)
{
    for (int most = 0;; most++) {
        struct countdown countdown = {0, most};
        const struct backtest_watch watch = {is_over, &countdown};
        struct backtest backtest;
        g_autoptr(GError) error = NULL;
        CLEANUP(backtest_camera) struct backtest_camera *camera = backtest_camera_new(&rules);
        record_init(&backtest_descriptor, &backtest);
        for (int i = 0; i < 5; i++)
            g_assert_true(note_signal(camera, &error) && note_incident(camera, &error));
        bool is_good = backtest_camera_conclude(camera, &watch, 10, &backtest, &error);
        g_assert_cmpint(backtest.stored, ==, is_good ? 5 : 0);
        g_assert_cmpint(backtest.stored_incidents, ==, is_good ? 5 : 0);
        record_clear(&backtest_descriptor, &backtest);
        if (is_good) {
            g_assert_cmpint(most, ==, 10); /* for each signal and each incident */
            return;
        }
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CANCELLED);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/backtest_camera/too many to hold are refused", test_too_many_to_hold_are_refused);
    g_test_add_func("/backtest_camera/what does not count takes no room", test_what_does_not_count_takes_no_room);
    g_test_add_func("/backtest_camera/it ends when it is told", test_it_ends_when_it_is_told);
    return g_test_run();
}
