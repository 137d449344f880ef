#include "auth/jwt.h"

#include <cjose/cjose.h>
#include <sodium.h>
#include <string.h>

enum {
    RSA_MIN_BITS = 2048, /* RFC 7518 section 3.3 */
    RSA_MAX_BITS = 8192, /* a larger one only costs time */
};

struct algorithm {
    cjose_jwk_kty_t type;
    int curve;              /* of elliptic ones, OpenSSL's number */
    size_t least_key_bits;  /* RFC 7518 sections 3.2, 3.3: a MAC's key is as long as its digest */
    size_t signature_bytes; /* 0: as long as the key */
};
static const struct algorithm algorithms[] = {
    [TOKEN_HS256] = {CJOSE_JWK_KTY_OCT, 0, 256, 32},
    [TOKEN_HS384] = {CJOSE_JWK_KTY_OCT, 0, 384, 48},
    [TOKEN_HS512] = {CJOSE_JWK_KTY_OCT, 0, 512, 64},
    [TOKEN_RS256] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_RS384] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_RS512] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_PS256] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_PS384] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_PS512] = {CJOSE_JWK_KTY_RSA, 0, RSA_MIN_BITS, 0},
    [TOKEN_ES256] = {CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_256, 0, 64},
    [TOKEN_ES384] = {CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_384, 0, 96},
    [TOKEN_ES512] = {CJOSE_JWK_KTY_EC, CJOSE_JWK_EC_P_521, 0, 132},
};

struct jwt_key {
    char *id;
    enum token_algorithm algorithm;
    size_t bits;
    cjose_jwk_t *jwk;
};

static bool refuse(GError **error, enum vedette_error code, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, (int)code, "the token is refused: %s", why);
    return false;
}

/* ---- taking apart ---- */

