/* The token parser and verifier against everything that others have let through. */
#include <glib.h>
#include <sodium.h>
#include <string.h>

#include "auth/jwt.h"

static const int64_t now_s = 1767225600;

static char *encode(const char *text, size_t length)
{
    char *out = g_malloc(sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING));
    sodium_bin2base64(out, sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                      (const unsigned char *)text, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return out;
}

/* A token of any header and claims with a MAC made by hand, as an attacker would. */
static char *forge(const char *header, const char *claims, const void *key, size_t key_length)
{
    g_autofree char *first = encode(header, strlen(header)), *second = encode(claims, strlen(claims));
    g_autofree char *input = g_strconcat(first, ".", second, NULL);
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, key, key_length);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)input, strlen(input));
    crypto_auth_hmacsha256_final(&state, mac);
    g_autofree char *third = encode((const char *)mac, sizeof mac);
    return g_strconcat(input, ".", third, NULL);
}

static const char good_claims[] =
    "{\"iss\":\"us\",\"aud\":\"them\",\"exp\":1767226000,\"iat\":1767225600,\"sub\":\"ann\"}";
static const unsigned char secret[32] = "0123456789abcdef0123456789abcde";

static struct jwt_key *mac_key(void)
{
    g_autofree char *k = encode((const char *)secret, sizeof secret);
    g_autofree char *jwk = g_strdup_printf("{\"kty\":\"oct\",\"k\":\"%s\"}", k);
    struct jwt_key *key = jwt_key_new("one", TOKEN_HS256, jwk, NULL);
    g_assert_nonnull(key);
    return key;
}

static const struct jwt_expected expected = {
    .type = "at+jwt", .issuer = "us", .audience = "them", .now_s = now_s, .skew_s = 30};

/* Whether the whole way lets it through. */
static bool is_accepted(const char *token, size_t length, const struct jwt_key *key, const struct jwt_expected *wanted)
{
    struct jwt jwt;
    if (!jwt_parse(token, length, &jwt, NULL))
        return false;
    bool is_good = jwt_verify(&jwt, key, NULL) && (!wanted || jwt_check(&jwt, wanted, NULL));
    jwt_clear(&jwt);
    return is_good;
}

static bool accepts(const char *header, const char *claims, const struct jwt_key *key)
{
    g_autofree char *token = forge(header, claims, secret, sizeof secret);
    return is_accepted(token, strlen(token), key, &expected);
}

#define GOOD_HEADER "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"one\"}"

static void test_every_algorithm_signs_and_verifies(void)
{
    for (int algorithm = TOKEN_HS256; algorithm <= TOKEN_ES512; algorithm++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *jwk = jwt_key_make((enum token_algorithm)algorithm, &error);
        g_assert_no_error(error);
        CLEANUP(jwt_key) struct jwt_key *key = jwt_key_new("k", (enum token_algorithm)algorithm, jwk, &error);
        g_assert_no_error(error);
        json_t *claims = json_loads(good_claims, 0, NULL);
        g_autofree char *token = jwt_sign(key, "at+jwt", claims, &error);
        g_assert_no_error(error);
        json_decref(claims);
        g_test_message("%s", token_algorithm_names[algorithm - 1]);
        g_assert_true(is_accepted(token, strlen(token), key, &expected));
        char *dot = strrchr(token, '.');
        dot[1] = dot[1] == 'A' ? 'B' : 'A';
        g_assert_false(is_accepted(token, strlen(token), key, &expected));
    }
}

