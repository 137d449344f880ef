#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

enum { LOG_MODULES_MAX = 32 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* Written by log_configure before threads start, then only read. */
static struct {
    enum log_format format;
    enum log_target target;
    enum log_level level;
    struct {
        char name[24];
        enum log_level level;
    } modules[LOG_MODULES_MAX];
    int module_count;
} config = {LOG_LOGFMT, LOG_TARGET_STDERR, LOG_LEVEL_INFO, {{{0}, 0}}, 0};

static bool level_parse(const char *name, enum log_level *level, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(level_names); i++)
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)(i + 1);
            return true;
        }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "log level '%s' is unknown; allowed are error, warning, info, debug", name);
    return false;
}

static bool module_parse(const char *name, const char *level_name, GError **error)
{
    enum log_level level;
    if (!level_parse(level_name, &level, error))
        return false;
    if (config.module_count == LOG_MODULES_MAX || strlen(name) >= sizeof config.modules[0].name) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "log module '%s': at most %d modules with names under %zu bytes", name, LOG_MODULES_MAX,
                    sizeof config.modules[0].name);
        return false;
    }
    g_strlcpy(config.modules[config.module_count].name, name, sizeof config.modules[0].name);
    config.modules[config.module_count++].level = level;
    return true;
}

bool log_configure(const char *levels, enum log_format format, enum log_target target, GError **error)
{
    config.format = format;
    config.target = target;
    config.level = LOG_LEVEL_INFO;
    config.module_count = 0;
#ifndef HAVE_SYSTEMD
    if (target == LOG_TARGET_JOURNALD) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "log target journald: this build has no libsystemd; use stderr");
        return false;
    }
#endif
    g_auto(GStrv) words = g_strsplit(levels ? levels : "", ",", -1);
    for (char **word = words; *word; word++) {
        g_strstrip(*word);
        char *equals = strchr(*word, '=');
        if (**word == '\0')
            continue;
        if (equals)
            *equals = '\0';
        if (!(equals ? module_parse(*word, equals + 1, error) : level_parse(*word, &config.level, error)))
            return false;
    }
    return true;
}

bool log_is_enabled(enum log_level level, const char *module)
{
    for (int i = 0; i < config.module_count; i++)
        if (strcmp(config.modules[i].name, module) == 0)
            return level <= config.modules[i].level;
    return level <= config.level;
}

/* Quotes for both formats: JSON's escapes are also what logfmt readers take; control bytes never reach a terminal. */
static void append_quoted(GString *out, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    g_string_append_c(out, '"');
    for (const char *c = valid; *c; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte == '"' || byte == '\\')
            g_string_append_printf(out, "\\%c", byte);
        else if (byte == '\n')
            g_string_append(out, "\\n");
        else if (byte < 0x20 || byte == 0x7f)
            g_string_append_printf(out, "\\u%04x", byte);
        else
            g_string_append_c(out, (char)byte);
    }
    g_string_append_c(out, '"');
}

static void append_pair(GString *out, const char *key, const char *value)
{
    bool is_json = config.format == LOG_JSON;
    g_string_append_printf(out, is_json ? ",\"%s\":" : " %s=", key);
    /* logfmt leaves plain words bare */
    if (!is_json && *value &&
        strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:") == strlen(value))
        g_string_append(out, value);
    else
        append_quoted(out, value);
}

static void append_line(GString *line, enum log_level level, const char *module, const char *subject, const char *text)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *seconds = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S");
    bool is_json = config.format == LOG_JSON;
    g_string_append_printf(line, is_json ? "{\"ts\":\"%s.%03dZ\"" : "ts=%s.%03dZ", seconds,
                           g_date_time_get_microsecond(now) / 1000);
    append_pair(line, "level", level_names[level - 1]);
    append_pair(line, "module", module);
    if (subject)
        append_pair(line, "subject", subject);
    append_pair(line, "msg", text);
    g_string_append(line, is_json ? "}\n" : "\n");
}

static void write_stderr(enum log_level level, const char *module, const char *subject, const char *text)
{
    g_autoptr(GString) line = g_string_new(NULL);
    append_line(line, level, module, subject, text);
    /* One write, so that lines of several processes do not mix. When it fails there is nowhere left to tell. */
    ssize_t written = write(STDERR_FILENO, line->str, line->len);
    (void)written;
}

#ifdef HAVE_SYSTEMD
static void write_journal(enum log_level level, const char *module, const char *subject, const char *text)
{
    static const int priorities[] = {3, 4, 6, 7}; /* syslog's err, warning, info, debug */
    sd_journal_send("MESSAGE=%s", text, "PRIORITY=%i", priorities[level - 1], "VEDETTE_MODULE=%s", module,
                    "VEDETTE_SUBJECT=%s", subject ? subject : "", NULL);
}
#endif

void log_write(enum log_level level, const char *module, const char *subject, const char *format, ...)
{
    if (!log_is_enabled(level, module))
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
#ifdef HAVE_SYSTEMD
    if (config.target == LOG_TARGET_JOURNALD) {
        write_journal(level, module, subject, text);
        return;
    }
#endif
    write_stderr(level, module, subject, text);
}

bool log_limit_pass(struct log_limit *state, gint64 interval_us, gint64 *suppressed)
{
    gint64 now_us = clock_monotonic_us(clock_system());
    gint64 next_us = __atomic_load_n(&state->next_us, __ATOMIC_RELAXED);
    if (now_us < next_us || !__atomic_compare_exchange_n(&state->next_us, &next_us, now_us + interval_us, false,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        __atomic_fetch_add(&state->suppressed, 1, __ATOMIC_RELAXED);
        return false;
    }
    *suppressed = __atomic_exchange_n(&state->suppressed, 0, __ATOMIC_RELAXED);
    return true;
}
