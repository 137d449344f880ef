/* Store: answers that are given again when the same request comes again (Idempotency-Key). Any thread. */
#pragma once

#include "facts/kept_answer.h"
#include "store/retention.h"
#include "store/store.h"

struct store_answer_claim {
    const char *org_id, *key, *request_sha256;
    int64_t max_age_ms;  /* older ones of the org are forgotten */
    int64_t max_busy_ms; /* an answer that was not there after so long never came: its server died */
    int max_keys;        /* of the org; the oldest are forgotten beyond it */
};
/* Claims a key. *kept is NULL: it is the caller's now, to be kept or let go; else what is there (kept_answer_free it),
 * with status 0 while its answer is being made. */
bool store_answer_claim(struct store *store, const struct store_answer_claim *claim, struct kept_answer **kept,
                        GError **error);
/* The answer to a claimed key; `bytes` is counted here. The org's oldest answers go for which `max_bytes` have no room
 * (server_health.kept_answers_forgotten), this one never. */
bool store_answer_keep(struct store *store, const struct kept_answer *answer, int64_t max_bytes, GError **error);
bool store_answer_let_go(struct store *store, const char *org_id, const char *key, GError **error);
/* Forgets what is older than `max_age_ms`, of every org, in small transactions with pauses as retention does (`how`;
 * neither its policies nor its days count here), and appends to `results` what went (store_retention_run), also when it
 * fails. */
bool store_answers_forget(struct store *store, const struct store_retention *how, int64_t max_age_ms,
                          GPtrArray *results, GError **error);
void kept_answer_free(struct kept_answer *answer);
