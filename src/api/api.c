#include "api/api.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "keeper/backtests.h"

static int bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static const char *listen_advice(int code)
{
    if (code == EADDRINUSE)
        return "stop the other program or set http.port (VEDETTE_HTTP_PORT)";
    if (code == EACCES)
        return "ports below 1024 need rights: set http.port (VEDETTE_HTTP_PORT)";
    return "set http.address (VEDETTE_HTTP_ADDRESS) to an address of this machine";
}

/* As many may stand before the door as there is room for inside, or as the system lets: who comes beyond, when all come
 * back at once, would try again after a second. */
static int open_socket(const struct addrinfo *found, int backlog)
{
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, backlog) == 0)
        return fd;
    int code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int open_listener(const struct http_settings *http, GError **error)
{
    g_autofree char *port = g_strdup_printf("%d", http->port);
    const struct addrinfo hints = {.ai_flags = AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(http->address, port, &hints, &found);
    if (code != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "listen on %s: %s: set http.address", http->address,
                    gai_strerror(code));
        return -1;
    }
    int fd = open_socket(found, http->max_connections);
    int why = errno;
    freeaddrinfo(found);
    if (fd < 0) {
        g_autofree char *reason = g_strdup(g_strerror(why));
        reason[0] = g_ascii_tolower(reason[0]);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "listen on %s:%d: %s: %s", http->address,
                    http->port, reason, listen_advice(why));
    }
    return fd;
}

/* What it needs besides its parts. */
static bool equip(struct api *api, GError **error)
{
    const struct settings *settings = api->settings;
    api->webhooks =
        webhook_verifier_new(settings->policies.webhook_secrets, settings->policies.webhook_tolerance_seconds, error);
    if (!api->webhooks ||
        (api->policies && !(api->backtests = policy_backtests_new(api->policies, api->health, error))))
        return false;
    if (!tls_read(&settings->http, &api->tls, error) || (api->listener = open_listener(&settings->http, error)) < 0)
        return false;
    api->port = bound_port(api->listener);
    api->auth = auth_make(settings, api->store, api->health, api->clock, error);
    api->limits = api->auth ? limits_new(&settings->limits, api->clock, error) : NULL;
    if (api->limits)
        api->feeds = feeds_new(settings, api->live, api->store, api->auth, api->health, error);
    return api->feeds != NULL;
}

bool api_check_settings(const struct settings *settings, GError **error)
{
    struct tls tls;
    struct limits *limits = limits_new(&settings->limits, clock_system(), error);
    bool is_good = limits && tls_read(&settings->http, &tls, error);
    if (is_good)
        tls_clear(&tls);
    if (limits)
        limits_free(limits);
    return is_good;
}

struct api *api_new(const struct settings *settings, const struct api_parts *parts, GError **error)
{
    struct api *api = g_new0(struct api, 1);
    *api = (struct api){.settings = settings,
                        .store = parts->store,
                        .spool = parts->spool,
                        .policies = parts->policies,
                        .live = parts->live,
                        .health = parts->health,
                        .resilience = parts->resilience,
                        .clock = parts->clock,
                        .detect = parts->detect,
                        .cameras = parts->cameras,
                        .notify = parts->notify,
                        .data_dir = parts->data_dir,
                        .submit = parts->submit,
                        .records = parts->records,
                        .tell_waiting = parts->tell_waiting,
                        .tell_waiting_data = parts->tell_waiting_data,
                        .listener = -1,
                        .peers = peers_new(),
                        .route_times = route_times_new(),
                        .viewings = viewings_new()};
    if (equip(api, error))
        return api;
    api_stop(api);
    return NULL;
}

bool api_prepare_logins(struct api *api, char **generated_password, GError **error)
{
    g_autoptr(GPtrArray) orgs = store_orgs_list(api->store, error); /* which the store remembers: breakers.c */
    return orgs && auth_prepare(api->auth, generated_password, error);
}

bool api_serve(struct api *api, GError **error)
{
    api->watch = watch_start(api, error);
    api->handlers = api->watch ? handler_pool_start(api, error) : NULL;
    api->daemon = api->handlers ? server_start(api, api->listener, error) : NULL;
    if (!api->daemon)
        return false;
    api->listener = -1; /* the daemon's */
    feeds_listen(api->feeds);
    return true;
}

struct api *api_start(const struct settings *settings, const struct api_parts *parts, char **generated_password,
                      GError **error)
{
    char *password = NULL;
    struct api *api = api_new(settings, parts, error);
    bool is_good = api && api_prepare_logins(api, &password, error) && api_serve(api, error);
    if (generated_password)
        *generated_password = g_steal_pointer(&password);
    g_free(password);
    if (is_good)
        return api;
    api_stop(api);
    return NULL;
}

void api_set_scheduler(struct api *api, struct scheduler *scheduler)
{
    __atomic_store_n(&api->scheduler, scheduler, __ATOMIC_RELEASE);
}

void api_each_route_times(struct api *api, api_visit_times visit, void *data)
{
    route_times_each(api->route_times, visit, data);
}

int api_port(const struct api *api)
{
    return api->port;
}

void api_stop(struct api *api)
{
    if (!api)
        return;
    if (api->feeds)
        feeds_close(api->feeds);
    if (api->handlers)
        handler_pool_stop(api->handlers);
    if (api->watch)
        watch_stop(api->watch);
    if (api->daemon)
        MHD_stop_daemon(api->daemon);
    handler_pool_free(api->handlers);
    if (api->listener >= 0)
        close(api->listener);
    if (api->watch)
        watch_free(api->watch);
    policy_backtests_free(api->backtests);
    feeds_free(api->feeds);
    auth_free(api->auth);
    limits_free(api->limits);
    peers_free(api->peers);
    webhook_verifier_free(api->webhooks);
    tls_clear(&api->tls);
    route_times_free(api->route_times);
    viewings_free(api->viewings);
    g_free(api);
}
