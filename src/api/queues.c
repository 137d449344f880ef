/* /queue/stats, and the same in /health. */
#include <string.h>

#include "api/api_internal.h"
#include "base/counter.h"

/* One org's part of the spool. */
struct own_part {
    const char *org_id;
    struct vedette_spool_tenant tenant;
};

static void find_own(void *data, const struct vedette_spool_tenant *tenant)
{
    struct own_part *own = data;
    if (g_strcmp0(tenant->name, own->org_id) == 0)
        own->tenant = *tenant;
}

static void append_number(GString *json, const char *name, int64_t value)
{
    g_string_append_printf(json, "%s\"%s\":%" G_GINT64_FORMAT, json->str[json->len - 1] == '{' ? "" : ",", name, value);
}

static void append_losses(const struct vedette_spool_tenant *tenant, GString *json)
{
    g_string_append(json, ",\"losses\":{");
    for (int i = 0; i < VEDETTE_SPOOL_LOSSES; i++)
        append_number(json, vedette_spool_loss_name((enum vedette_spool_loss)i), tenant->losses[i]);
    g_string_append_c(json, '}');
}

/* The members without their braces. */
static void append_members(const struct request *request, GString *json)
{
    struct vedette_spool *spool = request->api->spool;
    struct own_part own = {.org_id = request->login.user->org_id};
    struct vedette_spool_stats stats = {0};
    if (spool) {
        vedette_spool_each_tenant(spool, find_own, &own);
        vedette_spool_get_stats(spool, &stats);
    }
    const struct vedette_spool_tenant *tenant = &own.tenant;
    append_number(json, "memory_queue_size", tenant->memory_queue_size);
    append_number(json, "disk_queue_size", tenant->disk_queue_size);
    append_number(json, "total_queued", tenant->memory_queue_size + tenant->disk_queue_size);
    append_number(json, "queued_bytes", tenant->queued_bytes);
    append_number(json, "enqueued", tenant->enqueued);
    append_number(json, "acknowledged", tenant->acknowledged);
    append_losses(tenant, json);
    g_string_append_printf(json, ",\"is_draining\":%s,\"is_store_available\":%s", stats.is_stalled ? "false" : "true",
                           counter_get(&request->api->health->store_breaker_open) ? "false" : "true");
    append_number(json, "files_unread", stats.files_unread);
}

void append_queue(const struct request *request, GString *json)
{
    g_string_append_c(json, '{');
    append_members(request, json);
    g_string_append_c(json, '}');
}

static void handle_queue_stats(struct request *request, struct answer *answer)
{
    struct vedette_spool_stats stats = {0};
    if (request->api->spool)
        vedette_spool_get_stats(request->api->spool, &stats);
    GString *json = g_string_new(NULL);
    g_string_append_printf(json, "{\"status\":\"%s\"", stats.is_stalled ? "degraded" : "healthy");
    if (request->login.user)
        append_members(request, json);
    g_string_append_c(json, '}');
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/queue/stats",
     .name = "getQueueStats",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &queue_answer_descriptor,
     .handle = handle_queue_stats,
     .doc = "What waits in the spool to be stored: of the login's org."},
    {.method = "GET",
     .path = "/api/v1/queue",
     .name = "getQueue",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .answers = ANSWER_RECORD,
     .response = &queue_answer_descriptor,
     .handle = handle_queue_stats,
     .doc = "The same, for a login alone."},
};
const struct route_group queue_routes = ROUTE_GROUP("queue", "What waits to be stored.", routes);
