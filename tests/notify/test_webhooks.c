/* Webhooks as a receiver sees them: a real HTTP server, whose answers the test decides. Cases W5 and W6, and S5 where
 * it speaks of webhooks. */
#include "notify_world.h"

#include <microhttpd.h>

enum { DEADLINE_SECONDS = 60 };

/* ---- a receiver ---- */

struct request {
    char *id, *timestamp, *signature, *path, *body;
};

struct receiver {
    struct MHD_Daemon *daemon;
    int port;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GPtrArray *messages; /* of struct request * */
    unsigned status;
    const char *header, *value; /* of the answer; NULL: none */
    size_t answer_bytes;
    bool is_silent; /* takes what comes and does not answer until it is told to */
};

struct arriving {
    GString *body;
};

static char *header_of(struct MHD_Connection *connection, const char *name)
{
    return g_strdup(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name));
}

static void note_message(struct receiver *receiver, struct MHD_Connection *connection, const char *path,
                         struct arriving *arriving)
{
    struct request *message = g_new(struct request, 1);
    *message = (struct request){header_of(connection, "webhook-id"), header_of(connection, "webhook-timestamp"),
                                header_of(connection, "webhook-signature"), g_strdup(path),
                                g_strndup(arriving->body->str, arriving->body->len)};
    pthread_mutex_lock(&receiver->lock);
    g_ptr_array_add(receiver->messages, message);
    pthread_cond_broadcast(&receiver->changed);
    while (receiver->is_silent)
        pthread_cond_wait(&receiver->changed, &receiver->lock);
    pthread_mutex_unlock(&receiver->lock);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *upload, size_t *upload_bytes, void **state)
{
    struct receiver *receiver = data;
    struct arriving *arriving = *state;
    (void)version;
    if (!arriving) {
        *state = arriving = g_new0(struct arriving, 1);
        arriving->body = g_string_new(NULL);
        return MHD_YES;
    }
    if (*upload_bytes) {
        g_string_append_len(arriving->body, upload, (gssize)*upload_bytes);
        *upload_bytes = 0;
        return MHD_YES;
    }
    if (strcmp(method, "POST") == 0)
        note_message(receiver, connection, path, arriving);
    pthread_mutex_lock(&receiver->lock);
    unsigned status = receiver->status;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        receiver->answer_bytes, g_malloc0(receiver->answer_bytes + 1), MHD_RESPMEM_MUST_FREE);
    if (receiver->header)
        MHD_add_response_header(response, receiver->header, receiver->value);
    pthread_mutex_unlock(&receiver->lock);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static void on_done(void *data, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    (void)data;
    (void)connection;
    (void)code;
    struct arriving *arriving = *state;
    if (arriving)
        g_string_free(arriving->body, TRUE);
    g_free(arriving);
    *state = NULL;
}

static void message_free(gpointer data)
{
    struct request *message = data;
    g_free(message->id);
    g_free(message->timestamp);
    g_free(message->signature);
    g_free(message->path);
    g_free(message->body);
    g_free(message);
}

static void receiver_start(struct receiver *receiver)
{
    *receiver = (struct receiver){.status = 200, .messages = g_ptr_array_new_with_free_func(message_free)};
    pthread_mutex_init(&receiver->lock, NULL);
    pthread_cond_init(&receiver->changed, NULL);
    receiver->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL, on_request,
                         receiver, MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_END);
    g_assert_nonnull(receiver->daemon);
    receiver->port = MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

static void receiver_speak(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->is_silent = false;
    pthread_cond_broadcast(&receiver->changed);
    pthread_mutex_unlock(&receiver->lock);
}

static void receiver_stop(struct receiver *receiver)
{
    receiver_speak(receiver);
    MHD_stop_daemon(receiver->daemon);
    g_ptr_array_unref(receiver->messages);
    pthread_mutex_destroy(&receiver->lock);
    pthread_cond_destroy(&receiver->changed);
}

static void answer_with(struct receiver *receiver, unsigned status, const char *header, const char *value)
{
    pthread_mutex_lock(&receiver->lock);
    receiver->status = status;
    receiver->header = header;
    receiver->value = value;
    pthread_mutex_unlock(&receiver->lock);
}

