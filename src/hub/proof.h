/* Proof: one synthetic event sent the whole way, on demand: a generated clip is decoded and analysed by a worker of its
 * own, started and closed in as any other, its record taken in, kept, stored and read back. It analyses by the default
 * settings and by no policies: what is to be seen in the clip is known, and who makes a server look for less proves the
 * way all the same. What it leaves
 * is one signal of the service `system` (kind `self_test`, camera `self-test`); zone hits and tracks of the clip are
 * dropped, so that nothing is counted. Main loop's thread.
 */
#pragma once

#include <stdbool.h>

#include "facts/event.h"

struct hub;
struct hub_worker;
struct proof;

/* Told once for each step done, in order, with what it took since the step before; at the end once with `step` NULL and
 * `problem` NULL (proved) or what failed. */
typedef void (*proof_step_fn)(void *data, const char *step, double ms, const char *problem);

/* Begins. NULL when one is under way, or the clip or the worker could not be made; the error says why. */
struct proof *proof_start(struct hub *hub, proof_step_fn step, void *data, GError **error);
/* Nobody waits for it any more: it ends where it is, in silence, and makes room for the next once its worker is gone.
 */
void proof_break_off(struct proof *proof);
/* Ends the one under way, at once; before the workers are freed. */
void proof_clear(struct hub *hub);

/* What intake does with the checked records of a proof's worker: false for what is to be dropped. The first signal of
 * the clip's figure is made the proof's own. */
bool proof_take(struct hub_worker *worker, struct analytics_event *event);
