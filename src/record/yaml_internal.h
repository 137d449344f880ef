/* YAML as a JSON tree whose scalars are text. */
#pragma once

#include "record/json_internal.h"

/* Reads one document; `lines` receives path → line (from 1). NULL when it cannot be read; errors carry lines.
 * Duplicate keys are errors but the tree is returned, so that everything else is checked too. */
struct json_node *yaml_read(struct json_document *document, const char *text, size_t length, GHashTable *lines,
                            struct record_errors *errors);
