#include "auth/auth_internal.h"

#include <string.h>

#include "base/counter.h"

bool password_hash(struct auth *auth, const char *whose, const char *password, char hash[crypto_pwhash_STRBYTES],
                   GError **error)
{
    struct password_turn turn;
    const struct auth_settings *settings = AUTH_SETTINGS(auth);
    if (!password_turn_take(auth, &turn, whose, error))
        return false;
    bool is_good =
        crypto_pwhash_str_alg(hash, password, strlen(password), (unsigned long long)settings->password_passes,
                              (size_t)settings->password_memory_bytes, crypto_pwhash_ALG_ARGON2ID13) == 0;
    password_turn_end(auth, &turn);
    if (is_good)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "hash a password: %d MB of memory are needed",
                settings->password_memory_bytes >> 20);
    return false;
}

bool password_verify(struct auth *auth, const char *whose, const char *hash, const char *password, bool *is_right,
                     GError **error)
{
    struct password_turn turn;
    *is_right = false;
    if (!password_turn_take(auth, &turn, whose, error))
        return false;
    counter_add(&auth->health->passwords_checked, 1);
    *is_right = crypto_pwhash_str_verify(hash ? hash : auth->dummy_hash, password, strlen(password)) == 0 && hash;
    password_turn_end(auth, &turn);
    return true;
}

char *password_make(void)
{
    enum { GENERATED_BYTES = 15 }; /* 20 characters, 120 bits */
    char password[SECRET_TEXT_BYTES];
    auth_make_secret(GENERATED_BYTES, password);
    return g_strdup(password);
}

bool password_needs_rehash(const struct auth *auth, const char *hash)
{
    const struct auth_settings *settings = AUTH_SETTINGS(auth);
    return crypto_pwhash_str_needs_rehash(hash, (unsigned long long)settings->password_passes,
                                          (size_t)settings->password_memory_bytes) != 0;
}

/* NIST SP 800-63B section 5.1.1.2: length counts, kinds of characters do not. */
void password_check(const struct auth *auth, const char *username, const char *password, const char *path,
                    struct record_errors *errors)
{
    int least = AUTH_SETTINGS(auth)->password_min_bytes;
    if (strlen(password) < (size_t)least)
        record_errors_add(errors, path, "is shorter than %d bytes", least);
    if (g_ascii_strcasecmp(password, username) == 0)
        record_errors_add(errors, path, "is the username");
}

bool auth_refuse_invalid(struct record_errors *errors, GError **error)
{
    bool is_good = errors->items->len == 0 || record_errors_to_gerror(errors, error);
    record_errors_clear(errors);
    return is_good;
}
