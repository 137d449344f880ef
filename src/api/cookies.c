/* The cookies of browsers. Scripts can read none of them. */
#include <string.h>

#include "api/api_internal.h"

const char cookie_session[] = "vedette_session", cookie_refresh[] = "vedette_refresh",
           cookie_device[] = "vedette_device", cookie_oidc[] = "vedette_oidc";

/* `path` as we are asked, before which a proxy may have another; `value` NULL: the browser forgets it. */
static void set_cookie(const struct request *request, struct answer *answer, const char *name, const char *path,
                       const char *value, int life_seconds, enum same_site same_site)
{
    const char *public_path = request->api->settings->http.public_path;
    static const char *const words[] = {"Strict", "Lax", "None"};
    answer_header(answer, "Set-Cookie", "%s=%s; Path=%s%s; Max-Age=%d; HttpOnly; SameSite=%s%s", name,
                  value ? value : "", public_path ? public_path : "", path, value ? life_seconds : 0,
                  words[same_site - 1], request->is_secure ? "; Secure" : "");
}

void answer_cookies(const struct request *request, struct answer *answer, const struct grant *grant)
{
    enum same_site same_site = request->api->settings->auth.same_site;
    set_cookie(request, answer, cookie_session, "/", grant->access_token, grant->expires_in_seconds, same_site);
    set_cookie(request, answer, cookie_refresh, "/auth/refresh", grant->refresh_token, grant->session_seconds,
               same_site);
    if (grant->device_token)
        set_cookie(request, answer, cookie_device, "/auth", grant->device_token,
                   request->api->settings->auth.session_days * 86400, same_site);
}

void answer_forget_cookies(const struct request *request, struct answer *answer)
{
    enum same_site same_site = request->api->settings->auth.same_site;
    set_cookie(request, answer, cookie_session, "/", NULL, 0, same_site);
    set_cookie(request, answer, cookie_refresh, "/auth/refresh", NULL, 0, same_site);
}

/* Lax: the browser comes back from the issuer's page with it. */
void answer_oidc_cookie(const struct request *request, struct answer *answer, const char *state_token)
{
    set_cookie(request, answer, cookie_oidc, "/auth/oidc", state_token, AUTH_OIDC_SECONDS, SAME_SITE_LAX);
}
