/* The parts of the RTSP client that are pure functions: delays, times and logins. */
#include <string.h>

#include "media/media_internal.h"
#include "media/media_world.h"
#include "media/rtsp_internal.h"
#include "media/stream_internal.h"

/* C14: a thousand cameras that start together do not knock together; four are hardly kept waiting. */
static void test_c14_the_first_contact_has_jitter(void)
{
    enum { CAMERAS = 1000 };
    struct source_settings settings = media_world_settings();
    settings.start_spread_ms = 20;
    int in_second[20] = {0};
    for (int i = 0; i < CAMERAS; i++) {
        struct random random; /* each has its own, seeded by the kernel */
        random_init_system(&random);
        int64_t delay_ms = media_start_delay_ms(&random, CAMERAS, &settings);
        g_assert_cmpint(delay_ms, >=, 0);
        g_assert_cmpint(delay_ms, <=, 20000);
        in_second[MIN(delay_ms / 1000, 19)]++;
        g_assert_cmpint(media_start_delay_ms(&random, 4, &settings), <=, 80);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(in_second); i++) /* of a share of 50; 100 is seven standard deviations off */
        g_assert_cmpint(in_second[i], <, 100);
}

static void test_time_stamps_unwrap(void)
{
    struct rtp_clock clock;
    rtp_clock_init(&clock, 90000);
    g_assert_cmpint(rtp_clock_media_us(&clock, 0xffffff00), ==, 0);
    g_assert_cmpint(rtp_clock_media_us(&clock, 0xffffff00 + 90000), ==, 1000000); /* over the edge of 32 bits */
    g_assert_cmpint(rtp_clock_media_us(&clock, 0xffffff00 + 45000), ==, 500000);  /* and back: a B-frame */
    uint32_t stamp = 0xffffff00 + 45000;
    for (int i = 0; i < 100000; i++) /* for 27 hours and twice around */
        rtp_clock_media_us(&clock, stamp += 90000);
    g_assert_cmpint(rtp_clock_media_us(&clock, stamp), ==, INT64_C(100000500000));
}

/* As far from each other as stamps can be, packet after packet: no number grows over what it holds. */
static void test_s04_stamps_that_jump_begin_anew(void)
{
    enum { PACKETS = 20000 };
    static const int rates[] = {1, 90000, 999999999};
    static const uint32_t jumps[] = {INT32_MAX, UINT32_C(1) << 31, UINT32_MAX - INT32_MAX + 1};
    for (size_t r = 0; r < G_N_ELEMENTS(rates); r++)
        for (size_t j = 0; j < G_N_ELEMENTS(jumps); j++) {
            struct rtp_clock clock;
            int64_t last_us = 0, most_us = INT64_MAX / rates[r];
            uint32_t stamp = 0;
            rtp_clock_init(&clock, rates[r]);
            for (int i = 0; i < PACKETS; i++, stamp += jumps[j]) {
                int64_t media_us = rtp_clock_media_us(&clock, stamp);
                bool is_one_way = media_us == 0 || (media_us > last_us) == (jumps[j] == INT32_MAX);
                g_assert_true(is_one_way && ABS(media_us) < most_us);
                last_us = media_us;
            }
            g_assert_cmpint(rtp_clock_media_us(&clock, stamp - jumps[j] + (uint32_t)rates[r] / 2), <, most_us);
        }
}

/* What a camera says after a jump is told from there on, and its wall time once it has told it anew. */
static void test_a_jump_is_told_from_there_on(void)
{
    unsigned char report[28] = {0x80, 200, 0, 6, 0, 0, 0, 1, 0xec, 0xcc, 0x8d, 0x80, 0, 0, 0, 0, 0x40, 0, 0, 0};
    struct rtp_clock clock;
    int64_t wall_ms = 0;
    rtp_clock_init(&clock, 90000);
    rtp_clock_media_us(&clock, 0x40000000);
    rtp_clock_report(&clock, report, sizeof report);
    g_assert_true(rtp_clock_wall_ms(&clock, 0, &wall_ms));
    g_assert_cmpint(rtp_clock_media_us(&clock, 0x40000000 + 59 * 90000), ==, 59 * G_USEC_PER_SEC);
    g_assert_cmpint(rtp_clock_media_us(&clock, 0x60000000), ==, 0);
    g_assert_cmpint(rtp_clock_media_us(&clock, 0x60000000 + 90000), ==, G_USEC_PER_SEC);
    g_assert_false(rtp_clock_wall_ms(&clock, 0, &wall_ms));
    rtp_clock_report(&clock, report, sizeof report); /* of a time before the jump */
    g_assert_false(rtp_clock_wall_ms(&clock, 0, &wall_ms));
    report[16] = 0x60;
    rtp_clock_report(&clock, report, sizeof report);
    g_assert_true(rtp_clock_wall_ms(&clock, 0, &wall_ms));
}