static void test_t01_algorithm_is_the_keys(void)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"nOnE\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"\",\"typ\":\"at+jwt\"}",
        "{\"typ\":\"at+jwt\"}",
        "{\"alg\":[\"HS256\"],\"typ\":\"at+jwt\"}",
        "{\"alg\":256,\"typ\":\"at+jwt\"}",
        "{\"alg\":null,\"typ\":\"at+jwt\"}",
        "{\"alg\":\"hs256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"HS384\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"b64\":false}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"b64\":false,\"crit\":[\"b64\"]}",
    };
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_assert_true(accepts(GOOD_HEADER, good_claims, key));
    for (size_t i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_test_message("%s", headers[i]);
        g_assert_false(accepts(headers[i], good_claims, key));
    }
    g_autofree char *unsigned_token = NULL, *first = encode("{\"alg\":\"none\"}", 14),
                    *second = encode(good_claims, strlen(good_claims));
    unsigned_token = g_strconcat(first, ".", second, ".", NULL);
    g_assert_false(is_accepted(unsigned_token, strlen(unsigned_token), key, &expected));
}

/* The public key, which everyone has, must not count as a secret. */
static void test_t01_public_key_is_no_secret(void)
{
    static const enum token_algorithm algorithms[] = {TOKEN_RS256, TOKEN_ES256};
    for (size_t i = 0; i < G_N_ELEMENTS(algorithms); i++) {
        g_autofree char *jwk = jwt_key_make(algorithms[i], NULL);
        CLEANUP(jwt_key) struct jwt_key *key = jwt_key_new("one", algorithms[i], jwk, NULL);
        json_t *json = json_loads(jwk, 0, NULL);
        const char *public_part = json_string_value(json_object_get(json, algorithms[i] == TOKEN_RS256 ? "n" : "x"));
        g_autofree char *token = forge(GOOD_HEADER, good_claims, public_part, strlen(public_part));
        g_assert_false(is_accepted(token, strlen(token), key, &expected));
        size_t length = 0;
        unsigned char bytes[1024];
        g_assert_cmpint(sodium_base642bin(bytes, sizeof bytes, public_part, strlen(public_part), NULL, &length, NULL,
                                          sodium_base64_VARIANT_URLSAFE_NO_PADDING),
                        ==, 0);
        g_autofree char *raw = forge(GOOD_HEADER, good_claims, bytes, length);
        g_assert_false(is_accepted(raw, strlen(raw), key, &expected));
        json_decref(json);
    }
    /* The other way round: a token that says RS256 is nothing to a secret. */
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_assert_false(accepts("{\"alg\":\"RS256\",\"typ\":\"at+jwt\",\"kid\":\"one\"}", good_claims, key));
    /* Psychic signatures: r = s = 0. */
    g_autofree char *elliptic = jwt_key_make(TOKEN_ES256, NULL);
    CLEANUP(jwt_key) struct jwt_key *curve = jwt_key_new("one", TOKEN_ES256, elliptic, NULL);
    g_autofree char *first = encode("{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", 30),
                    *second = encode(good_claims, strlen(good_claims));
    char zeros[64] = {0};
    g_autofree char *third = encode(zeros, sizeof zeros);
    g_autofree char *token = g_strconcat(first, ".", second, ".", third, NULL);
    g_assert_false(is_accepted(token, strlen(token), curve, &expected));
}

static void test_t02_key_id_is_bounded_text(void)
{
    g_autofree char *long_id = g_strnfill(10240, 'k');
    g_autofree char *long_header = g_strdup_printf("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}", long_id);
    static const char *const refused[] = {
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":7}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":[\"one\"]}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":null}",
        "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"on\\u0000e\"}",
    };
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_assert_false(accepts(long_header, good_claims, key));
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
        g_assert_false(accepts(refused[i], good_claims, key));
}

/* What a header brings along is not looked at: the key stays ours. */
static void test_t02_header_brings_no_key(void)
{
    g_autofree char *own = encode("attackers-own-secret-of-32-bytes", 32);
    g_autofree char *header =
        g_strdup_printf("{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"jwk\":{\"kty\":\"oct\",\"k\":\"%s\"},"
                        "\"jku\":\"http://127.0.0.1:1/\",\"x5u\":\"http://127.0.0.1:1/\"}",
                        own);
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_autofree char *token = forge(header, good_claims, "attackers-own-secret-of-32-bytes", 32);
    g_assert_false(is_accepted(token, strlen(token), key, &expected));
}

