/* T10: access tokens as anyone may send them: taken apart, verified and held to what is expected. Nothing that this
 * finds can be signed with the key, so nothing may pass. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "auth/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwt_key *get_key(void)
{
    static struct jwt_key *key;
    if (!key)
        key = jwt_key_new("one", TOKEN_HS256, "{\"kty\":\"oct\",\"k\":\"7f1Zq2kQm0N8bT5xYw3uVhR6cJ9dLaPs4eGiKoXrMtE\"}",
                          NULL);
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct jwt_expected expected = {
        .type = "at+jwt", .issuer = "vedette", .audience = "vedette-api", .now_s = 1767225600, .skew_s = 30};
    struct jwt jwt;
    if (!jwt_parse((const char *)data, size, &jwt, NULL))
        return 0;
    if (size > JWT_MAX_BYTES || (jwt.key_id && strlen(jwt.key_id) > JWT_MAX_KEY_ID_BYTES))
        __builtin_trap();
    jwt_check(&jwt, &expected, NULL);
    if (jwt_verify(&jwt, get_key(), NULL))
        __builtin_trap();
    jwt_clear(&jwt);
    return 0;
}