/* The n-th message, once it is there; the receiver's. */
static const struct request *wait_for_message(struct receiver *receiver, guint index)
{
    const struct timespec deadline = {g_get_real_time() / G_USEC_PER_SEC + DEADLINE_SECONDS, 0};
    pthread_mutex_lock(&receiver->lock);
    while (receiver->messages->len <= index &&
           pthread_cond_timedwait(&receiver->changed, &receiver->lock, &deadline) == 0)
        ;
    g_assert_cmpuint(receiver->messages->len, >, index);
    const struct request *message = g_ptr_array_index(receiver->messages, index);
    pthread_mutex_unlock(&receiver->lock);
    return message;
}

static guint messages(struct receiver *receiver)
{
    pthread_mutex_lock(&receiver->lock);
    guint count = receiver->messages->len;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}

/* ---- notify's side ---- */

struct letters {
    int count;
    char id[64], why[64];
};

static bool note_letter(void *data, const struct dead_letter *letter)
{
    struct letters *letters = data;
    letters->count++;
    g_strlcpy(letters->id, letter->id, sizeof letters->id);
    g_strlcpy(letters->why, letter->why, sizeof letters->why);
    return false;
}

struct fixture {
    struct notify_world world;
    struct receiver receiver;
    struct notify *notify;
};

static struct notify_webhook *add(struct fixture *fixture, const char *id, const char *host, int port)
{
    g_autofree char *url = g_strdup_printf("http://%s:%d/in", host, port);
    return world_add_webhook(&fixture->world, id, "acme", url);
}

static void start(struct fixture *fixture)
{
    world_init(&fixture->world);
    receiver_start(&fixture->receiver);
    add(fixture, "till", "127.0.0.1", fixture->receiver.port);
    world_set(&fixture->world.settings.notify.allowed_networks, "127.0.0.0/8");
}

static void end(struct fixture *fixture)
{
    notify_close(fixture->notify);
    receiver_stop(&fixture->receiver);
    world_clear(&fixture->world);
}

static void tell(struct fixture *fixture, const char *id)
{
    world_tell(fixture->notify, id, "acme", "intrusion", SEVERITY_HIGH);
}

typedef bool (*condition)(const struct endpoint_health *health);

/* Waits until it holds of the endpoint; its numbers then. */
static struct endpoint_health wait_until(struct fixture *fixture, const char *id, condition holds)
{
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    struct endpoint_health health = {0};
    do {
        g_usleep(1000);
        world_look(fixture->notify, id, &health);
    } while (!holds(&health) && g_get_monotonic_time() < until_us);
    if (!holds(&health))
        g_error("%s: state %d, last error %s", id, (int)health.state, health.last_error);
    struct endpoint_health numbers = health;
    numbers.id = numbers.org_id = numbers.last_error = NULL;
    record_clear(&endpoint_health_descriptor, &health);
    return numbers;
}

static bool has_failed(const struct endpoint_health *health)
{
    return health->failed > 0;
}

static bool has_dead_letters(const struct endpoint_health *health)
{
    return health->dead > 0 && health->queued == 0;
}

static bool has_delivered(const struct endpoint_health *health)
{
    return health->delivered > 0;
}

static bool is_gone(const struct endpoint_health *health)
{
    return health->state == ENDPOINT_GONE;
}

static bool is_paused(const struct endpoint_health *health)
{
    return health->state == ENDPOINT_PAUSED;
}

static bool is_left_alone(const struct endpoint_health *health)
{
    return health->state == ENDPOINT_LEFT_ALONE;
}

static bool is_refused(const struct endpoint_health *health)
{
    return health->last_error && strstr(health->last_error, "refused_networks");
}

static bool has_said_redirect(const struct endpoint_health *health)
{
    return health->last_error && strstr(health->last_error, "redirects are not followed");
}

static bool has_timed_out(const struct endpoint_health *health)
{
    return health->last_error && strcasestr(health->last_error, "timed out");
}

static bool is_verified(const struct request *message, const char *secret)
{
    const struct webhook_headers headers = {message->id, message->timestamp, message->signature};
    CLEANUP(webhook_verifier)
    struct webhook_verifier *verifier = webhook_verifier_new(secret, 300, NULL);
    return webhook_verify(verifier, &headers, message->body, strlen(message->body), notify_start_ms, NULL);
}

#define OTHER_SECRET "whsec_OTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTBmZWRjYmE="