static void test_t03_there_is_one_spelling(void)
{
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_autofree char *good = forge(GOOD_HEADER, good_claims, secret, sizeof secret);
    g_assert_true(is_accepted(good, strlen(good), key, &expected));
    g_auto(GStrv) parts = g_strsplit(good, ".", 3);
    const struct {
        const char *what;
        char *token;
    } cases[] = {
        {"empty", g_strdup("")},
        {"two parts", g_strconcat(parts[0], ".", parts[1], NULL)},
        {"four parts", g_strconcat(good, ".AA", NULL)},
        {"five parts", g_strconcat(good, ".AA.AA", NULL)},
        {"empty header", g_strconcat(".", parts[1], ".", parts[2], NULL)},
        {"empty claims", g_strconcat(parts[0], "..", parts[2], NULL)},
        {"empty signature", g_strconcat(parts[0], ".", parts[1], ".", NULL)},
        {"padding", g_strconcat(good, "=", NULL)},
        {"space before", g_strconcat(" ", good, NULL)},
        {"newline after", g_strconcat(good, "\n", NULL)},
        {"space inside", g_strconcat(parts[0], ". ", parts[1], ".", parts[2], NULL)},
        {"other alphabet", g_strconcat(parts[0], ".", parts[1], ".+/", parts[2], NULL)},
        {"not UTF-8", forge("{\"alg\":\"HS256\",\"typ\":\"\xff\"}", good_claims, secret, sizeof secret)},
        {"doubled key",
         forge("{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", good_claims, secret, sizeof secret)},
        {"doubled claim",
         forge(GOOD_HEADER, "{\"iss\":\"us\",\"aud\":\"them\",\"exp\":1,\"exp\":1767226000}", secret, sizeof secret)},
        {"claims are no object", forge(GOOD_HEADER, "[1]", secret, sizeof secret)},
        {"header is no object", forge("\"alg\"", good_claims, secret, sizeof secret)},
        {"JSON and more", forge(GOOD_HEADER "{}", good_claims, secret, sizeof secret)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].what);
        g_assert_false(is_accepted(cases[i].token, strlen(cases[i].token), key, &expected));
        g_free(cases[i].token);
    }
    /* The last character of 32 bytes has two bits to spare: they are zero, or it is another spelling. */
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *last = &good[strlen(good) - 1];
    *last = alphabet[(strchr(alphabet, *last) - alphabet) ^ 1];
    g_assert_false(is_accepted(good, strlen(good), key, &expected));
}

static void test_t03_size_and_depth_are_bounded(void)
{
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    g_autofree char *padding = g_strnfill(65536, 'x');
    g_autofree char *large =
        g_strdup_printf("{\"iss\":\"us\",\"aud\":\"them\",\"exp\":1767226000,\"x\":\"%s\"}", padding);
    g_assert_false(accepts(GOOD_HEADER, large, key));
    enum { DEPTH = 5000 };
    g_autofree char *open = g_strnfill(DEPTH, '['), *close = g_strnfill(DEPTH, ']');
    g_autofree char *deep =
        g_strdup_printf("{\"iss\":\"us\",\"aud\":\"them\",\"exp\":1767226000,\"x\":%s%s}", open, close);
    g_assert_false(accepts(GOOD_HEADER, deep, key));
}

static void test_t04_times(void)
{
    static const struct {
        const char *claims; /* beside iss and aud */
        bool is_good;
    } cases[] = {
        {"\"exp\":1767225570", true}, /* now - 30 */
        {"\"exp\":1767225569", false},
        {"\"exp\":1767226000,\"nbf\":1767225630", true}, /* now + 30 */
        {"\"exp\":1767226000,\"nbf\":1767225631", false},
        {"\"exp\":1767226000,\"iat\":1767225630", true},
        {"\"exp\":1767226000,\"iat\":1767225631", false},
        {"\"exp\":\"1767226000\"", false},
        {"\"exp\":1767226000.5", false},
        {"\"exp\":1767226000.0", false},
        {"\"exp\":1e400", false},
        {"\"exp\":-1", false},
        {"\"exp\":null", false},
        {"\"exp\":99999999999999999999", false},
        {"\"nbf\":1", false}, /* no exp */
        {"\"exp\":1767226000,\"nbf\":\"0\"", false},
        {"\"exp\":1767226000,\"iat\":true", false},
    };
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *claims = g_strdup_printf("{\"iss\":\"us\",\"aud\":\"them\",%s}", cases[i].claims);
        g_test_message("%s", claims);
        g_assert_true(accepts(GOOD_HEADER, claims, key) == cases[i].is_good);
    }
}

