/* The contract, as this server tells it of itself. */
#include "api/api_internal.h"

static void handle_docs(struct request *request, struct answer *answer)
{
    (void)request;
    g_autofree char *markdown = api_routes_markdown();
    answer_text(answer, MHD_HTTP_OK, "text/markdown; charset=utf-8", g_string_new(markdown));
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/docs",
     .name = "getDocs",
     .role = ROLE_ANONYMOUS,
     .rate = RATE_READ,
     .answers = ANSWER_MEDIA,
     .media_type = "text/markdown",
     .handle = handle_docs,
     .doc = "This list."},
};
const struct route_group contract_routes = ROUTE_GROUP("contract", "What there is to ask.", routes);
