/* Facts: what leaves a worker and is stored: the envelope and its payloads. */
#pragma once

#include "record/record.h"

enum service {
    SERVICE_ANTITHEFT = 1,
    SERVICE_EDUCATION,
    SERVICE_SAFETY,
    SERVICE_OCCUPANCY,
    SERVICE_IDENTITY,
    SERVICE_VEHICLES,
    SERVICE_SYSTEM,
};
extern const char *const service_names[];

enum severity { SEVERITY_INFO = 1, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL };
extern const char *const severity_names[];

struct signal {
    char *id, *org_id, *site_id, *camera_id, *class_id;
    enum service service;
    char *kind; /* "intrusion", "occupancy_exceeded", … */
    enum severity severity;
    double confidence;
    struct record_time started_at, ended_at;
    struct record_ids track_ids;
    char *zone_id;
    struct record_box box;
    struct record_json attributes;
    char *snapshot_id;
    int64_t policy_revision;
};
extern const struct record_descriptor signal_descriptor;

/* ONE table of what rules raise. */
enum rule_signal {
    RULE_SIGNAL_INTRUSION = 1,
    RULE_SIGNAL_RESTRICTED_ZONE,
    RULE_SIGNAL_LOITERING,
    RULE_SIGNAL_OCCUPANCY_EXCEEDED,
    RULE_SIGNAL_CROWD,
    RULE_SIGNAL_QUEUE_LONG,
    RULE_SIGNAL_WRONG_DIRECTION,
    RULE_SIGNAL_SPEEDING,
    RULE_SIGNAL_OBJECT_LEFT,
    RULE_SIGNAL_OBJECT_TAKEN,
    RULE_SIGNAL_CAMERA_COVERED,
    RULE_SIGNAL_CAMERA_BLURRED,
    RULE_SIGNAL_CAMERA_MOVED,
    RULE_SIGNAL_CAMERA_DARK,
    RULE_SIGNAL_CAMERA_FROZEN,
    RULE_SIGNAL_FALL,
    RULE_SIGNAL_END,
};
struct rule_signal_info {
    const char *kind;
    enum service service;
    enum severity severity;
};
extern const struct rule_signal_info rule_signals[RULE_SIGNAL_END]; /* by enum rule_signal */

/* ONE table of what the server itself raises, of the service `system`; every other signal is a rule's. */
enum server_signal {
    SERVER_SIGNAL_CAMERA_OFFLINE = 1,
    SERVER_SIGNAL_CAMERA_RECOVERED,
    SERVER_SIGNAL_STALLED,
    SERVER_SIGNAL_STALL_ENDED,
    SERVER_SIGNAL_OVERLOAD,
    SERVER_SIGNAL_OVERLOAD_ENDED,
    SERVER_SIGNAL_RETENTION_STOPPED,
    SERVER_SIGNAL_RETENTION_RESUMED,
    SERVER_SIGNAL_STORAGE_WILL_BE_FULL,
    SERVER_SIGNAL_STORAGE_LASTS_AGAIN,
    SERVER_SIGNAL_ROLLUPS_FAILING,
    SERVER_SIGNAL_ROLLUPS_RECOVERED,
    SERVER_SIGNAL_PARTITION_MISSING,
    SERVER_SIGNAL_PARTITIONS_COMPLETE,
    SERVER_SIGNAL_SELF_TEST, /* of the proof */
    SERVER_SIGNAL_END,
};
struct server_signal_info {
    const char *kind;
    enum severity severity;
    enum server_signal ends; /* what it takes back; 0: nothing */
    bool is_of_one_server;   /* whatever the others of its store do; else of a camera, or what all of them see */
    bool is_of_camera;       /* how one camera is, told while it is watched */
};
extern const struct server_signal_info server_signals[SERVER_SIGNAL_END]; /* by enum server_signal */
bool signal_is_of_server(const struct signal *signal);
/* How bad what a rule or the server raises by this kind is; 0 when neither has such. */
enum severity signal_kind_severity(const char *kind);

enum zone_hit_event { ZONE_HIT_ENTER = 1, ZONE_HIT_EXIT, ZONE_HIT_DWELL };
extern const char *const zone_hit_event_names[];

