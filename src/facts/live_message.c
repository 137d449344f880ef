#include "facts/live_message.h"

#include "facts/event.h"
#include "facts/health.h"
#include "facts/incident.h"
#include "facts/track.h"

const char *const live_kind_names[] = {"tracks", "event", "health", "incident", "resumed", NULL};

static const struct record_field subscription_fields[] = {
    FIELD(struct live_subscription, types, 0, "of tracks, event, health and incident; empty: all", .max_count = 8),
    FIELD(struct live_subscription, cameras, 0, "ids of cameras; empty: all", .max_count = 1024),
};
static void subscription_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct live_subscription *subscription = record;
    for (size_t i = 0; i < subscription->types.count; i++) {
        unsigned kind = record_enum_value(live_kind_names, subscription->types.items[i]);
        g_autofree char *where = g_strdup_printf("%s%stypes[%zu]", path, *path ? "." : "", i);
        if (!kind || kind == LIVE_RESUMED)
            record_errors_add(errors, where, "%s: must be tracks, event, health or incident",
                              subscription->types.items[i]);
    }
}
const struct record_descriptor live_subscription_descriptor =
    RECORD(struct live_subscription, "LiveSubscription", 1, subscription_fields,
           "What a client of /ws wants to be told from now on.", .check = subscription_check);

static const struct record_field resumed_fields[] = {
    FIELD(struct live_resumed, from, RECORD_REQUIRED, "the event asked for with resume_from", .max_count = 64),
    FIELD(struct live_resumed, events, 0, "how many events that came after it follow"),
    FIELD(struct live_resumed, is_complete, 0,
          "these are all; false: that event is not known, or too much came since: read /api/v1/events"),
    FIELD(struct live_resumed, incidents, 0,
          "how many messages of incidents that came after it follow, among the events"),
    FIELD(
        struct live_resumed, has_all_incidents, 0,
        "these are all, each message or how each incident stands; false: that event is not known, or too many changed: "
        "read /api/v1/incidents"),
};
const struct record_descriptor live_resumed_descriptor =
    RECORD(struct live_resumed, "LiveResumed", 1, resumed_fields, "Where a client that came back stands.");

const struct live_message_type live_message_types[] = {
    {LIVE_TRACKS, &track_update_descriptor, "The tracks of one frame. Shed first for a client that is slow."},
    {LIVE_EVENT, &analytics_event_descriptor, "What happened, once it is spooled. Never shed."},
    {LIVE_HEALTH, &camera_health_descriptor, "How a camera is, each second. Shed for a client that is slow."},
    {LIVE_INCIDENT, &incident_descriptor,
     "An incident that signals or people made or changed, as it is then. Never shed; who comes back is told what it "
     "missed."},
    {LIVE_RESUMED, &live_resumed_descriptor, "Told first to a client that came back with resume_from."},
};
const size_t live_message_type_count = G_N_ELEMENTS(live_message_types);
