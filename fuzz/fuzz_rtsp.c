/* What a camera says: answers with their challenges, rtpmap lines, RTCP reports. Every parser sees the whole input. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "media/rtsp_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_answer(const uint8_t *data, size_t size)
{
    enum { BODY_MAX_BYTES = 65536 };
    g_auto(rtsp_answer_auto) answer = {0};
    if (!rtsp_answer_parse("RTSP/1.", (const char *)data, size, &answer, NULL) ||
        !rtsp_answer_take_length(&answer, BODY_MAX_BYTES, NULL))
        return;
    if ((answer.status != 0 && answer.status < 100) || answer.status > 999 || answer.content_length > BODY_MAX_BYTES)
        __builtin_trap();
    struct rtsp_challenge challenge = {0};
    rtsp_challenge_take(&challenge, &answer);
    g_autofree char *login = rtsp_challenge_answer(&challenge, "DESCRIBE", "rtsp://host/", "user", "password");
    if (login && strpbrk(login, "\r\n")) /* it goes into our own headers */
        __builtin_trap();
    rtsp_challenge_clear(&challenge);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    struct rtsp_map map;
    struct rtp_clock clock;
    int64_t wall_ms;
    if (rtsp_map_parse(text, &map) && (map.payload_type > 127 || map.clock_rate <= 0))
        __builtin_trap();
    rtp_clock_init(&clock, 90000);
    if (size >= 4)
        rtp_clock_media_us(&clock, rtsp_read_u32(data));
    rtp_clock_report(&clock, data, size);
    rtp_clock_wall_ms(&clock, 0, &wall_ms);
    parse_answer(data, size);
    return 0;
}