/* A camera whose stamps are so far apart, while its pictures come 25 a second for an hour: the axis keeps to our time.
 */
static void test_s04_stamps_at_another_pace_keep_no_time(void)
{
    static const int64_t steps_us[] = {0, 1, 100, 39000, 41000, 400000, 5000000, 11000000, -40000};
    enum { PICTURES = 25 * 3600, REAL_US = 40000, MOST_AHEAD_US = 21 * 1000000 };
    for (size_t i = 0; i < G_N_ELEMENTS(steps_us); i++) {
        struct time_axis axis = {0};
        int64_t last_us = 0, stamp_us = INT64_C(1) << 40, now_us = 5;
        time_axis_begin(&axis);
        for (int picture = 0; picture < PICTURES; picture++) {
            int64_t media_us = time_axis_next(&axis, stamp_us += steps_us[i], now_us += REAL_US);
            g_assert_cmpint(media_us, >, last_us);
            last_us = media_us;
        }
        g_assert_cmpint(ABS(last_us - (int64_t)PICTURES * REAL_US), <, MOST_AHEAD_US);
    }
}

/* What an honest camera says is taken to the microsecond, though it comes in bursts and after a pause of the network.
 */
static void test_honest_stamps_are_kept(void)
{
    struct time_axis axis = {0};
    int64_t now_us = 77, begun_us = 0;
    time_axis_begin(&axis);
    for (int picture = 0; picture < 1000; picture++) {
        int64_t media_us = time_axis_next(&axis, 40000 * (int64_t)picture, now_us);
        begun_us = picture ? begun_us : media_us;
        g_assert_cmpint(media_us - begun_us, ==, 40000 * (int64_t)picture);
        now_us += picture == 500 ? 8000000 : picture < 100 || (picture > 500 && picture < 700) ? 1 : 40000;
    }
    time_axis_begin(&axis); /* another connection, whose time begins anew */
    int64_t before_us = axis.media_us;
    g_assert_cmpint(time_axis_next(&axis, 0, now_us + 3000000), ==, before_us + 3040000);
    g_assert_cmpint(time_axis_next(&axis, 40000, now_us + 3000001), ==, before_us + 3080000);
}

static void test_sender_reports_tell_the_wall_time(void)
{
    static const unsigned char report[28] = {0x80, 200,  0,    6, 0, 0, 0, 1, 0xec, 0xcc,
                                             0x8d, 0x80, 0x80, 0, 0, 0, 0, 1, 0x5f, 0x90};
    struct rtp_clock clock;
    int64_t wall_ms = 0;
    rtp_clock_init(&clock, 90000);
    rtp_clock_media_us(&clock, 0);
    g_assert_false(rtp_clock_wall_ms(&clock, 0, &wall_ms));
    for (size_t cut = 0; cut < sizeof report; cut++) {
        rtp_clock_report(&clock, report, cut);
        g_assert_false(rtp_clock_wall_ms(&clock, 0, &wall_ms));
    }
    rtp_clock_report(&clock, report, sizeof report); /* tells of time stamp 90000, a second after the first */
    g_assert_true(rtp_clock_wall_ms(&clock, 1000000, &wall_ms));
    int64_t told_ms = ((int64_t)0xeccc8d80 - INT64_C(2208988800)) * 1000 + 500;
    g_assert_cmpint(wall_ms, ==, told_ms);
    g_assert_true(rtp_clock_wall_ms(&clock, 3500000, &wall_ms));
    g_assert_cmpint(wall_ms, ==, told_ms + 2500);
}

