#include "cli/api_client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

enum { ANSWER_MAX_BYTES = 16 << 20, CONNECT_SECONDS = 10, REQUEST_SECONDS = 60 };

struct api_client {
    CURL *curl;
    char *address, *token;
};

static size_t take_bytes(char *data, size_t size, size_t count, void *into)
{
    GString *answer = into;
    if (answer->len + size * count > ANSWER_MAX_BYTES)
        return 0; /* curl ends with an error */
    g_string_append_len(answer, data, (gssize)(size * count));
    return size * count;
}

/* NULL also where it is empty, as a secret is that somebody forgot to set. */
static const char *variable(const char *name)
{
    const char *value = g_getenv(name);
    return value && *value ? value : NULL;
}

static enum vedette_error kind_of(long status)
{
    if (status == 401 || status == 403)
        return VEDETTE_ERROR_PERMISSION;
    if (status == 404)
        return VEDETTE_ERROR_NOT_FOUND;
    return status == 429 || status >= 500 ? VEDETTE_ERROR_UNAVAILABLE : VEDETTE_ERROR_INVALID;
}

/* What the server says is wrong: detail, then each fault with its path. */
static void refuse(const char *answer, long status, GError **error)
{
    json_t *problem = json_loads(answer, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    g_autoptr(GString) text = g_string_new(detail ? detail : "the server's answer cannot be read");
    const json_t *errors = json_object_get(problem, "errors");
    for (size_t i = 0; i < json_array_size(errors); i++) {
        const json_t *fault = json_array_get(errors, i);
        const char *path = json_string_value(json_object_get(fault, "path"));
        const char *message = json_string_value(json_object_get(fault, "message"));
        g_string_append_printf(text, "\n  %s: %s", path ? path : "", message ? message : "");
    }
    g_set_error(error, VEDETTE_ERROR, kind_of(status), "%s (%ld)", text->str, status);
    json_decref(problem);
}

static struct curl_slist *headers_of(const struct api_client *client, const char *if_match)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    g_autofree char *authorization = client->token ? g_strconcat("Authorization: Bearer ", client->token, NULL) : NULL;
    g_autofree char *match = if_match ? g_strdup_printf("If-Match: \"%s\"", if_match) : NULL;
    if (authorization)
        headers = curl_slist_append(headers, authorization);
    if (match)
        headers = curl_slist_append(headers, match);
    return headers;
}

char *api_client_request(struct api_client *client, const char *method, const char *path, const char *body,
                         const char *if_match, GError **error)
{
    g_autofree char *url = g_strconcat(client->address, path, NULL);
    struct curl_slist *headers = headers_of(client, if_match);
    GString *answer = g_string_new(NULL);
    char reason[CURL_ERROR_SIZE] = "";
    long status = 0;
    const char *authorities = variable("VEDETTE_CA_FILE");
    CURL *curl = client->curl;
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    if (authorities)
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)REQUEST_SECONDS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    if (strcmp(method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body ? body : "");
    }
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    if (code == CURLE_OK && status >= 200 && status < 300)
        return g_string_free(answer, FALSE);
    if (code == CURLE_OK)
        refuse(answer->str, status, error);
    else if (code == CURLE_WRITE_ERROR)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: the answer is larger than %d MiB, and no more is taken of one", client->address,
                    ANSWER_MAX_BYTES >> 20);
    else
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "%s: %s: is the server running there? VEDETTE_URL "
                    "says where it is",
                    client->address, *reason ? reason : curl_easy_strerror(code));
    g_string_free(answer, TRUE);
    return NULL;
}

static bool log_in(struct api_client *client, GError **error)
{
    const char *username = variable("VEDETTE_USERNAME"), *password = variable("VEDETTE_PASSWORD");
    if (!password) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                    "who asks? Set VEDETTE_TOKEN, or VEDETTE_USERNAME and VEDETTE_PASSWORD");
        return false;
    }
    json_t *login = json_pack("{s:s,s:s}", "username", username ? username : "admin", "password", password);
    char *body = json_dumps(login, JSON_COMPACT);
    g_autofree char *answer = api_client_request(client, "POST", "/auth/login", body, NULL, error);
    json_t *reply = answer ? json_loads(answer, 0, NULL) : NULL;
    g_free(client->token);
    client->token = g_strdup(json_string_value(json_object_get(reply, "access_token")));
    json_decref(reply);
    json_decref(login);
    free(body);
    return client->token != NULL;
}

bool api_client_renew(struct api_client *client, GError **error)
{
    if (!variable("VEDETTE_TOKEN")) {
        g_clear_pointer(&client->token, g_free);
        return log_in(client, error);
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                "VEDETTE_TOKEN is not taken any more: set another, or VEDETTE_USERNAME and VEDETTE_PASSWORD");
    return false;
}

struct api_client *api_client_new(GError **error)
{
    const char *address = variable("VEDETTE_URL");
    CLEANUP(api_client) struct api_client *client = g_new0(struct api_client, 1);
    client->curl = curl_easy_init();
    client->address = g_strdup(address ? address : "http://127.0.0.1:8000");
    client->token = g_strdup(variable("VEDETTE_TOKEN"));
    if (!client->curl) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "libcurl could not be started");
        return NULL;
    }
    while (g_str_has_suffix(client->address, "/"))
        client->address[strlen(client->address) - 1] = '\0';
    return client->token || log_in(client, error) ? g_steal_pointer(&client) : NULL;
}

void api_client_free(struct api_client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    g_free(client->address);
    g_free(client->token);
    g_free(client);
}
