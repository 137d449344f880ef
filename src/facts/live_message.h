/* Facts: what is told as it happens, over /ws and /api/v1/events/stream: {"type": …, "data": …}. ONE table of types. */
#pragma once

#include "record/record.h"

enum live_kind { LIVE_TRACKS = 1, LIVE_EVENT, LIVE_HEALTH, LIVE_INCIDENT, LIVE_RESUMED, LIVE_KIND_END };
extern const char *const live_kind_names[]; /* "tracks", "event", "health", "incident", "resumed" */

struct live_message_type {
    enum live_kind kind;
    const struct record_descriptor *data;
    const char *doc;
};
extern const struct live_message_type live_message_types[];
extern const size_t live_message_type_count;

/* What a client wants to be told; empty lists: everything. */
struct live_subscription {
    struct record_strings types;   /* of live_kind_names */
    struct record_strings cameras; /* ids */
};
extern const struct record_descriptor live_subscription_descriptor;

/* Told first to who came back with resume_from. */
struct live_resumed {
    char *from;             /* the event it asked for */
    int32_t events;         /* that follow */
    int32_t incidents;      /* messages of these that follow */
    bool is_complete;       /* false: that event is not known, and there may be others that the client never hears of */
    bool has_all_incidents; /* false: the same of incidents */
};
extern const struct record_descriptor live_resumed_descriptor;
