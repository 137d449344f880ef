/* YAML as a JSON tree whose scalars are text. */
#pragma once

#include <jansson.h>

#include "record/record.h"

/* Reads one document; `lines` receives path → line (from 1). NULL when it cannot be read; errors carry lines.
 * Duplicate keys are errors but the tree is returned, so that everything else is checked too. */
json_t *yaml_read(const char *text, size_t length, GHashTable *lines, struct record_errors *errors);
