/* Case H2 and H3: readers see one version or the next, never a mix, and each version goes once its last reader has. The
 * suite runs under ThreadSanitizer and AddressSanitizer. */
#include "policy/policy.h"

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
        policy_view_unref(previous); /* H3: freed here or by its last reader; the sanitizers tell if twice or never */
    }
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        total += reads[i];
    }
    g_assert_cmpint(total, >=, READERS);
    policy_view_unref(current);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/h02_readers_see_one_version_or_the_next", test_h02_readers_see_one_version_or_the_next);
    return g_test_run();
}
