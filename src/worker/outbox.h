/* Outbox: what a worker has told and the hub has not yet spooled. What the link cannot take waits here, and so does
 * what is beyond LINK_EVENTS_WINDOW_BYTES that the hub has not acknowledged: a hub that can spool nothing shall go on
 * hearing how cameras are. Beyond either bound the least urgent and oldest go first, counted on their camera. What the
 * link took is the hub's to keep, and is only remembered until it is acknowledged: it is never sent twice, for a link
 * ends with the process at its other end. Any thread.
 */
#pragma once

#include "facts/health.h"
#include "link/link.h"

struct outbox;

/* `max_records` and `max_bytes` (of their texts) bound what waits for the link. */
struct outbox *outbox_new(struct link *link, int max_records, int64_t max_bytes);
void outbox_free(struct outbox *outbox);

/* Takes one batch: `records` events as NDJSON, the most urgent of `priority`. `health` is its camera's; it lives
 * as long as outbox_has says so. */
void outbox_add(struct outbox *outbox, const char *ndjson, size_t length, int records, int priority,
                struct camera_health *health);
/* The hub spooled this batch. */
void outbox_acknowledge(struct outbox *outbox, uint64_t sequence);
/* Sends what waits, as far as the link takes it. */
void outbox_send_waiting(struct outbox *outbox);
/* Something of this camera was not acknowledged yet. */
bool outbox_has(struct outbox *outbox, const struct camera_health *health);
/* Those that were not acknowledged yet. */
int outbox_count_records(struct outbox *outbox);
