#include "facts/observe.h"

#include "base/log.h"

static const struct record_field error_group_fields[] = {
    FIELD(struct error_group_view, module, RECORD_REQUIRED | RECORD_KEY, "the part of the server that said it",
          .max_count = 64),
    FIELD(struct error_group_view, words, RECORD_REQUIRED | RECORD_KEY,
          "what they have in common, with a mark for each value", .max_count = 512),
    FIELD(struct error_group_view, is_of_worker, RECORD_KEY, "a worker said it, and not the hub"),
    FIELD(struct error_group_view, count, 0, "how often, since the server began"),
    FIELD(struct error_group_view, first_seen, 0, "when for the first time"),
    FIELD(struct error_group_view, last_seen, 0, "when last"),
    FIELD(struct error_group_view, subject, 0, "what the latest was about: a camera, a worker", .max_count = 64),
    FIELD(struct error_group_view, sample, 0, "the latest, as it was logged", .max_count = 512),
};
const struct record_descriptor error_group_view_descriptor =
    RECORD(struct error_group_view, "ErrorGroup", 1, error_group_fields, "Errors of the log that are alike.");

static const struct record_field worker_errors_fields[] = {
    FIELD_LIST(struct worker_errors, groups, &error_group_view_descriptor, 0, "errors that are alike",
               .max_count = 256),
};
const struct record_descriptor worker_errors_descriptor =
    RECORD(struct worker_errors, "WorkerErrors", 1, worker_errors_fields, "What a worker logged as errors.");

static const struct record_field log_levels_fields[] = {
    FIELD(struct log_levels, levels, RECORD_REQUIRED,
          "as the setting log.levels: a level for all, then module=level, separated by commas", .max_count = 512,
          .check_text = log_levels_check),
};
const struct record_descriptor log_levels_descriptor =
    RECORD(struct log_levels, "LogLevels", 1, log_levels_fields, "What is logged.");
