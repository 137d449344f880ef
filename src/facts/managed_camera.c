#include "facts/managed_camera.h"

#include <string.h>

#include "base/media_url.h"
#include "base/networks.h"

static bool schemes_check(const char *text, GError **error)
{
    g_auto(GStrv) schemes = g_strsplit(text, ",", -1);
    for (size_t i = 0; schemes[i]; i++)
        if (*g_strstrip(schemes[i]) && !record_enum_value(media_scheme_names, schemes[i])) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "'%s' is no kind of source: rtsp, rtsps, http, https, file, scene and v4l2 are", schemes[i]);
            return false;
        }
    return true;
}

bool managed_camera_takes_scheme(const struct managed_camera_settings *settings, const char *scheme)
{
    g_auto(GStrv) schemes = g_strsplit(settings->schemes ? settings->schemes : "", ",", -1);
    for (size_t i = 0; schemes[i]; i++)
        if (strcmp(g_strstrip(schemes[i]), scheme) == 0)
            return true;
    return false;
}

static const struct record_field settings_fields[] = {
    FIELD(struct managed_camera_settings, max_cameras, RECORD_NEEDS_RESTART,
          "most cameras that are made by the API, of all orgs; 0: none can be", .min = 0, .max = 4096,
          .default_text = "256"),
    FIELD(struct managed_camera_settings, max_cameras_of_org, RECORD_NEEDS_RESTART, "most of one org", .min = 0,
          .max = 4096, .default_text = "64"),
    FIELD(struct managed_camera_settings, schemes, RECORD_NEEDS_RESTART,
          "kinds of source that they may have. file and v4l2 read the server's own files and devices: an administrator "
          "of any org could then look at them",
          .max_count = 256, .check_text = schemes_check, .default_text = "rtsp,rtsps,http,https"),
    FIELD(struct managed_camera_settings, refused_networks, RECORD_NEEDS_RESTART,
          "addresses that they may not be at, whatever name stands for them: the server itself, what is linked to it "
          "directly, where machines in clouds find their secrets, and groups. The server's other addresses are not "
          "known: "
          "add them here. Where a recorder runs on the server "
          "itself, leave 127.0.0.0/8 out",
          .max_count = 4096, .check_text = network_list_check,
          .default_text = "0.0.0.0/8,100.100.100.200/32,127.0.0.0/8,169.254.0.0/16,224.0.0.0/4,255.255.255.255,::,::1,"
                          "fd00:ec2::254/128,fe80::/10,ff00::/8"),
    FIELD(
        struct managed_camera_settings, tests_at_once, RECORD_NEEDS_RESTART,
        "sources that are tried at once, each in a process of its own and one of an org; more are refused; 0: none is",
        .min = 0, .max = 16, .default_text = "2"),
    FIELD(struct managed_camera_settings, test_seconds, RECORD_NEEDS_RESTART, "a try that took longer has failed",
          .unit = "s", .min = 1, .max = 60, .default_text = "15"),
};
const struct record_descriptor managed_camera_settings_descriptor = RECORD(
    struct managed_camera_settings, "ManagedCameraSettings", 1, settings_fields, "Cameras that are made by the API.");

static const struct record_field request_fields[] = {
    FIELD(struct camera_test_request, source, RECORD_REQUIRED, "as a camera's source", .max_count = 2048,
          .check_text = media_url_check, .example = "\"rtsp://192.168.1.20:554/stream1\""),
    FIELD(struct camera_test_request, username, RECORD_SECRET, "login, apart from the source", .max_count = 128),
    FIELD(struct camera_test_request, password, RECORD_SECRET, "password, apart from the source", .max_count = 256),
};
const struct record_descriptor camera_test_request_descriptor =
    RECORD(struct camera_test_request, "CameraTestRequest", 1, request_fields, "A source to be tried.");

static const struct record_field test_fields[] = {
    FIELD(struct camera_test, works, RECORD_REQUIRED, "pictures came"),
    FIELD(struct camera_test, error, RECORD_REQUIRED, "why they did not; empty where they did"),
    FIELD(struct camera_test, codec, RECORD_REQUIRED, "of the stream, as H264; empty: not known"),
    FIELD(struct camera_test, decoder, RECORD_REQUIRED, "what decodes it; empty: nothing did"),
    FIELD(struct camera_test, width_px, RECORD_REQUIRED, "of its pictures; 0: not known", .unit = "px"),
    FIELD(struct camera_test, height_px, RECORD_REQUIRED, "of its pictures; 0: not known", .unit = "px"),
    FIELD(struct camera_test, fps, RECORD_REQUIRED, "pictures a second, as they came in the first seconds",
          .unit = "1/s"),
    FIELD(struct camera_test, first_picture_ms, RECORD_REQUIRED,
          "from the beginning of the connection to the first picture; 0: none came", .unit = "ms"),
};
const struct record_descriptor camera_test_descriptor =
    RECORD(struct camera_test, "CameraTest", 1, test_fields, "What came of trying a source.");
