/* Which signals are one incident. */
#include "fusion/fusion.h"

#include "base/id.h"

static const struct fusion_settings settings = {60, 3, SEVERITY_LOW};
static const int64_t start_ms = INT64_C(1767225600000);

/* Borrows. */
static struct signal signal_at(const char *id, const char *kind, int seconds)
{
    return (struct signal){.id = (char *)(uintptr_t)id,
                           .org_id = (char *)(uintptr_t) "a",
                           .site_id = (char *)(uintptr_t) "lyon",
                           .camera_id = (char *)(uintptr_t) "door",
                           .service = SERVICE_SAFETY,
                           .kind = (char *)(uintptr_t)kind,
                           .severity = SEVERITY_MEDIUM,
                           .started_at = {start_ms + seconds * INT64_C(1000)}};
}

static struct incident incident_of(const struct signal *signal)
{
    struct incident incident;
    fusion_open(signal, &incident);
    fusion_join(&settings, &incident, signal);
    return incident;
}

static void test_what_belongs_together(void)
{
    static const struct {
        const char *kind, *camera, *site;
        int seconds;
        enum incident_status status;
        bool belongs;
    } cases[] = {
        {"intrusion", "door", "lyon", 60, INCIDENT_OPEN, true},
        {"intrusion", "door", "lyon", 61, INCIDENT_OPEN, false},
        {"intrusion", "door", "lyon", -60, INCIDENT_OPEN, true},
        {"intrusion", "door", "lyon", -61, INCIDENT_OPEN, false},
        {"loitering", "door", "lyon", 1, INCIDENT_OPEN, false},
        {"intrusion", "gate", "lyon", 1, INCIDENT_OPEN, false},
        {"intrusion", "door", "nice", 1, INCIDENT_OPEN, false},
        {"intrusion", "door", "lyon", 1, INCIDENT_ACKNOWLEDGED, true},
        {"intrusion", "door", "lyon", 1, INCIDENT_RESOLVED, false},
        {"intrusion", "door", "lyon", 1, INCIDENT_DISMISSED, true},
    };
    struct signal first = signal_at("s-1", "intrusion", 0);
    struct incident incident = incident_of(&first);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct signal signal = signal_at("s-2", cases[i].kind, cases[i].seconds);
        signal.camera_id = (char *)(uintptr_t)cases[i].camera;
        signal.site_id = (char *)(uintptr_t)cases[i].site;
        incident.status = cases[i].status;
        g_test_message("case %zu", i);
        g_assert_cmpint(fusion_belongs(&settings, &incident, &signal), ==, cases[i].belongs);
    }
    record_clear(&incident_descriptor, &incident);
}

/* One after another each is near the one before, so that an incident may last for hours. */
static void test_joining_widens_and_keeps_bounds(void)
{
    struct signal first = signal_at("s-0", "intrusion", 0);
    struct incident incident = incident_of(&first);
    for (int i = 1; i <= 5; i++) {
        g_autofree char *id = g_strdup_printf("s-%d", i);
        struct signal next = signal_at(id, "intrusion", i * 50);
        next.severity = i == 3 ? SEVERITY_CRITICAL : SEVERITY_INFO;
        next.snapshot_id = id;
        g_assert_true(fusion_belongs(&settings, &incident, &next));
        fusion_join(&settings, &incident, &next);
    }
    g_assert_cmpint(incident.signal_count, ==, 6);
    g_assert_cmpuint(incident.signal_ids.count, ==, 3);
    g_assert_cmpuint(incident.evidence.count, ==, 3);
    g_assert_cmpint(incident.severity, ==, SEVERITY_CRITICAL);
    g_assert_cmpint(incident.last_signal_at.ms - incident.started_at.ms, ==, 250000);
    struct record_errors errors;
    record_errors_init(&errors);
    g_assert_true(record_validate(&incident_descriptor, &incident, "", &errors));
    record_errors_clear(&errors);
    record_clear(&incident_descriptor, &incident);
}

/* The same signal is the same incident on any server and in any year; another camera's of the same id is another. */
static void test_ids_are_made_from_the_signal(void)
{
    struct signal signal = signal_at("s-1", "intrusion", 0), elsewhere = signal;
    elsewhere.camera_id = (char *)(uintptr_t) "gate";
    struct incident one = incident_of(&signal), again = incident_of(&signal), other = incident_of(&elsewhere);
    g_assert_cmpstr(one.id, ==, again.id);
    g_assert_cmpstr(one.id, !=, other.id);
    g_assert_true(id_is_valid(one.id));
    g_assert_cmpint(strncmp(one.id, "019b76da-a800-7", 15), ==, 0); /* its time, and version 7 */
    g_assert_cmpstr(one.title, ==, "Intrusion: camera door");
    record_clear(&incident_descriptor, &one);
    record_clear(&incident_descriptor, &again);
    record_clear(&incident_descriptor, &other);
}

static void test_what_opens_and_what_ends(void)
{
    struct signal signal = signal_at("s-1", "camera_recovered", 0);
    const struct fusion_settings off = {0, 3, SEVERITY_INFO};
    g_assert_true(fusion_opens(&settings, &signal));
    g_assert_false(fusion_opens(&off, &signal));
    g_assert_null(fusion_ends(&signal)); /* a rule's signal that is named so ends nothing */
    signal.service = SERVICE_SYSTEM;
    g_assert_cmpstr(fusion_ends(&signal), ==, "camera_offline");
    signal.severity = SEVERITY_INFO;
    g_assert_false(fusion_opens(&settings, &signal));
    signal.kind = (char *)(uintptr_t) "camera_offline";
    g_assert_null(fusion_ends(&signal));
}

static void test_violations(void)
{
    struct violation violation;
    struct signal signal = signal_at("s-1", "restricted_zone", 0);
    uint64_t track = 7;
    signal.track_ids = (struct record_ids){&track, 1};
    g_assert_true(fusion_violation(&signal, &violation));
    g_assert_cmpint(violation.kind, ==, VIOLATION_RESTRICTED_ZONE);
    g_assert_cmpuint(violation.track_id, ==, 7);
    g_assert_cmpstr(violation.signal_id, ==, "s-1");
    record_clear(&violation_descriptor, &violation);
    signal.kind = (char *)(uintptr_t) "intrusion";
    g_assert_false(fusion_violation(&signal, &violation));
    signal.kind = (char *)(uintptr_t) "restricted_zone";
    signal.service = SERVICE_SYSTEM;
    g_assert_false(fusion_violation(&signal, &violation));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fusion/what_belongs_together", test_what_belongs_together);
    g_test_add_func("/fusion/joining_widens_and_keeps_bounds", test_joining_widens_and_keeps_bounds);
    g_test_add_func("/fusion/ids_are_made_from_the_signal", test_ids_are_made_from_the_signal);
    g_test_add_func("/fusion/what_opens_and_what_ends", test_what_opens_and_what_ends);
    g_test_add_func("/fusion/violations", test_violations);
    return g_test_run();
}
