#include "facts/auth.h"

const char *const token_algorithm_names[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256",
                                             "PS384", "PS512", "ES256", "ES384", "ES512", NULL};
const char *const same_site_names[] = {"strict", "lax", "none", NULL};

static void oidc_check(const void *record, const char *path, struct record_errors *errors)
{
    const struct oidc_settings *oidc = record;
    g_autofree char *role_path = g_strconcat(path, *path ? "." : "", "default_role", NULL);
    if (oidc->default_role == ROLE_ANONYMOUS || oidc->default_role == ROLE_PLATFORM)
        record_errors_add(errors, role_path,
                          "must be viewer, operator, privacy_officer or admin: no issuer makes anyone more, or nobody");
    if (!oidc->issuer || !*oidc->issuer)
        return;
    const struct {
        const char *name, *value;
    } needed[] = {{"client_id", oidc->client_id}, {"redirect_uri", oidc->redirect_uri}};
    for (size_t i = 0; i < G_N_ELEMENTS(needed); i++) {
        g_autofree char *where = g_strdup_printf("%s%s%s", path, *path ? "." : "", needed[i].name);
        if (!needed[i].value || !*needed[i].value)
            record_errors_add(errors, where, "is needed where an issuer is set");
    }
}

static const struct record_field oidc_fields[] = {
    FIELD(struct oidc_settings, issuer, RECORD_NEEDS_RESTART,
          "address of the OpenID Connect issuer, as its tokens name it; http:// on this machine alone; empty: none",
          .max_count = 1024),
    FIELD(struct oidc_settings, client_id, RECORD_NEEDS_RESTART, "our name at the issuer", .max_count = 256),
    FIELD(struct oidc_settings, client_secret, RECORD_SECRET | RECORD_NEEDS_RESTART,
          "our secret at the issuer; empty: a public client, which PKCE alone protects", .max_count = 1024),
    FIELD(struct oidc_settings, redirect_uri, RECORD_NEEDS_RESTART,
          "our /auth/oidc/callback as browsers reach it: https://vedette.example/auth/oidc/callback",
          .max_count = 1024),
    FIELD(struct oidc_settings, scopes, RECORD_NEEDS_RESTART, "what is asked for", .max_count = 256,
          .default_text = "openid profile"),
    FIELD(struct oidc_settings, username_claim, RECORD_NEEDS_RESTART, "claim that a new user is named by",
          .max_count = 128, .default_text = "preferred_username"),
    FIELD(struct oidc_settings, org_id, RECORD_NEEDS_RESTART | RECORD_TEXT_ID, "org of the issuer's users",
          .default_text = "default"),
    FIELD_ENUM(struct oidc_settings, default_role, role_names, RECORD_NEEDS_RESTART,
               "who logs in for the first time becomes a user with this role, of viewer to admin; unset: only who an "
               "administrator linked (oidc_subject) may log in"),
    FIELD(struct oidc_settings, timeout_ms, 0, "longest wait for one answer of the issuer", .unit = "ms", .min = 100,
          .max = 60000, .default_text = "5000"),
    FIELD(struct oidc_settings, max_answer_bytes, 0, "largest answer of the issuer", .unit = "bytes", .min = 1024,
          .max = 1 << 24, .default_text = "262144"),
    FIELD(struct oidc_settings, keys_seconds, 0,
          "the issuer's keys are read again after so long; while it is away the last good ones count", .unit = "s",
          .min = 1, .max = 86400, .default_text = "3600"),
};
const struct record_descriptor oidc_settings_descriptor =
    RECORD(struct oidc_settings, "OidcSettings", 1, oidc_fields, "Logins by OpenID Connect.", .check = oidc_check);

