/* Tokens that were checked a moment ago, so that a program which sends many requests has its signature, session and
 * user looked at once in a while and not each time. What is remembered holds only while nothing changed in the
 * store that a login may hang on (store_changes): whoever is disabled, logged out or revoked is refused by the very
 * next request. Tokens themselves are not kept, only a keyed hash. One place for each hash: a newer token takes an
 * older one's.
 */
#include "auth/auth_internal.h"

#include <pthread.h>
#include <string.h>

#include "base/counter.h"

enum { TOKEN_DIGEST_BYTES = 32 };

struct remembered {
    unsigned char digest[TOKEN_DIGEST_BYTES];
    struct login login;    /* user NULL: the place is free */
    uint64_t changes;      /* of the store, before it was looked at */
    int64_t until_us;      /* of the monotonic clock */
    int64_t until_wall_ms; /* its own end */
};

struct token_memory {
    unsigned char key[crypto_generichash_KEYBYTES];
    size_t size;
    pthread_mutex_t lock;
    int64_t next_sweep_us;      /* lock */
    struct remembered places[]; /* lock */
};

struct token_memory *token_memory_new(size_t size)
{
    if (!size)
        return NULL;
    struct token_memory *memory = g_malloc0(sizeof *memory + size * sizeof memory->places[0]);
    crypto_generichash_keygen(memory->key);
    memory->size = size;
    pthread_mutex_init(&memory->lock, NULL);
    return memory;
}

void token_memory_free(struct token_memory *memory)
{
    if (!memory)
        return;
    for (size_t i = 0; i < memory->size; i++)
        login_clear(&memory->places[i].login);
    pthread_mutex_destroy(&memory->lock);
    sodium_memzero(memory->key, sizeof memory->key);
    g_free(memory);
}

static struct remembered *place_of(struct token_memory *memory, const char *token,
                                   unsigned char digest[TOKEN_DIGEST_BYTES])
{
    uint64_t number;
    crypto_generichash(digest, TOKEN_DIGEST_BYTES, (const unsigned char *)token, strlen(token), memory->key,
                       sizeof memory->key);
    memcpy(&number, digest, sizeof number);
    return &memory->places[number % memory->size];
}

static int64_t remembered_us(const struct auth *auth)
{
    return (int64_t)AUTH_SETTINGS(auth)->remembered_seconds * G_USEC_PER_SEC;
}

/* What stood there, secrets among it, does not stay until someone else takes the place. Under lock. */
static void clear_place(struct remembered *place)
{
    login_clear(&place->login);
    sodium_memzero(place, sizeof *place);
}

/* Under lock. */
static bool still_holds(const struct remembered *place, const struct auth *auth, uint64_t changes)
{
    return place->changes == changes && clock_monotonic_us(auth->clock) < place->until_us &&
           clock_wall_ms(auth->clock) < place->until_wall_ms;
}

/* Of who does not come back nothing stays. Under lock. */
static void sweep(struct token_memory *memory, const struct auth *auth, uint64_t changes)
{
    int64_t now_us = clock_monotonic_us(auth->clock);
    if (now_us < memory->next_sweep_us)
        return;
    memory->next_sweep_us = now_us + remembered_us(auth);
    for (size_t i = 0; i < memory->size; i++)
        if (memory->places[i].login.user && !still_holds(&memory->places[i], auth, changes))
            clear_place(&memory->places[i]);
}

bool token_memory_find(struct auth *auth, const char *token, uint64_t changes, struct login *login)
{
    struct token_memory *memory = auth->token_memory;
    unsigned char digest[TOKEN_DIGEST_BYTES];
    if (!memory || !changes)
        return false;
    struct remembered *place = place_of(memory, token, digest);
    pthread_mutex_lock(&memory->lock);
    if (place->login.user && !still_holds(place, auth, changes))
        clear_place(place);
    bool is_known = place->login.user && memcmp(place->digest, digest, sizeof digest) == 0;
    if (is_known)
        login_copy(&place->login, login);
    pthread_mutex_unlock(&memory->lock);
    if (is_known)
        counter_add(&auth->health->tokens_remembered, 1);
    return is_known;
}

void token_memory_keep(struct auth *auth, const char *token, uint64_t changes, int64_t token_expires_ms,
                       const struct login *login)
{
    struct token_memory *memory = auth->token_memory;
    struct login copy;
    unsigned char digest[TOKEN_DIGEST_BYTES];
    if (!memory || !changes)
        return;
    struct remembered *place = place_of(memory, token, digest);
    login_copy(login, &copy);
    pthread_mutex_lock(&memory->lock);
    sweep(memory, auth, changes);
    clear_place(place);
    *place = (struct remembered){.login = copy,
                                 .changes = changes,
                                 .until_us = clock_monotonic_us(auth->clock) + remembered_us(auth),
                                 .until_wall_ms = token_expires_ms ? token_expires_ms : INT64_MAX};
    memcpy(place->digest, digest, sizeof digest);
    pthread_mutex_unlock(&memory->lock);
}
