/* Settings: a record read from a YAML file, the environment and flags, with one precedence: flag over environment
 * over file over default. Errors come all at once as `file:line: key: what, why, what is allowed`; unknown keys are
 * errors with the nearest known name. Main thread only.
 */
#pragma once

#include <stdbool.h>

#include "record/record.h"

/* One value given outside the file: key is the path ("http.port"), value its text. Origin is for the error message
 * ("VEDETTE_HTTP_PORT" or "--http-port"). */
struct settings_override {
    const char *key;
    const char *value;
    const char *origin;
};

/* Decodes YAML text (one document, a mapping; no anchors, tags or merges) into an uninitialised struct. `name` is
 * shown in errors. `overrides` are applied over it. Every error carries the line of its key. False: struct cleared. */
bool settings_decode_yaml(const struct record_descriptor *descriptor, const char *text, size_t length,
                          const struct settings_override *overrides, size_t override_count, void *record,
                          struct record_errors *errors);

/* Reads the file (at most RECORD_MAX_TEXT_BYTES), then as above. `path` NULL: overrides and defaults alone. */
bool settings_load(const struct record_descriptor *descriptor, const char *path,
                   const struct settings_override *overrides, size_t override_count, void *record,
                   struct record_errors *errors);

/* Collects VEDETTE_… variables: each scalar setting "a.b_c" is VEDETTE_A_B_C. Unknown VEDETTE_ names are left alone.
 * Returns a new GArray of struct settings_override; its strings are owned by the descriptor's cache and environ. */
GArray *settings_environment(const struct record_descriptor *descriptor, char **environ_list);

/* Tells of VEDETTE_… variables that are no setting though their name is nearly one's; others may be another program's.
 */
void settings_environment_warn(const struct record_descriptor *descriptor, char **environ_list,
                               struct record_errors *warnings);

/* Collects flags: each scalar setting "a.b_c" is --a-b-c VALUE or --a-b-c=VALUE; booleans may stand alone,
 * and take the next argument where it is true or false (yes, no, on, off). Consumes what it knows from argv (as GOption
 * does); leaves the rest. */
bool settings_flags(const struct record_descriptor *descriptor, int *argc, char **argv, GArray *overrides,
                    GError **error);

/* The help text of every scalar setting: flag, variable, unit, range, default, doc. */
void settings_append_help(const struct record_descriptor *descriptor, GString *out);

/* Writes "file:line: key: text\n" for each error. */
void settings_errors_print(const struct record_errors *errors, const char *file, GString *out);
