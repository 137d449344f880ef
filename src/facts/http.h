/* Facts: the settings of the API and the page. */
#pragma once

#include "record/record.h"

struct http_settings {
    char *address;
    int32_t port;
    int32_t max_connections;
    int32_t max_connections_per_address;
    int32_t request_timeout_seconds; /* whole request, headers and body */
    int32_t answer_timeout_seconds;  /* until an answer is sent, from when there is one */
    int32_t max_body_bytes;
    int64_t max_bodies_bytes; /* of all at once */
    int32_t threads, handler_threads;
    int32_t websocket_max_clients;
    int32_t websocket_max_clients_per_user, websocket_max_clients_per_org; /* 0: a share of these (api/feed.c) */
    int32_t websocket_queue_bytes;       /* per client; oldest track updates are dropped first */
    int32_t resume_events;               /* kept in memory, and told to one client that comes back */
    int32_t track_minutes, report_lines; /* most that one request for stored tracks, or a report, is told of */
    int32_t intake_lines_told, intake_errors_told; /* refused lines that are told of, and errors of each */
    int32_t login_attempts_per_minute;
    char *host_names;                                  /* separated by commas, as the next two */
    char *cors_origins;                                /* of pages elsewhere that may use the API */
    char *public_path;                                 /* like "/cams"; NULL or "": none */
    char *trusted_proxies;                             /* addresses and networks */
    char *tls_certificate_file, *tls_key_file;         /* PEM; both or none */
    int32_t idempotency_minutes, idempotency_max_keys; /* how long, and how many an org, answers are kept */
    int64_t idempotency_max_bytes;                     /* and how much of an org's */
};
extern const struct record_descriptor http_settings_descriptor;
/* Whether it speaks https alone. */
bool http_has_tls(const struct http_settings *http);
