/* POST /api/v1/events: many at once, one a line, from what sees without a camera of ours. What is taken is in the spool
 * before the answer says so: it goes the way of workers' records (api_submit), which tells those who look on. */
#define LOG_MODULE "api"
#include <pthread.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "facts/occupancy.h"
#include "facts/trace.h"

enum { COMPLAINT_US = 10 * 1000000 };

/* Lives until its request is over and the spool has answered. */
struct intake {
    struct request *request;
    struct api *api;
    GPtrArray *events; /* of struct analytics_event *: taken, in order */
    struct intake_answer told;
    bool is_whole, is_early; /* all cameras were known before the first line; they were not, and a line is of none */
    int references;          /* atomic */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* lock */
    bool is_over, is_suspended;
    enum vedette_spool_error_kind failure; /* when it is over; 0: they are kept */
};

static void event_free(void *event)
{
    record_clear(&event_under_way_descriptor, event);
    g_free(event);
}

/* ---- one line ---- */

/* What the store would put aside, where nobody sees it, its sender is told of instead. */
static bool has_its_time(const struct store_settings *store, const struct analytics_event *event, int64_t now_ms,
                         struct record_errors *errors)
{
    enum quarantine_reason reason = quarantine_reason_of(event, store, now_ms);
    if (reason == QUARANTINE_FUTURE)
        record_errors_add(errors, "occurred_at", "lies more than %d minutes in the future (store.early_minutes)",
                          store->early_minutes);
    else if (reason == QUARANTINE_LATE)
        record_errors_add(errors, "occurred_at", "is older than %d days: too late to be counted (store.late_days)",
                          store->late_days);
    return reason == 0;
}

/* Of a camera of the login's org, and of those that a key is bound to; org, site and time of receipt are the server's
 * word. */
static bool settle(struct intake *intake, struct analytics_event *event, struct record_errors *errors)
{
    const struct request *request = intake->request;
    const struct store_settings *store = &request->api->settings->store;
    int64_t now_ms = clock_wall_ms(request->api->clock);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(request->api->live);
    const struct camera *camera = camera_set_find(set, event->camera_id);
    intake->is_early |= !camera && !intake->is_whole;
    if (!camera || g_strcmp0(camera->org_id, request->login.user->org_id) != 0)
        record_errors_add(errors, "camera_id", "%s: there is no such camera", event->camera_id);
    else if (login_is_camera_bound(&request->login) && !login_may_see_camera(&request->login, event->camera_id))
        record_errors_add(errors, "camera_id", "%s: the API key is bound to other cameras", event->camera_id);
    else if (event_is_kept_apart(event->type))
        record_errors_add(errors, "type", "%s: comes from the server's own workers alone",
                          record_enum_name(event_type_names, event->type));
    else if (!id_is_valid(event->id))
        record_errors_add(errors, "id", "must be a UUID in lower case");
    else if (has_its_time(store, event, now_ms, errors))
        analytics_event_settle(event, EVENT_BY_CLIENT, camera, now_ms, store->early_minutes, errors);
    if (!event->trace_id)
        event->trace_id = g_strdup(request->trace_id);
    if (trace_is_on() && request->trace.is_sampled && strcmp(event->trace_id, request->trace_id) == 0)
        event->traceparent = g_strdup(request->traceparent);
    return errors->count == 0;
}

/* The answer must not be many times as large as what came: of lines that are refused only the first are told. */
static bool is_told(const struct intake *intake)
{
    return intake->told.rejected < intake->api->settings->http.intake_lines_told;
}

static void tell(struct intake *intake, int32_t line, const char *id, const struct record_errors *errors)
{
    if (errors->count && !is_told(intake)) {
        intake->told.rejected++;
        return;
    }
    intake->told.rejected += errors->count > 0;
    struct intake_result *result = record_list_append(&intake->told.results, &intake_result_descriptor);
    result->line = line;
    result->id = g_strdup(id);
    result->status = errors->count ? INTAKE_REJECTED : INTAKE_ACCEPTED;
    for (guint i = 0; i < errors->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        struct problem_error *told = record_list_append(&result->errors, &problem_error_descriptor);
        told->path = g_strdup(error->path);
        told->message = g_strdup(error->text);
    }
}

static void take_line(struct intake *intake, int32_t number, const char *line, size_t length)
{
    struct analytics_event *event = g_new0(struct analytics_event, 1);
    struct record_errors errors;
    record_errors_init(&errors);
    errors.most = is_told(intake) ? (size_t)intake->api->settings->http.intake_errors_told : 0;
    bool is_decoded = record_decode_json_strict(&analytics_event_descriptor, line, length, event, &errors);
    bool is_taken = is_decoded && settle(intake, event, &errors);
    tell(intake, number, is_decoded ? event->id : NULL, &errors);
    if (is_taken)
        g_ptr_array_add(intake->events, event);
    else if (is_decoded)
        event_free(event);
    else
        g_free(event);
    record_errors_clear(&errors);
}

/* Empty lines are passed over; the last one needs no end. */
static void take_lines(struct intake *intake, const char *text, size_t length)
{
    int32_t number = 0;
    for (size_t at = 0; at < length;) {
        const char *end = memchr(text + at, '\n', length - at);
        size_t line = (end ? (size_t)(end - text) : length) - at;
        size_t kept = line && text[at + line - 1] == '\r' ? line - 1 : line;
        number++;
        if (kept)
            take_line(intake, number, text + at, kept);
        at += line + 1;
    }
}

