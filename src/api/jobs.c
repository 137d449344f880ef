/* What the server does by the clock. */
#include "api/api_internal.h"

static struct scheduler *find_scheduler(const struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = __atomic_load_n(&request->api->scheduler, __ATOMIC_ACQUIRE);
    if (!scheduler)
        answer_later(answer, "the scheduler has not started yet: it waits for the store");
    return scheduler;
}

/* What a run did tells of every org. */
static void hide_details_of_views(const GPtrArray *views)
{
    for (guint i = 0; views && i < views->len; i++) {
        struct job_view *view = g_ptr_array_index(views, i);
        g_clear_pointer(&view->last_detail, g_free);
    }
}

static void hide_details_of_runs(const GPtrArray *runs)
{
    for (guint i = 0; runs && i < runs->len; i++) {
        struct job_run *run = g_ptr_array_index(runs, i);
        g_clear_pointer(&run->detail, g_free);
        g_clear_pointer(&run->requested_by, g_free);
    }
}

static void handle_jobs(struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) jobs = scheduler ? scheduler_list(scheduler, &error) : NULL;
    if (!request_runs_server(request))
        hide_details_of_views(jobs);
    if (scheduler)
        answer_list_or_error(answer, &job_view_descriptor, jobs, error);
}

/* One more than are told says whether there is a next page. */
static void answer_runs(const GPtrArray *runs, guint limit, struct answer *answer)
{
    g_autoptr(GString) next = g_string_new(NULL);
    guint count = MIN(runs->len, limit);
    if (runs->len > count)
        record_append_time(next, ((const struct job_run *)g_ptr_array_index(runs, count - 1))->scheduled_at.ms);
    answer_page(answer, &job_run_descriptor, runs, count, next->len ? next->str : NULL);
}

static void handle_job_history(struct request *request, struct answer *answer)
{
    const struct job_history_parameters *asked = request->parameters;
    struct scheduler *scheduler = find_scheduler(request, answer);
    if (!scheduler)
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) runs =
        scheduler_history(scheduler, asked->id, parameter_cursor_ms(asked->cursor), asked->limit + 1, &error);
    if (!request_runs_server(request))
        hide_details_of_runs(runs);
    if (runs)
        answer_runs(runs, (guint)asked->limit, answer);
    else
        answer_error(answer, error);
}

static void handle_job_next(struct request *request, struct answer *answer)
{
    const struct job_next_parameters *asked = request->parameters;
    struct scheduler *scheduler = find_scheduler(request, answer);
    if (!scheduler)
        return;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) times = scheduler_next(scheduler, asked->id, asked->count, &error);
    if (!times) {
        answer_error(answer, error);
        return;
    }
    struct times_answer told = {.times = {g_new(char *, times->len), times->len}};
    for (guint i = 0; i < times->len; i++) {
        GString *text = g_string_new(NULL);
        record_append_time(text, g_array_index(times, int64_t, i));
        told.times.items[i] = g_string_free(text, FALSE);
    }
    answer_record(answer, MHD_HTTP_OK, &times_answer_descriptor, &told);
    record_clear(&times_answer_descriptor, &told);
}

static void handle_job_run(struct request *request, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    const struct audit_by by = request_by(request);
    int64_t scheduled_ms = 0;
    g_autoptr(GError) error = NULL;
    if (!scheduler)
        return;
    if (scheduler_run_now(scheduler, request->id, &by, &scheduled_ms, &error)) {
        const struct scheduled_answer told = {{scheduled_ms}};
        answer_record(answer, MHD_HTTP_ACCEPTED, &scheduled_answer_descriptor, &told);
    } else {
        answer_error(answer, error);
    }
}

static void set_paused(struct request *request, bool is_paused, struct answer *answer)
{
    struct scheduler *scheduler = find_scheduler(request, answer);
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (!scheduler)
        return;
    if (scheduler_pause(scheduler, request->id, is_paused, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_error(answer, error);
}

static void handle_job_pause(struct request *request, struct answer *answer)
{
    set_paused(request, true, answer);
}

static void handle_job_resume(struct request *request, struct answer *answer)
{
    set_paused(request, false, answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/jobs",
     .name = "listJobs",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &job_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &job_view_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_jobs,
     .doc = "The server's jobs and how they stand; what they did, to whom runs the server."},
    {.method = "GET",
     .path = "/api/v1/jobs/{id}/history",
     .name = "listJobRuns",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &job_history_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &job_run_descriptor,
     .handle = handle_job_history,
     .doc = "What became of a job's times, newest first: run, or skipped and why; what was done, to whom runs the "
            "server."},
    {.method = "GET",
     .path = "/api/v1/jobs/{id}/next",
     .name = "listJobTimes",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &job_next_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &times_answer_descriptor,
     .handle = handle_job_next,
     .doc = "When a job is due next."},
    {.method = "POST",
     .path = "/api/v1/jobs/{id}/run",
     .name = "runJob",
     .role = ROLE_ADMIN,
     .rate = RATE_HEAVY,
     .parameters = &id_change_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &scheduled_answer_descriptor,
     .status = MHD_HTTP_ACCEPTED,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_SERVER,
     .handle = handle_job_run,
     .doc =
         "Runs a job now, also a paused one; 409 while it runs. Where there are other orgs, for the platform alone."},
    {.method = "POST",
     .path = "/api/v1/jobs/{id}/pause",
     .name = "pauseJob",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .features = ROUTE_SERVER,
     .handle = handle_job_pause,
     .doc = "From now on no server runs the job by its schedule. Where there are other orgs, for the platform alone."},
    {.method = "POST",
     .path = "/api/v1/jobs/{id}/resume",
     .name = "resumeJob",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .features = ROUTE_SERVER,
     .handle = handle_job_resume,
     .doc = "From now on it is again."},
};
const struct route_group job_routes = ROUTE_GROUP("jobs", "What the server does by the clock.", routes);
