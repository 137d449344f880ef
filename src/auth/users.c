/* Users, as administrators make and change them. Nobody gives or takes away more than they have, and a key less: an
 * administrator whom it made would outlive it. */
#include "auth/auth_internal.h"

#include <string.h>

#include "base/id.h"

static enum role rank_of(const struct login *actor)
{
    return actor->key ? MIN(actor->user->role, ROLE_PRIVACY_OFFICER) : actor->user->role;
}

static bool check_rank(const struct login *actor, enum role role, GError **error)
{
    if (role <= rank_of(actor))
        return true;
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION,
                        role <= actor->user->role ? "a key cannot make or change administrators: log in as one"
                                                  : "nobody may give or change a role above their own");
    return false;
}

/* Sets a password that someone else chose: it counts until the first login. */
static bool put_password(struct auth *auth, const struct login *actor, struct user *user, const char *password,
                         GError **error)
{
    char hash[crypto_pwhash_STRBYTES];
    if (!password_hash(auth, actor->user->id, password, hash, error))
        return false;
    g_free(user->password_hash);
    user->password_hash = g_strdup(hash);
    user->must_change_password = true;
    return true;
}

/* Who it is at the issuer of the settings: at another, the same subject is somebody else. */
static void copy_request(struct auth *auth, const struct user_request *request, struct user *user)
{
    const char *issuer = AUTH_SETTINGS(auth)->oidc.issuer;
    bool is_linked = request->oidc_subject && *request->oidc_subject;
    user->role = request->role;
    user->is_disabled = request->is_disabled;
    g_free(user->oidc_subject);
    g_free(user->oidc_issuer);
    user->oidc_subject = is_linked ? g_strdup(request->oidc_subject) : NULL;
    user->oidc_issuer = is_linked && issuer && *issuer ? g_strdup(issuer) : NULL;
}

void auth_user_check(const struct auth *auth, const struct user *present, const struct user_request *request,
                     struct record_errors *errors)
{
    const char *username = present ? present->username : request->username;
    if (request->role <= ROLE_ANONYMOUS)
        record_errors_add(errors, "role", "a user needs one, from viewer up");
    if (!present && (!username || strchr(username, '/')))
        record_errors_add(errors, "username", "is needed, without a slash");
    if (request->password && username)
        password_check(auth, username, request->password, "password", errors);
}

static bool check_request(const struct auth *auth, const struct user *present, const struct user_request *request,
                          GError **error)
{
    struct record_errors errors;
    record_errors_init(&errors);
    auth_user_check(auth, present, request, &errors);
    return auth_refuse_invalid(&errors, error);
}

bool auth_user_create(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct user_request *request, struct user_answer *answer, GError **error)
{
    record_init(&user_answer_descriptor, answer);
    struct user *user = &answer->user;
    bool is_good = check_request(auth, NULL, request, error) && check_rank(actor, request->role, error);
    user->id = id_new(auth->clock);
    g_free(user->org_id);
    user->org_id = g_strdup(actor->user->org_id);
    user->username = g_strdup(request->username);
    user->created_at.ms = clock_wall_ms(auth->clock);
    copy_request(auth, request, user);
    bool is_of_issuer = user->oidc_subject && !request->password; /* who logs in there needs no password here */
    answer->password = request->password || is_of_issuer ? NULL : password_make();
    const char *password = request->password ? request->password : answer->password;
    const struct store_user_change change = {.by = by, .action = "create", .is_new = true};
    is_good = is_good && (is_of_issuer || put_password(auth, actor, user, password, error)) &&
              store_user_change(auth->store, &change, user, error);
    if (!is_good)
        record_clear(&user_answer_descriptor, answer);
    return is_good;
}

/* Nobody changes who is above them, also where they rose meanwhile. */
struct rank_check {
    const struct login *actor;
    const struct store_user_expectation *expected; /* NULL: whatever is there */
};

static bool is_within_rank(void *data, const struct user *user)
{
    const struct rank_check *check = data;
    return user->role <= rank_of(check->actor) &&
           (!check->expected || check->expected->is_met(check->expected->data, user));
}

/* `user`, as it was read, for what is known without the transaction; it borrows nothing of the request. */
static bool apply(struct auth *auth, const struct login *actor, const struct audit_by *by,
                  const struct auth_target *target, const struct user_request *request, struct user *user,
                  struct user **after, GError **error)
{
    unsigned parts = target->parts ? target->parts & STORE_USER_RIGHTS : STORE_USER_RIGHTS;
    struct user_request asked = *request; /* borrows everything */
    if (!(parts & STORE_USER_ROLE))
        asked.role = user->role;
    if (!check_rank(actor, user->role, error) || !check_request(auth, user, &asked, error) ||
        !check_rank(actor, asked.role, error))
        return false;
    copy_request(auth, &asked, user);
    if (request->password && !put_password(auth, actor, user, request->password, error))
        return false;
    struct rank_check check = {actor, target->expected};
    const struct store_user_expectation expected = {is_within_rank, &check};
    const struct store_user_change change = {.by = by,
                                             .expected = &expected,
                                             .action = "update",
                                             .parts = parts | (request->password ? STORE_USER_PASSWORD : 0u),
                                             .ends_sessions = request->password != NULL,
                                             .after = after};
    return store_user_change(auth->store, &change, user, error);
}

bool auth_user_change(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct auth_target *target, const struct user_request *request, struct user_answer *answer,
                      GError **error)
{
    struct user *after = NULL;
    record_init(&user_answer_descriptor, answer);
    struct user *user = store_user_get(auth->store, actor->user->org_id, target->user_id, error);
    bool is_good = user && apply(auth, actor, by, target, request, user, &after, error);
    user_free(user);
    if (is_good) {
        record_clear(&user_descriptor, &answer->user);
        answer->user = *after;
        g_free(after);
        return true;
    }
    record_clear(&user_answer_descriptor, answer);
    return false;
}

bool auth_user_delete(struct auth *auth, const struct login *actor, const struct audit_by *by,
                      const struct auth_target *target, GError **error)
{
    struct rank_check check = {actor, target->expected};
    const struct store_user_expectation expected = {is_within_rank, &check};
    struct user *user = store_user_get(auth->store, actor->user->org_id, target->user_id, error);
    bool is_good = user && check_rank(actor, user->role, error) &&
                   store_user_delete(auth->store, by, target->user_id, &expected, error);
    user_free(user);
    return is_good;
}
