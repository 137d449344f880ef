/* Logs: one line per event, logfmt or JSON, with severity, to stderr or journald.
 *
 * A source file says `#define LOG_MODULE "media"` before including this header. The level comes from
 * VEDETTE_LOG, e.g. "info,media=debug" (first word: default level; then module=level). Any thread.
 *
 * Library code returns errors and does not log them; one caller logs, with what was under way.
 * Never pass secrets: URLs go through media's redaction first.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR = 1, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_LOGFMT = 1, LOG_JSON };
enum log_target { LOG_TARGET_STDERR = 1, LOG_TARGET_JOURNALD };

/* Applies settings; call once before threads start. `levels` as in VEDETTE_LOG; NULL keeps "info".
 * Fails when a level's or module's name is unknown, naming it and the allowed ones. */
bool log_configure(const char *levels, enum log_format format, enum log_target target, GError **error);

/* Whether it can be read as levels, of modules that there are. For the tables of what people write. */
bool log_levels_check(const char *levels, GError **error);
/* Changes what is logged while threads run, at most 1,000 times; on false (an unknown level or module) nothing is
 * changed. Any thread. */
bool log_set_levels(const char *levels, GError **error);
/* How often that was done. Any thread. */
int log_level_changes(void);
/* What is logged now, as log_configure takes it. g_free. */
char *log_levels(void);

bool log_is_enabled(enum log_level level, const char *module);

/* `subject` names the thing the line is about (a camera id, a worker), or NULL. */
void log_write(enum log_level level, const char *module, const char *subject, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Rate limit for a line that may repeat: at most one per `interval_us` per call site; the next line that passes
 * says how many were held back. `state` is a static of the call site, zeroed. */
struct log_limit {
    gint64 next_us;
    gint64 suppressed;
};
bool log_limit_pass(struct log_limit *state, gint64 interval_us, gint64 *suppressed);

#define log_error(subject, ...) log_write(LOG_LEVEL_ERROR, LOG_MODULE, subject, __VA_ARGS__)
#define log_warning(subject, ...) log_write(LOG_LEVEL_WARNING, LOG_MODULE, subject, __VA_ARGS__)
#define log_info(subject, ...) log_write(LOG_LEVEL_INFO, LOG_MODULE, subject, __VA_ARGS__)
#define log_debug(subject, ...)                                                                                        \
    do {                                                                                                               \
        if (log_is_enabled(LOG_LEVEL_DEBUG, LOG_MODULE))                                                               \
            log_write(LOG_LEVEL_DEBUG, LOG_MODULE, subject, __VA_ARGS__);                                              \
    } while (0)
