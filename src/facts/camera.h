/* Facts: what a camera is, with its zones and lines. What each field means stands once, in camera.c's tables. */
#pragma once

#include <stdbool.h>

#include "record/record.h"

enum zone_kind {
    ZONE_AREA = 1, /* counted only: enter, exit, dwell, occupancy */
    ZONE_INTRUSION,
    ZONE_RESTRICTED,
    ZONE_SHELF,
    ZONE_COUNTER,
    ZONE_QUEUE,
    ZONE_SEAT,
    ZONE_PRIVACY_MASK, /* always hidden in images; nothing is detected in it */
};
extern const char *const zone_kind_names[];

struct zone {
    char *id;
    char *name;
    enum zone_kind kind;
    struct record_points polygon;
    struct record_strings classes; /* empty: every class */
    double dwell_seconds;          /* a stay this long gives one dwell event */
    int32_t occupancy_limit;       /* 0: none; above it a signal is raised */
};
extern const struct record_descriptor zone_descriptor;

/* "in" is the way from the left side of a→b to its right side as seen on the picture, "out" the other. */
struct line {
    char *id;
    char *name;
    struct record_point a, b;
    char *in_name, *out_name; /* what the page calls the directions */
    struct record_strings classes;
};
extern const struct record_descriptor line_descriptor;

struct camera {
    char *id;
    char *org_id, *site_id;
    char *name;
    char *source; /* rtsp(s)://host…, a file path, scene://NAME; never with credentials after loading */
    char *username;
    char *password; /* secret */
    bool enabled;
    double analyse_fps;
    bool loop;                /* files: start again at the end */
    struct record_list zones; /* of struct zone */
    struct record_list lines; /* of struct line */
};
extern const struct record_descriptor camera_descriptor;

/* Login of one camera, as it travels from hub to worker over the socket. Never stored or logged. */
struct camera_credentials {
    char *camera_id;
    char *username;
    char *password;
};
extern const struct record_descriptor camera_credentials_descriptor;
