/* Facts: cameras that the API makes: their bounds, and what trying a source tells. */
#pragma once

#include "record/record.h"

/* What those who may make cameras may have the server connect to. */
struct managed_camera_settings {
    int32_t max_cameras, max_cameras_of_org;
    char *schemes;          /* separated by commas */
    char *refused_networks; /* as of struct source_settings; theirs */
    int32_t tests_at_once;  /* each is a process; one of an org */
    double test_seconds;
};
extern const struct record_descriptor managed_camera_settings_descriptor;
/* Whether `schemes` has this one ("rtsp", …). */
bool managed_camera_takes_scheme(const struct managed_camera_settings *settings, const char *scheme);

/* A source to be tried. */
struct camera_test_request {
    char *source, *username, *password;
};
extern const struct record_descriptor camera_test_request_descriptor;

/* What came of it. */
struct camera_test {
    bool works;  /* pictures came */
    char *error; /* why not, redacted */
    char *codec, *decoder;
    int32_t width_px, height_px;
    double fps;
    int64_t first_picture_ms; /* from the beginning of the connection */
};
extern const struct record_descriptor camera_test_descriptor;
