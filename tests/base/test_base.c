#include "base/clock.h"
#include "base/counter.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/error_groups.h"
#include "base/fault.h"
#include "base/id.h"
#include "base/log.h"
#include "base/random.h"
#include "base/redact.h"
#include "base/sort.h"
#include "base/thread.h"

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static void test_ids_are_unique_and_sort_by_time(void)
{
    struct clock *clock = clock_fake_new(1700000000000);
    char earlier[ID_TEXT_BYTES], later[ID_TEXT_BYTES], same[ID_TEXT_BYTES];
    id_write(clock, earlier);
    id_write(clock, same);
    clock_fake_advance_us(clock, 2000);
    id_write(clock, later);
    g_assert_true(id_is_valid(earlier));
    g_assert_cmpint(earlier[14], ==, '7');
    g_assert_cmpstr(earlier, !=, same);
    g_assert_cmpstr(earlier, <, later);
    clock_fake_free(clock);
}

static void test_ids_that_are_none(void)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "018bcfe5-6800-7000-8000-00000000000",
                                      "018bcfe5-6800-7000-8000-0000000000000",
                                      "018BCFE5-6800-7000-8000-000000000000",
                                      "018bcfe5_6800-7000-8000-000000000000"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(id_is_valid(bad[i]));
    g_assert_false(id_is_valid(NULL));
}

static void test_the_fake_clock_moves_only_when_told(void)
{
    struct clock *clock = clock_fake_new(1000);
    for (int i = 0; i < 10; i++)
        clock_fake_advance_us(clock, 100);
    g_assert_cmpint(clock_wall_ms(clock), ==, 1001);
    clock_fake_step_wall_ms(clock, -500);
    g_assert_cmpint(clock_wall_ms(clock), ==, 501);
    g_assert_cmpint(clock_monotonic_us(clock), ==, 1000);
    clock_fake_free(clock);
}

static void test_randomness_repeats_with_its_seed(void)
{
    struct random a, b;
    double sum = 0, squares = 0;
    enum { DRAWS = 20000 };
    random_init(&a, 42);
    random_init(&b, 42);
    for (int i = 0; i < DRAWS; i++) {
        double value = random_normal(&a);
        g_assert_cmpfloat(value, ==, random_normal(&b));
        sum += value;
        squares += value * value;
        int64_t whole = random_range(&a, -3, 3);
        g_assert_cmpint(whole, ==, random_range(&b, -3, 3));
        g_assert_cmpint(whole, >=, -3);
        g_assert_cmpint(whole, <=, 3);
    }
    g_assert_cmpfloat(fabs(sum / DRAWS), <, 0.05);
    g_assert_cmpfloat(fabs(squares / DRAWS - 1), <, 0.05);
}

/* Runs a log call with standard error in a pipe; g_free the answer. */
static char *logged(const char *levels, enum log_format format, enum log_level level, const char *text)
{
    int ends[2], kept = dup(STDERR_FILENO);
    char buffer[1024] = "";
    g_assert_cmpint(pipe(ends), ==, 0);
    g_assert_true(log_configure(levels, format, LOG_TARGET_STDERR, NULL));
    dup2(ends[1], STDERR_FILENO);
    log_write(level, "media", "till-2", "%s", text);
    dup2(kept, STDERR_FILENO);
    close(ends[1]);
    close(kept);
    ssize_t got = read(ends[0], buffer, sizeof buffer - 1);
    close(ends[0]);
    return g_strndup(buffer, got > 0 ? (gsize)got : 0);
}

static void test_a_log_line_cannot_be_forged(void)
{
    g_autofree char *line = logged("info", LOG_LOGFMT, LOG_LEVEL_INFO, "one\nts=fake level=error \x1b[31m \"quoted\"");
    g_assert_nonnull(strstr(line, "level=info module=media subject=till-2 msg=\"one\\nts=fake"));
    g_assert_null(strchr(line, '\x1b'));
    g_assert_cmpint(strcspn(line, "\n"), ==, (int)strlen(line) - 1);
}

static void test_levels_are_by_module(void)
{
    g_autofree char *silent = logged("error", LOG_LOGFMT, LOG_LEVEL_INFO, "x");
    g_autofree char *spoken = logged("error,media=debug", LOG_JSON, LOG_LEVEL_DEBUG, "x");
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(silent, ==, "");
    g_assert_nonnull(strstr(spoken, "\"level\":\"debug\",\"module\":\"media\""));
    g_assert_false(log_configure("loud", LOG_LOGFMT, LOG_TARGET_STDERR, &error));
    g_assert_nonnull(strstr(error->message, "'loud' is unknown; allowed are"));
}

static void *count_up(void *counter)
{
    for (int i = 0; i < 10000; i++)
        counter_add(counter, 1);
    return NULL;
}

static void test_counters_lose_nothing(void)
{
    pthread_t threads[4];
    int64_t counter = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count_up, &counter);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpint(counter_get(&counter), ==, 40000);
}