static void test_digest_answers_as_the_standard_does(void)
{
    /* RFC 2069 section 2.4 as corrected by its erratum 749 */
    static char name[] = "WWW-Authenticate",
                value[] =
                    "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"x\"";
    char *names[] = {name, NULL}, *values[] = {value, NULL};
    struct rtsp_answer answer = {.status = 401, .names = names, .values = values};
    struct rtsp_challenge challenge = {0};
    g_assert_true(rtsp_challenge_take(&challenge, &answer));
    g_autofree char *text = rtsp_challenge_answer(&challenge, "GET", "/dir/index.html", "Mufasa", "CircleOfLife");
    g_assert_nonnull(strstr(text, "response=\"1949323746fe6a43ef61f9606e7febea\""));
    g_assert_nonnull(strstr(text, ", opaque=\"x\"")); /* RFC 2617 section 3.2.1: unchanged */
    g_assert_null(strstr(text, "algorithm"));
    g_assert_false(rtsp_challenge_take(&challenge, &answer)); /* the same nonce again: refused */
    rtsp_challenge_clear(&challenge);
}

static void take_challenges(struct rtsp_challenge *challenge, const char *first, const char *second)
{
    static char name[] = "WWW-Authenticate";
    char *names[] = {name, name, NULL}, *values[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL};
    const struct rtsp_answer answer = {.status = 401, .names = names, .values = values};
    rtsp_challenge_clear(challenge);
    g_assert_true(rtsp_challenge_take(challenge, &answer));
}

