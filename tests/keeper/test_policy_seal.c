/* Sealed documents: opened where they belong and nowhere else; keys rotate. */
#include "keeper/seal.h"

#include <string.h>

#define OLD_KEY "old:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define NEW_KEY "new:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
#define CONFIG "{\"loitering_seconds\":7}"

static const struct policy_binding door = {{.org_id = "acme", .camera_id = "door"}, "safety", POLICY_SAFETY, 4};

static struct policy_keyring *ring_of(const char *text)
{
    g_autoptr(GError) error = NULL;
    struct policy_keyring *ring = policy_keyring_new(text, &error);
    g_assert_no_error(error);
    return ring;
}

static void test_what_is_sealed_is_not_read_and_opens_again(void)
{
    CLEANUP(policy_keyring) struct policy_keyring *ring = ring_of("# keys\n\n" OLD_KEY "\n");
    g_autofree char *sealed = policy_seal(ring, &door, CONFIG), *twice = policy_seal(ring, &door, CONFIG);
    g_assert_null(strstr(sealed, "loitering"));
    g_assert_cmpstr(sealed, !=, twice); /* a nonce each */
    g_autoptr(GError) error = NULL;
    g_autofree char *opened = policy_open(ring, &door, sealed, &error);
    g_assert_cmpstr(opened, ==, CONFIG);
}

static void test_a_sealed_document_opens_only_where_it_belongs(void)
{
    CLEANUP(policy_keyring) struct policy_keyring *ring = ring_of(OLD_KEY);
    g_autofree char *sealed = policy_seal(ring, &door, CONFIG);
    struct policy_binding wrong[6];
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
        wrong[i] = door;
    wrong[0].scope.org_id = "other";
    wrong[1].scope.camera_id = "gate";
    wrong[2].scope = (struct policy_scope){.org_id = "acme", .class_id = "door"};
    wrong[3].service_name = "occupancy";
    wrong[4].type = POLICY_OCCUPANCY;
    wrong[5].version = 3; /* an older one put back */
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(policy_open(ring, &wrong[i], sealed, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    }
}

static void test_every_changed_byte_is_noticed(void)
{
    CLEANUP(policy_keyring) struct policy_keyring *ring = ring_of(OLD_KEY);
    g_autofree char *sealed = policy_seal(ring, &door, CONFIG);
    const size_t begin = strlen("{\"sealed\":\"v1.old."), end = strlen(sealed) - strlen("\"}") - 1; /* the last may hold
                                                                                                     unused bits */
    for (size_t i = begin; i < end; i++) {
        g_autofree char *changed = g_strdup(sealed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        g_assert_null(policy_open(ring, &door, changed, NULL));
    }
}

static void test_keys_rotate(void)
{
    CLEANUP(policy_keyring) struct policy_keyring *before = ring_of(OLD_KEY);
    CLEANUP(policy_keyring) struct policy_keyring *during = ring_of(NEW_KEY "\n" OLD_KEY);
    CLEANUP(policy_keyring) struct policy_keyring *after = ring_of(NEW_KEY);
    g_autofree char *sealed = policy_seal(before, &door, CONFIG);
    g_autofree char *opened = policy_open(during, &door, sealed, NULL);
    g_assert_cmpstr(opened, ==, CONFIG);
    g_assert_false(policy_is_sealed_with_first(during, sealed));
    g_autofree char *again = policy_seal(during, &door, opened);
    g_assert_true(policy_is_sealed_with_first(during, again));
    g_autoptr(GError) error = NULL;
    g_assert_null(policy_open(after, &door, sealed, &error));
    g_assert_nonnull(strstr(error->message, "'old'"));
    g_autofree char *reopened = policy_open(after, &door, again, NULL);
    g_assert_cmpstr(reopened, ==, CONFIG);
}

static void test_without_a_key_documents_stay_open(void)
{
    CLEANUP(policy_keyring) struct policy_keyring *none = ring_of(NULL);
    CLEANUP(policy_keyring) struct policy_keyring *ring = ring_of(OLD_KEY);
    g_autofree char *stored = policy_seal(none, &door, CONFIG);
    g_assert_cmpstr(stored, ==, CONFIG);
    g_autofree char *opened = policy_open(ring, &door, stored, NULL); /* of the time before there was a key */
    g_assert_cmpstr(opened, ==, CONFIG);
    g_assert_false(policy_is_sealed_with_first(ring, stored));
}

static void test_bad_keys_are_told_by_their_line_and_not_shown(void)
{
    static const char *const bad[] = {"old",
                                      "old:",
                                      "Old:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
                                      "old:c2hvcnQ=",
                                      OLD_KEY "\n" OLD_KEY,
                                      "old:c2VjcmV0IQ"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(policy_keyring_new(bad[i], &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
        g_assert_nonnull(strstr(error->message, "line "));
        g_assert_null(strstr(error->message, "c2"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy seal/what is sealed is not read and opens again",
                    test_what_is_sealed_is_not_read_and_opens_again);
    g_test_add_func("/policy seal/a sealed document opens only where it belongs",
                    test_a_sealed_document_opens_only_where_it_belongs);
    g_test_add_func("/policy seal/every changed byte is noticed", test_every_changed_byte_is_noticed);
    g_test_add_func("/policy seal/keys rotate", test_keys_rotate);
    g_test_add_func("/policy seal/without a key documents stay open", test_without_a_key_documents_stay_open);
    g_test_add_func("/policy seal/bad keys are told by their line and not shown",
                    test_bad_keys_are_told_by_their_line_and_not_shown);
    return g_test_run();
}
