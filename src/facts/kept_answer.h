/* Facts: an answer that is given again when its request comes again. */
#pragma once

#include "record/record.h"

struct kept_answer {
    char *org_id;
    char *key;            /* SHA-256 of who asked, what address, and the Idempotency-Key */
    char *request_sha256; /* of query and body: another request with the same key is refused */
    int32_t status;       /* 0: it is being made */
    char *content_type, *body;
    char *headers; /* those that are given again with it: "Name: value", a line each */
    struct record_time created_at;
    int64_t bytes; /* of body and headers; the store fills it in */
};
extern const struct record_descriptor kept_answer_descriptor;
