#include "auth/oidc_internal.h"

#include <curl/curl.h>
#include <string.h>

struct answer_text {
    GString *text;
    size_t most;
};

static size_t take_bytes(char *data, size_t size, size_t count, void *user)
{
    struct answer_text *answer = user;
    if (answer->text->len + size * count > answer->most)
        return 0; /* curl ends with an error */
    g_string_append_len(answer->text, data, (gssize)(size * count));
    return size * count;
}

bool oidc_address_is_allowed(const char *address)
{
    if (g_str_has_prefix(address, "https://"))
        return true;
    static const char *const here[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    for (size_t i = 0; i < G_N_ELEMENTS(here); i++)
        if (g_str_has_prefix(address, here[i]))
            return true;
    return false;
}

static void set_options(CURL *curl, const struct oidc_settings *settings, const char *address, const char *form,
                        struct answer_text *answer)
{
    curl_easy_setopt(curl, CURLOPT_URL, address);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http"); /* which, was checked */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (form)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form);
    if (form && settings->client_secret && *settings->client_secret) { /* RFC 6749 section 2.3.1 */
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        g_autofree char *user = g_uri_escape_string(settings->client_id, NULL, FALSE),
                        *secret = g_uri_escape_string(settings->client_secret, NULL, FALSE);
        curl_easy_setopt(curl, CURLOPT_USERNAME, user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, secret);
    }
}

/* Of a token endpoint's 400 (RFC 6749 section 5.2) what speaks of how we are set up, and not of the code that a browser
 * came with. */
static const char *const errors_of_ours[] = {"invalid_client", "unauthorized_client", "unsupported_grant_type",
                                             "invalid_scope", NULL};

static bool is_about_the_code(const char *form, long status, const char *reason)
{
    return form && status == 400 && !(reason && g_strv_contains(errors_of_ours, reason));
}

static void explain_refusal(const char *address, const char *form, long status, const json_t *json, GError **error)
{
    const char *reason = json_string_value(json_object_get(json, "error"));
    if (is_about_the_code(form, status, reason))
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "the issuer refused this login");
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the issuer refused to answer us (%ld%s%s) at %s",
                    status, reason ? ", " : "", reason ? reason : "", address);
}

/* The answer's JSON object, or why there is none. */
static json_t *read_answer(const char *address, const char *form, const GString *text, long status, GError **error)
{
    json_t *json = json_loadb(text->str, text->len, JSON_REJECT_DUPLICATES, NULL);
    if (status == 200 && json_is_object(json))
        return json;
    if (status >= 400 && status < 500)
        explain_refusal(address, form, status, json, error);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "the issuer's answer (%ld) at %s is no JSON object", status, address);
    json_decref(json);
    return NULL;
}

json_t *oidc_fetch(const struct oidc_settings *settings, const char *address, const char *form, GError **error)
{
    if (!oidc_address_is_allowed(address)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "%s: the issuer must be asked by https", address);
        return NULL;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    struct answer_text answer = {text, (size_t)settings->max_answer_bytes};
    CURL *curl = curl_easy_init();
    if (!curl) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "ask %s: libcurl could not start", address);
        return NULL;
    }
    set_options(curl, settings, address, form, &answer);
    CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (code == CURLE_OK)
        return read_answer(address, form, text, status, error);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "ask the issuer at %s: %s", address,
                code == CURLE_WRITE_ERROR ? "its answer is larger than auth.oidc.max_answer_bytes"
                                          : curl_easy_strerror(code));
    return NULL;
}
