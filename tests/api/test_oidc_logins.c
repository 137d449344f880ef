/* Logins by an OpenID Connect issuer as a browser makes them: there, back, and in. */
#include "api_world.h"

#include "auth/fake_issuer.h"

struct oidc_world {
    struct api_world world;
    struct issuer_bend bend;
    struct fake_issuer *issuer;
};

static void replace(char **text, const char *value)
{
    g_free(*text);
    *text = g_strdup(value);
}

static void oidc_prepare(struct oidc_world *world)
{
    *world = (struct oidc_world){.bend = {.claims = NULL}};
    world->issuer = fake_issuer_start(&world->bend);
    world_prepare(&world->world);
    struct oidc_settings *settings = &world->world.settings.auth.oidc;
    replace(&settings->issuer, fake_issuer_address(world->issuer));
    replace(&settings->client_id, ISSUER_CLIENT);
    replace(&settings->client_secret, ISSUER_SECRET);
    replace(&settings->redirect_uri, ISSUER_REDIRECT);
    settings->default_role = ROLE_VIEWER;
}

static void oidc_begin(struct oidc_world *world)
{
    oidc_prepare(world);
    world_start(&world->world);
}

static void oidc_end(struct oidc_world *world)
{
    world_clear(&world->world);
    fake_issuer_stop(world->issuer);
}

/* `cookie` NULL: the browser has none. */
static struct reply visit(const struct oidc_world *world, const char *target, const char *cookie)
{
    g_autofree char *headers = cookie ? g_strdup_printf("Cookie: %s\r\n", cookie) : g_strdup("");
    return world_request(&world->world, "GET", target, headers, NULL);
}

/* "NAME=VALUE" of the cookie that the answer sets; NULL: it sets none of this name. g_free. */
static char *cookie_of(const struct reply *reply, const char *name)
{
    g_autofree char *begin = g_strdup_printf("Set-Cookie: %s=", name);
    g_auto(GStrv) lines = g_strsplit(reply->head, "\r\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        if (!g_str_has_prefix(lines[i], begin))
            continue;
        g_assert_nonnull(strstr(lines[i], "; HttpOnly; SameSite="));
        const char *value = strchr(lines[i], ' ') + 1;
        return g_strndup(value, strcspn(value, ";"));
    }
    return NULL;
}

/* The address of the issuer that the browser is sent to, and the cookie by which it is known again. */
static char *begin_login(const struct oidc_world *world, char **cookie)
{
    struct reply reply = visit(world, "/auth/oidc/login", NULL);
    g_assert_cmpint(reply.status, ==, 302);
    char *address = reply_header(&reply, "Location");
    g_assert_true(g_str_has_prefix(address, fake_issuer_address(world->issuer)));
    *cookie = cookie_of(&reply, "vedette_oidc");
    g_assert_nonnull(*cookie);
    reply_clear(&reply);
    return address;
}

/* With more than was asked for, as Google and others add to it. */
static char *return_target(const struct issuer_return *back)
{
    g_autofree char *code = g_uri_escape_string(back->code, NULL, false),
                    *state = g_uri_escape_string(back->state, NULL, false);
    return g_strdup_printf("/auth/oidc/callback?code=%s&state=%s&scope=openid&authuser=0&prompt=none&x=y", code, state);
}

static void expect_status(const struct oidc_world *world, const char *target, const char *cookie, int status)
{
    struct reply reply = visit(world, target, cookie);
    world_assert_problem(&reply, status);
    g_assert_null(cookie_of(&reply, "vedette_session"));
    reply_clear(&reply);
}

