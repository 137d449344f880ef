/* Outbox: what a worker has told and the hub has not yet stored. Batches stay here until they are acknowledged; beyond
 * the bound the least urgent and oldest go first, counted on their camera. Any thread.
 */
#pragma once

#include "facts/health.h"
#include "link/link.h"

struct outbox;

struct outbox *outbox_new(struct link *link, int max_records);
void outbox_free(struct outbox *outbox);

/* Takes one batch: `records` events as NDJSON, the most urgent of `priority`. `health` is its camera's; it outlives the
 * outbox. */
void outbox_add(struct outbox *outbox, const char *ndjson, size_t length, int records, int priority,
                struct camera_health *health);
/* The hub stored this batch. */
void outbox_acknowledge(struct outbox *outbox, uint64_t sequence);
/* Sends what could not be sent when it was added. */
void outbox_send_waiting(struct outbox *outbox);
bool outbox_is_empty(struct outbox *outbox);
