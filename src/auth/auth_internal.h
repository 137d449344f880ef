/* Shared by the files of the auth room. */
#pragma once

#include <pthread.h>
#include <sodium.h>

#include "auth/auth.h"
#include "auth/jwt.h"
#include "base/networks.h"
#include "store/logins.h"

enum {
    SECRET_BYTES = 32,
    SECRET_TEXT_BYTES = 64, /* base64url of 32 bytes is 43 characters */
    SHA256_TEXT_BYTES = 65,
    LOGIN_LIMIT_SECONDS = 60,
    AUTH_ACCOUNT_ADDRESSES = 10, /* an account's bucket is as large as that of so many addresses */
};
#define TOKEN_AUDIENCE "vedette-api"
#define TOKEN_TYPE "at+jwt" /* RFC 9068 section 2.1 */
#define DEVICE_TYPE "vedette-device+jwt"
#define STATE_TYPE "vedette-oidc+jwt"
#define REFRESH_PREFIX "vr_"
#define KEY_PREFIX "vk_"

struct oidc;

/* ---- whose turn it is to have a password hashed (turns.c) ---- */

struct password_turn {
    const char *whose;
    bool is_running; /* lock of the turns */
    GList link;      /* its data is the turn */
};
struct password_turns {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    GQueue queue;    /* lock: of struct password_turn, in the order in which they came; those that run are in it, too */
    int64_t wait_us; /* immutable */
};
void password_turns_init(struct password_turns *turns);
void password_turns_finish(struct password_turns *turns);
/* `whose` is a user's id, or the account that was named: borrowed until the turn ends, as is the turn. Waits its turn
 * for a second or two, where not too many do. False: VEDETTE_ERROR_BUSY. */
bool password_turn_take(struct auth *auth, struct password_turn *turn, const char *whose, GError **error);
void password_turn_end(struct auth *auth, struct password_turn *turn);

struct auth {
    /* immutable */
    const struct settings *settings;
    struct store *store;
    struct server_health *health;
    struct clock *clock;
    struct vedette_limiter *per_address, *per_account, *of_everyone, *familiar;
    struct vedette_limiter *right; /* right logins, by user */
    struct vedette_limiter *begun; /* logins by the issuer, by browser or address */
    char dummy_hash[crypto_pwhash_STRBYTES];

    /* of auth_prepare */
    char *first_password; /* of an administrator of whom it is not known whether the store made it; NULL: of none */
    bool has_remembered;  /* the limits know of failures before the start */

    struct password_turns turns;
    struct keyring *keyring;
    struct token_memory *token_memory; /* NULL: every token is looked up anew */
    struct oidc *oidc;                 /* NULL: no issuer */
};
#define AUTH_SETTINGS(auth) (&(auth)->settings->auth)

bool auth_refuse(GError **error);
/* What was not found is refused, so that nothing tells the two apart. Takes `failure`. Returns false. */
bool auth_fail(GError *failure, GError **error);
/* Random bytes as base64url. */
void auth_make_secret(size_t length, char text[SECRET_TEXT_BYTES]);
/* SHA-256 as hex. g_free. */
char *auth_digest(const char *text);
/* HMAC-SHA-256 with the key's bytes, as base64url. g_free. */
char *auth_derive(const char *key, const char *text);
/* Notes in the audit what changes no row; what cannot be noted is logged. */
void auth_note(struct auth *auth, const struct audit_by *by, enum audit_subject kind, const char *subject_id,
               const char *action);

/* ---- one attempt to log in, and the limits it is held to (attempt.c) ---- */

struct attempt {
    const struct auth_origin *origin;
    const char *org_id; /* whose audit tells of it where there is no user */
    char *account;      /* digest of the name; NULL: who it is only the issuer can say */
    struct user *user;  /* NULL: nobody has the name, or it is not known yet */
    char address[NETWORK_GROUP_BYTES];
    char *familiar;    /* whose browser or address this is; NULL: nobody's */
    bool is_of_device; /* it is the browser, which has a token that tells so */
    struct vedette_limiter_ask asks[3];
    const char *policies[3];
    int64_t quotas[3];
    int ask_count;
    bool is_taken;     /* from all of asks */
    bool is_own_taken; /* from what is left to who is familiar by address */
    char *right;       /* whose right logins it was taken from; NULL: nobody's */
};
void attempt_clear(struct attempt *attempt);
/* Of an attempt with all above `address` filled in. False: VEDETTE_ERROR_FULL, and nothing was taken. *limit is filled
 * in any case; without a token of the browser, with what a stranger is told: where that refuses, and who is familiar by
 * address is let in all the same, one that turns out to be wrong is to be refused by it. */