static const struct record_field auth_fields[] = {
    FIELD_ENUM(struct auth_settings, token_algorithm, token_algorithm_names, RECORD_NEEDS_RESTART,
               "what signs access tokens; no other is accepted", .default_text = "HS256"),
    FIELD(struct auth_settings, issuer, RECORD_NEEDS_RESTART, "issuer named in access tokens", .min_count = 1,
          .max_count = 256, .default_text = "vedette"),
    FIELD(struct auth_settings, token_minutes, 0, "life of an API client's access token", .unit = "min", .min = 1,
          .max = 525600, .default_text = "1440"),
    FIELD(struct auth_settings, browser_token_minutes, 0,
          "life of a browser's access token, which its refresh token renews", .unit = "min", .min = 1, .max = 1440,
          .default_text = "15"),
    FIELD(struct auth_settings, session_days, 0, "a browser must log in anew after so long, used or not",
          .unit = "days", .min = 1, .max = 365, .default_text = "30"),
    FIELD(struct auth_settings, refresh_leeway_seconds, 0,
          "a refresh token may be used again for so long, as by two tabs at once; later use ends the session",
          .unit = "s", .min = 0, .max = 300, .default_text = "10"),
    FIELD(struct auth_settings, view_audit_minutes, 0,
          "one entry of the audit stands for so long of someone's looking at a camera whose pictures hide nobody",
          .unit = "min", .min = 1, .max = 1440, .default_text = "60"),
    FIELD(struct auth_settings, clock_skew_seconds, 0, "how far the clocks of servers that share a store may differ",
          .unit = "s", .min = 0, .max = 300, .default_text = "30"),
    FIELD(struct auth_settings, key_days, 0,
          "another key signs access tokens after so long; the old one is accepted while tokens of it live",
          .unit = "days", .min = 1, .max = 3650, .default_text = "90"),
    FIELD(struct auth_settings, remembered_tokens, RECORD_NEEDS_RESTART,
          "tokens and API keys that were checked a moment ago and are taken again without asking the store, as long as "
          "nothing in it changed but events and what is noted all the time, as the health of cameras (with SQLite; "
          "with PostgreSQL, where other servers may change it, none are); 0: each is looked up each time",
          .min = 0, .max = 65536, .default_text = "1024"),
    FIELD(struct auth_settings, remembered_seconds, 0, "such a token is looked up again after so long", .unit = "s",
          .min = 1, .max = 60, .default_text = "10"),
    FIELD(struct auth_settings, sessions_per_user, 0,
          "logins of one user at once, by browsers and by programs each; the oldest makes room", .min = 1, .max = 10000,
          .default_text = "100"),
    FIELD(struct auth_settings, api_keys_per_org, 0, "API keys that stand, of one org", .min = 1, .max = 100000,
          .default_text = "1000"),
    FIELD(struct auth_settings, password_min_bytes, 0, "shortest password that a user may set", .unit = "bytes",
          .min = 1, .max = 128, .default_text = "10"),
    FIELD(struct auth_settings, password_memory_bytes, RECORD_NEEDS_RESTART, "memory of one argon2id hash",
          .unit = "bytes", .min = 65536, .max = 1 << 30, .default_text = "33554432"),
    FIELD(struct auth_settings, password_passes, RECORD_NEEDS_RESTART, "passes of one argon2id hash", .min = 1,
          .max = 100, .default_text = "3"),
    FIELD(
        struct auth_settings, passwords_at_once, 0,
        "passwords hashed at the same time, which bounds their memory, half of them (at least one) of one user; others "
        "wait a second or two for their turn, as many as half of http.handler_threads; beyond, 429",
        .min = 1, .max = 256, .default_text = "2"),
    FIELD(struct auth_settings, logins_per_minute, RECORD_NEEDS_RESTART,
          "wrong logins of all accounts together, where who logged in before from the same address is not held up by "
          "it; and right logins of one user",
          .min = 1, .max = 1000000, .default_text = "300"),
    FIELD_ENUM(
        struct auth_settings, same_site, same_site_names, 0,
        "SameSite of cookies; lax or none only for a page on another site (http.cors_origins); with none browsers "
        "want https, ours (http.tls_certificate_file) or a proxy's",
        .default_text = "strict"),
    FIELD_RECORD(struct auth_settings, oidc, struct oidc_settings, &oidc_settings_descriptor, 0,
                 "logins by OpenID Connect"),
};
const struct record_descriptor auth_settings_descriptor =
    RECORD(struct auth_settings, "AuthSettings", 1, auth_fields, "Logins and tokens.");

#define PER_MINUTE(member, doc_text, default_count)                                                                    \
    FIELD(struct limit_settings, member, RECORD_NEEDS_RESTART, doc_text " a minute from one address and of one user",  \
          .min = 1, .max = 10000000, .default_text = default_count)
static const struct record_field route_limit_fields[] = {
    FIELD(struct route_limit, route, RECORD_REQUIRED, "a method and a path as docs/reference/api.md has them",
          .min_count = 1, .max_count = 256, .example = "\"POST /api/detect\""),
    FIELD(struct route_limit, per_minute, RECORD_REQUIRED, "requests a minute from one address and of one user",
          .min = 1, .max = 10000000),
};
static const struct record_descriptor route_limit_descriptor =
    RECORD(struct route_limit, "RouteLimit", 1, route_limit_fields, "How much one may ask of one route.");

static const struct record_field limit_fields[] = {
    PER_MINUTE(reads_per_minute, "requests that only read", "60000"),
    PER_MINUTE(writes_per_minute, "requests that change something", "30000"),
    PER_MINUTE(heavy_per_minute, "requests that cost much (docs/reference/api.md names this setting beside them),",
               "6000"),
    FIELD(struct limit_settings, org_factor, RECORD_NEEDS_RESTART, "an org may ask so many times more than one user",
          .min = 1, .max = 1000, .default_text = "10"),
    FIELD(struct limit_settings, max_keys, RECORD_NEEDS_RESTART,
          "addresses, users or orgs that each limit remembers, those of logins among them; beyond, those that asked "
          "least are forgotten",
          .min = 16, .max = 10000000, .default_text = "16384"),
    FIELD_LIST(struct limit_settings, routes, &route_limit_descriptor, RECORD_NEEDS_RESTART,
               "single routes with limits of their own, beside those of their classes", .max_count = 256),
};
const struct record_descriptor limit_settings_descriptor =
    RECORD(struct limit_settings, "LimitSettings", 1, limit_fields, "How much one may ask.");