/* The example of RFC 7616 section 3.9.1, whose qop is left out: our own nonce is another each time. */
static void test_digest_by_sha_256(void)
{
    static const char sha256[] = "Digest realm=\"http-auth@example.org\", algorithm=SHA-256, "
                                 "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
                                 "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
                      md5[] = "Digest realm=\"r\", nonce=\"n\"",
                      unknown[] = "Digest realm=\"r\", algorithm=SHA-512-256";
    struct rtsp_challenge challenge = {0};
    take_challenges(&challenge, sha256, md5); /* the camera's order is its preference */
    g_autofree char *text = rtsp_challenge_answer(&challenge, "GET", "/dir/index.html", "Mufasa", "Circle of Life");
    g_assert_nonnull(strstr(
        text, "response=\"a1306b0595a6c7fe96c448631fb5cfbd5107bd1fe1da729d978dd7446b812363\", algorithm=SHA-256, "
              "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""));
    take_challenges(&challenge, unknown, md5);
    g_autofree char *other = rtsp_challenge_answer(&challenge, "GET", "/", "Mufasa", "Circle of Life");
    g_assert_null(strstr(other, "algorithm"));
    g_assert_null(strstr(other, "opaque"));
    rtsp_challenge_clear(&challenge);
}

/* What is summed up and what is told are the same name. */
static void test_names_are_told_as_they_are(void)
{
    static const struct {
        const char *name, *told;
    } cases[] = {{"J\303\274rgen", "username=\"J\303\274rgen\","},
                 {"a \"b\" \\c", "username=\"a \\\"b\\\" \\\\c\","},
                 {"a\r\nX-More: b\t\177", "username=\"aX-More: b\","}};
    struct rtsp_challenge challenge = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        take_challenges(&challenge, "Digest realm=\"r\", nonce=\"n\"", "Basic realm=\"r\"");
        g_autofree char *text = rtsp_challenge_answer(&challenge, "GET", "/", cases[i].name, "secret");
        g_assert_nonnull(strstr(text, cases[i].told));
        g_assert_null(strpbrk(text, "\r\n"));
    }
    rtsp_challenge_clear(&challenge);
}

/* ---- what was held up ---- */

enum { SECOND_US = 1000000, PICTURE_US = 40000, TAKES_US = 70000 };

/* Pictures that come one by one, from a second on. Returns what the last one of them was. */
static int32_t come(struct lateness *lateness, int64_t from_us, int64_t to_us, int64_t takes_us)
{
    int32_t late_ms = 0;
    for (int64_t us = from_us; us < to_us; us += PICTURE_US)
        late_ms = lateness_note(lateness, us, us + takes_us);
    return late_ms;
}

static void test_a_burst_is_known_to_be_late(void)
{
    struct lateness lateness = {0};
    g_assert_cmpint(come(&lateness, 0, 4 * SECOND_US, TAKES_US), ==, FRAME_LATE_UNKNOWN); /* what it takes is learnt */
    g_assert_cmpint(come(&lateness, 4 * SECOND_US, 60 * SECOND_US, TAKES_US), ==, 0);
    for (int64_t us = 60 * SECOND_US; us < 61 * SECOND_US; us += PICTURE_US) { /* a second's pictures at once */
        int64_t waited_ms = (61 * SECOND_US - us) / 1000;
        int32_t late_ms = lateness_note(&lateness, us, 61 * SECOND_US + TAKES_US);
        g_assert_cmpint(ABS(late_ms - waited_ms), <=, 1);
    }
    g_assert_cmpint(come(&lateness, 61 * SECOND_US, 62 * SECOND_US, TAKES_US), ==, 0);
}

/* Else who is always a second behind would be in time before long. */
static void test_late_for_minutes_is_late(void)
{
    struct lateness lateness = {0};
    come(&lateness, 0, 60 * SECOND_US, TAKES_US);
    g_assert_cmpint(come(&lateness, 60 * SECOND_US, 660 * SECOND_US, TAKES_US + SECOND_US), >, 800);
}

/* Quartz clocks of 50 parts in a million each. */
static void test_clocks_that_drift_apart_hold_nothing_up(void)
{
    struct lateness lateness = {0};
    for (int64_t us = 0; us < 3600 * INT64_C(1000000); us += PICTURE_US)
        if (us > 6 * SECOND_US)
            g_assert_cmpint(lateness_note(&lateness, us, us + us / 10000 + TAKES_US), <=, 10);
        else
            lateness_note(&lateness, us, us + us / 10000 + TAKES_US);
}

static void test_time_that_begins_anew_is_learnt_anew(void)
{
    struct lateness lateness = {0};
    come(&lateness, 100 * SECOND_US, 160 * SECOND_US, TAKES_US);
    g_assert_cmpint(come(&lateness, 0, SECOND_US, 170 * SECOND_US), ==, FRAME_LATE_UNKNOWN);
    g_assert_cmpint(come(&lateness, SECOND_US, 10 * SECOND_US, 170 * SECOND_US), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/media/rtsp_parts/c14_the_first_contact_has_jitter", test_c14_the_first_contact_has_jitter);
    g_test_add_func("/media/rtsp_parts/time_stamps_unwrap", test_time_stamps_unwrap);
    g_test_add_func("/media/rtsp_parts/s04_stamps_that_jump_begin_anew", test_s04_stamps_that_jump_begin_anew);
    g_test_add_func("/media/rtsp_parts/a_jump_is_told_from_there_on", test_a_jump_is_told_from_there_on);
    g_test_add_func("/media/rtsp_parts/s04_stamps_at_another_pace_keep_no_time",
                    test_s04_stamps_at_another_pace_keep_no_time);
    g_test_add_func("/media/rtsp_parts/honest_stamps_are_kept", test_honest_stamps_are_kept);
    g_test_add_func("/media/rtsp_parts/sender_reports_tell_the_wall_time", test_sender_reports_tell_the_wall_time);
    g_test_add_func("/media/rtsp_parts/digest_answers_as_the_standard_does", test_digest_answers_as_the_standard_does);
    g_test_add_func("/media/rtsp_parts/digest_by_sha_256", test_digest_by_sha_256);
    g_test_add_func("/media/rtsp_parts/names_are_told_as_they_are", test_names_are_told_as_they_are);
    g_test_add_func("/media/lateness/a_burst_is_known_to_be_late", test_a_burst_is_known_to_be_late);
    g_test_add_func("/media/lateness/late_for_minutes_is_late", test_late_for_minutes_is_late);
    g_test_add_func("/media/lateness/clocks_that_drift_apart_hold_nothing_up",
                    test_clocks_that_drift_apart_hold_nothing_up);
    g_test_add_func("/media/lateness/time_that_begins_anew_is_learnt_anew", test_time_that_begins_anew_is_learnt_anew);
    return g_test_run();
}
