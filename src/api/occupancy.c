#include "api/rows.h"

static void handle_occupancy(struct request *request, struct answer *answer)
{
    static const struct store_row_kind *const kinds[] = {
        [ROLLUP_HOUR] = &store_hours, [ROLLUP_DAY] = &store_days, [ROLLUP_MONTH] = &store_months};
    const struct occupancy_parameters *asked = request->parameters;
    answer_rows(request, kinds[asked->level], answer);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/occupancy",
     .name = "listOccupancy",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &occupancy_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &occupancy_hourly_descriptor,
     .handle = handle_occupancy,
     .doc = "Counts by hour, day or month, newest first."},
};
const struct route_group occupancy_routes = ROUTE_GROUP("occupancy", "How many there were.", routes);