static void test_a_browser_goes_there_and_comes_back_logged_in(void)
{
    struct oidc_world world;
    oidc_begin(&world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "248289761001", "jane");
    g_autofree char *target = return_target(&back);
    expect_status(&world, target, NULL, 401); /* of another browser */
    struct reply reply = visit(&world, target, cookie);
    g_assert_cmpint(reply.status, ==, 302);
    g_autofree char *page = reply_header(&reply, "Location"), *session = cookie_of(&reply, "vedette_session");
    g_assert_cmpstr(page, ==, "../../");
    g_assert_nonnull(session);
    reply_clear(&reply);
    reply = visit(&world, "/auth/me", session);
    g_assert_cmpint(reply.status, ==, 200);
    g_assert_nonnull(strstr(reply.body->str, "\"username\":\"jane\""));
    reply_clear(&reply);
    expect_status(&world, target, cookie, 401); /* a code is good once */
    issuer_return_clear(&back);
    oidc_end(&world);
}

/* What the page asks before it shows a way to the issuer. */
static void test_whether_there_is_an_issuer_is_told(void)
{
    for (int has_issuer = 0; has_issuer < 2; has_issuer++) {
        struct oidc_world world;
        oidc_prepare(&world);
        if (!has_issuer)
            replace(&world.world.settings.auth.oidc.issuer, "");
        world_start(&world.world);
        struct reply reply = visit(&world, "/auth/ways", NULL);
        g_assert_cmpint(reply.status, ==, 200);
        json_t *json = reply_json(&reply);
        g_assert_true(json_boolean_value(json_object_get(json, "has_issuer")) == has_issuer);
        json_decref(json);
        reply_clear(&reply);
        oidc_end(&world);
    }
}

/* Below a proxy's path browsers send back what is for that path alone, and nothing leads out of it. */
static void test_below_a_path(void)
{
    static const char *const paths[] = {
        "vedette_session=", "; Path=/cams/;",     "vedette_refresh=", "; Path=/cams/auth/refresh;",
        "vedette_device=",  "; Path=/cams/auth;", "vedette_oidc=",    "; Path=/cams/auth/oidc;"};
    struct oidc_world world;
    oidc_prepare(&world);
    replace(&world.world.settings.http.public_path, "/cams");
    world_start(&world.world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    g_autofree char *target = return_target(&back);
    struct reply reply = visit(&world, target, cookie);
    g_assert_cmpint(reply.status, ==, 302);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i += 2) {
        const char *set = strstr(reply.head, paths[i]);
        g_assert_nonnull(set);
        g_autofree char *line = g_strndup(set, strcspn(set, "\r"));
        g_assert_nonnull(strstr(line, paths[i + 1]));
    }
    reply_clear(&reply);
    issuer_return_clear(&back);
    oidc_end(&world);
}

static void expect_page(const struct oidc_world *world, const char *target, const char *cookie, const char *page)
{
    g_autofree char *headers =
        g_strdup_printf("Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nCookie: a=1; %s\r\n", cookie);
    struct reply reply = world_request(&world->world, "GET", target, headers, NULL);
    g_autofree char *address = reply_header(&reply, "Location");
    g_assert_cmpint(reply.status, ==, 302);
    g_assert_cmpstr(address, ==, page);
    g_assert_null(cookie_of(&reply, "vedette_session"));
    reply_clear(&reply);
}