static void test_what_comes_is_signed_by_each_secret(void)
{
    struct fixture fixture;
    start(&fixture);
    struct notify_webhook *webhook = fixture.world.settings.notify.webhooks.items;
    world_set(&webhook->secret, NOTIFY_SECRET " " OTHER_SECRET);
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    const struct request *message = wait_for_message(&fixture.receiver, 0);
    g_assert_cmpstr(message->id, ==, "e1");
    g_assert_cmpstr(message->path, ==, "/in");
    g_assert_true(is_verified(message, NOTIFY_SECRET));
    g_assert_true(is_verified(message, OTHER_SECRET));
    g_assert_false(is_verified(message, "whsec_MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="));
    g_assert_true(g_str_has_prefix(
        message->body, "{\"id\":\"e1\",\"type\":\"signal.intrusion\",\"timestamp\":\"2026-01-01T00:00:00.000Z\""));
    g_assert_cmpint(wait_until(&fixture, "till", has_delivered).queued, ==, 0);
    end(&fixture);
}

static void test_w04_a_retry_has_the_same_id_and_a_time_of_its_own(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.notify = world_open(&fixture.world);
    answer_with(&fixture.receiver, 500, NULL, NULL);
    tell(&fixture, "e1");
    const struct request *first = wait_for_message(&fixture.receiver, 0);
    wait_until(&fixture, "till", has_failed);
    answer_with(&fixture.receiver, 200, NULL, NULL);
    clock_fake_advance_us(fixture.world.clock, 6 * G_USEC_PER_SEC);
    const struct request *second = wait_for_message(&fixture.receiver, 1);
    g_assert_cmpstr(first->id, ==, second->id);
    g_assert_cmpstr(first->body, ==, second->body);
    g_assert_cmpstr(first->timestamp, !=, second->timestamp);
    g_assert_true(is_verified(second, NOTIFY_SECRET));
    wait_until(&fixture, "till", has_delivered);
    end(&fixture);
}

static void test_w04_retry_after_is_read_from_the_answer(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.notify = world_open(&fixture.world);
    answer_with(&fixture.receiver, 429, "Retry-After", "3600");
    tell(&fixture, "e1");
    wait_until(&fixture, "till", is_paused);
    answer_with(&fixture.receiver, 200, NULL, NULL);
    tell(&fixture, "e2");
    clock_fake_advance_us(fixture.world.clock, INT64_C(3599) * G_USEC_PER_SEC);
    g_assert_cmpuint(messages(&fixture.receiver), ==, 1);
    clock_fake_advance_us(fixture.world.clock, 2 * G_USEC_PER_SEC);
    wait_for_message(&fixture.receiver, 2);
    end(&fixture);
}

static struct letters letters_of(struct fixture *fixture, const char *org_id)
{
    struct letters letters = {0};
    notify_each_dead_letter(fixture->notify, org_id, note_letter, &letters);
    return letters;
}

/* The ladder's end: kept, shown to its org alone, and delivered when somebody says so. */
static void test_w04_a_dead_letter_is_kept_and_can_be_tried_again(void)
{
    struct fixture fixture;
    g_autoptr(GError) error = NULL;
    start(&fixture);
    world_set(&fixture.world.settings.notify.retry_seconds, "5");
    fixture.notify = world_open(&fixture.world);
    answer_with(&fixture.receiver, 400, NULL, NULL);
    tell(&fixture, "e1");
    wait_until(&fixture, "till", has_failed);
    clock_fake_advance_us(fixture.world.clock, 6 * G_USEC_PER_SEC);
    wait_until(&fixture, "till", has_dead_letters);
    notify_close(fixture.notify);
    fixture.notify = world_open(&fixture.world); /* kept over a restart */
    gint64 until_us = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
    while (!letters_of(&fixture, "acme").count && g_get_monotonic_time() < until_us)
        g_usleep(1000); /* the queue is read in the background */
    struct letters letters = letters_of(&fixture, "acme");
    g_assert_cmpint(letters.count, ==, 1);
    g_assert_cmpstr(letters.id, ==, "e1");
    g_assert_nonnull(strstr(letters.why, "400"));
    g_assert_cmpint(letters_of(&fixture, "bolt").count, ==, 0);
    g_assert_false(notify_retry_dead_letter(fixture.notify, "bolt", "e1", &error));
    g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
    answer_with(&fixture.receiver, 200, NULL, NULL);
    g_assert_true(notify_retry_dead_letter(fixture.notify, "acme", "e1", NULL));
    g_assert_cmpstr(wait_for_message(&fixture.receiver, 2)->id, ==, "e1");
    wait_until(&fixture, "till", has_delivered);
    g_assert_cmpint(letters_of(&fixture, "acme").count, ==, 0);
    end(&fixture);
}

