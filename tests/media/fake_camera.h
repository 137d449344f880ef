/* A hostile RTSP or HTTP server of one thread: it reads requests and lets a behaviour answer them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct fake_camera;

struct fake_request {
    struct fake_camera *camera;
    int socket;
    const char *method;
    const char *text; /* all of it */
    int sequence;
    int number; /* requests on this connection before it */
};

/* Answers; false closes the connection. */
typedef bool (*fake_behaviour)(const struct fake_request *request);

struct fake_camera *fake_camera_start(fake_behaviour behaviour);
int fake_camera_port(const struct fake_camera *camera);
/* Connections accepted so far, and requests of `method` seen so far. */
int fake_camera_connections(const struct fake_camera *camera);
int fake_camera_requests(struct fake_camera *camera, const char *method);
/* A second listener, which nobody may ever contact. */
int fake_camera_decoy_port(const struct fake_camera *camera);
int fake_camera_decoy_connections(struct fake_camera *camera);
void fake_camera_stop(struct fake_camera *camera);

/* ---- for behaviours ---- */

bool fake_is_stopping(const struct fake_camera *camera);
/* Sends all; false when the peer went away. */
bool fake_send(const struct fake_request *request, const void *bytes, int length);
/* "RTSP/1.0 STATUS", CSeq, then `headers` (each with its end), then the body. */
bool fake_answer(const struct fake_request *request, const char *status, const char *headers, const char *body);
/* What an honest camera would answer: DESCRIBE with `sdp`, SETUP, PLAY. */
bool fake_answer_honestly(const struct fake_request *request, const char *sdp);
extern const char fake_sdp[];
