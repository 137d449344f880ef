/* A route: everything that is known of a request before it is handled, and of its answers. Each file of handlers ends
 * with the group of its routes, and routes.c lists the groups: that is the one table from which requests are found,
 * allowed, limited, read and answered, and from which the contract (OpenAPI, TypeScript, docs) is written.
 */
#pragma once

#include "facts/answers.h"
#include "facts/parameters.h"
#include "facts/user.h"

struct request;
struct answer;

/* How dear a request is: what its limit is counted by. */
enum rate_class {
    RATE_FREE = 1, /* not limited: what watches the server asks */
    RATE_READ,
    RATE_WRITE,
    RATE_HEAVY, /* costs seconds of a processor or a connection to a camera */
    RATE_LOGIN, /* auth.h limits it by address and account */
};
extern const char *const rate_class_names[];

/* What a body is. */
enum body_kind {
    BODY_NONE = 0,      /* whatever comes is passed over */
    BODY_JSON,          /* the route's request record; unknown keys are refused */
    BODY_JSON_OR_FORM,  /* the same, or as a form: flat records only */
    BODY_JSON_OR_PARTS, /* the same as JSON or as multipart/form-data, which the handler reads itself */
    BODY_LINES,         /* application/x-ndjson of the request record, which the handler reads itself */
    BODY_DOCUMENT,      /* JSON that the handler reads itself, from request->body */
};

/* What is answered when all is well. */
enum answer_kind {
    ANSWER_EMPTY = 0,
    ANSWER_RECORD, /* the route's response record */
    ANSWER_PAGE,   /* {"items": […], "next_cursor": …} of it: null on the last page */
    ANSWER_MEDIA,  /* media_type */
};

/* Everything that can be wrong, with the code that programs go by: ONE table of them, in problems.c. Codes are never
 * changed, only added. The first of a status is what that status means where nothing more is said. */
enum problem_code {
    PROBLEM_INVALID = 1,
    PROBLEM_UNAUTHENTICATED,
    PROBLEM_FORBIDDEN,
    PROBLEM_NOT_FOUND,
    PROBLEM_METHOD_NOT_ALLOWED,
    PROBLEM_CONFLICT,
    PROBLEM_LENGTH_REQUIRED,
    PROBLEM_PRECONDITION_FAILED,
    PROBLEM_TOO_LARGE,
    PROBLEM_UNSUPPORTED_MEDIA_TYPE,
    PROBLEM_MISDIRECTED,
    PROBLEM_KEY_REUSED,
    PROBLEM_UPGRADE_REQUIRED,
    PROBLEM_RATE_LIMITED,
    PROBLEM_HEADERS_TOO_LARGE,
    PROBLEM_UNAVAILABLE,
    PROBLEM_CAMERA_UNAVAILABLE,
    PROBLEM_VERSION_UNSUPPORTED,
    PROBLEM_CSRF,
    PROBLEM_PASSWORD_CHANGE,
    PROBLEM_CODE_END,
};
struct problem_kind {
    unsigned status;
    const char *code, *title; /* title NULL: the status's own words */
    const char *doc;
};
/* NULL: there is none. */
const struct problem_kind *problem_kind(enum problem_code code);
/* The first of a status; of one that the table does not know, the code is "error". */
const struct problem_kind *problem_kind_of_status(unsigned status);

#define PROBLEM(name) (1u << PROBLEM_##name)

