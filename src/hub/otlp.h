/* OTLP: spans as the JSON that an OpenTelemetry collector takes at /v1/traces (OTLP 1.x, JSON Protobuf encoding: ids as
 * lower-case hex, 64-bit numbers as strings). Pure; any thread.
 */
#pragma once

#include <glib.h>

#include "base/trace.h"

/* Appends one ExportTraceServiceRequest. `instance` tells this server from others. */
void otlp_append_request(const struct trace_span *spans, size_t count, const char *instance, GString *out);
/* How many spans of a request the collector says it refused, by the body of its answer; 0 where it says nothing. */
int64_t otlp_read_refused(const char *body, size_t length);
