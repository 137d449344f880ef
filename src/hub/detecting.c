/* Has pictures looked at that were sent to the API: by caged workers without cameras, each for one org at a time,
 * started when they are needed, ended when they are idle, started anew when a picture ended them. */
#define LOG_MODULE "hub"
#include "hub/hub_internal.h"

#include "base/counter.h"
#include "base/log.h"

#include <string.h>

struct helper {
    struct hub_worker *worker; /* among the hub's */
    char *org_id;
    struct detect_job *job; /* that it is looking at; NULL: none */
    uint64_t number;        /* of that picture */
    int64_t used_us;
    bool is_ending;
    bool is_awaited; /* while jobs are handed out: it still starts, and a picture whose turn it is waits for it */
};

struct detecting {
    struct hub *hub;
    struct detect_queue *queue;
    GPtrArray *helpers; /* of struct helper * */
    uint64_t last_number;
    guint started;    /* helpers, for their names */
    char *wanted_org; /* while jobs are handed out: it has a job and no helper */
};

static void helper_free(void *data)
{
    struct helper *helper = data;
    g_free(helper->org_id);
    g_free(helper);
}

static gboolean on_wake(gpointer data)
{
    struct hub *hub = data;
    if (hub->detecting && !hub->is_stopping)
        detecting_turn(hub->detecting);
    return G_SOURCE_REMOVE;
}

/* On the asker's thread. */
static void wake(void *hub)
{
    g_idle_add_full(G_PRIORITY_DEFAULT, on_wake, hub, NULL);
}

struct detecting *detecting_new(struct hub *hub)
{
    struct detecting *detecting = g_new0(struct detecting, 1);
    detecting->hub = hub;
    detecting->queue = detect_queue_new(&hub->settings->detect, &hub->health, hub->clock);
    detecting->helpers = g_ptr_array_new_with_free_func(helper_free);
    if (hub->settings->detect.workers > 0)
        detect_queue_serve(detecting->queue, wake, hub);
    return detecting;
}

struct detect_queue *detecting_queue(struct detecting *detecting)
{
    return detecting->queue;
}

static void fail(struct detecting *detecting, struct helper *helper, enum vedette_error code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(VEDETTE_ERROR, (int)code, why);
    if (helper->job)
        detect_fail(detecting->queue, helper->job, error);
    helper->job = NULL;
}

void detecting_free(struct detecting *detecting)
{
    if (!detecting)
        return;
    for (guint i = 0; i < detecting->helpers->len; i++)
        fail(detecting, g_ptr_array_index(detecting->helpers, i), VEDETTE_ERROR_UNAVAILABLE, "the server stops");
    g_ptr_array_unref(detecting->helpers);
    detect_queue_free(detecting->queue);
    g_free(detecting);
}

static struct helper *helper_of_worker(struct detecting *detecting, const struct hub_worker *worker)
{
    for (guint i = 0; detecting && i < detecting->helpers->len; i++) {
        struct helper *helper = g_ptr_array_index(detecting->helpers, i);
        if (helper->worker == worker)
            return helper;
    }
    return NULL;
}

static struct helper *helper_of_org(struct detecting *detecting, const char *org_id)
{
    for (guint i = 0; i < detecting->helpers->len; i++) {
        struct helper *helper = g_ptr_array_index(detecting->helpers, i);
        if (!helper->is_ending && strcmp(helper->org_id, org_id) == 0)
            return helper;
    }
    return NULL;
}

/* ---- a helper's life ---- */

static void start_helper(struct detecting *detecting, const char *org_id)
{
    struct helper *helper = g_new0(struct helper, 1);
    g_autofree char *id = g_strdup_printf("detect-%u", ++detecting->started);
    helper->worker = hub_worker_new_for_pictures(detecting->hub, id);
    helper->org_id = g_strdup(org_id);
    helper->used_us = clock_monotonic_us(detecting->hub->clock);
    g_ptr_array_add(detecting->helpers, helper);
    counter_set(&detecting->hub->health.detect_helpers, detecting->helpers->len);
    g_autoptr(GError) error = NULL;
    if (hub_worker_start(helper->worker, &error))
        return;
    log_error(id, "not started: %s", error->message);
    helper->is_ending = helper->worker->is_leaving = true;
}

