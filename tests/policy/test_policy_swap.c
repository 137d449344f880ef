/* Cases H2 and H3: readers see one version or the next, never a mix, and each version goes once its last reader has.
 * The suite runs under ThreadSanitizer and AddressSanitizer. */
#include "policy/policy.h"

#include <malloc.h>
#include <pthread.h>

enum { READERS = 32, SWAPS = 10000, SWAPS_A_READ = 8, CAMERAS = 3 };

static const struct policy_scope cameras[CAMERAS] = {
    {.org_id = "o", .camera_id = "a"}, {.org_id = "o", .camera_id = "b"}, {.org_id = "o", .camera_id = "c"}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t swapped = PTHREAD_COND_INITIALIZER;
static struct policy_view *current; /* under lock, as the next two */
static int swaps;
static bool is_over;

/* Version n says n in two keys of two types. */
static struct policy_view *make_version(int n)
{
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *safety = g_strdup_printf("{\"loitering_seconds\":%d,\"cooldown_seconds\":%d}", n, n);
    g_autofree char *occupancy = g_strdup_printf("{\"dwell_seconds\":%d}", n);
    policy_set_add(set, &(struct policy_document){{NULL}, POLICY_SAFETY, safety, n + 1}, &error);
    policy_set_add(set, &(struct policy_document){{.org_id = "o"}, POLICY_OCCUPANCY, occupancy, n + 1}, &error);
    struct policy_view *view = policy_view_new(set, cameras, CAMERAS, 0, &error);
    g_assert_no_error(error);
    return view;
}

/* Waits for a few swaps, or the writer would get a thirtieth of the machine; the swaps go on while the view is read. */
static struct policy_view *take(int *seen, bool *over)
{
    pthread_mutex_lock(&lock);
    while (!is_over && swaps < *seen + SWAPS_A_READ)
        pthread_cond_wait(&swapped, &lock);
    struct policy_view *view = policy_view_ref(current);
    *seen = swaps;
    *over = is_over;
    pthread_mutex_unlock(&lock);
    return view;
}

static void *read_on(void *data)
{
    long *reads = data;
    bool over = false;
    int seen = 0;
    for (double newest = 0; !over; ++*reads) {
        CLEANUP(policy_view) struct policy_view *view = take(&seen, &over);
        const struct policy_camera *camera = policy_view_find(view, "o", cameras[*reads % CAMERAS].camera_id);
        const struct safety_policy *safety = policy_camera_record(camera, POLICY_SAFETY);
        const struct occupancy_policy *occupancy = policy_camera_record(camera, POLICY_OCCUPANCY);
        double version = safety->loitering_seconds.value;
        g_assert_cmpfloat(safety->cooldown_seconds.value, ==, version);
        g_assert_cmpfloat(occupancy->dwell_seconds.value, ==, version);
        g_assert_cmpint(policy_view_revision(view), ==, (int64_t)version + 1);
        g_assert_cmpfloat(version, >=, newest);
        newest = version;
    }
    return NULL;
}

static void test_h02_readers_see_one_version_or_the_next(void)
{
    pthread_t threads[READERS];
    long reads[READERS] = {0}, total = 0;
    current = make_version(0);
    for (int i = 0; i < READERS; i++)
        g_assert_cmpint(pthread_create(&threads[i], NULL, read_on, &reads[i]), ==, 0);
    for (int n = 1; n <= SWAPS; n++) {
        struct policy_view *next = make_version(n), *previous;
        pthread_mutex_lock(&lock);
        previous = current;
        current = next;
        is_over = n == SWAPS;
        if (++swaps % SWAPS_A_READ == 0 || is_over)
            pthread_cond_broadcast(&swapped);
        pthread_mutex_unlock(&lock);
        policy_view_unref(previous); /* freed here or by its last reader */
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        total += reads[i];
    }
    g_assert_cmpint(total, >=, READERS);
    policy_view_unref(current);
}

/* In use now, so that what is freed too late or never shows; the sanitizers, whose memory is none of malloc's, tell of
 * themselves, and both tell of what is freed twice. */
static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static double version_of(struct policy_view *view)
{
    const struct safety_policy *safety = policy_camera_record(policy_view_find(view, "o", "a"), POLICY_SAFETY);
    return safety->loitering_seconds.value;
}

static void test_h03_a_version_goes_with_its_last_reader(void)
{
    enum { VERSIONS = 200, KEPT = 8, SLACK_BYTES = 64 << 10 };
    struct policy_view *kept[KEPT] = {NULL};
    policy_view_unref(make_version(0)); /* whatever is made once */
    size_t before = heap_bytes();
    for (int n = 0; n < VERSIONS; n++) { /* each is let go by its owner long before its last reader is done */
        struct policy_view *view = make_version(n), **place = &kept[n % KEPT];
        if (*place)
            g_assert_cmpfloat(version_of(*place), ==, n - KEPT);
        policy_view_unref(*place);
        *place = policy_view_ref(view);
        policy_view_unref(view);
    }
    for (int i = 0; i < KEPT; i++) {
        g_assert_cmpfloat(version_of(kept[i]), ==, VERSIONS - KEPT + i);
        policy_view_unref(kept[i]);
    }
    g_assert_cmpuint(heap_bytes(), <=, before + SLACK_BYTES);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/h02_readers_see_one_version_or_the_next", test_h02_readers_see_one_version_or_the_next);
    g_test_add_func("/policy/h03_a_version_goes_with_its_last_reader", test_h03_a_version_goes_with_its_last_reader);
    return g_test_run();
}
