#include "media/rtsp_internal.h"

#include "base/error.h"

#include <string.h>

enum { RTSP_MAX_HEADERS = 64 };

int atoi_checked(const char *text)
{
    int value = 0, digits = 0;
    for (; text && g_ascii_isdigit(*text); text++) {
        if (++digits > 9)
            return -1;
        value = value * 10 + (*text - '0');
    }
    return digits ? value : -1;
}

/* ---- answers ---- */

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the camera's answer %s", why);
    return false;
}

bool rtsp_answer_take_length(struct rtsp_answer *answer, int max_body_bytes, GError **error)
{
    const char *text = rtsp_answer_header(answer, "Content-Length");
    if (!text)
        return true;
    int length = atoi_checked(text);
    if (length < 0 || strspn(text, "0123456789") != strlen(text))
        return refuse(error, "has a Content-Length that is no possible number");
    if (length > max_body_bytes)
        return refuse(error, "announces a body larger than source.max_header_bytes");
    answer->content_length = (size_t)length;
    return true;
}

/* A newline alone ends no header for us, but would in a request that repeats the value. */
static bool holds_control(const char *line)
{
    for (; *line; line++)
        if (g_ascii_iscntrl(*line) && *line != '\t')
            return true;
    return false;
}

static bool take_header(struct rtsp_answer *answer, char *line, size_t index, GError **error)
{
    char *colon = strchr(line, ':');
    if (holds_control(line))
        return refuse(error, "has a control character in a header");
    if (!colon || index >= RTSP_MAX_HEADERS)
        return refuse(error, colon ? "has too many headers" : "has a header without a colon");
    *colon = '\0';
    answer->names[index] = g_strdup(g_strstrip(line));
    answer->values[index] = g_strdup(g_strstrip(colon + 1));
    return true;
}

static bool take_status(struct rtsp_answer *answer, const char *protocol, const char *line, GError **error)
{
    size_t status_at = strlen(protocol) + strlen("0 ");
    if (g_str_has_prefix(protocol, "RTSP") && g_str_has_suffix(line, " RTSP/1.0")) /* a request */
        return true;
    if (!g_str_has_prefix(line, protocol) || strlen(line) < status_at + strlen("200")) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "the camera's answer is no %.4s", protocol);
        return false;
    }
    answer->status = atoi_checked(line + status_at);
    return (answer->status >= 100 && answer->status <= 999) || refuse(error, "has no status");
}

bool rtsp_answer_parse(const char *protocol, const char *text, size_t length, struct rtsp_answer *answer,
                       GError **error)
{
    memset(answer, 0, sizeof *answer);
    if (memchr(text, 0, length))
        return refuse(error, "holds a NUL byte");
    g_autofree char *copy = g_strndup(text, length);
    if (!g_utf8_validate(copy, -1, NULL))
        return refuse(error, "is not text");
    g_auto(GStrv) lines = g_strsplit(copy, "\r\n", RTSP_MAX_HEADERS + 4);
    if (!take_status(answer, protocol, lines[0] ? lines[0] : "", error))
        return false;
    answer->names = g_new0(char *, RTSP_MAX_HEADERS + 1);
    answer->values = g_new0(char *, RTSP_MAX_HEADERS + 1);
    for (size_t i = 0; lines[i + 1] && *lines[i + 1]; i++)
        if (!take_header(answer, lines[i + 1], i, error))
            return false;
    return true;
}

const char *rtsp_answer_header(const struct rtsp_answer *answer, const char *name)
{
    for (size_t i = 0; answer->names && answer->names[i]; i++)
        if (g_ascii_strcasecmp(answer->names[i], name) == 0)
            return answer->values[i];
    return NULL;
}

void rtsp_answer_clear(struct rtsp_answer *answer)
{
    g_strfreev(answer->names);
    g_strfreev(answer->values);
    g_free(answer->body);
    memset(answer, 0, sizeof *answer);
}

bool rtsp_map_parse(const char *text, struct rtsp_map *map)
{
    memset(map, 0, sizeof *map);
    const char *space = strchr(text, ' '), *slash = space ? strchr(space, '/') : NULL;
    if (!slash || (size_t)(slash - space - 1) >= sizeof map->encoding)
        return false;
    memcpy(map->encoding, space + 1, (size_t)(slash - space - 1));
    map->payload_type = atoi_checked(text);
    map->clock_rate = atoi_checked(slash + 1);
    return map->payload_type >= 0 && map->payload_type < 128 && map->clock_rate > 0;
}