/* Unpadded base64url in its only spelling (sodium refuses bits left over). NULL when it is not. g_free. */
static unsigned char *decode_part(const char *text, size_t length, size_t *size)
{
    g_autofree unsigned char *bytes = g_malloc(length + 1);
    if (sodium_base642bin(bytes, length, text, length, NULL, size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
        return NULL;
    return g_steal_pointer(&bytes);
}

/* One JSON object without doubled keys, deep nesting or text that is not UTF-8 (jansson's own bounds). */
static json_t *decode_object(const unsigned char *bytes, size_t size)
{
    json_t *json = json_loadb((const char *)bytes, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    json_decref(json);
    return NULL;
}

/* Members that would change what the signature means, or where its key comes from. Keys that a header brings (jwk, jku,
 * x5c, x5u) need no refusal: nothing reads them. */
static bool check_header(const json_t *header, struct jwt *jwt, GError **error)
{
    const json_t *algorithm = json_object_get(header, "alg"), *type = json_object_get(header, "typ"),
                 *key_id = json_object_get(header, "kid");
    if (!json_is_string(algorithm) ||
        !(jwt->algorithm = record_enum_value(token_algorithm_names, json_string_value(algorithm))))
        return refuse(error, VEDETTE_ERROR_INVALID, "its algorithm is none that is accepted");
    if (json_object_get(header, "crit") || json_object_get(header, "b64"))
        return refuse(error, VEDETTE_ERROR_INVALID, "it needs an extension that nothing here knows");
    if ((type && !json_is_string(type)) || (key_id && !json_is_string(key_id)))
        return refuse(error, VEDETTE_ERROR_INVALID, "its header is malformed");
    if (key_id && json_string_length(key_id) > JWT_MAX_KEY_ID_BYTES)
        return refuse(error, VEDETTE_ERROR_INVALID, "its key id is too long");
    jwt->type = g_strdup(json_string_value(type));
    jwt->key_id = g_strdup(json_string_value(key_id));
    return true;
}

static bool parse_parts(struct jwt *jwt, GError **error)
{
    const char *text = jwt->text, *end = text + jwt->length;
    const char *first = memchr(text, '.', jwt->length);
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return refuse(error, VEDETTE_ERROR_INVALID, "it has not three parts");
    size_t header_size = 0;
    g_autofree unsigned char *header_bytes = decode_part(text, (size_t)(first - text), &header_size);
    json_t *header = header_bytes ? decode_object(header_bytes, header_size) : NULL;
    bool is_good = header && check_header(header, jwt, error);
    if (!header)
        refuse(error, VEDETTE_ERROR_INVALID, "its header is no JSON object in base64url");
    json_decref(header);
    if (!is_good)
        return false;
    g_autofree unsigned char *signature = decode_part(second + 1, (size_t)(end - second - 1), &jwt->signature_bytes);
    if (!signature || !jwt->signature_bytes)
        return refuse(error, VEDETTE_ERROR_INVALID, "its signature is not base64url");
    size_t size = 0;
    g_autofree unsigned char *payload = decode_part(first + 1, (size_t)(second - first - 1), &size);
    jwt->claims = payload ? decode_object(payload, size) : NULL;
    return payload || refuse(error, VEDETTE_ERROR_INVALID, "its claims are not base64url");
}

bool jwt_parse(const char *text, size_t length, struct jwt *jwt, GError **error)
{
    *jwt = (struct jwt){.text = text, .length = length};
    if (!length || length > JWT_MAX_BYTES)
        return refuse(error, VEDETTE_ERROR_INVALID, "it is empty or too long");
    if (parse_parts(jwt, error))
        return true;
    jwt_clear(jwt);
    return false;
}

void jwt_clear(struct jwt *jwt)
{
    g_free(jwt->type);
    g_free(jwt->key_id);
    json_decref(jwt->claims);
    *jwt = (struct jwt){.text = NULL};
}

const char *jwt_text_claim(const struct jwt *jwt, const char *name)
{
    return json_string_value(json_object_get(jwt->claims, name));
}

/* ---- keys ---- */

/* RFC 7517 sections 4.2 and 4.3: what a key says it is for. */
static bool is_for_signatures(const json_t *json)
{
    const char *use = json_string_value(json_object_get(json, "use"));
    const json_t *operations = json_object_get(json, "key_ops"), *operation;
    if (use && strcmp(use, "sig") != 0)
        return false;
    bool is_listed = !operations;
    size_t i;
    json_array_foreach(operations, i, operation)
    {
        const char *name = json_string_value(operation);
        is_listed |= g_strcmp0(name, "verify") == 0 || g_strcmp0(name, "sign") == 0;
    }
    return is_listed;
}

/* Why the key cannot be used with its algorithm; NULL: it can. */
static const char *find_fault(struct jwt_key *key)
{
    const struct algorithm *algorithm = &algorithms[key->algorithm];
    cjose_err ignored;
    key->bits = cjose_jwk_get_keysize(key->jwk, &ignored);
    if (cjose_jwk_get_kty(key->jwk, &ignored) != algorithm->type)
        return "it is of another kind than its algorithm";
    if (algorithm->type == CJOSE_JWK_KTY_EC && (int)cjose_jwk_EC_get_curve(key->jwk, &ignored) != algorithm->curve)
        return "it lies on another curve than its algorithm's";
    if (key->bits < algorithm->least_key_bits)
        return "it is too short";
    if (algorithm->type == CJOSE_JWK_KTY_RSA && key->bits > RSA_MAX_BITS)
        return "it is too long";
    return NULL;
}

/* An exponent of 1 lets everyone sign; an even one is none. */
static bool is_exponent_good(const json_t *json)
{
    const char *text = json_string_value(json_object_get(json, "e"));
    if (!text)
        return true;
    size_t size = 0;
    g_autofree unsigned char *bytes = decode_part(text, strlen(text), &size);
    return bytes && size && bytes[size - 1] % 2 == 1 && (size > 1 || bytes[0] > 1);
}

static const char *read_key(struct jwt_key *key, const char *text)
{
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *named = json_string_value(json_object_get(json, "alg")), *fault = NULL;
    enum token_algorithm own = named ? record_enum_value(token_algorithm_names, named) : 0;
    if (!key->algorithm)
        key->algorithm = own;
    if (!json || !key->algorithm || (named && own != key->algorithm))
        fault = "it names no algorithm that is accepted, or another";
    else if (!is_for_signatures(json) || !is_exponent_good(json))
        fault = "it is not meant for signatures";
    else if (!(key->jwk = cjose_jwk_import(text, strlen(text), NULL)))
        fault = "it is malformed";
    json_decref(json);
    return fault ? fault : find_fault(key);
}

struct jwt_key *jwt_key_new(const char *id, enum token_algorithm algorithm, const char *jwk, GError **error)
{
    CLEANUP(jwt_key) struct jwt_key *key = g_new0(struct jwt_key, 1);
    key->id = g_strdup(id);
    key->algorithm = algorithm;
    const char *fault = read_key(key, jwk);
    if (!fault)
        return g_steal_pointer(&key);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "the key %s cannot be used: %s", id ? id : "without id",
                fault);
    return NULL;
}

void jwt_key_free(struct jwt_key *key)
{
    if (!key)
        return;
    if (key->jwk)
        cjose_jwk_release(key->jwk);
    g_free(key->id);
    g_free(key);
}

const char *jwt_key_id(const struct jwt_key *key)
{
    return key->id;
}

enum token_algorithm jwt_key_algorithm(const struct jwt_key *key)
{
    return key->algorithm;
}

char *jwt_key_make(enum token_algorithm algorithm, GError **error)
{
    static const uint8_t exponent[] = {1, 0, 1};
    const struct algorithm *kind = &algorithms[algorithm];
    cjose_jwk_t *jwk = kind->type == CJOSE_JWK_KTY_OCT ? cjose_jwk_create_oct_random(kind->least_key_bits, NULL)
                       : kind->type == CJOSE_JWK_KTY_RSA
                           ? cjose_jwk_create_RSA_random(RSA_MIN_BITS, exponent, sizeof exponent, NULL)
                           : cjose_jwk_create_EC_random((cjose_jwk_ec_curve)kind->curve, NULL);
    char *json = jwk ? cjose_jwk_to_json(jwk, true, NULL) : NULL;
    char *text = g_strdup(json);
    if (json) {
        sodium_memzero(json, strlen(json));
        free(json);
    }
    if (jwk)
        cjose_jwk_release(jwk);
    if (!text)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "make a key of %s: OpenSSL could not",
                    token_algorithm_names[algorithm - 1]);
    return text;
}

/* ---- signatures ---- */

bool jwt_verify(const struct jwt *jwt, const struct jwt_key *key, GError **error)
{
    const struct algorithm *algorithm = &algorithms[key->algorithm];
    size_t wanted = algorithm->signature_bytes ? algorithm->signature_bytes : (key->bits + 7) / 8;
    if (jwt->algorithm != key->algorithm)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "its algorithm is not the key's");
    if (jwt->signature_bytes != wanted)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "its signature is not right");
    cjose_jws_t *jws = cjose_jws_import(jwt->text, jwt->length, NULL);
    bool is_right = jws && cjose_jws_verify(jws, key->jwk, NULL); /* compares in constant time */
    if (jws)
        cjose_jws_release(jws);
    return is_right || refuse(error, VEDETTE_ERROR_PERMISSION, "its signature is not right");
}

