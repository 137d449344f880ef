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

/* An end that lies a century off holds nothing open for so long. */
static void test_a_far_end_counts_for_a_day(void)
{
    const int64_t day_ms = INT64_C(86400000);
    struct signal first = signal_at("s-1", "intrusion", 0), long_one = signal_at("s-2", "intrusion", 1);
    struct incident incident = incident_of(&first);
    long_one.ended_at.ms = long_one.started_at.ms + 36500 * day_ms;
    fusion_join(&settings, &incident, &long_one);
    g_assert_cmpint(incident.last_signal_at.ms, ==, long_one.started_at.ms + day_ms);
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

/* ---- one after the other ---- */

/* A store of incidents as plain as can be: what was touched is put in it after each batch. */
static struct incident *copy_of(const struct incident *incident)
{
    struct incident *copy = g_new0(struct incident, 1);
    record_copy(&incident_descriptor, incident, copy);
    return copy;
}

static bool find_last_ms(void *data, const struct signal *signal, int64_t *last_ms, GError **error)
{
    (void)error;
    const GPtrArray *kept = data;
    for (guint i = 0; i < kept->len; i++) {
        const struct incident *each = g_ptr_array_index(kept, i);
        if (each->service == signal->service && strcmp(each->kind, signal->kind) == 0 &&
            strcmp(each->camera_id, signal->camera_id) == 0)
            *last_ms = MAX(*last_ms, each->last_signal_at.ms);
    }
    return true;
}

static bool find_joined(void *data, const struct signal *signal, struct incident **found, GError **error)
{
    (void)error;
    const struct incident *newest = NULL;
    const GPtrArray *kept = data;
    for (guint i = 0; i < kept->len; i++) {
        const struct incident *each = g_ptr_array_index(kept, i);
        int64_t later_ms = newest ? each->last_signal_at.ms - newest->last_signal_at.ms : 1;
        if (fusion_belongs(&settings, each, signal) &&
            (later_ms > 0 || (later_ms == 0 && strcmp(each->id, newest->id) > 0)))
            newest = each;
    }
    *found = newest ? copy_of(newest) : NULL;
    return true;
}

static bool find_standing(void *data, const struct signal *signal, const char *kind, GPtrArray *found, GError **error)
{
    (void)error;
    const GPtrArray *kept = data;
    for (guint i = 0; i < kept->len; i++) {
        const struct incident *each = g_ptr_array_index(kept, i);
        if (each->service == signal->service && strcmp(each->kind, kind) == 0 && !each->ended_at.ms &&
            strcmp(each->camera_id, signal->camera_id) == 0 && each->started_at.ms <= signal->started_at.ms)
            g_ptr_array_add(found, copy_of(each));
    }
    return true;
}

static void keep_all(GPtrArray *kept, struct fusion *fusion)
{
    GPtrArray *touched = fusion_incidents(fusion);
    while (touched->len) {
        struct incident *incident = g_ptr_array_steal_index(touched, 0);
        for (guint i = kept->len; i-- > 0;)
            if (strcmp(((const struct incident *)g_ptr_array_index(kept, i))->id, incident->id) == 0)
                g_ptr_array_remove_index(kept, i);
        g_ptr_array_add(kept, incident);
    }
}

static int by_id(gconstpointer a, gconstpointer b)
{
    const struct incident *const *left = a, *const *right = b;
    return strcmp((*left)->id, (*right)->id);
}

/* All of it as text, in an order of its own. g_free. */
static char *text_of(GPtrArray *incidents)
{
    GString *text = g_string_new(NULL);
    g_ptr_array_sort(incidents, by_id);
    for (guint i = 0; i < incidents->len; i++)
        record_encode_json(&incident_descriptor, g_ptr_array_index(incidents, i), false, text);
    return g_string_free(text, FALSE);
}

enum { RANDOM_SIGNALS = 200 };

/* Of two cameras, at one site or, where they are moved about, at two; some end what others began. They come in the
 * order of their time, but for those that come late, by up to `late_seconds`, and go on for a while, where there are
 * such. Borrows `ids`. */
static void make_random_signals(struct signal *signals, char **ids, int late_seconds)
{
    static const char *const sites[] = {"lyon", "nice"};
    static const char *const kinds[] = {"intrusion", "loitering", "camera_offline", "camera_recovered"};
    static const char *const cameras[] = {"door", "gate"};
    int seconds = 0;
    for (int i = 0; i < RANDOM_SIGNALS; i++) {
        int kind = g_test_rand_int_range(0, 4);
        seconds += g_test_rand_int_range(0, 50);
        signals[i] = signal_at(ids[i], kinds[kind], seconds - g_test_rand_int_range(0, late_seconds + 1));
        if (late_seconds && g_test_rand_int_range(0, 4) == 0)
            signals[i].ended_at.ms = signals[i].started_at.ms + g_test_rand_int_range(0, 90) * INT64_C(1000);
        signals[i].site_id = (char *)(uintptr_t)sites[late_seconds ? g_test_rand_int_range(0, 2) : 0];
        signals[i].camera_id = (char *)(uintptr_t)cameras[g_test_rand_int_range(0, 2)];
        signals[i].service = kind < 2 ? SERVICE_SAFETY : SERVICE_SYSTEM;
        signals[i].severity = (enum severity)g_test_rand_int_range(SEVERITY_INFO, SEVERITY_CRITICAL + 1);
    }
}

/* The ids of those that the signal touches, in an order of their own. g_free. */
static char *take(struct fusion *fusion, const struct signal *signal)
{
    g_autoptr(GPtrArray) touched = g_ptr_array_new();
    GString *ids = g_string_new(NULL);
    g_assert_true(fusion_take(fusion, signal, touched, NULL));
    g_ptr_array_sort(touched, by_id);
    for (guint i = 0; i < touched->len; i++)
        g_string_append_printf(ids, "%s ", ((const struct incident *)g_ptr_array_index(touched, i))->id);
    return g_string_free(ids, FALSE);
}

/* Random batches of the signals, each with what those before it left; what they leave is in `kept`. Each touches what
 * it does when all come at once. */
static void take_in_batches(const struct signal *signals, struct fusion *at_once, GPtrArray *kept)
{
    const struct fusion_elsewhere elsewhere = {find_last_ms, find_joined, find_standing, kept};
    for (int from = 0, to; from < RANDOM_SIGNALS; from = to) {
        CLEANUP(fusion) struct fusion *batch = fusion_new(&settings, &elsewhere);
        int size = g_test_rand_int_range(1, 20);
        to = MIN(from + size, RANDOM_SIGNALS);
        for (int i = from; i < to; i++) {
            g_autofree char *in_batch = take(batch, &signals[i]), *in_all = take(at_once, &signals[i]);
            g_assert_cmpstr(in_batch, ==, in_all);
        }
        keep_all(kept, batch);
    }
}

/* In whichever batches signals come, the incidents are those of all at once. */
static void test_batches_make_no_difference(void)
{
    struct signal signals[RANDOM_SIGNALS];
    char *ids[RANDOM_SIGNALS];
    for (int i = 0; i < RANDOM_SIGNALS; i++)
        ids[i] = g_strdup_printf("s-%d", i);
    static const int late_seconds[] = {0, 30, 120, 1000};
    for (size_t round = 0; round < 200; round++) {
        g_autoptr(GPtrArray) kept = g_ptr_array_new_with_free_func(incident_free);
        CLEANUP(fusion) struct fusion *at_once = fusion_new(&settings, NULL);
        make_random_signals(signals, ids, late_seconds[round % G_N_ELEMENTS(late_seconds)]);
        take_in_batches(signals, at_once, kept);
        g_autofree char *apart = text_of(kept), *together = text_of(fusion_incidents(at_once));
        g_assert_cmpstr(apart, ==, together);
    }
    for (int i = 0; i < RANDOM_SIGNALS; i++)
        g_free(ids[i]);
}

/* A late signal joins the newest it belongs to, as it would from the store. */
static void test_a_late_one_joins_the_newest(void)
{
    struct signal first = signal_at("s-1", "intrusion", 0), second = signal_at("s-2", "intrusion", 115),
                  late = signal_at("s-3", "intrusion", 58);
    CLEANUP(fusion) struct fusion *fusion = fusion_new(&settings, NULL);
    g_autofree char *of_first = take(fusion, &first), *of_second = take(fusion, &second),
                    *of_late = take(fusion, &late);
    g_assert_cmpstr(of_late, ==, of_second);
    g_assert_cmpstr(of_late, !=, of_first);
    const GPtrArray *incidents = fusion_incidents(fusion);
    const struct incident *older = g_ptr_array_index(incidents, 0), *newer = g_ptr_array_index(incidents, 1);
    g_assert_cmpint(newer->started_at.ms, ==, late.started_at.ms);
    fusion_close_before(fusion, newer); /* people resolved the first */
    g_assert_cmpint(older->status, ==, INCIDENT_RESOLVED);
    g_assert_cmpint(newer->status, ==, INCIDENT_OPEN);
    g_autofree char *again = take(fusion, &first);
    g_assert_cmpstr(again, ==, of_second);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fusion/what_belongs_together", test_what_belongs_together);
    g_test_add_func("/fusion/joining_widens_and_keeps_bounds", test_joining_widens_and_keeps_bounds);
    g_test_add_func("/fusion/a far end counts for a day", test_a_far_end_counts_for_a_day);
    g_test_add_func("/fusion/ids_are_made_from_the_signal", test_ids_are_made_from_the_signal);
    g_test_add_func("/fusion/what_opens_and_what_ends", test_what_opens_and_what_ends);
    g_test_add_func("/fusion/batches make no difference", test_batches_make_no_difference);
    g_test_add_func("/fusion/a late one joins the newest", test_a_late_one_joins_the_newest);
    g_test_add_func("/fusion/violations", test_violations);
    return g_test_run();
}
