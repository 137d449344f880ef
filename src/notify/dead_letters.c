#define LOG_MODULE "notify"
#include "notify/notify_internal.h"

#include "base/log.h"

#include <string.h>

enum {
    MAX_RECORD_BYTES = 3 << 20,
    COMPLAINT_US = 60 * 1000000,
    SECONDS_PER_DAY = 86400
}; /* an event of the largest kind, and why */

struct dead_letters {
    struct vedette_spool *spool;
    struct clock *clock;
    size_t most;
    pthread_mutex_t visiting; /* one at a time: what one has out, another would miss */
};

struct dead_letters *dead_letters_new(const char *directory, const struct notify_settings *settings,
                                      struct clock *clock, GError **error)
{
    const struct queue_bounds bounds = {settings->dead_letters, settings->max_queue_bytes, MAX_RECORD_BYTES, 0,
                                        (double)settings->dead_letter_days * SECONDS_PER_DAY};
    struct vedette_spool *spool = queue_open(directory, &bounds, clock, error);
    if (!spool)
        return NULL;
    struct dead_letters *dead = g_new0(struct dead_letters, 1);
    *dead = (struct dead_letters){.spool = spool, .clock = clock, .most = (size_t)settings->dead_letters};
    pthread_mutex_init(&dead->visiting, NULL);
    return dead;
}

void dead_letters_free(struct dead_letters *dead)
{
    if (!dead)
        return;
    vedette_spool_close(dead->spool);
    pthread_mutex_destroy(&dead->visiting);
    g_free(dead);
}

struct adding {
    void (*done)(void *data);
    void *data;
};

static void on_added(void *data, const struct vedette_spool_error *error)
{
    static struct log_limit complaint;
    struct adding *adding = data;
    gint64 held_back;
    if (error && log_limit_pass(&complaint, COMPLAINT_US, &held_back))
        log_error(NULL, "a notification that was given up is not kept: %s (%lld more)", error->text,
                  (long long)held_back);
    adding->done(adding->data);
    g_free(adding);
}

static char *letter_text(const struct dead_letters *dead, const struct audience *audience,
                         const struct delivery *delivery, const char *why)
{
    g_autofree char *reason = g_strndup(why ? why : "", 1000);
    const struct vedette_spool_record *record = delivery->batch->records;
    g_autofree char *event = message_letter(record->payload, record->length);
    const struct dead_letter letter = {
        .id = delivery->message.id,
        .org_id = delivery->message.org_id,
        .kind = audience->kind,
        .endpoint_id = (char *)(uintptr_t)audience->id,
        .given_up_at = {clock_wall_ms(dead->clock)},
        .tries = (int32_t)MIN(delivery->tries, 1000000),
        .why = reason,
        .event = {event},
    };
    GString *json = g_string_new(NULL);
    record_encode_json(&dead_letter_descriptor, &letter, true, json);
    return g_string_free(json, FALSE);
}

void dead_letters_add(struct dead_letters *dead, const struct audience *audience, const struct delivery *delivery,
                      const char *why, void (*done)(void *data), void *data)
{
    g_autofree char *text = letter_text(dead, audience, delivery, why);
    const struct vedette_spool_record record = {
        .tenant = delivery->message.org_id, .payload = text, .length = strlen(text)};
    struct vedette_spool_error error;
    struct adding *adding = g_new(struct adding, 1);
    *adding = (struct adding){done, data};
    if (!vedette_spool_submit(dead->spool, &record, 1, on_added, adding, &error))
        on_added(adding, &error);
}

/* False also for what cannot be read: it stays, and makes room in the end. */
static bool visit_record(const struct vedette_spool_record *record,
                         bool (*visit)(void *data, const struct dead_letter *letter), void *data)
{
    struct dead_letter letter;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&dead_letter_descriptor, record->payload, record->length, &letter, &errors);
    record_errors_clear(&errors);
    if (!is_good)
        return false;
    bool is_done = visit(data, &letter);
    record_clear(&dead_letter_descriptor, &letter);
    return is_done;
}

/* Settles it. Without `visit` those of the org are done, also those that cannot be read. */
static void visit_batch(struct dead_letters *dead, struct vedette_spool_batch *batch, const char *org_id,
                        bool (*visit)(void *data, const struct dead_letter *letter), void *data)
{
    g_autofree bool *is_done = g_new0(bool, batch->count);
    for (size_t i = 0; i < batch->count; i++)
        is_done[i] = g_strcmp0(batch->records[i].tenant, org_id) == 0 &&
                     (!visit || visit_record(&batch->records[i], visit, data));
    vedette_spool_settle(dead->spool, batch, is_done);
}

/* A batch holds but so many bytes: all of them are taken out before the first goes back, so that none comes twice and
 * the newest are among them. */
void dead_letters_visit(struct dead_letters *dead, const char *org_id,
                        bool (*visit)(void *data, const struct dead_letter *letter), void *data)
{
    g_autoptr(GPtrArray) batches = g_ptr_array_new();
    pthread_mutex_lock(&dead->visiting);
    for (struct vedette_spool_batch *batch; (batch = vedette_spool_dequeue(dead->spool, dead->most, 0));)
        g_ptr_array_add(batches, batch);
    for (guint i = 0; i < batches->len; i++)
        visit_batch(dead, g_ptr_array_index(batches, i), org_id, visit, data);
    pthread_mutex_unlock(&dead->visiting);
}

void dead_letters_erase(struct dead_letters *dead, const char *org_id)
{
    dead_letters_visit(dead, org_id, NULL, NULL);
}
