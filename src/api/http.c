#include "api/http.h"

#include <arpa/inet.h>
#include <string.h>

static void parameter_free(void *data)
{
    struct http_parameter *parameter = data;
    g_free(parameter->name);
    g_free(parameter->value);
    g_free(parameter);
}

static bool refuse(GError **error, const char *why)
{
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, why);
    return false;
}

/* Decodes %XX (and '+' in queries). NULL on a broken escape, a control character, or what is not UTF-8. */
static char *decode(const char *text, size_t length, bool is_query)
{
    g_autoptr(GString) out = g_string_sized_new(length);
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];
        if (byte == '%') {
            if (i + 2 >= length || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2]))
                return NULL;
            byte = g_ascii_xdigit_value(text[i + 1]) * 16 + g_ascii_xdigit_value(text[i + 2]);
            i += 2;
        } else if (is_query && byte == '+') {
            byte = ' ';
        }
        if (byte < ' ' || byte == 0x7f)
            return NULL;
        g_string_append_c(out, (char)byte);
    }
    if (!g_utf8_validate(out->str, (gssize)out->len, NULL))
        return NULL;
    return g_string_free(g_steal_pointer(&out), FALSE);
}

GPtrArray *http_parameters_parse(const char *text, GError **error)
{
    g_autoptr(GPtrArray) parameters = g_ptr_array_new_with_free_func(parameter_free);
    while (*text) {
        size_t length = strcspn(text, "&");
        size_t name_length = MIN(strcspn(text, "="), length);
        if (length && parameters->len == HTTP_MAX_PARAMETERS) {
            refuse(error, "more parameters than anything here takes");
            return NULL;
        }
        if (length) {
            struct http_parameter *parameter = g_new0(struct http_parameter, 1);
            g_ptr_array_add(parameters, parameter);
            size_t value_start = MIN(name_length + 1, length);
            parameter->name = decode(text, name_length, true);
            parameter->value = decode(text + value_start, length - value_start, true);
            if (!parameter->name || !parameter->value) {
                refuse(error, "a parameter is not percent-encoded UTF-8 text");
                return NULL;
            }
        }
        text += length + (text[length] == '&');
    }
    return g_steal_pointer(&parameters);
}

const char *http_parameter_get(const GPtrArray *parameters, const char *name)
{
    for (guint i = 0; i < parameters->len; i++) {
        const struct http_parameter *parameter = g_ptr_array_index(parameters, i);
        if (strcmp(parameter->name, name) == 0)
            return parameter->value;
    }
    return NULL;
}

static bool add_segment(GPtrArray *segments, const char *text, size_t length, GError **error)
{
    g_autofree char *segment = decode(text, length, false);
    if (!segment)
        return refuse(error, "the path is not percent-encoded UTF-8 text");
    if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 || strpbrk(segment, "/\\"))
        return refuse(error, "the path may not climb: \".\", \"..\", encoded slashes and backslashes are refused");
    if (segments->len == HTTP_MAX_SEGMENTS)
        return refuse(error, "the path is deeper than anything here");
    g_ptr_array_add(segments, g_steal_pointer(&segment));
    return true;
}

/* Empty segments stay, so that "/a//b" is not "/a/b". */
static bool parse_path(GPtrArray *segments, const char *path, size_t length, GError **error)
{
    for (size_t start = 1; start <= length && length > 1;) {
        const char *slash = memchr(path + start, '/', length - start);
        size_t end = slash ? (size_t)(slash - path) : length;
        if (!add_segment(segments, path + start, end - start, error))
            return false;
        start = end + 1;
    }
    return true;
}

struct http_target *http_target_parse(const char *raw, GError **error)
{
    if (raw[0] != '/' || strlen(raw) > HTTP_MAX_TARGET_BYTES) {
        refuse(error, raw[0] == '/' ? "the address is too long" : "the address must begin with a slash");
        return NULL;
    }
    struct http_target *target = g_new0(struct http_target, 1);
    target->segments = g_ptr_array_new_with_free_func(g_free);
    size_t path_length = strcspn(raw, "?");
    if (parse_path(target->segments, raw, path_length, error))
        target->parameters = http_parameters_parse(raw + path_length + (raw[path_length] == '?'), error);
    if (target->parameters)
        return target;
    http_target_free(target);
    return NULL;
}

void http_target_free(struct http_target *target)
{
    if (!target)
        return;
    g_ptr_array_unref(target->segments);
    if (target->parameters)
        g_ptr_array_unref(target->parameters);
    g_free(target);
}

char *http_target_path(const struct http_target *target)
{
    GString *path = g_string_new(target->segments->len ? NULL : "/");
    for (guint i = 0; i < target->segments->len; i++)
        g_string_append_printf(path, "/%s", (const char *)g_ptr_array_index(target->segments, i));
    return g_string_free(path, FALSE);
}