static void test_fault_points_fire_when_planned(void)
{
#ifdef VEDETTE_FAULTS_ENABLED
    fault_plan("a=2,b=1+");
    g_assert_false(fault_hit("a"));
    g_assert_true(fault_hit("a"));
    g_assert_false(fault_hit("a"));
    g_assert_true(fault_hit("b"));
    g_assert_true(fault_hit("b"));
    fault_plan(NULL);
    g_assert_false(fault_hit("b"));
#else
    g_assert_false(fault_hit("a"));
#endif
}

struct sorted {
    int key, number;
    char rest[120];
};

static int compare_keys(const void *left, const void *right)
{
    return ((const struct sorted *)left)->key - ((const struct sorted *)right)->key;
}

static void test_sorting_in_place(void)
{
    enum { MOST = 300 };
    static struct sorted heap[MOST], insertion[MOST];
    struct random random;
    random_init(&random, 9);
    for (int count = 0; count < MOST; count += 1 + count / 8) {
        for (int i = 0; i < count; i++)
            heap[i] = insertion[i] = (struct sorted){(int)random_range(&random, 0, count / 2), i, {(char)i}};
        sort_heap(heap, (size_t)count, sizeof *heap, compare_keys);
        sort_insertion(insertion, (size_t)count, sizeof *insertion, compare_keys);
        bool is_seen[MOST] = {false};
        for (int i = 0; i < count; i++) {
            g_assert_cmpint(heap[i].key, ==, insertion[i].key);
            g_assert_false(is_seen[heap[i].number]);
            is_seen[heap[i].number] = true;
            g_assert_cmpint(heap[i].rest[0], ==, (char)heap[i].number);
            if (i)
                g_assert_true(
                    insertion[i - 1].key < insertion[i].key ||
                    (insertion[i - 1].key == insertion[i].key && insertion[i - 1].number < insertion[i].number));
        }
    }
}

static void test_s01_logins_are_redacted(void)
{
    static const char *const rows[][2] = {
        {"rtsp://u:canary@host/x", "rtsp://***@host/x"},
        {"rtsp://u:can@ary@host/x", "rtsp://***@host/x"},
        {"rtsp://u:can/ary@host/x", "rtsp://***@host/x"},
        {"u:canary@host/x", "***@host/x"},
        {"rtsp:/u:canary@host/x", "***@host/x"},
        {"rtsp://host/x", "rtsp://host/x"},
        {"rtsp://host:554/live?channel=1&user=me&Password=canary&subtype=0",
         "rtsp://host:554/live?channel=1&user=***&Password=***&subtype=0"},
        {"rtsp://host/user=admin_password=can_ary_channel=1.sdp", "rtsp://host/user=***"},
        {"rtsp://host/a=1/authToken=canary/b=2", "rtsp://host/a=1/authToken=***/b=2"},
        {"rtsp://u:canary@host/x?pwd=canary=", "rtsp://***@host/x?pwd=***"},
        {"rtsp://host/x?channel=1&subtype=0", "rtsp://host/x?channel=1&subtype=0"},
        {"/videos/a.mp4", "/videos/a.mp4"},
        {"/videos/me@home.mp4", "/videos/me@home.mp4"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *redacted = redact_address(rows[i][0]);
        g_assert_cmpstr(redacted, ==, rows[i][1]);
    }
    g_autofree char *empty = redact_address(NULL);
    g_assert_cmpstr(empty, ==, "");
}

/* Check values: RFC 3720, appendix B.4. */
static void test_crc32c_by_instruction_and_by_table(void)
{
    static const uint8_t zeros[32];
    g_assert_cmpuint(crc32c(0, "123456789", 9), ==, 0xe3069283);
    g_assert_cmpuint(crc32c(0, zeros, sizeof zeros), ==, 0x8a9136aa);
    uint8_t bytes[257];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)g_test_rand_int();
    for (size_t from = 0; from < 9; from++)
        for (size_t length = 0; from + length <= sizeof bytes; length++) {
            uint32_t seed = (uint32_t)g_test_rand_int();
            g_assert_cmpuint(crc32c(seed, bytes + from, length), ==, crc32c_scalar(seed, bytes + from, length));
        }
    g_assert_cmpuint(crc32c(crc32c(0, bytes, 100), bytes + 100, 157), ==, crc32c(0, bytes, 257));
}

