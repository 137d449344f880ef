#include "base/log.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/error_groups.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-journal.h>
#endif

enum { LOG_MODULES_MAX = 32, LOG_CHANGES_MAX = 1000 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};

/* Written by log_configure before threads start, then only read. */
static struct {
    enum log_format format;
    enum log_target target;
} config = {LOG_LOGFMT, LOG_TARGET_STDERR};

/* What is logged. A change makes a new one: readers take no lock, so one that was replaced is kept (they are few and
 * small). */
struct levels {
    enum log_level level;
    struct {
        char name[24];
        enum log_level level;
    } modules[LOG_MODULES_MAX];
    int module_count;
    const struct levels *previous;
};
static struct levels initial_levels = {.level = LOG_LEVEL_INFO};
static struct levels *current_levels = &initial_levels; /* atomic */

static const struct levels *levels_now(void)
{
    return __atomic_load_n(&current_levels, __ATOMIC_ACQUIRE);
}

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

/* Every LOG_MODULE that there is: tools/check-layers holds the sources to it. */
static const char *const module_names[] = {"api",   "auth",   "cameras", "demo",  "hub",    "jobs",
                                           "media", "notify", "policy",  "store", "worker", NULL};

static bool module_check(const char *name, GError **error)
{
    if (g_strv_contains(module_names, name))
        return true;
    g_autofree char *known = g_strjoinv(", ", (char **)(uintptr_t)module_names);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "log module '%s' is unknown; there are %s", name, known);
    return false;
}

static bool module_parse(struct levels *levels, const char *name, const char *level_name, GError **error)
{
    enum log_level level;
    if (!module_check(name, error) || !level_parse(level_name, &level, error))
        return false;
    if (levels->module_count == LOG_MODULES_MAX) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "log module '%s': at most %d are told apart", name,
                    LOG_MODULES_MAX);
        return false;
    }
    g_strlcpy(levels->modules[levels->module_count].name, name, sizeof levels->modules[0].name);
    levels->modules[levels->module_count++].level = level;
    return true;
}

static bool levels_parse(const char *text, struct levels *levels, GError **error)
{
    *levels = (struct levels){.level = LOG_LEVEL_INFO};
    g_auto(GStrv) words = g_strsplit(text ? text : "", ",", -1);
    for (char **word = words; *word; word++) {
        g_strstrip(*word);
        char *equals = strchr(*word, '=');
        if (**word == '\0')
            continue;
        if (equals)
            *equals = '\0';
        if (!(equals ? module_parse(levels, *word, equals + 1, error) : level_parse(*word, &levels->level, error)))
            return false;
    }
    return true;
}

bool log_levels_check(const char *text, GError **error)
{
    struct levels levels;
    return levels_parse(text, &levels, error);
}

static int level_changes; /* atomic */

int log_level_changes(void)
{
    return __atomic_load_n(&level_changes, __ATOMIC_ACQUIRE);
}

bool log_set_levels(const char *text, GError **error)
{
    struct levels *levels = g_new(struct levels, 1);
    bool is_good = levels_parse(text, levels, error);
    if (is_good && log_level_changes() >= LOG_CHANGES_MAX) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL,
                    "log levels were changed %d times already: start the server anew", LOG_CHANGES_MAX);
        is_good = false;
    }
    if (!is_good) {
        g_free(levels);
        return false;
    }
    levels->previous = __atomic_exchange_n(&current_levels, levels, __ATOMIC_ACQ_REL);
    __atomic_add_fetch(&level_changes, 1, __ATOMIC_RELEASE);
    return true;
}

char *log_levels(void)
{
    const struct levels *levels = levels_now();
    GString *text = g_string_new(level_names[levels->level - 1]);
    for (int i = 0; i < levels->module_count; i++)
        g_string_append_printf(text, ",%s=%s", levels->modules[i].name, level_names[levels->modules[i].level - 1]);
    return g_string_free(text, FALSE);
}

bool log_configure(const char *levels, enum log_format format, enum log_target target, GError **error)
{
    config.format = format;
    config.target = target;
#ifndef HAVE_SYSTEMD
    if (target == LOG_TARGET_JOURNALD) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "log target journald: this build has no libsystemd; use stderr");
        return false;
    }
#endif
    __atomic_store_n(&current_levels, &initial_levels, __ATOMIC_RELEASE);
    return levels_parse(levels, &initial_levels, error);
}

bool log_is_enabled(enum log_level level, const char *module)
{
    const struct levels *levels = levels_now();
    for (int i = 0; i < levels->module_count; i++)
        if (strcmp(levels->modules[i].name, module) == 0)
            return level <= levels->modules[i].level;
    return level <= levels->level;
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
    if (level == LOG_LEVEL_ERROR)
        error_groups_note(module, format, subject, text, clock_wall_ms(clock_system()));
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
