#include "api/api_internal.h"
#include "store/rollups.h"

static void handle_occupancy(struct request *request, struct answer *answer)
{
    const struct occupancy_parameters *asked = request->parameters;
    const struct store_bucket_filter filter = {
        .org_id = request->login.user->org_id,
        .camera_id = asked->camera_id,
        .subject_id = asked->subject_id,
        .level = asked->level,
        .from_ms = asked->from.ms,
        .to_ms = asked->to.ms,
        .limit = asked->limit,
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = store_buckets_list(request->api->store, &filter, &error);
    answer_list_or_error(answer, &occupancy_hourly_descriptor, rows, error);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/occupancy",
     .name = "listOccupancy",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &occupancy_parameters_descriptor,
     .answers = ANSWER_LIST,
     .response = &occupancy_hourly_descriptor,
     .handle = handle_occupancy,
     .doc = "Counts by hour, day or month, newest first."},
};
const struct route_group occupancy_routes = ROUTE_GROUP("occupancy", "How many there were.", routes);