bool attempt_take(struct auth *auth, struct attempt *attempt, struct login_limit *limit, GError **error);
/* As too many; counts it. Returns false. */
bool attempt_refuse(struct auth *auth, const struct login_limit *limit, GError **error);
/* Of a login by the issuer that begins: by the browser where it is known, else by address, with a count of its own, as
 * nothing is guessed by it. False: VEDETTE_ERROR_FULL. *limit is filled in any case. */
bool attempt_begin(struct auth *auth, const struct auth_origin *origin, struct login_limit *limit, GError **error);
/* It ended with a login: it is given back. */
void attempt_give_back_beginning(struct auth *auth, const struct auth_origin *origin);
/* What became of one that took: `failure`, NULL when it was right. What is free, as what was right, or had no place
 * here (VEDETTE_ERROR_FULL, VEDETTE_ERROR_BUSY) costs nothing. */
void attempt_end(struct auth *auth, const struct attempt *attempt, bool is_free, const GError *failure);
/* Counts, audits and remembers (over a restart) one that was wrong. */
void attempt_note_failure(struct auth *auth, const struct attempt *attempt, const char *action);

/* ---- passwords (password.c) ---- */

/* `whose` as password_turn_take has it. False: VEDETTE_ERROR_BUSY, or VEDETTE_ERROR_UNAVAILABLE (no memory). */
bool password_hash(struct auth *auth, const char *whose, const char *password, char hash[crypto_pwhash_STRBYTES],
                   GError **error);
/* False: VEDETTE_ERROR_BUSY. `hash` NULL: takes as long, and is wrong. */
bool password_verify(struct auth *auth, const char *whose, const char *hash, const char *password, bool *is_right,
                     GError **error);
bool password_needs_rehash(const struct auth *auth, const char *hash);
/* One for the first login, which is to be changed then. g_free. */
char *password_make(void);
/* Whether a user of this name may choose it; `path` is what the request calls it. */
void password_check(const struct auth *auth, const char *username, const char *password, const char *path,
                    struct record_errors *errors);
/* Whether nothing was found wrong; the errors are cleared. */
bool auth_refuse_invalid(struct record_errors *errors, GError **error);

/* ---- keys that sign (keyring.c) ---- */

struct keyring;
struct keyring *keyring_new(void);
/* Reads the keys there are, and makes one where none may sign. What is asked of it before does so itself. */
bool keyring_prepare(struct auth *auth, GError **error);
void keyring_free(struct keyring *keyring);
/* A token of ours with issuer, audience and times added to the claims (which it takes over). g_free. */
char *keyring_sign(struct auth *auth, const char *type, json_t *claims, int64_t life_seconds, GError **error);
/* Parses and checks a token of ours. False: VEDETTE_ERROR_PERMISSION or the store's own. */
bool keyring_check(struct auth *auth, const char *token, const char *type, struct jwt *jwt, GError **error);
/* When tokens of this key are no longer taken, ms since 1970; INT64_MAX: it is the one that signs. */
int64_t keyring_retires_ms(const struct auth *auth, const char *key_id);

/* ---- sessions (session.c) ---- */

/* A new session of the user, begun by the issuer's word or by the password. False: VEDETTE_ERROR_CONFLICT (the
 * password, subject or disabling of the user is no longer what `user` has, by which the login was proved), or
 * VEDETTE_ERROR_UNAVAILABLE. */
bool session_begin(struct auth *auth, const struct user *user, enum client_kind client,
                   const struct auth_origin *origin, bool is_by_issuer, struct grant *grant, GError **error);
/* Whether nothing else is let be done by a session of the user: by the issuer's word nobody has a password to change.
 */
bool session_must_change_password(const struct session *session, const struct user *user);
/* The user of a device token; NULL when it is none. *device_id is of the device. Both g_free. */
char *session_device_user(struct auth *auth, const char *device_token, char **device_id);
char *session_csrf_token(const struct session *session);

/* ---- API keys (api_key.c) ---- */

bool api_key_check(struct auth *auth, const char *token, struct login *login, GError **error);
bool api_key_recheck(struct auth *auth, struct login *login, GError **error);

/* ---- tokens that were checked a moment ago (token_memory.c) ---- */

struct token_memory;
/* NULL where it has no place at all. */
struct token_memory *token_memory_new(size_t size);
void token_memory_free(struct token_memory *memory);
/* `changes` is what store_changes said before the store was looked at. True: *login is filled (login_clear). */
bool token_memory_find(struct auth *auth, const char *token, uint64_t changes, struct login *login);
/* `token_expires_ms`: its own end by the wall clock; 0: never. */
void token_memory_keep(struct auth *auth, const char *token, uint64_t changes, int64_t token_expires_ms,
                       const struct login *login);

/* ---- oidc.c ---- */

struct oidc *oidc_new(const struct auth_settings *settings, struct clock *clock, GError **error);
void oidc_free(struct oidc *oidc);
