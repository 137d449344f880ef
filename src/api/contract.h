/* What is written from the route table for others: shared by the files that write it. */
#pragma once

#include "api/api_internal.h"

/* Every record that some request brings, or that some answer has, and every record inside those; sorted by name. A new
 * GPtrArray of const struct record_descriptor *. */
GPtrArray *contract_records(enum record_schema_use use);

/* The record and every record inside it that is not in `records` yet. */
void contract_add_record(GPtrArray *records, const struct record_descriptor *descriptor, enum record_schema_use use);
/* The JSON text, indented. g_free. */
char *contract_indent(const char *text);

/* asyncapi_notify.c: members of AsyncAPI's channels, operations and messages for those who are notified, and the
 * records that these name. */
void asyncapi_append_notify_channels(GString *out);
void asyncapi_append_notify_operations(GString *out);
void asyncapi_append_notify_messages(GString *out);
void asyncapi_add_notify_records(GPtrArray *records);

/* docs_page.c: the page at /docs. g_free. */
char *contract_page(void);
/* OpenAPI 3.0.3 of a server below this path (http.public_path); NULL or "": below none. g_free. */
char *contract_openapi(const char *public_path);
