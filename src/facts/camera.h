/* Facts: what a camera is, with its zones and lines. What each field means stands once, in camera.c's tables. */
#pragma once

#include <stdbool.h>

#include "facts/rules.h"
#include "record/record.h"

enum zone_kind {
    ZONE_AREA = 1, /* counted only: enter, exit, dwell, occupancy */
    ZONE_INTRUSION,
    ZONE_RESTRICTED,
    ZONE_SHELF,
    ZONE_COUNTER,
    ZONE_QUEUE,
    ZONE_SEAT,
    ZONE_PRIVACY_MASK, /* painted over in all images, whatever policies say; nothing is detected in it */
    ZONE_MOTION_MASK,  /* what moves in it is no object, and hidden as elsewhere; a model's finds count */
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
    int32_t hysteresis;            /* of both limits: so many fewer before they are told again */
    int32_t crowd_limit;           /* 0: none; above it for crowd_seconds a signal is raised */
    double crowd_seconds;
    double loitering_seconds; /* 0: none; a stay this long, breaks left out, raises a signal */
    int32_t queue_limit;      /* 0: none; more waiting than this raises a signal */
    double queue_seconds;     /* who stands this long waits */
    struct record_optional allowed_heading;
    double heading_tolerance;
    double speed_limit;                 /* 0: none */
    double left_seconds, taken_seconds; /* 0: objects are not watched */
    enum anchor anchor;
    struct record_list schedule; /* of struct schedule_window; when signals are raised */
};
extern const struct record_descriptor zone_descriptor;

/* "in" is the way from the left side of a→b to its right side as seen on the picture, "out" the other. */
struct line {
    char *id;
    char *name;
    struct record_point a, b;
    char *in_name, *out_name; /* what the page calls the directions */
    struct record_strings classes;
    enum line_allowed { LINE_ALLOWED_BOTH = 1, LINE_ALLOWED_IN, LINE_ALLOWED_OUT } allowed;
    double recount_seconds; /* a track that crosses again the same way counts again only after this */
    enum anchor anchor;
    struct record_list schedule; /* of struct schedule_window; when signals are raised */
};
extern const char *const line_allowed_names[];
extern const struct record_descriptor line_descriptor;

enum camera_decode { DECODE_ALL = 1, DECODE_NON_REFERENCE, DECODE_KEY_FRAMES, DECODE_AUTO };
extern const char *const camera_decode_names[];

enum stream_role {
    STREAM_DETECT = 1, /* analysed */
    STREAM_RECORD,     /* its encoded pictures are kept for a recorder; not decoded for it */
    STREAM_LIVE,       /* shown to who looks, hidden by what was found on the detect stream; decoded only meanwhile */
};
extern const char *const stream_role_names[];

/* One address of a camera and what it is used for. */
struct camera_stream {
    char *source;
    struct record_strings roles; /* of stream_role_names; each role once a camera */
    char *username, *password;   /* secrets; absent: the camera's */
};
extern const struct record_descriptor camera_stream_descriptor;

enum { CAMERA_MAX_STREAMS = 3 }; /* as many as there are roles */

/* Where a camera comes from, and so what may change it. */
enum camera_origin { CAMERA_OF_FILE = 1, CAMERA_OF_API };
extern const char *const camera_origin_names[];

struct camera {
    char *id;
    char *org_id, *site_id;
    char *class_id; /* NULL: it looks at no school class */
    char *name;
    char *source; /* rtsp(s)://host…, a file path, scene://NAME; never with credentials after loading. With `streams`
                     it is the source of the one that is analysed */
    char *username; /* secret, as the password is */
    char *password;
    struct record_list streams; /* of struct camera_stream; empty: `source` has every role */
    bool enabled;
    double analyse_fps;
    enum camera_decode decode; /* which pictures the decoder is given; 0 is all */
    bool loop;                 /* files: start again at the end */
    struct record_list zones;  /* of struct zone */
    struct record_list lines;  /* of struct line */
    struct camera_rules rules;
    enum camera_origin managed_by; /* 0 is the file */
    char *logins;                  /* in the store alone: CameraLogins of it, sealed where there is a key */
};
extern const struct record_descriptor camera_descriptor;
/* What people may say of a new camera, and of what shall change in one: all that they may set, in a struct camera. */
extern const struct record_descriptor camera_request_descriptor, camera_change_descriptor;
/* Whether the connection to it must be made anew for what is different; else that is taken over between two frames. */
bool camera_needs_restart(const struct camera *before, const struct camera *after);
/* Takes the logins out of the addresses, to where no page, log or store looks, and has `source` repeat the address of
 * the stream that is analysed. */
void camera_tidy(struct camera *camera);
/* A copy as people may see it: no login, no secret in an address. record_clear it. */
void camera_copy_shown(const struct camera *camera, struct camera *shown);

/* What a camera's streams come to: one item an address, with the login that holds for it. All borrowed. */
struct stream_use {
    const char *source, *username, *password;
    unsigned roles; /* 1 << enum stream_role, together */
};
/* Returns how many there are. */
size_t camera_list_streams(const struct camera *camera, struct stream_use uses[CAMERA_MAX_STREAMS]);
static inline bool stream_has_role(const struct stream_use *use, enum stream_role role)
{
    return use->roles & 1u << role;
}

/* All logins of a camera, as the store keeps those that the API was given. */
struct camera_logins {
    char *username, *password;
    struct record_list streams; /* of struct camera_login, in the order of the camera's streams */
};
struct camera_login {
    char *username, *password;
};
extern const struct record_descriptor camera_logins_descriptor;
/* Into an uninitialised record, and back into the camera that has none. */
void camera_get_logins(const struct camera *camera, struct camera_logins *logins);
void camera_set_logins(struct camera *camera, const struct camera_logins *logins);

/* Login of one camera's stream, as it travels from hub to worker over the socket. Never stored or logged. */
struct camera_credentials {
    char *camera_id;
    int32_t stream; /* which, as camera_list_streams lists them */
    char *username;
    char *password;
};
extern const struct record_descriptor camera_credentials_descriptor;
