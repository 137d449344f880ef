/* Orgs and sites. */
#define LOG_MODULE "api"

#include "store/places.h"
#include "api/api_internal.h"
#include "base/log.h"
#include "jobs/jobs.h"
#include "live/live.h"
#include "store/erasure.h"

/* ---- orgs ---- */

/* The platform sees all orgs, everyone else their own. */
static void handle_orgs(struct request *request, struct answer *answer)
{
    const struct user *user = request->login.user;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) orgs =
        store_orgs_read(request->api->store, user->role >= ROLE_PLATFORM ? NULL : user->org_id, &error);
    answer_list_or_error(answer, &org_descriptor, orgs, error);
}

/* Everyone but the platform knows of their own alone. */
static bool is_of_request(const struct request *request)
{
    const struct user *user = request->login.user;
    return user->role >= ROLE_PLATFORM || strcmp(request->id, user->org_id) == 0;
}

static void handle_org(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) orgs =
        is_of_request(request) ? store_orgs_read(request->api->store, request->id, &error) : g_ptr_array_new();
    if (orgs && orgs->len)
        answer_tagged(request, answer, MHD_HTTP_OK, &org_descriptor, g_ptr_array_index(orgs, 0));
    else if (orgs)
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such org, or it is not yours", NULL);
    else
        answer_error(answer, error);
}

/* If-Match, when there is one, names what was read. */
static bool is_expected_org(void *data, const struct org *org)
{
    g_autofree char *etag = record_etag(&org_descriptor, org);
    return http_etag_matches(data, etag);
}

static void handle_org_change(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct org_change_request *asked = request->record;
    g_autoptr(GError) error = NULL;
    if (!is_of_request(request)) {
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such org, or it is not yours", NULL);
        return;
    }
    struct org *org =
        store_org_rename(request->api->store, request->id, asked->name, request->if_match ? is_expected_org : NULL,
                         (void *)(uintptr_t)request->if_match, &by, &error);
    if (org)
        answer_tagged(request, answer, MHD_HTTP_OK, &org_descriptor, org);
    else
        answer_change_error(answer, error);
    org_free(org);
}

static void handle_org_create(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct org_request *asked = request->record;
    struct org org = {.id = asked->id, .name = asked->name}; /* borrows */
    g_autoptr(GError) error = NULL;
    if (store_org_create(request->api->store, &org, &by, &error))
        answer_tagged(request, answer, MHD_HTTP_CREATED, &org_descriptor, &org);
    else
        answer_error(answer, error);
}

/* What its cameras tell would be let go, and they would come back with the next start. */
static bool has_no_camera(struct request *request, struct answer *answer)
{
    const struct camera_set *set = request_cameras(request);
    for (size_t i = 0; i < set->count; i++) {
        const struct camera *camera = set->items[i];
        if (strcmp(camera->org_id, request->id) != 0)
            continue;
        g_autofree char *detail = g_strdup_printf(
            "camera '%s' of org '%s' is watched: take the org's cameras out first", camera->id, request->id);
        answer_problem(answer, MHD_HTTP_CONFLICT, detail, NULL);
        return false;
    }
    return true;
}

/* At once, if the job is free: else it goes with the job's next time. */
static void begin_erasure(const struct request *request)
{
    struct scheduler *scheduler = __atomic_load_n(&request->api->scheduler, __ATOMIC_ACQUIRE);
    const struct audit_by by = request_by(request);
    int64_t scheduled_ms = 0;
    g_autoptr(GError) error = NULL;
    if (scheduler && !scheduler_run_now(scheduler, JOB_ERASE_ORGS, &by, &scheduled_ms, &error))
        log_info(request->id, "this org is erased at the next time of the job: %s", error->message);
}

static void handle_org_delete(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct store_retention how = {.settings = &request->api->settings->retention,
                                        .check = policy_keeper_check_retention,
                                        .says = policy_keeper_retention,
                                        .check_org = policy_keeper_check_org,
                                        .data = request->api->policies};
    g_autoptr(GError) error = NULL;
    if (!has_no_camera(request, answer))
        return;
    if (!store_org_delete(request->api->store, &how, request->id, request->if_match ? is_expected_org : NULL,
                          (void *)(uintptr_t)request->if_match, &by, &error)) {
        answer_change_error(answer, error);
        return;
    }
    begin_erasure(request);
    answer->status = MHD_HTTP_ACCEPTED;
}

/* ---- sites ---- */

static void handle_sites(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sites = store_sites_list(request->api->store, request->login.user->org_id, &error);
    answer_list_or_error(answer, &site_descriptor, sites, error);
}

static void handle_site(struct request *request, struct answer *answer)
{
    g_autoptr(GError) error = NULL;
    struct site *site = store_site_get(request->api->store, request->login.user->org_id, request->id, &error);
    if (site)
        answer_tagged(request, answer, MHD_HTTP_OK, &site_descriptor, site);
    else
        answer_error(answer, error);
    site_free(site);
}

static void handle_site_create(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct site_request *asked = request->record;
    struct site site = {request->login.user->org_id, asked->id, asked->name, asked->time_zone, {0}}; /* borrows */
    g_autoptr(GError) error = NULL;
    if (store_site_create(request->api->store, &site, &by, &error))
        answer_tagged(request, answer, MHD_HTTP_CREATED, &site_descriptor, &site);
    else
        answer_error(answer, error);
}