/* ---- login ---- */

static const struct rtsp_algorithm {
    const char *name;
    GChecksumType checksum;
    const char *told; /* in the answer: what everybody takes for granted need not be */
} algorithms[] = {{"MD5", G_CHECKSUM_MD5, ""}, {"SHA-256", G_CHECKSUM_SHA256, ", algorithm=SHA-256"}};

void rtsp_challenge_clear(struct rtsp_challenge *challenge)
{
    g_free(challenge->realm);
    g_free(challenge->nonce);
    g_free(challenge->opaque);
    memset(challenge, 0, sizeof *challenge);
}

/* The value of name="value" or name=value in a challenge. It ends at a quote, which would break out of our own header.
 */
static char *challenge_value(const char *text, const char *name)
{
    g_autofree char *start = g_strconcat(name, "=", NULL);
    const char *found = text;
    while ((found = strstr(found, start)) && found > text && g_ascii_isalpha(found[-1]))
        found++; /* "cnonce" is no "nonce" */
    if (!found)
        return NULL;
    found += strlen(start);
    if (*found == '"')
        return g_strndup(found + 1, strcspn(found + 1, "\"\\"));
    return g_strndup(found, strcspn(found, ", \"\\"));
}

/* Among the words of qop="auth,auth-int". */
static bool offers_quality(const char *challenge)
{
    g_autofree char *offered = challenge_value(challenge, "qop");
    g_auto(GStrv) words = offered ? g_strsplit_set(offered, ", ", -1) : NULL;
    return words && g_strv_contains((const char *const *)words, "auth");
}

/* NULL when we know no such one. */
static const struct rtsp_algorithm *find_algorithm(const char *challenge)
{
    g_autofree char *name = challenge_value(challenge, "algorithm");
    for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++)
        if (!name || g_ascii_strcasecmp(name, algorithms[i].name) == 0)
            return &algorithms[i];
    return NULL;
}

static void take_digest(struct rtsp_challenge *challenge, const char *value, const struct rtsp_algorithm *algorithm)
{
    challenge->is_digest = true;
    challenge->algorithm = algorithm;
    challenge->realm = challenge_value(value, "realm");
    challenge->nonce = challenge_value(value, "nonce");
    challenge->opaque = challenge_value(value, "opaque");
    challenge->wants_quality = offers_quality(value);
}

bool rtsp_challenge_take(struct rtsp_challenge *challenge, const struct rtsp_answer *answer)
{
    bool was_answered = challenge->is_digest || challenge->is_basic;
    g_autofree char *nonce_before = g_strdup(challenge->nonce);
    rtsp_challenge_clear(challenge);
    for (size_t i = 0; answer->names && answer->names[i]; i++) {
        const char *value = answer->values[i];
        if (g_ascii_strcasecmp(answer->names[i], "WWW-Authenticate") != 0)
            continue;
        if (g_ascii_strncasecmp(value, "Digest ", 7) == 0) {
            const struct rtsp_algorithm *algorithm = find_algorithm(value);
            if (algorithm && !challenge->is_digest)
                take_digest(challenge, value, algorithm);
        } else if (g_ascii_strncasecmp(value, "Basic", 5) == 0) {
            challenge->is_basic = true;
        }
    }
    if (challenge->is_digest && (!challenge->realm || !challenge->nonce))
        challenge->is_digest = false;
    /* The same nonce again means the login itself was refused: a new answer would be the old one. */
    bool is_same = was_answered && g_strcmp0(nonce_before, challenge->nonce) == 0;
    return (challenge->is_digest || challenge->is_basic) && !is_same;
}

static char *sum_of(const struct rtsp_challenge *challenge, const char *first, const char *second, const char *third)
{
    g_autofree char *text = g_strjoin(":", first, second, third, NULL);
    return g_compute_checksum_for_string(challenge->algorithm->checksum, text, -1);
}

/* As a quoted text stands in a header (RFC 9110 section 5.6.4): letters of any alphabet as they are, for it is them
 * that are summed up; what would end the line is left out. */
static char *quote(const char *text)
{
    GString *quoted = g_string_new(NULL);
    for (; *text; text++) {
        if (g_ascii_iscntrl(*text))
            continue;
        if (*text == '"' || *text == '\\')
            g_string_append_c(quoted, '\\');
        g_string_append_c(quoted, *text);
    }
    return g_string_free(quoted, FALSE);
}