static void test_w05_410_disables_and_enabling_goes_on(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.notify = world_open(&fixture.world);
    answer_with(&fixture.receiver, 410, NULL, NULL);
    tell(&fixture, "e1");
    struct endpoint_health health = wait_until(&fixture, "till", is_gone);
    g_assert_cmpint(health.gone, ==, 1);
    g_assert_cmpint(health.dead, ==, 1);
    tell(&fixture, "e2");
    answer_with(&fixture.receiver, 200, NULL, NULL);
    g_assert_true(notify_enable(fixture.notify, "acme", ENDPOINT_WEBHOOK, "till"));
    tell(&fixture, "e3");
    g_assert_cmpstr(wait_for_message(&fixture.receiver, 1)->id, ==, "e3");
    wait_until(&fixture, "till", has_delivered);
    end(&fixture);
}

static void test_w06_redirects_are_not_followed(void)
{
    static const unsigned statuses[] = {301, 302, 303, 307, 308};
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        struct fixture fixture;
        struct receiver other;
        start(&fixture);
        receiver_start(&other);
        g_autofree char *elsewhere = g_strdup_printf("http://127.0.0.1:%d/stolen", other.port);
        fixture.notify = world_open(&fixture.world);
        answer_with(&fixture.receiver, statuses[i], "Location", elsewhere);
        tell(&fixture, "e1");
        struct endpoint_health health = wait_until(&fixture, "till", has_said_redirect);
        g_assert_cmpint(health.delivered, ==, 0);
        g_assert_cmpint(health.retrying, ==, 1);
        notify_close(g_steal_pointer(&fixture.notify));
        g_assert_cmpuint(messages(&other), ==, 0);
        receiver_stop(&other);
        end(&fixture);
    }
}

/* What is asked is the address that a connection goes to, whatever name or form it has. */
static void test_s05_private_addresses_are_refused_whatever_their_name(void)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1",  "[::1]", "[::ffff:127.0.0.1]",
                                        "0.0.0.0",   "2130706433", "0x7f.1"};
    struct fixture fixture;
    start(&fixture);
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *id = g_strdup_printf("h%zu", i);
        g_autofree char *url = g_strdup_printf("https://%s:%d/", hosts[i], fixture.receiver.port);
        world_add_webhook(&fixture.world, id, "acme", url);
    }
    world_set(&fixture.world.settings.notify.allowed_networks, "");
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autofree char *id = g_strdup_printf("h%zu", i);
        wait_until(&fixture, id, is_refused);
    }
    wait_until(&fixture, "till", is_refused); /* http */
    g_assert_cmpuint(messages(&fixture.receiver), ==, 0);
    end(&fixture);
}

/* Nobody reads along unless the operator has named the network. */
static void test_plain_http_goes_to_allowed_networks_alone(void)
{
    struct fixture fixture;
    start(&fixture);
    world_set(&fixture.world.settings.notify.refused_networks, "");
    world_set(&fixture.world.settings.notify.allowed_networks, "10.0.0.0/8");
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    wait_until(&fixture, "till", is_refused);
    g_assert_cmpuint(messages(&fixture.receiver), ==, 0);
    end(&fixture);
}

static void test_one_that_hangs_holds_up_no_other(void)
{
    enum { MESSAGES = 20 };
    struct fixture fixture;
    struct receiver hanging;
    start(&fixture);
    fixture.world.settings.notify.timeout_seconds = 120; /* it hangs for as long as the test looks */
    receiver_start(&hanging);
    hanging.is_silent = true;
    add(&fixture, "hanging", "127.0.0.1", hanging.port);
    fixture.notify = world_open(&fixture.world);
    for (int i = 0; i < MESSAGES; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        tell(&fixture, id);
    }
    wait_for_message(&fixture.receiver, MESSAGES - 1);
    g_assert_cmpuint(messages(&hanging), <=, 2); /* notify.parallel */
    receiver_speak(&hanging);
    wait_for_message(&hanging, MESSAGES - 1);
    notify_close(g_steal_pointer(&fixture.notify));
    receiver_stop(&hanging);
    end(&fixture);
}