static void test_log_levels_change_while_running(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(log_set_levels("warning,media=debug", &error));
    g_autofree char *levels = log_levels();
    g_assert_cmpstr(levels, ==, "warning,media=debug");
    g_assert_true(log_is_enabled(LOG_LEVEL_DEBUG, "media"));
    g_assert_false(log_is_enabled(LOG_LEVEL_INFO, "api"));
    g_assert_false(log_set_levels("api=loud", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    g_assert_true(log_is_enabled(LOG_LEVEL_DEBUG, "media"));
    g_assert_true(log_set_levels("info", NULL));
    g_assert_false(log_is_enabled(LOG_LEVEL_DEBUG, "media"));
}

static void test_errors_are_counted_by_their_words(void)
{
    error_groups_clear();
    error_groups_note("hub", "disk %s is full", "a", "disk a is full", 1000);
    error_groups_note("hub", "disk %s is full", NULL, "disk b is full", 3000);
    error_groups_note("api", "disk %s is full", "c", "disk c is full", 2000);
    g_autoptr(GArray) groups = error_groups_list(NULL);
    g_assert_cmpuint(groups->len, ==, 2);
    const struct error_group *first = &g_array_index(groups, struct error_group, 0);
    g_assert_cmpstr(first->module, ==, "hub");
    g_assert_cmpstr(first->sample, ==, "disk b is full");
    g_assert_cmpstr(first->subject, ==, "");
    g_assert_true(first->count == 2 && first->first_ms == 1000 && first->last_ms == 3000);
    error_groups_clear();
}

/* More kinds of errors than are kept: the quietest makes room. */
static void test_error_groups_are_bounded(void)
{
    static char words[ERROR_GROUPS_MAX + 1][16];
    error_groups_clear();
    for (int i = 0; i <= ERROR_GROUPS_MAX; i++) {
        g_snprintf(words[i], sizeof words[i], "words %d", i);
        error_groups_note("hub", words[i], NULL, words[i], 1000 + i);
    }
    int64_t dropped;
    g_autoptr(GArray) groups = error_groups_list(&dropped);
    g_assert_cmpuint(groups->len, ==, ERROR_GROUPS_MAX);
    g_assert_cmpint(dropped, ==, 1);
    g_assert_cmpint(g_array_index(groups, struct error_group, ERROR_GROUPS_MAX - 1).last_ms, ==, 1001);
    error_groups_clear();
}

/* A worker that tells of ever new kinds pushes out its like alone. */
static void test_errors_of_workers_leave_room_for_the_servers(void)
{
    error_groups_clear();
    error_groups_note("hub", "of the server", NULL, "of the server", 1);
    for (int i = 0; i < 2 * ERROR_GROUPS_MAX; i++) {
        struct error_group told = {.module = "worker", .count = 2, .first_ms = 1000 + i, .last_ms = 1000 + i};
        g_snprintf(told.words, sizeof told.words, "words %d", i);
        error_groups_add(&told);
        error_groups_add(&told);
    }
    g_autoptr(GArray) groups = error_groups_list(NULL);
    g_assert_cmpuint(groups->len, ==, ERROR_GROUPS_MAX / 2 + 1);
    g_assert_cmpint(g_array_index(groups, struct error_group, 0).count, ==, 4);
    g_assert_cmpstr(g_array_index(groups, struct error_group, groups->len - 1).words, ==, "of the server");
    error_groups_clear();
}

static void *read_own_name(void *name)
{
    prctl(PR_GET_NAME, name, 0, 0, 0);
    return name;
}

/* As in a worker's cage, where /proc is nobody's to write. */
static void test_a_thread_has_its_name(void)
{
    char name[16] = "";
    pthread_t thread;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    g_assert_cmpint(thread_start(&thread, "a name that is too long", read_own_name, name), ==, 0);
    pthread_join(thread, NULL);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    g_assert_cmpstr(name, ==, "a name that is ");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/ids are unique and sort by time", test_ids_are_unique_and_sort_by_time);
    g_test_add_func("/base/ids that are none", test_ids_that_are_none);
    g_test_add_func("/base/the fake clock moves only when told", test_the_fake_clock_moves_only_when_told);
    g_test_add_func("/base/randomness repeats with its seed", test_randomness_repeats_with_its_seed);
    g_test_add_func("/base/a log line cannot be forged", test_a_log_line_cannot_be_forged);
    g_test_add_func("/base/levels are by module", test_levels_are_by_module);
    g_test_add_func("/base/crc32c by instruction and by table", test_crc32c_by_instruction_and_by_table);
    g_test_add_func("/base/sorting in place", test_sorting_in_place);
    g_test_add_func("/base/s01 logins in addresses are redacted", test_s01_logins_are_redacted);
    g_test_add_func("/base/counters lose nothing", test_counters_lose_nothing);
    g_test_add_func("/base/fault points fire when planned", test_fault_points_fire_when_planned);
    g_test_add_func("/log/levels change while running", test_log_levels_change_while_running);
    g_test_add_func("/log/errors of workers leave room for the server's",
                    test_errors_of_workers_leave_room_for_the_servers);
    g_test_add_func("/log/errors are counted by their words", test_errors_are_counted_by_their_words);
    g_test_add_func("/thread/it has its name", test_a_thread_has_its_name);
    g_test_add_func("/log/error groups are bounded", test_error_groups_are_bounded);
    return g_test_run();
}