struct zone_hit {
    char *id, *camera_id, *zone_id;
    uint64_t track_id;
    enum zone_hit_event event;
    char *direction;
    struct record_optional dwell_seconds;
    char *object_class;
    struct record_time at;
    struct record_box box;
};
extern const struct record_descriptor zone_hit_descriptor;

enum line_direction { LINE_IN = 1, LINE_OUT };
extern const char *const line_direction_names[];

struct line_crossing {
    char *id, *camera_id, *line_id;
    uint64_t track_id;
    enum line_direction direction;
    char *object_class;
    struct record_time at;
    struct record_box box;
};
extern const struct record_descriptor line_crossing_descriptor;

/* How many stand in a zone: written on a change and at an interval. */
struct occupancy_log {
    char *id, *camera_id, *zone_id;
    struct record_time at;
    int32_t count, entries, exits; /* entries and exits since the last record of this zone */
};
extern const struct record_descriptor occupancy_log_descriptor;

enum event_type { EVENT_SIGNAL = 1, EVENT_ZONE_HIT, EVENT_LINE_CROSSING, EVENT_OCCUPANCY, EVENT_TRACK_CHUNK };
extern const char *const event_type_names[];

/* ONE table of what an envelope may carry. */
struct event_type_info {
    enum event_type type;
    const struct record_descriptor *payload;
    int priority; /* default, 0..9; 9 is the most urgent */
    /* Stored in a table of its own, and told to nobody: it is no event but what events were found in. */
    bool is_kept_apart;
};
extern const struct event_type_info event_types[];
extern const size_t event_type_count;
const struct event_type_info *event_type_find(enum event_type type);
bool event_is_kept_apart(enum event_type type);
/* What events carry that are told, by index from 0; NULL after the last. */
const struct record_descriptor *event_payload_at(size_t index);

/* ONE table of what events add to the counts of lines and zones. */
enum event_count {
    EVENT_COUNT_NOTHING = 1,
    EVENT_COUNT_LINE_IN,
    EVENT_COUNT_LINE_OUT,
    EVENT_COUNT_ZONE_ENTER,
    EVENT_COUNT_ZONE_EXIT,
    EVENT_COUNT_ZONE_INSIDE, /* a level, not a sum */
};
extern const char *const event_count_names[];

struct analytics_event {
    char *id;
    enum event_type type;
    char *org_id, *site_id, *camera_id; /* org and site are the hub's word, never the worker's */
    char *subject_id;                   /* the line or zone it is about, or NULL */
    struct record_time occurred_at, received_at;
    char *trace_id;
    int32_t priority;
    struct record_json payload;
    /* while it is on its way */
    struct record_time run_at; /* the server's that took it over began then: it counts what is on its way by that */
    char *traceparent;         /* of what made it, when its trace is told; NULL: it is in no such trace */
    enum event_count count;    /* what it counts as; 0: nobody has looked into the payload yet */
    int64_t count_amount;
};
extern const struct record_descriptor analytics_event_descriptor;
/* The same with what it has on its way: from a worker or a request through the spool to the store. */
extern const struct record_descriptor event_under_way_descriptor;
/* Notes what the event's payload, decoded by its type, says that is stored beside it: subject_id, count and
 * count_amount. What a worker or a client has said of these is overwritten. */
void analytics_event_note_payload(struct analytics_event *event, const void *payload);

/* Who sends an event. */
enum event_teller {
    EVENT_BY_WORKER = 1, /* one of ours: of the service `system` all but what the server itself raises */
    EVENT_BY_CLIENT,     /* by HTTP: nothing of the service `system` */
};

struct camera;
/* Makes an event that came from outside, decoded, what may be kept: its payload is decoded by its type, must speak of
 * the same thing as its envelope, and is written anew, so that nothing is kept that was not checked, and is noted as
 * analytics_event_note_payload says, so that nobody need read it again; org and site are
 * its camera's, whatever it says. The caller has found the camera by event->camera_id, and nothing else wrong. Of what
 * is wrong `errors` holds the path in the event, also for a signal of the service `system` that is not the teller's to
 * tell, and for times in the payload more than `early_minutes` (0: any) after both its receipt and the time of its
 * envelope; an envelope of the future is another's to find (quarantine_reason_of). */
bool analytics_event_settle(struct analytics_event *event, enum event_teller teller, const struct camera *camera,
                            int64_t received_at_ms, int32_t early_minutes, struct record_errors *errors);