/* If-Match, when there is one, names what was read. */
static bool is_expected(void *data, const struct site *site)
{
    g_autofree char *etag = record_etag(&site_descriptor, site);
    return http_etag_matches(data, etag);
}

static void handle_site_put(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    const struct site_change_request *asked = request->record;
    struct site site = {
        request->login.user->org_id, (char *)(uintptr_t)request->id, asked->name, asked->time_zone, {0}};
    g_autoptr(GError) error = NULL;
    if (store_site_change(request->api->store, &site, request->if_match ? is_expected : NULL,
                          (void *)(uintptr_t)request->if_match, &by, &error))
        answer_tagged(request, answer, MHD_HTTP_OK, &site_descriptor, &site);
    else
        answer_change_error(answer, error);
}

/* The store cannot tell those of the settings that are at rest from those that the settings have no more. */
static bool has_cameras(struct request *request, struct answer *answer)
{
    const struct camera_set *set = request_cameras(request);
    bool has_any = false;
    for (size_t i = 0; i < set->count; i++)
        has_any = has_any || (g_strcmp0(set->items[i]->org_id, request->login.user->org_id) == 0 &&
                              g_strcmp0(set->items[i]->site_id, request->id) == 0);
    if (has_any)
        answer_problem(answer, MHD_HTTP_CONFLICT, "the site has cameras: move or remove them first", NULL);
    return has_any;
}

static void handle_site_delete(struct request *request, struct answer *answer)
{
    const struct audit_by by = request_by(request);
    g_autoptr(GError) error = NULL;
    if (has_cameras(request, answer))
        return;
    if (store_site_delete(request->api->store, request->id, request->if_match ? is_expected : NULL,
                          (void *)(uintptr_t)request->if_match, &by, &error))
        answer->status = MHD_HTTP_NO_CONTENT;
    else
        answer_change_error(answer, error);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/orgs",
     .name = "listOrgs",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &org_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_orgs,
     .doc = "Every org, for the platform; one's own, for everyone else."},
    {.method = "GET",
     .path = "/api/v1/orgs/{id}",
     .name = "getOrg",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &org_descriptor,
     .features = ROUTE_CACHED,
     .handle = handle_org,
     .doc = "One org, with its ETag: one's own, or, for the platform, any."},
    {.method = "POST",
     .path = "/api/v1/orgs",
     .name = "createOrg",
     .role = ROLE_PLATFORM,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &org_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &org_descriptor,
     .status = MHD_HTTP_CREATED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_org_create,
     .doc = "A new org."},
    {.method = "PATCH",
     .path = "/api/v1/orgs/{id}",
     .name = "patchOrg",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .body = BODY_JSON,
     .request = &org_change_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &org_descriptor,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_org_change,
     .doc = "Gives an org another name: one's own, or, for the platform, any. 409 once it was deleted."},
    {.method = "DELETE",
     .path = "/api/v1/orgs/{id}",
     .name = "deleteOrg",
     .role = ROLE_PLATFORM,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_ACCEPTED,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_org_delete,
     .doc = "Closes another org, for good, and erases everything of it in the background; its row then says what went "
            "(erased) and when nothing was left (erased_at). 409 while it has cameras, a legal hold stands "
            "or one of its retention policies says legal_hold."},
    {.method = "GET",
     .path = "/api/v1/sites",
     .name = "listSites",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &list_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &site_descriptor,
     .features = ROUTE_WHOLE,
     .handle = handle_sites,
     .doc = "The org's sites, by id."},
    {.method = "POST",
     .path = "/api/v1/sites",
     .name = "createSite",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &reason_parameters_descriptor,
     .body = BODY_JSON,
     .request = &site_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &site_descriptor,
     .status = MHD_HTTP_CREATED,
     .problems = PROBLEM(CONFLICT),
     .handle = handle_site_create,
     .doc = "A new site. Its time zone says where its days and months begin."},
    {.method = "GET",
     .path = "/api/v1/sites/{id}",
     .name = "getSite",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &site_descriptor,
     .features = ROUTE_CACHED,
     .handle = handle_site,
     .doc = "One site, with its ETag."},
    {.method = "PUT",
     .path = "/api/v1/sites/{id}",
     .name = "putSite",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .body = BODY_JSON,
     .request = &site_change_request_descriptor,
     .answers = ANSWER_RECORD,
     .response = &site_descriptor,
     .features = ROUTE_VERSIONED,
     .handle = handle_site_put,
     .doc = "Sets its name and time zone. What was counted before stays by the old one."},
    {.method = "DELETE",
     .path = "/api/v1/sites/{id}",
     .name = "deleteSite",
     .role = ROLE_ADMIN,
     .rate = RATE_WRITE,
     .parameters = &id_change_parameters_descriptor,
     .status = MHD_HTTP_NO_CONTENT,
     .problems = PROBLEM(CONFLICT),
     .features = ROUTE_VERSIONED,
     .handle = handle_site_delete,
     .doc = "Removes it; 409 while cameras, classes or policies are of it."},
};
const struct route_group place_routes = ROUTE_GROUP("places", "Orgs, and the sites that they watch.", routes);