enum route_feature {
    ROUTE_CACHED = 1 << 0,    /* answers an ETag; If-None-Match with it gets 304 */
    ROUTE_VERSIONED = 1 << 1, /* changes something that has an ETag: If-Match refuses to overwrite another's change */
    ROUTE_FILTERED = 1 << 3,  /* its handler keeps who is held to cameras to these, also where the request names none */
    ROUTE_WHOLE = 1 << 4,     /* its handler lists all there is: export.c cuts the page from it */
    ROUTE_MATCHED = 1 << 14,  /* of these: export.c leaves what is as its other parameters say */
    ROUTE_SERVER = 1 << 5,    /* concerns every org: the platform's, and an administrator's where no other org stands */
    ROUTE_SECRET = 1 << 2,    /* what is asked or answered is a secret: no copy of it is kept (idempotency.c) */
    ROUTE_UNCHOSEN = 1 << 6,  /* also for a password that someone else chose: what leads to another, or away */
    ROUTE_COOKIES = 1 << 7,   /* sets or ends the cookies of a browser's login */
    ROUTE_PROMPT = 1 << 8, /* its handler waits for nothing, the store neither, but for its Idempotency-Key; takes long
                              for large bodies alone */
    ROUTE_ALIKE = 1 << 12, /* says the same to everyone: nobody asks who it is */
    ROUTE_SIGNED = 1 << 9, /* its sender signs it (Standard Webhooks) in place of a login */
    ROUTE_NEW_ONLY = 1 << 10,   /* If-None-Match: * refuses to overwrite what is there */
    ROUTE_COUNTED = 1 << 11,    /* counts wrong logins, and tells how many more may be tried */
    ROUTE_OPEN_QUERY = 1 << 13, /* someone else writes its query: what it does not know of it is passed over */
};

struct route {
    const char *method, *path; /* segments in braces are named as the fields of `parameters` */
    const char *name;          /* of the operation, as "listEvents" */
    enum role role;            /* least; ROLE_ANONYMOUS: a login is looked at but not needed */
    enum rate_class rate;
    const struct record_descriptor *parameters; /* of path and query; NULL: it takes none */
    enum body_kind body;
    const struct record_descriptor *request;
    enum answer_kind answers;
    const struct record_descriptor *response;
    const char *media_type;
    unsigned status, other_status; /* of good answers; 0: 200, and no other */
    unsigned problems;             /* PROBLEM(…) bits beside those that route_problems adds */
    unsigned features;             /* enum route_feature bits */
    void (*handle)(struct request *request, struct answer *answer);
    const char *doc;
};

struct route_group {
    const char *tag, *doc;
    const struct route *routes;
    size_t count;
};
#define ROUTE_GROUP(group_tag, group_doc, table)                                                                       \
    {                                                                                                                  \
        .tag = (group_tag), .doc = (group_doc), .routes = (table), .count = G_N_ELEMENTS(table)                        \
    }

extern const struct route_group health_routes, queue_routes, login_routes, camera_routes, breaker_routes, event_routes,
    occupancy_routes, job_routes, retention_routes, audit_routes, policy_routes, backtest_routes, live_routes,
    camera_place_routes, contract_routes, detect_routes, observe_routes, place_routes, oidc_routes, user_routes,
    token_routes, incident_routes, violation_routes, register_routes, track_routes, report_routes, notify_routes,
    model_routes;
/* All groups, NULL-terminated. */
extern const struct route_group *const route_groups[];
/* Every problem that a route may answer with, as PROBLEM(…) bits: its own, and what follows from its role, its
 * parameters and its body. */
unsigned route_problems(const struct route *route);
/* Headers that requests may have, and which do. */
struct route_header {
    const char *name;
    int max_bytes;
    bool (*is_taken)(const struct route *route);
    const char *doc;
    bool is_required; /* by each route that takes it */
};
extern const struct route_header route_headers[];
extern const size_t route_header_count;
/* Headers that answers may have, and which do. Those that HTTP, browsers and proxies go by alone (Content-Type,
 * Cache-Control, CORS) are none of these. */
enum route_answer_header_bits {
    ANSWER_HEADER_ALWAYS = 1 << 0,   /* each answer that may have it has it */
    ANSWER_HEADER_REPEATED = 1 << 1, /* kept with an answer for its Idempotency-Key */
};
struct route_answer_header {
    const char *name;
    const char *schema;                                          /* of its value: members of a JSON Schema */
    unsigned bits;                                               /* enum route_answer_header_bits */
    bool (*is_sent)(const struct route *route, unsigned status); /* status 0: of problems that no status stands for */
    const char *doc;
    bool (*is_always)(const struct route *route,
                      unsigned status); /* which of those always have it; NULL: by the bits */
};
extern const struct route_answer_header route_answer_headers[];
extern const size_t route_answer_header_count;
/* Each PATCH is a merge patch (RFC 7396), and its JSON may be sent by that type too. */
extern const char route_merge_patch_type[];
bool route_takes_merge_patch(const struct route *route);
/* The name in braces of a path's segment, as "id" of "{id}", or NULL. g_free. */
char *route_segment_name(const char *segment);
