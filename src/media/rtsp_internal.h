/* What rtsp_client.c reads, as pure functions over bytes: fuzzed and tested without a camera. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* Numbers of the network, at any address. */
static inline uint32_t rtsp_read_u16(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}
static inline uint32_t rtsp_read_u32(const uint8_t *bytes)
{
    return rtsp_read_u16(bytes) << 16 | rtsp_read_u16(bytes + 2);
}

struct rtsp_answer {
    int status; /* 0: it is no answer but a request; cameras may send some, too (RFC 2326 section 10) */
    size_t content_length;
    char **names, **values; /* headers, in pairs; NULL-terminated */
    char *body;             /* set by the client */
};
/* Parses the status line, which begins with `protocol` ("RTSP/1.", "HTTP/1."), or RTSP's request line, and headers
 * (ending with an empty line). */
bool rtsp_answer_parse(const char *protocol, const char *text, size_t length, struct rtsp_answer *answer,
                       GError **error);
/* Sets `content_length`, of an answer whose body is read by its length: Content-Length above `max_body_bytes`, or none
 * that is a number, is refused before anything is read. Without the header it is 0. */
bool rtsp_answer_take_length(struct rtsp_answer *answer, int max_body_bytes, GError **error);
/* The first header of that name, or NULL. */
const char *rtsp_answer_header(const struct rtsp_answer *answer, const char *name);
void rtsp_answer_clear(struct rtsp_answer *answer);
typedef struct rtsp_answer rtsp_answer_auto;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(rtsp_answer_auto, rtsp_answer_clear)

/* "96 H264/90000" of a=rtpmap. */
struct rtsp_map {
    int payload_type, clock_rate;
    char encoding[32];
};
bool rtsp_map_parse(const char *text, struct rtsp_map *map);
/* The leading decimal number of at most 9 digits, or -1. */
int atoi_checked(const char *text);

/* Basic and digest login (RFC 2617, and RFC 7616 for SHA-256). */
struct rtsp_challenge {
    bool is_digest, is_basic;
    const struct rtsp_algorithm *algorithm; /* of the digest */
    bool wants_quality;                     /* qop "auth" is offered: the answer counts and has a nonce of its own */
    unsigned answers;                       /* to this nonce */
    char *realm, *nonce;
    char *opaque; /* goes back as it came; NULL: there is none */
};
/* Takes a challenge out of a 401: the first digest we know, which the camera prefers, else basic. False when there is
 * none. */
bool rtsp_challenge_take(struct rtsp_challenge *challenge, const struct rtsp_answer *answer);
/* The Authorization header's line without its end, or NULL when no login was asked for. g_free. */
char *rtsp_challenge_answer(struct rtsp_challenge *challenge, const char *method, const char *address,
                            const char *username, const char *password);
void rtsp_challenge_clear(struct rtsp_challenge *challenge);

/* Time of a camera, from RTP time stamps and RTCP sender reports (RFC 3550 section 6.4.1). */
struct rtp_clock {
    int clock_rate;
    bool has_first, has_report;
    uint32_t last;        /* RTP time stamp last seen */
    int64_t ticks;        /* since the first, unwrapped */
    int64_t report_ticks; /* of the sender report */
    int64_t report_ms;    /* wall time it tells */
};
void rtp_clock_init(struct rtp_clock *clock, int clock_rate);
/* Microseconds since the first packet; of a stamp a minute or more from the one before, the clock begins anew, at 0,
 * and its reports are forgotten. */
int64_t rtp_clock_media_us(struct rtp_clock *clock, uint32_t timestamp);
/* Reads a compound RTCP packet; other reports are passed over. */
void rtp_clock_report(struct rtp_clock *clock, const unsigned char *data, size_t length);
/* The camera's wall time at `media_us`, or false before its first report. */
bool rtp_clock_wall_ms(const struct rtp_clock *clock, int64_t media_us, int64_t *wall_ms);
