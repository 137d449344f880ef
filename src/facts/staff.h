/* Facts: what an org says of its people and vehicles, which logs (log.h) name. Each has a record for what is asked: the
 * same struct, without what the server sets.
 */
#pragma once

#include "facts/log.h"

struct employee {
    char *org_id, *id;
    char *external_id; /* as another system knows them */
    char *name, *department;
    char *shift_id;
    bool active;
    struct record_time created_at;
};
extern const struct record_descriptor employee_descriptor, employee_request_descriptor;

struct shift {
    char *org_id, *id, *name;
    char *start_time, *end_time; /* "HH:MM"; an end that is not after the start is on the next day */
    int32_t grace_minutes, break_minutes;
    struct record_strings days; /* of weekday_names, on which it begins */
    char *time_zone;
    struct record_time created_at;
};
extern const struct record_descriptor shift_descriptor, shift_request_descriptor;

struct vehicle {
    char *org_id, *id;
    char *plate; /* normalised, as vehicle_log has it */
    char *plate_as_written, *country, *owner;
    enum vehicle_list list;
    struct record_time created_at;
};
extern const struct record_descriptor vehicle_descriptor, vehicle_request_descriptor;
