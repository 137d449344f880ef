/* An OpenID Connect issuer, as strict as a real one: it says what it is, gives its keys, and exchanges a code once, for
 * the client, address and PKCE verifier that it was made for (OpenID Connect Core 1.0, RFC 6749, RFC 7636). What it
 * says can be bent by one member at a time. */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "auth/jwt.h"

#define ISSUER_CLIENT "vedette client" /* needs escaping, as names may */
#define ISSUER_SECRET "a secret:with/signs"
#define ISSUER_REDIRECT "https://vedette.example/auth/oidc/callback"

struct fake_issuer;

/* Set between logins, by the test's thread. */
struct issuer_bend {
    json_t *claims;             /* over those of the next tokens; borrowed; null values take a claim away */
    const char *named_issuer;   /* what it calls itself; NULL: what it is */
    const char *keys_at;        /* jwks_uri; NULL: its own */
    bool is_away;               /* 503 for all */
    unsigned refuses_with;      /* this status for all; 0: none */
    const char *refusal;        /* the `error` of every refusal; NULL: "invalid_grant" */
    bool is_wordy;              /* answers without end */
    bool signs_with_public_key; /* HS256, with the text of its public key as the secret */
};

struct fake_issuer *fake_issuer_start(struct issuer_bend *bend);
void fake_issuer_stop(struct fake_issuer *issuer);
/* "http://127.0.0.1:PORT" */
const char *fake_issuer_address(const struct fake_issuer *issuer);
/* Another key signs from now on, and stands alone in the list. */
void fake_issuer_rotate(struct fake_issuer *issuer);
/* How often its keys were read. */
int fake_issuer_key_reads(struct fake_issuer *issuer);

/* What the browser does there: the user `subject`, called `name`, logs in at `address`. The parameters it comes back
 * with. */
struct issuer_return {
    char *state, *code;
};
struct issuer_return fake_issuer_visit(struct fake_issuer *issuer, const char *address, const char *subject,
                                       const char *name);
void issuer_return_clear(struct issuer_return *back);