static void end_helper(struct helper *helper)
{
    helper->is_ending = helper->worker->is_leaving = true;
    hub_worker_stop(helper->worker);
}

/* The least recently used that has nothing to do makes room for another org. */
static void make_room(struct detecting *detecting)
{
    struct helper *oldest = NULL;
    for (guint i = 0; i < detecting->helpers->len; i++) {
        struct helper *helper = g_ptr_array_index(detecting->helpers, i);
        if (helper->is_ending)
            return; /* room comes */
        if (!helper->job && !helper->is_awaited && (!oldest || helper->used_us < oldest->used_us))
            oldest = helper;
    }
    if (oldest)
        end_helper(oldest);
}

static void look_after(struct detecting *detecting, struct helper *helper)
{
    int64_t now_us = clock_monotonic_us(detecting->hub->clock);
    double idle_seconds = (double)(now_us - helper->used_us) / G_USEC_PER_SEC;
    if (helper->job && detect_job_is_late(detecting->queue, helper->job)) {
        log_error(helper->worker->id, "is ended: a picture took longer than detect.timeout_seconds");
        fail(detecting, helper, VEDETTE_ERROR_TIMEOUT,
             "the picture took longer than detect.timeout_seconds: try again");
        hub_worker_kill(helper->worker);
    } else if (!helper->job && !helper->is_ending && idle_seconds > detecting->hub->settings->detect.idle_seconds) {
        end_helper(helper);
    }
}

static void remove_ended(struct detecting *detecting)
{
    for (guint i = detecting->helpers->len; i-- > 0;) {
        struct helper *helper = g_ptr_array_index(detecting->helpers, i);
        /* batches of its that are on their way name it */
        if (!helper->is_ending || helper->worker->pid || helper->worker->bytes_in_hand)
            continue;
        g_ptr_array_remove(detecting->hub->workers, helper->worker); /* which frees it */
        g_ptr_array_remove_index(detecting->helpers, i);
    }
    counter_set(&detecting->hub->health.detect_helpers, detecting->helpers->len);
}

void detecting_note_gone(struct detecting *detecting, struct hub_worker *worker)
{
    struct helper *helper = helper_of_worker(detecting, worker);
    if (helper)
        fail(detecting, helper, VEDETTE_ERROR_UNAVAILABLE,
             "the process that looked at the picture ended: the log says why");
}

/* ---- handing out ---- */

static bool is_ready(const struct helper *helper)
{
    return !helper->job && helper->worker->link && helper->worker->has_said_hello;
}

/* Whether another helper may begin, now or once one has ended. */
static bool has_room(const struct detecting *detecting)
{
    bool has_room = detecting->helpers->len < (guint)detecting->hub->settings->detect.workers;
    for (guint i = 0; i < detecting->helpers->len; i++)
        has_room |= ((const struct helper *)g_ptr_array_index(detecting->helpers, i))->is_ending;
    return has_room;
}

/* Under the queue's lock: what takes time is left for later. An org without a helper, where there is no room for one,
 * waits until one of another org has nothing to do: no younger picture keeps that one busy. */
static enum detect_verdict judge(void *data, const char *org_id)
{
    struct detecting *detecting = data;
    struct helper *helper = helper_of_org(detecting, org_id);
    if (!helper) {
        if (!detecting->wanted_org)
            detecting->wanted_org = g_strdup(org_id);
        return has_room(detecting) ? DETECT_PASSES : DETECT_WAITS;
    }
    helper->used_us = clock_monotonic_us(detecting->hub->clock);
    if (is_ready(helper))
        return DETECT_TAKES;
    helper->is_awaited |= !helper->job; /* one that still starts is not idle */
    return DETECT_PASSES;
}