char *rtsp_challenge_answer(struct rtsp_challenge *challenge, const char *method, const char *address,
                            const char *username, const char *password)
{
    const char *secret = password ? password : "";
    if (!username || (!challenge->is_digest && !challenge->is_basic))
        return NULL;
    if (!challenge->is_digest) {
        g_autofree char *pair = g_strdup_printf("%s:%s", username, secret);
        g_autofree char *encoded = g_base64_encode((const guchar *)pair, strlen(pair));
        return g_strdup_printf("Authorization: Basic %s", encoded);
    }
    g_autofree char *who = sum_of(challenge, username, challenge->realm, secret);
    g_autofree char *what = sum_of(challenge, method, address, NULL);
    g_autofree char *count = g_strdup_printf("%08x", ++challenge->answers);
    g_autofree char *own = g_strdup_printf("%08x%08x", g_random_int(), g_random_int());
    g_autofree char *nonces = g_strjoin(":", challenge->nonce, count, own, "auth", NULL);
    g_autofree char *response = sum_of(challenge, who, challenge->wants_quality ? nonces : challenge->nonce, what);
    g_autofree char *quality = g_strdup_printf(", qop=auth, nc=%s, cnonce=\"%s\"", count, own);
    g_autofree char *quoted = quote(username);
    g_autofree char *opaque = challenge->opaque ? g_strdup_printf(", opaque=\"%s\"", challenge->opaque) : g_strdup("");
    return g_strdup_printf(
        "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", response=\"%s\"%s%s%s", quoted,
        challenge->realm, challenge->nonce, address, response, challenge->algorithm->told, opaque,
        challenge->wants_quality ? quality : "");
}

/* ---- time ---- */

void rtp_clock_init(struct rtp_clock *clock, int clock_rate)
{
    memset(clock, 0, sizeof *clock);
    clock->clock_rate = clock_rate;
}

/* Stamps further apart are of another clock; and so many ticks, which no camera sends in years, are as many as can be
 * reckoned with. */
enum { CLOCK_JUMP_SECONDS = 60 };
static const int64_t clock_most_ticks = INT64_MAX / G_USEC_PER_SEC / 2;

/* Time stamps are 32 bits and wrap: the nearest way round is taken, backwards too (B-frames). False when this one is
 * none of the clock's. */
static bool unwrap(const struct rtp_clock *clock, uint32_t timestamp, int64_t *ticks)
{
    int64_t step = (int32_t)(timestamp - clock->last);
    *ticks = clock->ticks + step;
    return ABS(step) <= (int64_t)CLOCK_JUMP_SECONDS * clock->clock_rate && ABS(*ticks) <= clock_most_ticks;
}

int64_t rtp_clock_media_us(struct rtp_clock *clock, uint32_t timestamp)
{
    if (!clock->has_first || !unwrap(clock, timestamp, &clock->ticks)) {
        clock->has_first = true;
        clock->has_report = false; /* which was of the clock before */
        clock->ticks = 0;
    }
    clock->last = timestamp;
    return clock->ticks * G_USEC_PER_SEC / clock->clock_rate;
}

void rtp_clock_report(struct rtp_clock *clock, const unsigned char *data, size_t length)
{
    enum { SENDER_REPORT = 200, SENDER_REPORT_BYTES = 28 };
    const int64_t ntp_epoch_seconds = 2208988800; /* from 1900 to 1970 */
    while (length >= 4) {
        size_t packet_bytes = (size_t)rtsp_read_u16(data + 2) * 4 + 4;
        if ((data[0] & 0xc0) != 0x80 || packet_bytes > length)
            return;
        int64_t ticks;
        if (data[1] == SENDER_REPORT && packet_bytes >= SENDER_REPORT_BYTES && clock->has_first &&
            unwrap(clock, rtsp_read_u32(data + 16), &ticks)) {
            int64_t seconds = (int64_t)rtsp_read_u32(data + 8) - ntp_epoch_seconds;
            clock->report_ms = seconds * 1000 + (int64_t)((uint64_t)rtsp_read_u32(data + 12) * 1000 >> 32);
            clock->report_ticks = ticks;
            clock->has_report = true;
        }
        data += packet_bytes;
        length -= packet_bytes;
    }
}

bool rtp_clock_wall_ms(const struct rtp_clock *clock, int64_t media_us, int64_t *wall_ms)
{
    if (!clock->has_report)
        return false;
    *wall_ms = clock->report_ms + media_us / 1000 - clock->report_ticks * 1000 / clock->clock_rate;
    return true;
}
