/* Who did what. */
#include "store/audit.h"
#include "api/api_internal.h"

struct audit_by request_by(const struct request *request)
{
    const struct user *user = request->login.user;
    return (struct audit_by){user->org_id, user->id, user->username, request->address,
                             http_parameter_get(request->target->parameters, "reason")};
}

static void handle_audit(struct request *request, struct answer *answer)
{
    const struct audit_parameters *asked = request->parameters;
    g_autoptr(GError) error = NULL;
    const struct audit_filter filter = {
        .before_sequence = asked->cursor ? parameter_cursor_number(asked->cursor) : asked->before,
        .from_ms = asked->from.ms,
        .to_ms = asked->to.ms,
        .actor_id = asked->actor_id,
        .subject_id = asked->subject_id,
        .action = asked->action,
        .subject_kind = asked->subject_kind,
        .limit = asked->limit + 1,
    };
    g_autoptr(GPtrArray) views = store_audit_find(request->api->store, request->login.user->org_id, &filter, &error);
    if (!views) {
        answer_error(answer, error);
        return;
    }
    guint count = MIN(views->len, (guint)asked->limit);
    const struct audit_view *last = count ? g_ptr_array_index(views, count - 1) : NULL;
    g_autofree char *next = last && views->len > count ? g_strdup_printf("%" G_GINT64_FORMAT, last->sequence) : NULL;
    answer_page(answer, &audit_view_descriptor, views, count, next);
}

static void handle_audit_verify(struct request *request, struct answer *answer)
{
    struct audit_report report;
    g_autoptr(GError) error = NULL;
    if (!store_audit_verify(request->api->store, request->login.user->org_id, &report, &error)) {
        answer_error(answer, error);
        return;
    }
    const struct audit_verification told = {
        .entries = report.entries,
        .sha256 = report.sha256,
        .is_whole = report.problems->len == 0,
        .problems = {(char **)report.problems->pdata, report.problems->len},
    };
    answer_record(answer, MHD_HTTP_OK, &audit_verification_descriptor, &told);
    audit_report_clear(&report);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/audit",
     .name = "listAudit",
     .role = ROLE_ADMIN,
     .rate = RATE_READ,
     .parameters = &audit_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &audit_view_descriptor,
     .handle = handle_audit,
     .doc = "Who did what, when, from where, before and after, newest first."},
    {.method = "GET",
     .path = "/api/v1/audit/verify",
     .name = "verifyAudit",
     .role = ROLE_ADMIN,
     .rate = RATE_HEAVY,
     .answers = ANSWER_RECORD,
     .response = &audit_verification_descriptor,
     .handle = handle_audit_verify,
     .doc = "Looks at the whole chain for entries that were edited, removed or moved."},
};
const struct route_group audit_routes = ROUTE_GROUP("audit", "Who did what.", routes);
