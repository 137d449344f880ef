/* Incidents, and what people do with them. */
#include "api/rows.h"

static void handle_incidents(struct request *request, struct answer *answer)
{
    answer_rows(request, &store_incidents, answer);
}

static void handle_incident(struct request *request, struct answer *answer)
{
    answer_row(request, &store_incidents, answer);
}

/* False: it holds as much as it may. */
static bool add_note(const struct request *request, struct incident *incident, GError **error)
{
    const struct incident_request *asked = request->record;
    return !asked->note ||
           incident_add_note(incident, clock_wall_ms(request->api->clock), request->login.user->id, asked->note, error);
}

/* ---- from one state to another ---- */

#define FROM(status) (1u << INCIDENT_##status)
struct step {
    const char *action;
    unsigned from; /* FROM bits */
    enum incident_status to;
};

static bool take_step(const struct request *request, void *data, void *record, GError **error)
{
    const struct step *step = data;
    struct incident *incident = record;
    if (!(step->from & 1u << incident->status)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "the incident is %s: it cannot become %s",
                    record_enum_name(incident_status_names, incident->status),
                    record_enum_name(incident_status_names, step->to));
        return false;
    }
    incident->status = step->to;
    return add_note(request, incident, error);
}

static void answer_step(struct request *request, const struct step *step, struct answer *answer)
{
    const struct row_edit edit = {step->action, take_step, (void *)(uintptr_t)step};
    answer_row_edit(request, &store_incidents, &edit, answer);
}

static void handle_acknowledge(struct request *request, struct answer *answer)
{
    static const struct step step = {"acknowledge", FROM(OPEN), INCIDENT_ACKNOWLEDGED};
    answer_step(request, &step, answer);
}

static void handle_resolve(struct request *request, struct answer *answer)
{
    static const struct step step = {"resolve", FROM(OPEN) | FROM(ACKNOWLEDGED), INCIDENT_RESOLVED};
    answer_step(request, &step, answer);
}

static void handle_dismiss(struct request *request, struct answer *answer)
{
    static const struct step step = {"dismiss", FROM(OPEN) | FROM(ACKNOWLEDGED), INCIDENT_DISMISSED};
    answer_step(request, &step, answer);
}

static void handle_reopen(struct request *request, struct answer *answer)
{
    static const struct step step = {"reopen", FROM(RESOLVED) | FROM(DISMISSED), INCIDENT_OPEN};
    answer_step(request, &step, answer);
}

/* ---- whose work it is, and what is said of it ---- */

static bool assign(const struct request *request, void *data, void *record, GError **error)
{
    const struct incident_request *asked = request->record;
    struct incident *incident = record;
    (void)data;
    g_free(incident->assignee);
    incident->assignee = g_strdup(asked->assignee);
    return add_note(request, incident, error);
}

/* Somebody of the org, or nobody. False: the answer is made. */
static bool is_user(const struct request *request, struct answer *answer)
{
    const struct incident_request *asked = request->record;
    g_autoptr(GError) error = NULL;
    if (!asked->assignee)
        return true;
    struct user *user = store_user_get(request->api->store, request->login.user->org_id, asked->assignee, &error);
    bool is_known = user != NULL;
    user_free(user);
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        struct record_errors errors;
        record_errors_init(&errors);
        record_errors_add(&errors, "assignee", "is no user of the org");
        answer_problem(answer, MHD_HTTP_BAD_REQUEST, "the body is not valid", &errors);
        record_errors_clear(&errors);
    } else if (error) {
        answer_error(answer, error);
    }
    return is_known;
}

static void handle_assign(struct request *request, struct answer *answer)
{
    const struct row_edit edit = {"assign", assign, NULL};
    if (is_user(request, answer))
        answer_row_edit(request, &store_incidents, &edit, answer);
}

static bool note_alone(const struct request *request, void *data, void *record, GError **error)
{
    (void)data;
    return add_note(request, record, error);
}

static void handle_note(struct request *request, struct answer *answer)
{
    const struct row_edit edit = {"note", note_alone, NULL};
    answer_row_edit(request, &store_incidents, &edit, answer);
}

#define CHANGE(word, operation, descriptor, handler, words)                                                            \
    {                                                                                                                  \
        .method = "POST", .path = "/api/v1/incidents/{id}/" word, .name = (operation), .role = ROLE_OPERATOR,          \
        .rate = RATE_WRITE, .parameters = &id_change_parameters_descriptor, .body = BODY_JSON,                         \
        .request = &(descriptor), .answers = ANSWER_RECORD, .response = &incident_descriptor,                          \
        .problems = PROBLEM(CONFLICT), .features = ROUTE_VERSIONED | ROUTE_FILTERED, .handle = (handler),              \
        .doc = (words)                                                                                                 \
    }
static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/incidents",
     .name = "listIncidents",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &incident_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &incident_descriptor,
     .handle = handle_incidents,
     .doc = "Incidents by the time of their last signal, newest first. Who goes through pages of those that still go "
            "on may meet one twice."},
    {.method = "GET",
     .path = "/api/v1/incidents/{id}",
     .name = "getIncident",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &incident_descriptor,
     .features = ROUTE_CACHED | ROUTE_FILTERED,
     .handle = handle_incident,
     .doc = "One incident, with its ETag."},
    CHANGE("acknowledge", "acknowledgeIncident", incident_step_descriptor, handle_acknowledge,
           "Someone has seen it and looks after it; 409 unless it is open."),
    CHANGE("resolve", "resolveIncident", incident_step_descriptor, handle_resolve,
           "It is over and done with: signals that still come begin another."),
    CHANGE("dismiss", "dismissIncident", incident_step_descriptor, handle_dismiss,
           "It was nothing: signals that still come are added to it in silence."),
    CHANGE("reopen", "reopenIncident", incident_step_descriptor, handle_reopen,
           "It was resolved or dismissed too soon."),
    CHANGE("assign", "assignIncident", incident_assignment_descriptor, handle_assign,
           "Whose work it is: a user of the org, or, without one, nobody."),
    CHANGE("notes", "noteIncident", incident_note_request_descriptor, handle_note, "Adds a note."),
};
const struct route_group incident_routes =
    ROUTE_GROUP("incidents", "What signals add up to, and what people made of it.", routes);