static void test_a_try_ends_in_time_and_many_open_the_breaker(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.world.settings.notify.timeout_seconds = 0.1;
    fixture.world.settings.notify.parallel = 8;
    fixture.receiver.is_silent = true;
    fixture.notify = world_open(&fixture.world);
    for (int i = 0; i < 6; i++) {
        g_autofree char *id = g_strdup_printf("e%d", i);
        tell(&fixture, id);
    }
    wait_until(&fixture, "till", has_timed_out);
    struct endpoint_health health = wait_until(&fixture, "till", is_left_alone);
    g_assert_cmpint(health.delivered, ==, 0);
    g_assert_cmpint(health.queued, ==, 6);
    end(&fixture);
}

/* Its status came before: the receiver has it, however much it has to say. */
static void test_an_endless_answer_is_cut(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.receiver.answer_bytes = 64 << 20;
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    wait_until(&fixture, "till", has_delivered);
    end(&fixture);
}

/* Closed while a receiver has not answered: neither lost nor counted as a try. */
static void test_what_is_under_way_at_the_end_is_sent_at_the_next_start(void)
{
    struct fixture fixture;
    start(&fixture);
    fixture.receiver.is_silent = true;
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    wait_for_message(&fixture.receiver, 0);
    notify_close(fixture.notify);
    receiver_speak(&fixture.receiver);
    fixture.notify = world_open(&fixture.world);
    g_assert_cmpstr(wait_for_message(&fixture.receiver, 1)->id, ==, "e1");
    wait_until(&fixture, "till", has_delivered);
    end(&fixture);
}

static void test_a_receiver_that_proves_nothing_is_not_told(void)
{
    struct fixture fixture;
    start(&fixture);
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%d/", fixture.receiver.port); /* it speaks no TLS */
    world_add_webhook(&fixture.world, "tls", "acme", url);
    fixture.notify = world_open(&fixture.world);
    tell(&fixture, "e1");
    wait_until(&fixture, "tls", has_failed);
    g_assert_cmpint(wait_until(&fixture, "till", has_delivered).delivered, ==, 1);
    end(&fixture);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/webhooks/what comes is signed by each secret", test_what_comes_is_signed_by_each_secret);
    g_test_add_func("/webhooks/w04_a_retry_has_the_same_id_and_a_time_of_its_own",
                    test_w04_a_retry_has_the_same_id_and_a_time_of_its_own);
    g_test_add_func("/webhooks/w04_retry_after_is_read_from_the_answer", test_w04_retry_after_is_read_from_the_answer);
    g_test_add_func("/webhooks/w04_a_dead_letter_is_kept_and_can_be_tried_again",
                    test_w04_a_dead_letter_is_kept_and_can_be_tried_again);
    g_test_add_func("/webhooks/w05_410_disables_and_enabling_goes_on", test_w05_410_disables_and_enabling_goes_on);
    g_test_add_func("/webhooks/w06_redirects_are_not_followed", test_w06_redirects_are_not_followed);
    g_test_add_func("/webhooks/s05_private_addresses_are_refused_whatever_their_name",
                    test_s05_private_addresses_are_refused_whatever_their_name);
    g_test_add_func("/webhooks/plain http goes to allowed networks alone",
                    test_plain_http_goes_to_allowed_networks_alone);
    g_test_add_func("/webhooks/one that hangs holds up no other", test_one_that_hangs_holds_up_no_other);
    g_test_add_func("/webhooks/a try ends in time and many open the breaker",
                    test_a_try_ends_in_time_and_many_open_the_breaker);
    g_test_add_func("/webhooks/an endless answer is cut", test_an_endless_answer_is_cut);
    g_test_add_func("/webhooks/what is under way at the end is sent at the next start",
                    test_what_is_under_way_at_the_end_is_sent_at_the_next_start);
    g_test_add_func("/webhooks/a receiver that proves nothing is not told",
                    test_a_receiver_that_proves_nothing_is_not_told);
    return g_test_run();
}