/* A person sees the page, which says what became of it; a program the problem itself. */
static void test_who_is_refused_there_is_told(void)
{
    static const char denied[] = "/auth/oidc/callback?error=access_denied&state=x";
    struct oidc_world world;
    oidc_begin(&world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    const struct issuer_return guess = {back.state, (char *)"guessed"};
    g_autofree char *target = return_target(&back), *guessed = return_target(&guess);
    expect_status(&world, denied, NULL, 401);
    expect_page(&world, denied, "", "../../#login=refused");
    expect_page(&world, guessed, cookie, "../../#login=refused");
    world.bend.is_away = true;
    expect_page(&world, target, cookie, "../../#login=later");
    issuer_return_clear(&back);
    oidc_end(&world);
    oidc_begin(&world);
    world.bend.is_away = true;
    expect_page(&world, "/auth/oidc/login", "", "../../#login=later");
    oidc_end(&world);
}

static void test_an_issuer_that_is_another(void)
{
    struct oidc_world world;
    oidc_begin(&world);
    world.bend.named_issuer = "http://127.0.0.1:1";
    expect_status(&world, "/auth/oidc/login", NULL, 503); /* nobody is sent there */
    oidc_end(&world);
}

static void test_an_issuer_that_is_away(void)
{
    struct oidc_world world;
    oidc_begin(&world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    g_autofree char *target = return_target(&back);
    world.bend.is_away = true;
    expect_status(&world, target, cookie, 503);
    issuer_return_clear(&back);
    oidc_end(&world);
    oidc_begin(&world);
    world.bend.is_away = true;
    struct reply reply = visit(&world, "/auth/oidc/login", NULL);
    world_assert_problem(&reply, 503);
    g_autofree char *retry = reply_header(&reply, "Retry-After");
    g_assert_nonnull(retry);
    reply_clear(&reply);
    oidc_end(&world);
}

/* Codes that are made up: who is told to wait is told for how long. */
static void test_guesses_are_limited(void)
{
    struct oidc_world world;
    oidc_prepare(&world);
    world.world.settings.http.login_attempts_per_minute = 2;
    world_start(&world.world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    const struct issuer_return guess = {back.state, (char *)"guessed"};
    g_autofree char *target = return_target(&guess);
    expect_status(&world, target, cookie, 401);
    expect_status(&world, target, cookie, 401);
    struct reply reply = visit(&world, target, cookie);
    world_assert_problem(&reply, 429);
    g_autofree char *retry = reply_header(&reply, "Retry-After"), *policy = reply_header(&reply, "RateLimit-Policy");
    g_assert_cmpstr(retry, ==, "30");
    g_assert_cmpstr(policy, ==, "\"address\";q=2;w=60");
    reply_clear(&reply);
    issuer_return_clear(&back);
    oidc_end(&world);
}

/* Logins that are begun and not ended cost their address; those that end well cost nothing. */
static void test_beginnings_are_limited(void)
{
    struct oidc_world world;
    oidc_prepare(&world);
    world.world.settings.http.login_attempts_per_minute = 2;
    world_start(&world.world);
    g_autofree char *cookie = NULL, *address = begin_login(&world, &cookie), *other = NULL,
                    *other_address = begin_login(&world, &other);
    struct reply reply = visit(&world, "/auth/oidc/login", NULL);
    world_assert_problem(&reply, 429);
    g_autofree char *retry = reply_header(&reply, "Retry-After"), *policy = reply_header(&reply, "RateLimit-Policy");
    g_assert_cmpstr(retry, ==, "30");
    g_assert_cmpstr(policy, ==, "\"address\";q=2;w=60");
    reply_clear(&reply);
    struct issuer_return back = fake_issuer_visit(world.issuer, address, "1", "jane");
    g_autofree char *target = return_target(&back);
    reply = visit(&world, target, cookie);
    g_assert_cmpint(reply.status, ==, 302);
    reply_clear(&reply);
    g_clear_pointer(&other, g_free);
    g_free(other_address);
    other_address = begin_login(&world, &other);
    expect_status(&world, "/auth/oidc/login", NULL, 429);
    issuer_return_clear(&back);
    oidc_end(&world);
}

/* Who is told that the log says why finds it there. The first that fails so, as such lines are limited. */
static void test_the_log_tells_why(void)
{
    enum { LOG_BYTES = 4096 };
    struct oidc_world world;
    int ends[2], kept = dup(STDERR_FILENO);
    char logged[LOG_BYTES] = "";
    oidc_begin(&world);
    world.bend.is_away = true;
    g_assert_cmpint(pipe(ends), ==, 0);
    dup2(ends[1], STDERR_FILENO);
    struct reply reply = visit(&world, "/auth/oidc/login", NULL);
    dup2(kept, STDERR_FILENO);
    close(ends[1]);
    close(kept);
    g_assert_cmpint(read(ends[0], logged, LOG_BYTES - 1), >, 0);
    close(ends[0]);
    world_assert_problem(&reply, 503);
    g_assert_nonnull(strstr(reply.body->str, "the log tells why"));
    g_assert_nonnull(strstr(logged, "the issuer's answer (503) at"));
    g_assert_nonnull(strstr(logged, "/.well-known/openid-configuration"));
    reply_clear(&reply);
    oidc_end(&world);
}

/* ---- an issuer that hangs ---- */

enum { HUNG_VISITORS = 4, SOON_US = 10000000, HUNG_MS = 60000 };
static const char live_request[] = "GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/* A port at which nobody ever answers. */
static int hung_listener(char **address)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&here, sizeof here), ==, 0);
    g_assert_cmpint(listen(fd, HUNG_VISITORS), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&here, &size), ==, 0);
    *address = g_strdup_printf("http://127.0.0.1:%d", ntohs(here.sin_port));
    return fd;
}