/* ---- keeping them ---- */

static struct intake *intake_new(struct request *request)
{
    struct intake *intake = g_new0(struct intake, 1);
    intake->request = request;
    intake->api = request->api;
    intake->events = g_ptr_array_new_with_free_func(event_free);
    intake->is_whole = camera_roster_is_whole(live_roster(intake->api->live));
    intake->references = 1;
    pthread_mutex_init(&intake->lock, NULL);
    pthread_cond_init(&intake->changed, NULL);
    return intake;
}

void intake_leave(struct intake *intake)
{
    if (!intake || !g_atomic_int_dec_and_test(&intake->references))
        return;
    record_clear(&intake_answer_descriptor, &intake->told);
    g_ptr_array_unref(intake->events);
    pthread_cond_destroy(&intake->changed);
    pthread_mutex_destroy(&intake->lock);
    g_free(intake);
}

/* Its words name places of the server's, and are not for whoever sends events. */
static void complain(const struct intake *intake, const struct vedette_spool_error *error)
{
    static struct log_limit complaint;
    gint64 held_back;
    if (error->kind != VEDETTE_SPOOL_FULL && log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "%u events of POST /api/v1/events are not kept, and are to be sent again: %s (%lld more)",
                  intake->events->len, error->text, (long long)held_back);
}

/* On the spool's thread: they are there to stay, and those who look on were told, or they never will be. */
static void on_spooled(void *data, const struct vedette_spool_error *error)
{
    struct intake *intake = data;
    struct watch *watch = intake->api->watch;
    if (error)
        complain(intake, error);
    pthread_mutex_lock(&intake->lock);
    intake->is_over = true;
    intake->failure = error ? error->kind : 0;
    bool is_suspended = intake->is_suspended;
    if (is_suspended)
        MHD_resume_connection(intake->request->connection);
    pthread_cond_signal(&intake->changed);
    pthread_mutex_unlock(&intake->lock);
    if (is_suspended)
        watch_release(watch);
    intake_leave(intake);
}

static bool submit(struct intake *intake, struct vedette_spool_error *why)
{
    const struct api *api = intake->api;
    int64_t began_us = clock_monotonic_us(clock_system());
    g_atomic_int_inc(&intake->references);
    if (api->submit(api->records, intake->events, on_spooled, intake, why))
        return true;
    trace_note_events(intake->events, "spool", began_us, clock_monotonic_us(clock_system()), true);
    intake_leave(intake);
    return false;
}

/* A thread that serves connections does not wait for the disk: the request is suspended until the spool answers, so
 * that many share one commit. */
bool intake_await(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    if (!intake->is_over && watch_hold(intake->api->watch)) {
        MHD_suspend_connection(intake->request->connection);
        intake->is_suspended = true;
        pthread_mutex_unlock(&intake->lock);
        return true;
    }
    while (!intake->is_over) /* the server stops */
        pthread_cond_wait(&intake->changed, &intake->lock);
    pthread_mutex_unlock(&intake->lock);
    return false;
}

static bool is_over(struct intake *intake)
{
    pthread_mutex_lock(&intake->lock);
    bool is_over = intake->is_over;
    pthread_mutex_unlock(&intake->lock);
    return is_over;
}

static void tell_failure(enum vedette_spool_error_kind failure, struct answer *answer)
{
    answer_later(answer, failure == VEDETTE_SPOOL_FULL
                             ? "none was taken, as there is no room: send all of them again"
                             : "none was taken, as the disk of the server's spool does not take them (the server's "
                               "log says why): send all of them again");
}

static void tell_all(const struct intake *intake, struct answer *answer)
{
    if (intake->failure)
        tell_failure(intake->failure, answer);
    else
        answer_record(answer, MHD_HTTP_OK, &intake_answer_descriptor, &intake->told);
}

/* They were not even begun to be kept. */
static void tell_refusal(const struct intake *intake, const struct vedette_spool_error *why, struct answer *answer)
{
    if (why->kind != VEDETTE_SPOOL_INVALID) {
        complain(intake, why);
        tell_failure(why->kind, answer);
        return;
    }
    g_autofree char *detail =
        g_strdup_printf("none was taken, and the same again never will be: send less at once, or raise the bound "
                        "among the server's settings (spool): %s",
                        why->text);
    answer_problem(answer, MHD_HTTP_CONTENT_TOO_LARGE, detail, NULL);
}

/* What came is on its way into the spool. False: it is answered. */
static bool begin(struct request *request, struct answer *answer)
{
    struct intake *intake = request->intake = intake_new(request);
    take_lines(intake, (const char *)request->body->data, request->body->len);
    if (intake->is_early) { /* who is told that there is no such camera drops what it has of it */
        answer_later(answer, "none was taken, as the cameras of the store are not read yet: send all of them again");
        return false;
    }
    intake->told.accepted = intake->events->len;
    counter_add(&intake->api->health->intake_lines_refused, intake->told.rejected);
    struct vedette_spool_error why;
    if (!intake->events->len)
        tell_all(intake, answer);
    else if (submit(intake, &why))
        return true;
    else
        tell_refusal(intake, &why, answer);
    return false;
}

void handle_event_intake(struct request *request, struct answer *answer)
{
    if (!request->api->submit)
        answer_problem(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "this server keeps no records", NULL);
    else if (!request->intake && !begin(request, answer))
        return;
    else if (is_over(request->intake))
        tell_all(request->intake, answer);
    else
        answer->is_waiting = answer->is_spooling = true;
}
