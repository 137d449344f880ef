/* Reports: what happened on a site in one of its days, weeks or months. */
#include "store/reports.h"
#include "api/api_internal.h"
#include "base/zone.h"
#include "store/places.h"

static const int64_t day_s = INT64_C(86400);

/* The days of the site's clocks that the period of this local day has: [first, end). */
static void find_days(enum report_period period, int64_t day, int64_t *first, int64_t *end)
{
    struct zone_date date = zone_date_of_day(day);
    switch (period) {
    case REPORT_WEEK:
        *first = day - (zone_weekday(day) + 6) % 7; /* from monday */
        *end = *first + 7;
        break;
    case REPORT_MONTH:
        *first = day - date.day + 1;
        *end = *first + zone_days_in_month(date.year, date.month);
        break;
    default:
        *first = day;
        *end = day + 1;
    }
}

static bool find_period(const struct site *site, enum report_period period, int64_t at_ms, struct store_report *report,
                        GError **error)
{
    int64_t first, end;
    CLEANUP(zone)
    struct zone *zone = zone_load(site->time_zone && *site->time_zone ? site->time_zone : "UTC", error);
    if (!zone)
        return false;
    int64_t local_s = zone_local(zone, zone_floor_divide(at_ms, 1000));
    find_days(period, zone_floor_divide(local_s, day_s), &first, &end);
    report->from_ms = zone_utc(zone, first * day_s) * 1000;
    report->to_ms = zone_utc(zone, end * day_s) * 1000;
    return true;
}

static void handle_report(struct request *request, struct answer *answer)
{
    const struct report_parameters *asked = request->parameters;
    struct store_report report = {.org_id = request->login.user->org_id,
                                  .site_id = asked->site_id,
                                  .now_ms = clock_wall_ms(request->api->clock),
                                  .limit = request->api->settings->http.report_lines};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) lines = NULL;
    struct site *site = store_site_get(request->api->store, report.org_id, report.site_id, &error);
    if (site && find_period(site, asked->period, asked->at.ms ? asked->at.ms : report.now_ms, &report, &error))
        lines = store_report_read(request->api->store, &report, &error);
    answer_list_or_error(answer, &report_line_descriptor, lines, error);
    site_free(site);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/reports",
     .name = "getReport",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &report_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &report_line_descriptor,
     .problems = PROBLEM(NOT_FOUND),
     .features = ROUTE_WHOLE,
     .handle = handle_report,
     .doc =
         "A site's day, week or month: signals by camera, kind and severity, incidents by kind, what lines and zones "
         "counted (in hours that are rolled up), and for how much of the time that it was watched each camera was on "
         "line while the server ran. Of a period that goes on, what there is so far."},
};
const struct route_group report_routes = ROUTE_GROUP("reports", "What happened in a day, a week or a month.", routes);