/* Begins a login and leaves as soon as the issuer was asked; the issuer's end of that. */
static int visit_and_leave(const struct oidc_world *world, int listener)
{
    int fd = world_connect(&world->world);
    world_send(fd, "GET /auth/oidc/login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    struct pollfd asked = {.fd = listener, .events = POLLIN};
    g_assert_cmpint(poll(&asked, 1, HUNG_MS), ==, 1);
    int asking = accept(listener, NULL, NULL);
    close(fd);
    return asking;
}

/* Whether someone is answered by then; who has no place is let go at once. */
static bool is_answered_by(const struct oidc_world *world, gint64 deadline_us)
{
    char byte;
    int fd = world_connect(&world->world);
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    (void)!send(fd, live_request, strlen(live_request), MSG_NOSIGNAL);
    int64_t rest_ms = (deadline_us - g_get_monotonic_time()) / 1000;
    bool is_answered = poll(&answered, 1, (int)MAX(rest_ms, 0)) == 1 && recv(fd, &byte, 1, 0) == 1;
    close(fd);
    return is_answered;
}

/* Their places are free while the issuer is still asked, and so is the thread that serves them. */
static void test_who_leaves_a_hung_issuer_holds_nothing(void)
{
    struct oidc_world world;
    g_autofree char *address = NULL;
    int listener = hung_listener(&address), asking[HUNG_VISITORS];
    oidc_prepare(&world);
    replace(&world.world.settings.auth.oidc.issuer, address);
    world.world.settings.auth.oidc.timeout_ms = HUNG_MS;
    world.world.settings.http.max_connections_per_address = HUNG_VISITORS;
    world_start(&world.world);
    for (int i = 0; i < HUNG_VISITORS; i++)
        asking[i] = visit_and_leave(&world, listener);
    gint64 deadline = g_get_monotonic_time() + SOON_US;
    bool is_answered = false;
    while (!is_answered && g_get_monotonic_time() < deadline)
        is_answered = is_answered_by(&world, deadline);
    g_assert_true(is_answered);
    for (int i = 0; i < HUNG_VISITORS; i++)
        close(asking[i]);
    close(listener);
    oidc_end(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/oidc_logins/the_log_tells_why", test_the_log_tells_why);
    g_test_add_func("/oidc_logins/guesses_are_limited", test_guesses_are_limited);
    g_test_add_func("/oidc_logins/beginnings_are_limited", test_beginnings_are_limited);
    g_test_add_func("/oidc_logins/a_browser_goes_there_and_comes_back_logged_in",
                    test_a_browser_goes_there_and_comes_back_logged_in);
    g_test_add_func("/oidc_logins/who_is_refused_there_is_told", test_who_is_refused_there_is_told);
    g_test_add_func("/oidc_logins/whether_there_is_an_issuer_is_told", test_whether_there_is_an_issuer_is_told);
    g_test_add_func("/oidc_logins/below_a_path", test_below_a_path);
    g_test_add_func("/oidc_logins/an_issuer_that_is_another", test_an_issuer_that_is_another);
    g_test_add_func("/oidc_logins/an_issuer_that_is_away", test_an_issuer_that_is_away);
    g_test_add_func("/oidc_logins/who_leaves_a_hung_issuer_holds_nothing", test_who_leaves_a_hung_issuer_holds_nothing);
    return g_test_run();
}