static void test_t05_issuer_audience_and_type(void)
{
    static const char *const claims[] = {
        "{\"aud\":\"them\",\"exp\":1767226000}",
        "{\"iss\":\"other\",\"aud\":\"them\",\"exp\":1767226000}",
        "{\"iss\":[\"us\"],\"aud\":\"them\",\"exp\":1767226000}",
        "{\"iss\":\"us\",\"exp\":1767226000}",
        "{\"iss\":\"us\",\"aud\":\"other\",\"exp\":1767226000}",
        "{\"iss\":\"us\",\"aud\":[\"them\"],\"exp\":1767226000}",
        "{\"iss\":\"us\",\"aud\":[\"other\",\"them\"],\"exp\":1767226000}",
    };
    CLEANUP(jwt_key) struct jwt_key *key = mac_key();
    for (size_t i = 0; i < G_N_ELEMENTS(claims); i++)
        g_assert_false(accepts(GOOD_HEADER, claims[i], key));
    g_assert_false(accepts("{\"alg\":\"HS256\"}", good_claims, key));
    g_assert_false(accepts("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", good_claims, key));
    g_assert_false(accepts("{\"alg\":\"HS256\",\"typ\":[\"at+jwt\"]}", good_claims, key));
    struct jwt_expected list = expected;
    list.is_audience_list = true;
    g_autofree char *token = forge(GOOD_HEADER, claims[6], secret, sizeof secret);
    g_assert_true(is_accepted(token, strlen(token), key, &list));
    g_autofree char *foreign =
        forge(GOOD_HEADER, "{\"iss\":\"us\",\"aud\":[\"other\"],\"exp\":1767226000}", secret, sizeof secret);
    g_assert_false(is_accepted(foreign, strlen(foreign), key, &list));
}

