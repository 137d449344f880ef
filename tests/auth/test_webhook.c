/* Signed webhooks: cases W1 to W3. */
#include "auth/webhook.h"

#include <string.h>

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

/* The example of the specification's libraries (standardwebhooks.com): same secret, id, time and body everywhere. */
static const char id[] = "msg_p5jXN8AQM9LWM0D4loKWxJek", body[] = "{\"test\": 2432232314}";
static const int64_t at = 1614265330;
static const char signature[] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

static struct webhook_verifier *verifier_of(const char *secrets)
{
    g_autoptr(GError) error = NULL;
    struct webhook_verifier *verifier = webhook_verifier_new(secrets, 300, &error);
    g_assert_no_error(error);
    return verifier;
}

static char *sign_by(const char *secret, const char *message_id, int64_t time, const char *text, size_t length)
{
    CLEANUP(webhook_secrets) struct webhook_secrets *secrets = webhook_secrets_new(secret, NULL);
    return webhook_sign(secrets, message_id, time, text, length);
}

static bool verify(struct webhook_verifier *verifier, const char *message_id, const char *time, const char *signatures,
                   const char *text, int64_t now_seconds)
{
    g_autoptr(GError) error = NULL;
    const struct webhook_headers headers = {message_id, time, signatures};
    bool is_good = webhook_verify(verifier, &headers, text, strlen(text), now_seconds * 1000, &error);
    if (!is_good)
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    return is_good;
}

static void test_w01_the_vector_of_the_specification(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
    g_autofree char *ours = sign_by(SECRET, id, at, body, strlen(body));
    g_assert_cmpstr(ours, ==, signature);
    g_assert_true(verify(verifier, id, "1614265330", signature, body, at));
}

static void test_w02_whatever_is_changed_is_refused(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
    g_autofree char *many = g_strnfill(1 << 20, 'v');
    for (size_t i = 0; i < strlen(body); i++) {
        g_autofree char *changed = g_strdup(body);
        changed[i] ^= 1;
        g_assert_false(verify(verifier, id, "1614265330", signature, changed, at));
    }
    g_assert_false(verify(verifier, "msg.dotted", "1614265330", signature, body, at));
    g_assert_false(verify(verifier, "msg_other", "1614265330", signature, body, at));
    g_assert_false(verify(verifier, id, "1614265331", signature, body, at));
    g_assert_false(verify(verifier, id, "1614265330", "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", body, at));
    g_assert_false(verify(verifier, id, "1614265330", "", body, at));
    g_assert_false(verify(verifier, id, "1614265330", "v1,", body, at));
    g_assert_false(verify(verifier, id, "1614265330", many, body, at));
    g_assert_false(verify(verifier, id, "", signature, body, at));
    g_assert_false(verify(verifier, id, "-1", signature, body, at));
    g_assert_false(verify(verifier, "", "1614265330", signature, body, at));
    g_assert_false(verify(verifier, NULL, "1614265330", signature, body, at));
    g_assert_true(verify(verifier, id, "1614265330", signature, body, at)); /* and nothing of it was remembered */
}

/* An id with a dot could stand for another split of what was signed; one that is signed right shows that it is the dot.
 */
static void test_w02_ids_that_are_not_taken(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
    g_autofree char *long_id = g_strnfill(129, 'a'), *longest_id = g_strnfill(128, 'a');
    const struct {
        const char *id;
        bool is_good;
    } cases[] = {{"msg.dotted", false}, {"", false}, {long_id, false}, {longest_id, true}, {"msg_plain", true}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *right = sign_by(SECRET, cases[i].id, at, body, strlen(body));
        g_assert_cmpint(verify(verifier, cases[i].id, "1614265330", right, body, at), ==, cases[i].is_good);
    }
}

static void test_w02_versions_and_lists_of_signatures(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
    g_autofree char *unknown_first =
        g_strconcat("v1a,AAAA v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= ", signature, NULL);
    g_autofree char *unknown = g_strconcat("v1a", signature + strlen("v1"), NULL);
    GString *list = g_string_new(NULL);
    while (list->len < 1 << 20)
        g_string_append(list, "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ");
    g_string_append(list, signature);
    g_autofree char *endless = g_string_free(list, FALSE);
    g_assert_false(verify(verifier, id, "1614265330", unknown, body, at));
    g_assert_false(verify(verifier, id, "1614265330", endless, body, at));
    g_assert_true(verify(verifier, id, "1614265330", unknown_first, body, at));
}

static void test_w02_the_edges_of_the_tolerance(void)
{
    static const struct {
        int64_t off;
        bool is_good;
    } cases[] = {{300, true}, {-300, true}, {301, false}, {-301, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
        g_assert_cmpint(verify(verifier, id, "1614265330", signature, body, at + cases[i].off), ==, cases[i].is_good);
    }
}

static void test_w02_two_secrets_at_once(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *both = verifier_of(OTHER " " SECRET);
    CLEANUP(webhook_verifier) struct webhook_verifier *other = verifier_of(OTHER);
    g_autofree char *two = g_strconcat("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", signature, NULL);
    g_assert_true(verify(both, id, "1614265330", two, body, at));
    g_assert_false(verify(other, id, "1614265330", two, body, at));
    CLEANUP(webhook_verifier) struct webhook_verifier *none = verifier_of("");
    g_assert_false(verify(none, id, "1614265330", signature, body, at));
}

/* An id is remembered until no server takes its message any more, however far their clocks are from each other. */
static void test_w03_an_id_is_remembered_for_as_long_as_it_is_good(void)
{
    CLEANUP(webhook_verifier) struct webhook_verifier *verifier = verifier_of(SECRET);
    int64_t expires_ms = webhook_expires_ms(verifier, (at - 300) * 1000); /* from the future, as far as may be */
    g_assert_cmpint(expires_ms, ==, (at + 300) * 1000);
    g_assert_true(verify(verifier, id, "1614265330", signature, body, at - 300));
    g_assert_true(verify(verifier, id, "1614265330", signature, body, expires_ms / 1000));
    g_assert_false(verify(verifier, id, "1614265330", signature, body, expires_ms / 1000 + 1));
}

static void test_bad_secrets_are_told_and_not_shown(void)
{
    static const char *const bad[] = {"whsec_c2hvcnQ=", "whsec_!!!!",
                                      SECRET " " SECRET " " SECRET " " SECRET " " SECRET};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(webhook_verifier_new(bad[i], 300, &error));
        g_assert_null(strstr(error->message, bad[i] + strlen("whsec_")));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/webhook/w01_the_vector_of_the_specification", test_w01_the_vector_of_the_specification);
    g_test_add_func("/webhook/w02_whatever_is_changed_is_refused", test_w02_whatever_is_changed_is_refused);
    g_test_add_func("/webhook/w02_the_edges_of_the_tolerance", test_w02_the_edges_of_the_tolerance);
    g_test_add_func("/webhook/w02_two_secrets_at_once", test_w02_two_secrets_at_once);
    g_test_add_func("/webhook/w02_ids_that_are_not_taken", test_w02_ids_that_are_not_taken);
    g_test_add_func("/webhook/w02_versions_and_lists_of_signatures", test_w02_versions_and_lists_of_signatures);
    g_test_add_func("/webhook/w03_an_id_is_remembered_for_as_long_as_it_is_good",
                    test_w03_an_id_is_remembered_for_as_long_as_it_is_good);
    g_test_add_func("/webhook/bad secrets are told and not shown", test_bad_secrets_are_told_and_not_shown);
    return g_test_run();
}
