/* Debian's mosquitto as the broker, on a free port, with logins and rights, and somebody who listens to all of it. */
#ifndef VEDETTE_TESTS_MOSQUITTO_WORLD_H
#define VEDETTE_TESTS_MOSQUITTO_WORLD_H

#include "notify_world.h"

#include <arpa/inet.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_SECONDS = 60 };
static const char server_path[] = "/usr/sbin/mosquitto";

/* ---- a broker ---- */

struct server {
    char *directory;
    int port;
    GPid pid;
    bool has_tls;
};

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(socket_fd, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(getsockname(socket_fd, (struct sockaddr *)&address, &length), ==, 0);
    close(socket_fd);
    return ntohs(address.sin_port);
}

static void run_command(const char *const *arguments)
{
    g_autoptr(GError) error = NULL;
    int status;
    g_spawn_sync(NULL, (char **)(uintptr_t)arguments, NULL,
                 G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_true(g_spawn_check_wait_status(status, &error));
}

static char *file_of(const struct server *server, const char *name)
{
    return g_build_filename(server->directory, name, NULL);
}

static void write_file(const struct server *server, const char *name, const char *text)
{
    g_autofree char *path = file_of(server, name);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

/* By its own word: another program may listen at its port, and then it has ended, or is about to. */
static bool is_running(const struct server *server)
{
    g_autofree char *path = file_of(server, "log"), *log = NULL;
    return g_file_get_contents(path, &log, NULL, NULL) && strstr(log, " running\n");
}

static void server_launch(struct server *server)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *config = file_of(server, "mosquitto.conf"), *log = file_of(server, "log");
    g_unlink(log); /* of the run before */
    const char *const arguments[] = {server_path, "-c", config, NULL};
    g_spawn_async(NULL, (char **)(uintptr_t)arguments, NULL,
                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                  &server->pid, &error);
    g_assert_no_error(error);
}

/* Its port was free; another program may have it for a moment. */
static void server_start(struct server *server)
{
    server_launch(server);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_running(server) && g_get_monotonic_time() < until_us) {
        g_usleep(5000);
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid)
            server_launch(server);
    }
    g_assert_true(is_running(server));
}

static void server_kill(struct server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    g_spawn_close_pid(server->pid);
    server->pid = 0;
}

static void make_certificates(struct server *server)
{
    g_autofree char *certificate = file_of(server, "cert.pem"), *key = file_of(server, "key.pem");
    const char *const arguments[] = {"openssl",
                                     "req",
                                     "-x509",
                                     "-newkey",
                                     "ec",
                                     "-pkeyopt",
                                     "ec_paramgen_curve:prime256v1",
                                     "-nodes",
                                     "-keyout",
                                     key,
                                     "-out",
                                     certificate,
                                     "-days",
                                     "2",
                                     "-subj",
                                     "/CN=localhost",
                                     "-addext",
                                     "subjectAltName=DNS:localhost,IP:127.0.0.1",
                                     NULL};
    run_command(arguments);
}

/* Each org's login has rights to its own topics alone; `watcher` sees everything. */
static void server_new(struct server *server, bool has_tls)
{
    *server = (struct server){
        .directory = g_dir_make_tmp("vedette-mqtt-XXXXXX", NULL), .port = free_port(), .has_tls = has_tls};
    g_autofree char *passwords = file_of(server, "passwords"), *rights = file_of(server, "rights"),
                    *certificate = file_of(server, "cert.pem"), *key = file_of(server, "key.pem"),
                    *log = file_of(server, "log");
    write_file(server, "passwords", "acme:acme-word\nbolt:bolt-word\nwatcher:watcher-word\n");
    const char *const arguments[] = {"mosquitto_passwd", "-U", passwords, NULL};
    run_command(arguments);
    write_file(server, "rights",
               "user acme\ntopic readwrite vedette/acme/#\nuser bolt\ntopic readwrite vedette/bolt/#\n"
               "user watcher\ntopic read #\n");
    g_autoptr(GString) config = g_string_new("user root\npersistence false\nallow_anonymous false\n");
    g_string_append_printf(config, "listener %d 127.0.0.1\npassword_file %s\nacl_file %s\nlog_dest file %s\n",
                           server->port, passwords, rights, log);
    if (has_tls) {
        make_certificates(server);
        g_string_append_printf(config, "certfile %s\nkeyfile %s\n", certificate, key);
    }
    write_file(server, "mosquitto.conf", config->str);
}