static void hand_over(struct detecting *detecting, struct detect_job *job)
{
    struct helper *helper = helper_of_org(detecting, detect_job_org(job));
    gsize order_bytes, image_bytes;
    const char *order = g_bytes_get_data(detect_job_order(job), &order_bytes);
    const uint8_t *image = g_bytes_get_data(detect_job_image(job), &image_bytes);
    g_autoptr(GError) error = NULL;
    helper->job = job;
    helper->number = ++detecting->last_number;
    helper->used_us = clock_monotonic_us(detecting->hub->clock);
    const struct link_parts parts = {helper->number, order, order_bytes, image, image_bytes};
    if (!link_send_parts(helper->worker->link, LINK_LOOK, &parts, &error))
        fail(detecting, helper, VEDETTE_ERROR_UNAVAILABLE, error->message);
}

void detecting_turn(struct detecting *detecting)
{
    detect_expire(detecting->queue);
    for (guint i = 0; i < detecting->helpers->len; i++)
        look_after(detecting, g_ptr_array_index(detecting->helpers, i));
    remove_ended(detecting);
    for (guint i = 0; i < detecting->helpers->len; i++)
        ((struct helper *)g_ptr_array_index(detecting->helpers, i))->is_awaited = false;
    struct detect_job *job;
    while ((job = detect_take(detecting->queue, judge, detecting)))
        hand_over(detecting, job);
    if (detecting->wanted_org && detecting->helpers->len < (guint)detecting->hub->settings->detect.workers)
        start_helper(detecting, detecting->wanted_org);
    else if (detecting->wanted_org)
        make_room(detecting);
    g_clear_pointer(&detecting->wanted_org, g_free);
}

/* ---- what a helper answers; hostile ---- */

static void finish(struct detecting *detecting, struct helper *helper, struct detect_response *response,
                   const struct link_parts *parts)
{
    g_autoptr(GString) json = g_string_new(NULL);
    g_free(response->annotated_image);
    response->annotated_image = parts->byte_count ? g_base64_encode(parts->bytes, parts->byte_count) : NULL;
    record_encode_json(&detect_response_descriptor, response, false, json);
    g_autoptr(GBytes) answer = g_string_free_to_bytes(g_steal_pointer(&json));
    detect_finish(detecting->queue, helper->job, answer);
    helper->job = NULL;
}

static bool take_response(struct detecting *detecting, struct helper *helper, const struct link_parts *parts,
                          GError **error)
{
    struct detect_response response;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_picture = parts->byte_count == 0 || (parts->byte_count > 2 && parts->bytes[0] == 0xff);
    bool is_good = record_decode_json(&detect_response_descriptor, parts->text, parts->text_length, &response, &errors);
    if (is_good && is_picture)
        finish(detecting, helper, &response, parts);
    else if (is_good)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "an annotated picture that is no JPEG");
    else
        record_errors_to_gerror(&errors, error);
    if (is_good)
        record_clear(&detect_response_descriptor, &response);
    record_errors_clear(&errors);
    return is_good && is_picture;
}

/* Its own words to the sender, as text alone. */
static void take_refusal(struct detecting *detecting, struct helper *helper, const struct link_parts *parts)
{
    enum { REASON_MAX_BYTES = 512 };
    g_autofree char *raw = g_strndup(parts->text, MIN(parts->text_length, REASON_MAX_BYTES));
    g_autofree char *why = g_utf8_make_valid(raw, -1);
    bool is_known =
        parts->byte_count == 1 && parts->bytes[0] >= VEDETTE_ERROR_INVALID && parts->bytes[0] <= VEDETTE_ERROR_CONFLICT;
    fail(detecting, helper, is_known ? (enum vedette_error)parts->bytes[0] : VEDETTE_ERROR_IO, why);
}

bool detecting_take(struct hub_worker *worker, enum link_type type, const void *body, size_t length, GError **error)
{
    struct detecting *detecting = worker->hub->detecting;
    struct helper *helper = helper_of_worker(detecting, worker);
    struct link_parts parts;
    if (!helper || !helper->job || !link_parts_read(body, length, &parts) || parts.number != helper->number) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PROTOCOL, "it answered what it was not asked");
        return false;
    }
    helper->used_us = clock_monotonic_us(worker->hub->clock);
    if (type == LINK_NOT_LOOKED)
        take_refusal(detecting, helper, &parts);
    else if (!take_response(detecting, helper, &parts, error))
        return false;
    wake(worker->hub); /* for the next picture */
    return true;
}
