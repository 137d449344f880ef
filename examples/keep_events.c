/* A service that keeps events until they are delivered: what it has accepted survives its end. Each is held against
 * Vedette's table of it first.
 *
 *     cc keep_events.c $(pkg-config --cflags --libs vedette)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vedette/record.h>
#include <vedette/spool.h>

static const char *const events[] = {
    "{\"id\":\"e1\",\"type\":\"line_crossing\",\"camera_id\":\"gate\",\"occurred_at\":\"2026-05-04T08:00:00Z\","
    "\"payload\":{"
    "\"id\":\"c1\",\"camera_id\":\"gate\",\"line_id\":\"in\",\"track_id\":7,\"direction\":\"in\",\"at\":\"2026-05-"
    "04T08:00:00Z\"}}",
    "{\"id\":\"e2\",\"type\":\"signal\",\"camera_id\":\"gate\",\"occurred_at\":\"2026-05-04T08:00:01Z\",\"priority\":9,"
    "\"payload\":{\"id\":\"s1\",\"org_id\":\"shop\",\"camera_id\":\"gate\",\"service\":\"safety\",\"kind\":"
    "\"intrusion\","
    "\"severity\":\"high\",\"confidence\":0.9,\"started_at\":\"2026-05-04T08:00:01Z\"}}",
    "{\"id\":\"e3\",\"type\":\"rumour\",\"priority\":12}",
};

static void tell_fault(void *data, const char *path, const char *text)
{
    printf("%s: %s %s\n", (const char *)data, path, text);
}

static struct vedette_record *parse(const char *json, size_t length)
{
    return vedette_record_parse(vedette_record_type_find("AnalyticsEvent"), json, length, tell_fault, "refused");
}

/* True when the event is on the disk. */
static bool keep(struct vedette_spool *spool, const char *json)
{
    struct vedette_record *event = parse(json, strlen(json));
    if (!event)
        return false;
    int64_t priority = 0;
    char *text = vedette_record_json(event);
    struct vedette_spool_error error;
    vedette_record_get_integer(event, "priority", &priority);
    struct vedette_spool_record record = {
        .tenant = "shop", .priority = (int32_t)priority, .payload = text, .length = strlen(text)};
    bool is_kept = vedette_spool_enqueue(spool, &record, 1, &error);
    if (!is_kept)
        printf("not kept: %s\n", error.text);
    free(text);
    vedette_record_free(event);
    return is_kept;
}

static void deliver(const struct vedette_spool_record *record)
{
    struct vedette_record *event = parse(record->payload, record->length);
    struct vedette_record *payload = event ? vedette_record_payload(event, tell_fault, "payload") : NULL;
    const char *camera = "", *id = "";
    if (payload) {
        vedette_record_get_text(event, "camera_id", &camera);
        vedette_record_get_text(payload, "id", &id);
        printf("delivered: %s %s of %s\n", vedette_record_type_name(vedette_record_get_type(payload)), id, camera);
    }
    vedette_record_free(payload);
    vedette_record_free(event);
}

static struct vedette_spool *open_spool(void)
{
    struct vedette_spool_config config;
    struct vedette_spool_error error;
    vedette_spool_config_init(&config);
    config.reserve_bytes = 0;
    config.max_queue_seconds = 0; /* for ever: the default lets go of what has waited for five minutes */
    struct vedette_spool *spool = vedette_spool_open("spool", &config, &error);
    if (!spool) {
        fprintf(stderr, "keep_events: %s\n", error.text);
        exit(1);
    }
    return spool;
}

int main(void)
{
    char directory[] = "/tmp/keep_events-XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) != 0) {
        perror("keep_events: /tmp");
        return 1;
    }
    struct vedette_spool *spool = open_spool();
    int kept = 0;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        kept += keep(spool, events[i]);
    vedette_spool_close(spool); /* a crash here would lose nothing either */

    spool = open_spool();
    int delivered = 0;
    for (struct vedette_spool_batch *batch; delivered < kept && (batch = vedette_spool_dequeue(spool, 0, 5000000));) {
        for (size_t i = 0; i < batch->count; i++, delivered++)
            deliver(&batch->records[i]);
        vedette_spool_acknowledge(spool, batch);
    }
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(spool, &stats);
    printf("%d kept, %d delivered, %" PRId64 " still queued\n", kept, delivered, stats.total_queued);
    vedette_spool_close(spool);

    unlink("spool/lock"); /* drained files are removed by the spool itself */
    rmdir("spool");
    rmdir(directory);
    return delivered == kept ? 0 : 1;
}