char *jwt_sign(const struct jwt_key *key, const char *type, const json_t *claims, GError **error)
{
    char *payload = json_dumps(claims, JSON_COMPACT);
    cjose_header_t *header = cjose_header_new(NULL);
    bool is_good = payload && header &&
                   cjose_header_set(header, "alg", token_algorithm_names[key->algorithm - 1], NULL) &&
                   cjose_header_set(header, "typ", type, NULL) && cjose_header_set(header, "kid", key->id, NULL);
    cjose_jws_t *jws =
        is_good ? cjose_jws_sign(key->jwk, header, (const uint8_t *)payload, strlen(payload), NULL) : NULL;
    const char *text = NULL;
    char *token = jws && cjose_jws_export(jws, &text, NULL) ? g_strdup(text) : NULL; /* `text` is the jws's own */
    if (jws)
        cjose_jws_release(jws);
    if (header)
        cjose_header_release(header);
    free(payload);
    if (!token)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE,
                    "sign a token with the key %s: it could not be used", key->id);
    return token;
}

/* ---- claims ---- */

/* NumericDate (RFC 7519 section 2), whole seconds only: a fraction, a text or a negative one is refused. */
static bool read_time(const struct jwt *jwt, const char *name, bool is_needed, int64_t *seconds)
{
    const json_t *value = json_object_get(jwt->claims, name);
    if (!value)
        return !is_needed;
    *seconds = json_integer_value(value);
    return json_is_integer(value) && *seconds >= 0;
}

int64_t jwt_expires_ms(const struct jwt *jwt)
{
    int64_t expires_s = 0;
    return read_time(jwt, "exp", true, &expires_s) ? MIN(expires_s, INT64_MAX / 1000) * 1000 : 0;
}

static bool check_times(const struct jwt *jwt, const struct jwt_expected *expected, GError **error)
{
    int64_t expires_s = 0, begins_s = 0, issued_s = 0;
    if (!read_time(jwt, "exp", true, &expires_s) || !read_time(jwt, "nbf", false, &begins_s) ||
        !read_time(jwt, "iat", false, &issued_s))
        return refuse(error, VEDETTE_ERROR_PERMISSION, "its times are missing or malformed");
    if (expires_s < expected->now_s - expected->skew_s)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "it is over");
    if (begins_s > expected->now_s + expected->skew_s || issued_s > expected->now_s + expected->skew_s)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "it is of the future");
    return true;
}

static bool is_for(const json_t *audience, const struct jwt_expected *expected)
{
    if (!expected->is_audience_list || !json_is_array(audience))
        return g_strcmp0(json_string_value(audience), expected->audience) == 0;
    const json_t *one;
    size_t i;
    json_array_foreach(audience, i, one) if (g_strcmp0(json_string_value(one), expected->audience) == 0) return true;
    return false;
}

/* RFC 7515 section 4.1.9: a media type, whose case does not count. */
static bool is_type(const char *type, const char *wanted)
{
    return !wanted || (type && g_ascii_strcasecmp(type, wanted) == 0);
}

bool jwt_check(const struct jwt *jwt, const struct jwt_expected *expected, GError **error)
{
    if (!jwt->claims)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "its claims are no JSON object");
    if (!is_type(jwt->type, expected->type))
        return refuse(error, VEDETTE_ERROR_PERMISSION, "it is of another type");
    if (g_strcmp0(jwt_text_claim(jwt, "iss"), expected->issuer) != 0)
        return refuse(error, VEDETTE_ERROR_PERMISSION, "someone else issued it");
    if (!is_for(json_object_get(jwt->claims, "aud"), expected))
        return refuse(error, VEDETTE_ERROR_PERMISSION, "it is for someone else");
    return check_times(jwt, expected, error);
}