static void test_keys_must_fit_their_algorithm(void)
{
    static const struct {
        enum token_algorithm algorithm;
        const char *jwk;
    } cases[] = {
        {TOKEN_HS256, "{\"kty\":\"oct\",\"k\":\"AAAA\"}"}, /* too short */
        {TOKEN_RS256, "{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {TOKEN_HS256, "{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {TOKEN_HS256, "{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {TOKEN_HS256,
         "{\"kty\":\"oct\",\"key_ops\":[\"encrypt\"],\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"},
        {TOKEN_HS256, "{\"kty\":\"oct\"}"},
        {TOKEN_HS256, "not json"},
        {TOKEN_HS256, "[]"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", cases[i].jwk);
        g_assert_null(jwt_key_new("k", cases[i].algorithm, cases[i].jwk, &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
    /* A key of one curve is none of another's. */
    g_autofree char *p384 = jwt_key_make(TOKEN_ES384, NULL);
    g_assert_null(jwt_key_new("k", TOKEN_ES256, p384, NULL));
}

/* ---- Wycheproof ---- */

/* The vectors spell ES512 by its curve. */
static enum token_algorithm vector_algorithm(const json_t *jwk)
{
    const char *name = json_string_value(json_object_get(jwk, "alg"));
    if (g_strcmp0(name, "ES521") == 0)
        return TOKEN_ES512;
    return name ? record_enum_value(token_algorithm_names, name) : 0;
}

static bool vector_is_accepted(const json_t *jwk, const char *token)
{
    json_t *copy = json_deep_copy(jwk);
    enum token_algorithm algorithm = vector_algorithm(jwk);
    json_object_del(copy, "alg");
    char *text = json_dumps(copy, 0);
    json_decref(copy);
    CLEANUP(jwt_key) struct jwt_key *key = jwt_key_new("k", algorithm, text, NULL);
    free(text);
    struct jwt jwt;
    bool is_good = key && jwt_parse(token, strlen(token), &jwt, NULL);
    if (!is_good)
        return false;
    is_good = jwt_verify(&jwt, key, NULL);
    jwt_clear(&jwt);
    return is_good;
}

/* Where the vectors are wrong in themselves, and what is right. */
static const struct {
    int id;
    bool is_good;
    const char *why;
} errata[] = {
    {346, false, "the key says PS256, the token PS384"},
    {350, false, "the same"},
    {367, true, "meant to have padding; letter for letter the valid 357"},
    {370, true, "the same"},
    {372, false, "has a '?', which base64url has not"},
    {373, false, "the same"},
};

static bool vector_should_pass(int id, const char *result)
{
    for (size_t i = 0; i < G_N_ELEMENTS(errata); i++)
        if (errata[i].id == id)
            return errata[i].is_good;
    return strcmp(result, "valid") == 0;
}

/* Of the vectors, which carry any bytes, header and signature are looked at. */
static void test_t09_wycheproof(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SHARED") ? g_getenv("VEDETTE_SHARED") : "",
                                             "assets/wycheproof/json_web_signature_test.json", NULL);
    json_t *root = json_load_file(path, 0, NULL);
    if (!root) {
        g_test_skip("the Wycheproof vectors are not here (../shared/assets/wycheproof)");
        return;
    }
    const json_t *groups = json_object_get(root, "testGroups"), *group, *test;
    size_t i, j;
    int invalid = 0, valid = 0;
    json_array_foreach(groups, i, group)
    {
        const json_t *jwk = json_object_get(group, "public");
        jwk = jwk ? jwk : json_object_get(group, "private");
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            int id = (int)json_integer_value(json_object_get(test, "tcId"));
            const json_t *jws = json_object_get(test, "jws"); /* an object where JSON serialization is tried */
            bool is_good = json_is_string(jws) && vector_is_accepted(jwk, json_string_value(jws));
            bool should = vector_should_pass(id, json_string_value(json_object_get(test, "result")));
            g_test_message("%d %s", id, json_string_value(json_object_get(test, "comment")));
            g_assert_true(is_good == should);
            valid += should;
            invalid += !should;
        }
    }
    g_test_message("%d invalid ones refused, %d valid ones accepted", invalid, valid);
    g_assert_cmpint(invalid, >, 300);
    g_assert_cmpint(valid, >, 40);
    json_decref(root);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(sodium_init(), >=, 0);
    g_test_add_func("/jwt/every_algorithm_signs_and_verifies", test_every_algorithm_signs_and_verifies);
    g_test_add_func("/jwt/t01_algorithm_is_the_keys", test_t01_algorithm_is_the_keys);
    g_test_add_func("/jwt/t01_public_key_is_no_secret", test_t01_public_key_is_no_secret);
    g_test_add_func("/jwt/t02_key_id_is_bounded_text", test_t02_key_id_is_bounded_text);
    g_test_add_func("/jwt/t02_header_brings_no_key", test_t02_header_brings_no_key);
    g_test_add_func("/jwt/t03_there_is_one_spelling", test_t03_there_is_one_spelling);
    g_test_add_func("/jwt/t03_size_and_depth_are_bounded", test_t03_size_and_depth_are_bounded);
    g_test_add_func("/jwt/t04_times", test_t04_times);
    g_test_add_func("/jwt/t05_issuer_audience_and_type", test_t05_issuer_audience_and_type);
    g_test_add_func("/jwt/keys_must_fit_their_algorithm", test_keys_must_fit_their_algorithm);
    g_test_add_func("/jwt/t09_wycheproof", test_t09_wycheproof);
    return g_test_run();
}
