/* Trace export: a thread that takes finished spans (base/trace.h) and sends them in batches to the collector of the
 * settings, by OTLP/HTTP as JSON. A collector that is away costs nobody else anything: a breaker stands before it, what
 * could not be sent is tried again less and less often, and meanwhile spans fill a bounded ring and are then dropped
 * and counted. Main thread unless said otherwise.
 */
#pragma once

#include "facts/health.h"
#include "facts/settings.h"
#include "vedette/breaker.h"

struct trace_export;

/* Configures base/trace.h and starts, before other threads do. `health` outlives it, as do the settings. NULL without
 * an error when no collector is set; with one when the headers' file cannot be read or is not valid. */
struct trace_export *trace_export_start(const struct trace_settings *settings,
                                        const struct vedette_breaker_config *breaker, struct server_health *health,
                                        GError **error);
/* The breaker before the collector. Any thread. */
struct vedette_breaker *trace_export_breaker(struct trace_export *export);
/* Sends what is there, once, and ends within seconds, however slow the collector is: what is under way is broken off
 * then, what waits is lost. Spans are kept no more. When no other thread makes any. NULL is allowed. */
void trace_export_stop(struct trace_export *export);
