#include "facts/staff.h"

#include <string.h>

#include "base/error.h"
#include "base/zone.h"
#include "facts/rules.h"

#define OWN(type)                                                                                                      \
    FIELD(type, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_READ_ONLY, "whose"),                    \
        FIELD(type, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_READ_ONLY, "UUIDv7")
#define CREATED(type) FIELD(type, created_at, RECORD_READ_ONLY, "when it was added")

/* ---- employees ---- */

#define EMPLOYEE                                                                                                       \
    FIELD(struct employee, external_id, 0, "as another system knows them; no two of an org have the same",             \
          .min_count = 1, .max_count = 128),                                                                           \
        FIELD(struct employee, name, RECORD_REQUIRED, "their name", .min_count = 1, .max_count = 128),                 \
        FIELD(struct employee, department, 0, "where they work", .max_count = 128),                                    \
        FIELD(struct employee, shift_id, RECORD_TEXT_ID, "the shift they work in"),                                    \
        FIELD(struct employee, active, 0, "they work here now", .default_text = "true")

static const struct record_field employee_fields[] = {OWN(struct employee), EMPLOYEE, CREATED(struct employee)};
const struct record_descriptor employee_descriptor =
    RECORD(struct employee, "Employee", 1, employee_fields, "Someone who works for the org.", .table = "employees");
static const struct record_field employee_request_fields[] = {EMPLOYEE};
const struct record_descriptor employee_request_descriptor =
    RECORD(struct employee, "EmployeeRequest", 1, employee_request_fields, "What is said of an employee.");

/* ---- shifts ---- */

static bool check_time_of_day(const char *text, GError **error)
{
    int minutes = schedule_parse_minute(text);
    if (minutes >= 0 && minutes < 24 * 60)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "must be a time of day as 08:30");
    return false;
}

#define SHIFT                                                                                                          \
    FIELD(struct shift, name, RECORD_REQUIRED, "what people call it", .min_count = 1, .max_count = 128),               \
        FIELD(struct shift, start_time, RECORD_REQUIRED, "when it begins: HH:MM", .max_count = 5,                      \
              .check_text = check_time_of_day, .example = "\"08:30\""),                                                \
        FIELD(struct shift, end_time, RECORD_REQUIRED, "when it ends: HH:MM; not after its start: on the next day",    \
              .max_count = 5, .check_text = check_time_of_day, .example = "\"17:00\""),                                \
        FIELD(struct shift, grace_minutes, 0, "so long after its start is not late", .unit = "min", .min = 0,          \
              .max = 720),                                                                                             \
        FIELD(struct shift, break_minutes, 0, "of it that are not worked", .unit = "min", .min = 0, .max = 720),       \
        FIELD(struct shift, days, 0, "on which it begins: mon, tue, …; empty: on each", .max_count = 7),               \
        FIELD(struct shift, time_zone, 0, "by whose clocks: an IANA name; absent: UTC", .min_count = 1,                \
              .max_count = 64, .check_text = zone_name_is_valid, .example = "\"Europe/Paris\"")

static void shift_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct shift *shift = record;
    for (size_t i = 0; i < shift->days.count; i++) {
        g_autofree char *where = g_strdup_printf("%s%sdays[%zu]", path, *path ? "." : "", i);
        bool is_again = false;
        for (size_t j = 0; j < i && !is_again; j++)
            is_again = strcmp(shift->days.items[j], shift->days.items[i]) == 0;
        if (!record_enum_value(weekday_names, shift->days.items[i]))
            record_errors_add(errors, where, "%s: must be mon, tue, wed, thu, fri, sat or sun", shift->days.items[i]);
        else if (is_again)
            record_errors_add(errors, where, "%s: stands there already", shift->days.items[i]);
    }
}

static const struct record_field shift_fields[] = {OWN(struct shift), SHIFT, CREATED(struct shift)};
const struct record_descriptor shift_descriptor =
    RECORD(struct shift, "Shift", 1, shift_fields, "When people work.", .table = "shifts", .check = shift_check);
static const struct record_field shift_request_fields[] = {SHIFT};
const struct record_descriptor shift_request_descriptor =
    RECORD(struct shift, "ShiftRequest", 1, shift_request_fields, "What is said of a shift.", .check = shift_check);

/* ---- vehicles ---- */

static bool check_plate(const char *text, GError **error)
{
    if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(text))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "must be capital letters and digits alone: leave out spaces and dashes");
    return false;
}

#define VEHICLE                                                                                                        \
    FIELD(struct vehicle, plate, RECORD_REQUIRED, "its plate, as capital letters and digits; no two have the same",    \
          .min_count = 1, .max_count = 16, .check_text = check_plate, .example = "\"AB123CD\""),                       \
        FIELD(struct vehicle, plate_as_written, 0, "the same as people write it", .max_count = 32),                    \
        FIELD(struct vehicle, country, 0, "of the plate: ISO 3166-1, two letters", .min_count = 2, .max_count = 2),    \
        FIELD(struct vehicle, owner, 0, "whose it is", .max_count = 128),                                              \
        FIELD_ENUM(struct vehicle, list, vehicle_list_names, RECORD_REQUIRED, "whether it may pass")

static const struct record_field vehicle_fields[] = {OWN(struct vehicle), VEHICLE, CREATED(struct vehicle)};
const struct record_descriptor vehicle_descriptor =
    RECORD(struct vehicle, "Vehicle", 1, vehicle_fields, "A vehicle that the org knows.", .table = "vehicles");
static const struct record_field vehicle_request_fields[] = {VEHICLE};
const struct record_descriptor vehicle_request_descriptor =
    RECORD(struct vehicle, "VehicleRequest", 1, vehicle_request_fields, "What is said of a vehicle.");
