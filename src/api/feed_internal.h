/* Shared by feed.c and feed_resume.c. */
#pragma once

#include <pthread.h>

#include "api/feed.h"
#include "api/recheck.h"

struct feed {
    /* immutable */
    struct feeds *feeds;
    void (*wake)(void *data);
    void *data;
    /* feeds->lock */
    struct login login;
    unsigned kinds;      /* bit 1 << enum live_kind */
    GHashTable *cameras; /* ids; NULL: all */
    GQueue queue;        /* of struct feed_message *, oldest first */
    size_t queued_bytes;
    bool is_cut; /* more came while it was away than fits: over once this is sent */
    enum feed_end end;
    /* its owner's thread */
    int64_t checked_us, known_us; /* when its login was last looked at, and last known to stand */
    struct recheck *recheck;      /* the look under way; NULL: none */
};

/* An event, or what became of an incident, as it is remembered for those who come back. */
struct remembered {
    struct feed_message *message;
    char *org_id, *camera_id;
};

struct feeds {
    const struct settings *settings;
    struct live *live;
    struct store *store;
    struct rechecks *rechecks;
    struct server_health *health;
    unsigned subscription;
    pthread_mutex_t lock;
    GPtrArray *open; /* of struct feed * */
    GQueue recent;   /* of struct remembered *, oldest first */
    size_t recent_bytes;
    uint64_t incident_messages; /* counts them: their ids */
    bool is_closed;
};

/* One more who holds it; feed_message_unref. Any thread. */
struct feed_message *feed_message_ref(struct feed_message *message);
/* A record as clients are told it; `id`: of the event or incident, NULL: none. Any thread. feed_message_unref. */
struct feed_message *feed_message_of_record(enum live_kind kind, const char *id,
                                            const struct record_descriptor *descriptor, const void *record);
/* Whether the feed is of that, and may be. With the lock. */
bool feed_wants(const struct feed *feed, enum live_kind kind, const char *org_id, const char *camera_id);