static void server_free(struct server *server)
{
    if (server->pid)
        server_kill(server);
    world_remove(server->directory);
    g_free(server->directory);
}

/* ---- somebody who listens ---- */

struct listener {
    struct mosquitto *client;
    pthread_mutex_t lock;
    bool is_subscribed;
    GPtrArray *lines; /* of char *: "TOPIC PAYLOAD" and " traceparent=…", "!TOPIC PAYLOAD" when it was retained */
};

static void on_connect(struct mosquitto *client, void *user, int code)
{
    (void)user;
    g_assert_cmpint(code, ==, 0);
    mosquitto_subscribe(client, NULL, "#", 1);
}

static void on_subscribed(struct mosquitto *client, void *user, int id, int count, const int *granted)
{
    struct listener *listener = user;
    (void)client;
    (void)id;
    (void)count;
    (void)granted;
    pthread_mutex_lock(&listener->lock);
    listener->is_subscribed = true;
    pthread_mutex_unlock(&listener->lock);
}

static bool is_subscribed(struct listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    bool subscribed = listener->is_subscribed;
    pthread_mutex_unlock(&listener->lock);
    return subscribed;
}

static void on_message(struct mosquitto *client, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct listener *listener = user;
    char *name = NULL, *value = NULL;
    (void)client;
    mosquitto_property_read_string_pair(properties, MQTT_PROP_USER_PROPERTY, &name, &value, false);
    char *line = g_strdup_printf("%s%s %.*s%s%s%s%s", message->retain ? "!" : "", message->topic, message->payloadlen,
                                 (const char *)message->payload, name ? " " : "", name ? name : "", name ? "=" : "",
                                 value ? value : "");
    free(name);
    free(value);
    pthread_mutex_lock(&listener->lock);
    g_ptr_array_add(listener->lines, line);
    pthread_mutex_unlock(&listener->lock);
}

static void listener_start(struct listener *listener, const struct server *server)
{
    mosquitto_lib_init();
    *listener = (struct listener){.client = mosquitto_new("watcher", true, listener),
                                  .lines = g_ptr_array_new_with_free_func(g_free)};
    pthread_mutex_init(&listener->lock, NULL);
    mosquitto_username_pw_set(listener->client, "watcher", "watcher-word");
    mosquitto_connect_callback_set(listener->client, on_connect);
    mosquitto_subscribe_callback_set(listener->client, on_subscribed);
    mosquitto_int_option(listener->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_message_v5_callback_set(listener->client, on_message);
    mosquitto_reconnect_delay_set(listener->client, 1, 1, false);
    if (server->has_tls) {
        g_autofree char *certificate = file_of(server, "cert.pem");
        mosquitto_tls_set(listener->client, certificate, NULL, NULL, NULL, NULL);
    }
    g_assert_cmpint(mosquitto_connect(listener->client, "127.0.0.1", server->port, 30), ==, MOSQ_ERR_SUCCESS);
    g_assert_cmpint(mosquitto_loop_start(listener->client), ==, MOSQ_ERR_SUCCESS);
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!is_subscribed(listener) && g_get_monotonic_time() < until_us) /* what came before would be missed */
        g_usleep(1000);
    g_assert_true(is_subscribed(listener));
}

static void listener_stop(struct listener *listener)
{
    mosquitto_disconnect(listener->client);
    mosquitto_loop_stop(listener->client, false);
    mosquitto_destroy(listener->client);
    g_ptr_array_unref(listener->lines);
    pthread_mutex_destroy(&listener->lock);
    mosquitto_lib_cleanup();
}

/* How many of the lines begin like that, and hold `part`. */
static int count_lines(struct listener *listener, const char *beginning, const char *part)
{
    int count = 0;
    pthread_mutex_lock(&listener->lock);
    for (guint i = 0; i < listener->lines->len; i++) {
        const char *line = g_ptr_array_index(listener->lines, i);
        count += g_str_has_prefix(line, beginning) && strstr(line, part);
    }
    pthread_mutex_unlock(&listener->lock);
    return count;
}

static void wait_for_line(struct listener *listener, const char *beginning, const char *part)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!count_lines(listener, beginning, part) && g_get_monotonic_time() < until_us)
        g_usleep(5000);
    if (!count_lines(listener, beginning, part))
        g_error("nothing came that begins with %s and holds %s", beginning, part);
}

#endif
