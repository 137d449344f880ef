/* What an org says of its people and vehicles, and the logs that name them. */
#include <string.h>

#include "api/rows.h"
#include "facts/staff.h"

/* What is served at each address; the logs are written by what recognises faces and plates, and only read here. */
static const struct {
    const char *path;
    const struct store_row_kind *kind;
} registers[] = {
    {"/api/v1/employees", &store_employees},   {"/api/v1/shifts", &store_shifts},
    {"/api/v1/vehicles", &store_vehicles},     {"/api/v1/access-logs", &store_access_logs},
    {"/api/v1/attendance", &store_attendance}, {"/api/v1/vehicle-logs", &store_vehicle_logs},
};

static const struct store_row_kind *kind_of(const struct request *request)
{
    for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
        size_t length = strlen(registers[i].path);
        if (strncmp(request->route->path, registers[i].path, length) == 0 &&
            strchr("/", request->route->path[length])) /* its end, or more segments */
            return registers[i].kind;
    }
    g_return_val_if_reached(&store_employees);
}

static void handle_list(struct request *request, struct answer *answer)
{
    answer_rows(request, kind_of(request), answer);
}

static void handle_get(struct request *request, struct answer *answer)
{
    answer_row(request, kind_of(request), answer);
}

static void handle_create(struct request *request, struct answer *answer)
{
    answer_row_create(request, kind_of(request), answer);
}

static void handle_put(struct request *request, struct answer *answer)
{
    answer_row_put(request, kind_of(request), answer);
}

static void handle_delete(struct request *request, struct answer *answer)
{
    answer_row_delete(request, kind_of(request), answer);
}

#define READ(address, operation, asked, kind_answered, record, handler, bits, words)                                   \
    {                                                                                                                  \
        .method = "GET", .path = (address), .name = (operation), .role = ROLE_OPERATOR, .rate = RATE_READ,             \
        .parameters = &(asked), .answers = (kind_answered), .response = &(record), .features = (bits),                 \
        .handle = (handler), .doc = (words)                                                                            \
    }
#define LIST(address, operation, asked, record, words)                                                                 \
    READ(address, operation, asked, ANSWER_PAGE, record, handle_list, 0, words)
/* A resource that people keep: its five routes. A change may be refused because something unique is another's, a
 * removal because others name it, each where that can be. */
#define KEPT(address, many, one, asked, record, request_record, put_problems, delete_problems, words)                  \
    LIST(address, "list" many, asked, record, "The org's " words ", newest first."),                                   \
        READ(address "/{id}", "get" one, id_parameters_descriptor, ANSWER_RECORD, record, handle_get, ROUTE_CACHED,    \
             "One of the " words ", with its ETag."),                                                                  \
        {.method = "POST",                                                                                             \
         .path = (address),                                                                                            \
         .name = "create" one,                                                                                         \
         .role = ROLE_ADMIN,                                                                                           \
         .rate = RATE_WRITE,                                                                                           \
         .parameters = &reason_parameters_descriptor,                                                                  \
         .body = BODY_JSON,                                                                                            \
         .request = &(request_record),                                                                                 \
         .answers = ANSWER_RECORD,                                                                                     \
         .response = &(record),                                                                                        \
         .status = MHD_HTTP_CREATED,                                                                                   \
         .problems = PROBLEM(CONFLICT),                                                                                \
         .handle = handle_create,                                                                                      \
         .doc = "Adds one to the " words "."},                                                                         \
        {.method = "PUT",                                                                                              \
         .path = address "/{id}",                                                                                      \
         .name = "put" one,                                                                                            \
         .role = ROLE_ADMIN,                                                                                           \
         .rate = RATE_WRITE,                                                                                           \
         .parameters = &id_change_parameters_descriptor,                                                               \
         .body = BODY_JSON,                                                                                            \
         .request = &(request_record),                                                                                 \
         .answers = ANSWER_RECORD,                                                                                     \
         .response = &(record),                                                                                        \
         .problems = (put_problems),                                                                                   \
         .features = ROUTE_VERSIONED,                                                                                  \
         .handle = handle_put,                                                                                         \
         .doc = "Sets all of it anew."},                                                                               \
    {                                                                                                                  \
        .method = "DELETE", .path = address "/{id}", .name = "delete" one, .role = ROLE_ADMIN, .rate = RATE_WRITE,     \
        .parameters = &id_change_parameters_descriptor, .status = MHD_HTTP_NO_CONTENT, .problems = (delete_problems),  \
        .features = ROUTE_VERSIONED, .handle = handle_delete, .doc = "Removes it; logs that name it stay."             \
    }

static const struct route routes[] = {
    KEPT("/api/v1/employees", "Employees", "Employee", employee_parameters_descriptor, employee_descriptor,
         employee_request_descriptor, PROBLEM(CONFLICT), 0, "employees"),
    KEPT("/api/v1/shifts", "Shifts", "Shift", page_parameters_descriptor, shift_descriptor, shift_request_descriptor, 0,
         PROBLEM(CONFLICT), "shifts"),
    KEPT("/api/v1/vehicles", "Vehicles", "Vehicle", vehicle_parameters_descriptor, vehicle_descriptor,
         vehicle_request_descriptor, PROBLEM(CONFLICT), 0, "vehicles"),
    LIST("/api/v1/access-logs", "listAccessLogs", access_log_parameters_descriptor, access_log_descriptor,
         "Who came to which door, newest first. Nothing writes these yet: faces are not recognised."),
    LIST("/api/v1/attendance", "listAttendance", attendance_parameters_descriptor, attendance_record_descriptor,
         "Employees' days at work, newest first. Nothing writes these yet: faces are not recognised."),
    LIST("/api/v1/vehicle-logs", "listVehicleLogs", vehicle_log_parameters_descriptor, vehicle_log_descriptor,
         "Which vehicle passed which gate, newest first. Nothing writes these yet: plates are not read."),
};
const struct route_group register_routes =
    ROUTE_GROUP("registers", "People and vehicles that an org knows, and the logs that name them.", routes);