bool http_target_matches(const struct http_target *target, const char *pattern, const char **id)
{
    *id = NULL;
    const char *rest = pattern + 1;
    for (guint i = 0; i < target->segments->len; i++) {
        const char *segment = g_ptr_array_index(target->segments, i);
        size_t length = strcspn(rest, "/");
        bool is_id = length > 2 && rest[0] == '{' && rest[length - 1] == '}';
        if (!length || (!is_id && (strlen(segment) != length || memcmp(segment, rest, length) != 0)))
            return false;
        if (is_id && !*id)
            *id = segment;
        rest += length + (rest[length] == '/');
    }
    return *rest == '\0';
}

char *http_cookie_get(const char *header, const char *name)
{
    size_t name_length = strlen(name);
    while (header && *header) {
        header += strspn(header, " \t;");
        size_t length = strcspn(header, ";");
        if (length > name_length && header[name_length] == '=' && strncmp(header, name, name_length) == 0)
            return g_strstrip(g_strndup(header + name_length + 1, length - name_length - 1));
        header += length;
    }
    return NULL;
}

const char *http_bearer_get(const char *header)
{
    if (!header || g_ascii_strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    const char *token = header + 7 + strspn(header + 7, " ");
    return *token ? token : NULL;
}

/* The next of a list, without blanks around it; NULL: there is none. */
static const char *next_member(const char **list, size_t *length)
{
    if (!*list)
        return NULL;
    const char *member = *list + strspn(*list, ", \t");
    *length = strcspn(member, ",");
    *list = member + *length;
    bool is_there = *length > 0;
    while (*length && g_ascii_isspace(member[*length - 1]))
        --*length;
    return is_there ? member : NULL;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && g_ascii_strncasecmp(text, word, length) == 0;
}

bool http_list_has(const char *header, const char *word)
{
    size_t length;
    for (const char *member; (member = next_member(&header, &length));)
        if (is_word(member, length, word))
            return true;
    return false;
}

bool http_etag_matches(const char *header, const char *etag)
{
    size_t length;
    for (const char *member; (member = next_member(&header, &length));) {
        size_t weak = length > 2 && strncmp(member, "W/", 2) == 0 ? 2 : 0;
        if (is_word(member, length, "*") || is_word(member + weak, length - weak, etag))
            return true;
    }
    return false;
}

/* Of a member's parameters: "text/csv; charset=utf-8; q=0.9". */
static double weight_of(const char *member)
{
    g_auto(GStrv) parts = g_strsplit(member, ";", -1);
    for (size_t i = 1; parts[0] && parts[i]; i++)
        if (g_ascii_strncasecmp(g_strstrip(parts[i]), "q=", 2) == 0)
            return g_ascii_strtod(parts[i] + 2, NULL);
    return 1;
}

double http_accept_weight(const char *header, const char *type)
{
    size_t length;
    for (const char *member; (member = next_member(&header, &length));) {
        g_autofree char *text = g_strndup(member, length);
        if (http_content_type_is(text, type))
            return weight_of(text);
    }
    return 0;
}

bool http_content_type_is(const char *header, const char *type)
{
    return header && is_word(header, strcspn(header, "; \t"), type);
}

/* The host of "host:port" or "[address]:port". NULL when it is not well-formed. g_free. */
static char *host_name(const char *host)
{
    bool is_bracketed = host[0] == '[';
    size_t length = is_bracketed ? strcspn(host + 1, "]") : strcspn(host, ":");
    const char *rest = host + length + (is_bracketed ? 1 : 0);
    if (is_bracketed && *rest++ != ']')
        return NULL;
    if (*rest && (*rest != ':' || strspn(rest + 1, "0123456789") != strlen(rest + 1)))
        return NULL;
    return g_strndup(host + is_bracketed, length);
}

bool http_host_is_allowed(const char *host, const char *allowed_names)
{
    g_autofree char *name = host ? host_name(host) : NULL;
    if (!name || !*name)
        return false;
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ||
           g_ascii_strcasecmp(name, "localhost") == 0 || http_list_has(allowed_names, name);
}

bool http_origin_is_host(const char *origin, const char *host)
{
    if (!origin || !host)
        return false;
    const char *rest = g_str_has_prefix(origin, "http://")    ? origin + 7
                       : g_str_has_prefix(origin, "https://") ? origin + 8
                                                              : NULL;
    return rest && g_ascii_strcasecmp(rest, host) == 0;
}

bool http_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!g_ascii_isalnum(text[i]) && (!text[i] || !strchr("!#$%&'*+-.^_`|~", text[i])))
            return false;
    return length > 0;
}

bool http_parse_length(const char *text, guint64 *length)
{
    return g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, length, NULL);
}
