/* Tables of settings.c that lie in files of their own. */
#pragma once

#include "facts/settings.h"

extern const struct record_descriptor source_settings_descriptor, motion_settings_descriptor,
    detector_settings_descriptor, tracker_settings_descriptor, reid_settings_descriptor, rule_settings_descriptor;
