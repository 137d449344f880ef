/* Tables of settings.c that lie in files of their own. */
#pragma once

#include "facts/settings.h"

extern const struct record_descriptor source_settings_descriptor, motion_settings_descriptor,
    detector_settings_descriptor, tracker_settings_descriptor, reid_settings_descriptor, rule_settings_descriptor;

/* What must not be less than another of the same record: `key` has `value`, `least_key` has `least`. */
void settings_check_least(const char *key, double value, const char *least_key, double least, const char *path,
                          struct record_errors *errors);
