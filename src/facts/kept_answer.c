#include "facts/kept_answer.h"

static const struct record_field kept_answer_fields[] = {
    FIELD(struct kept_answer, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct kept_answer, key, RECORD_REQUIRED | RECORD_KEY, "SHA-256 of who asked what address with which key",
          .min_count = 64, .max_count = 64),
    FIELD(struct kept_answer, request_sha256, RECORD_REQUIRED, "HMAC-SHA-256 of its query and body, by its key",
          .min_count = 64, .max_count = 64),
    FIELD(struct kept_answer, status, 0, "of HTTP; 0: it is being made"),
    FIELD(struct kept_answer, content_type, 0, "of its body", .max_count = 128),
    FIELD(struct kept_answer, body, 0, "as it was sent", .max_count = RECORD_MAX_TEXT_BYTES),
    FIELD(struct kept_answer, headers, 0, "its ETag and Location, a line each", .max_count = 1024, .since = 2),
    FIELD(struct kept_answer, created_at, RECORD_REQUIRED | RECORD_INDEXED, "when it was asked"),
    FIELD(struct kept_answer, bytes, 0, "of its body and headers", .since = 3),
};
const struct record_descriptor kept_answer_descriptor =
    RECORD(struct kept_answer, "KeptAnswer", 3, kept_answer_fields,
           "An answer that is given again when its request comes again.", .table = "kept_answers");
