/* The route table itself: what holds for every route, also for those that are added later. */
#include "api_world.h"

#include "api/route.h"

/* Calls `look` for each route. */
static void each_route(void (*look)(const struct route *route))
{
    for (size_t i = 0; route_groups[i]; i++)
        for (size_t j = 0; j < route_groups[i]->count; j++) {
            g_test_message("%s %s", route_groups[i]->routes[j].method, route_groups[i]->routes[j].path);
            look(&route_groups[i]->routes[j]);
        }
}

static GHashTable *seen;

static void look_whether_new(const struct route *route)
{
    char *address = g_strconcat(route->method, " ", route->path, NULL);
    g_assert_true(g_hash_table_add(seen, address));
    g_assert_true(g_hash_table_add(seen, g_strdup(route->name)));
}

static void test_every_operation_has_a_name_and_an_address_of_its_own(void)
{
    seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    each_route(look_whether_new);
    g_hash_table_unref(seen);
}

/* The names in braces are the parameters that lie in the path, no more and no fewer. */
static void look_at_parameters(const struct route *route)
{
    g_auto(GStrv) segments = g_strsplit(route->path, "/", -1);
    size_t in_path = 0, named = 0;
    for (size_t i = 0; segments[i]; i++) {
        g_autofree char *name = route_segment_name(segments[i]);
        if (!name)
            continue;
        named++;
        g_assert_nonnull(route->parameters);
        const struct record_field *field = record_find_field(route->parameters, name);
        g_assert_nonnull(field);
        g_assert_cmpuint(field->flags & (RECORD_KEY | RECORD_REQUIRED), ==, RECORD_KEY | RECORD_REQUIRED);
    }
    for (size_t i = 0; route->parameters && i < route->parameters->field_count; i++)
        in_path += (route->parameters->fields[i].flags & RECORD_KEY) != 0;
    g_assert_cmpuint(in_path, ==, named);
}

static void test_parameters_are_those_of_the_path(void)
{
    each_route(look_at_parameters);
}

static bool has_secret(const struct record_descriptor *descriptor)
{
    for (size_t i = 0; descriptor && i < descriptor->field_count; i++)
        if (descriptor->fields[i].flags & RECORD_SECRET || has_secret(descriptor->fields[i].descriptor))
            return true;
    return false;
}

/* Nothing is kept, not even a digest, of a request that holds a secret. */
static void look_for_secrets(const struct route *route)
{
    if (strcmp(route->method, "POST") == 0 && route->role > ROLE_ANONYMOUS && has_secret(route->request))
        g_assert_true(route->features & ROUTE_SECRET || route->rate == RATE_HEAVY);
}

static void test_no_copy_is_kept_of_secrets(void)
{
    each_route(look_for_secrets);
}

static void look_at_shape(const struct route *route)
{
    g_assert_nonnull(route->handle);
    g_assert_nonnull(route->doc);
    g_assert_cmpint(route->role, >=, ROLE_ANONYMOUS);
    g_assert_cmpint(route->rate, >=, RATE_FREE);
    g_assert_true(route->body == BODY_NONE || route->body == BODY_DOCUMENT || route->request);
    switch (route->answers) {
    case ANSWER_EMPTY:
        g_assert_true(!route->response && route->status);
        break;
    case ANSWER_MEDIA:
        g_assert_nonnull(route->media_type);
        break;
    default:
        g_assert_nonnull(route->response);
    }
}

static void count_key(const struct record_field *field, enum record_schema_use use, void *count)
{
    (void)use;
    *(guint *)count += (field->flags & RECORD_KEY) != 0;
}

/* What every list takes. */
static const char *const paging[] = {"limit", "cursor", "fields", "format", NULL};

/* Whatever is listed comes in pages, with the fields that are wanted and as CSV; of what is cut into pages each item
 * can be told from the others. */
static void look_at_list(const struct route *route)
{
    guint keys = 0;
    if (route->answers != ANSWER_PAGE)
        return;
    for (size_t i = 0; paging[i]; i++)
        g_assert_nonnull(record_find_field(route->parameters, paging[i]));
    record_each_field(route->response, RECORD_SCHEMA_ANSWER, count_key, &keys);
    g_assert_true(keys || !(route->features & ROUTE_WHOLE));
}

struct match_search {
    const char *name;
    bool is_found;
};

static void look_for_match(const struct record_field *field, enum record_schema_use use, void *data)
{
    struct match_search *search = data;
    (void)use;
    search->is_found |= strcmp(field->name, search->name) == 0 &&
                        (field->kind == RECORD_STRING || field->kind == RECORD_ENUM || field->kind == RECORD_BOOL);
}

/* What a list is searched by is a field of what it lists, which can be compared with a word. */
static void look_at_matches(const struct route *route)
{
    if (!(route->features & ROUTE_MATCHED))
        return;
    g_assert_true(route->features & ROUTE_WHOLE);
    for (size_t i = 0; i < route->parameters->field_count; i++) {
        const struct record_field *field = &route->parameters->fields[i];
        struct match_search search = {field->name, g_strv_contains(paging, field->name)};
        record_each_field(route->response, RECORD_SCHEMA_ANSWER, look_for_match, &search);
        if (!search.is_found)
            g_error("%s: nothing that it lists is found by %s", route->name, field->name);
    }
}

static void test_every_search_is_by_what_is_listed(void)
{
    each_route(look_at_matches);
}

static void test_every_list_comes_in_pages(void)
{
    each_route(look_at_list);
}

static void test_every_route_says_what_it_takes_and_answers(void)
{
    each_route(look_at_shape);
}

static void test_codes_are_of_their_own(void)
{
    seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (int i = 1; i < PROBLEM_CODE_END; i++)
        g_assert_true(g_hash_table_add(seen, (char *)(uintptr_t)problem_kind((enum problem_code)i)->code));
    g_hash_table_unref(seen);
}

static void assert_problem(const struct reply *reply, int status, const char *code, const char *path)
{
    g_assert_cmpint(reply->status, ==, status);
    json_t *json = reply_json(reply);
    g_assert_cmpstr(json_string_value(json_object_get(json, "code")), ==, code);
    const json_t *errors = json_object_get(json, "errors");
    bool is_told = !path;
    for (size_t i = 0; path && i < json_array_size(errors); i++)
        is_told |= strcmp(json_string_value(json_object_get(json_array_get(errors, i), "path")), path) == 0;
    g_assert_true(is_told);
    json_decref(json);
}

static void test_what_is_not_valid_is_told_with_its_path_and_a_code(void)
{
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *code, *bad;
    } cases[] = {
        {"GET", "/api/v1/events?limit=0", NULL, 400, "invalid", "limit"},
        {"GET", "/api/v1/events?limit=2&limit=3", NULL, 400, "invalid", "limit"},
        {"GET", "/api/v1/events?from=now", NULL, 400, "invalid", "from"},
        {"GET", "/api/v1/cameras?x=1", NULL, 400, "invalid", "x"},
        {"GET", "/api/v1/cameras/cam-1?id=cam-2", NULL, 400, "invalid", "id"},
        {"GET", "/api/v1/cameras/a%20b", NULL, 404, "not_found", "id"},
        {"PUT", "/api/v1/policies/nonsense", "{}", 404, "not_found", "type"},
        {"PUT", "/api/v1/breakers/cam-1", "{\"state\":\"open\",\"why\":1}", 400, "invalid", "why"},
        {"PUT", "/api/v1/breakers/cam-1", "{\"state\":\"open\",\"why\":1}", 400, "invalid", "state"},
        {"PUT", "/api/v1/breakers/cam-1", "[]", 400, "invalid", ""},
        {"POST", "/api/v1/policies/safety/rollback", "", 400, "invalid", "to_version"},
        {"GET", "/api/v1/nothing", NULL, 404, "not_found", NULL},
        {"DELETE", "/api/v1/cameras", NULL, 405, "method_not_allowed", NULL},
    };
    struct api_world world;
    world_init(&world);
    g_autofree char *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world_login(&world));
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s %s", cases[i].method, cases[i].path);
        struct reply reply = world_request(&world, cases[i].method, cases[i].path, headers, cases[i].body);
        assert_problem(&reply, cases[i].status, cases[i].code, cases[i].bad);
        reply_clear(&reply);
    }
    struct reply reply = world_get(&world, "/api/v1/jobs?x=1", NULL); /* who may not ask is not told what is wrong */
    assert_problem(&reply, 401, "unauthenticated", NULL);
    reply_clear(&reply);
    world_clear(&world);
}

/* An id may be what an address beside it is called: each method is the one's that takes it. */
static void test_a_camera_may_be_called_as_an_address_is(void)
{
    struct api_world world;
    world_prepare(&world);
    world_add_camera(&world, "test", "default");
    world_start(&world);
    struct reply reply = world_get(&world, "/api/v1/cameras/test", world_login(&world));
    g_assert_cmpint(reply.status, ==, 200);
    reply_clear(&reply);
    reply = world_request(&world, "OPTIONS", "/api/v1/cameras/test", "", NULL);
    g_autofree char *allow = reply_header(&reply, "Allow"),
                    *headers = g_strdup_printf("Authorization: Bearer %s\r\n", world.token);
    g_assert_cmpstr(allow, ==, "GET, HEAD, PATCH, DELETE, POST, OPTIONS");
    reply_clear(&reply);
    reply = world_request(&world, "POST", "/api/v1/cameras/test", headers, "{}");
    assert_problem(&reply, 400, "invalid", "source"); /* which makes no camera, and tries one */
    reply_clear(&reply);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/routes/every operation has a name and an address of its own",
                    test_every_operation_has_a_name_and_an_address_of_its_own);
    g_test_add_func("/routes/parameters are those of the path", test_parameters_are_those_of_the_path);
    g_test_add_func("/routes/every route says what it takes and answers",
                    test_every_route_says_what_it_takes_and_answers);
    g_test_add_func("/routes/every list comes in pages", test_every_list_comes_in_pages);
    g_test_add_func("/routes/every search is by what is listed", test_every_search_is_by_what_is_listed);
    g_test_add_func("/routes/codes are of their own", test_codes_are_of_their_own);
    g_test_add_func("/routes/what is not valid is told with its path and a code",
                    test_what_is_not_valid_is_told_with_its_path_and_a_code);
    g_test_add_func("/routes/no_copy_is_kept_of_secrets", test_no_copy_is_kept_of_secrets);
    g_test_add_func("/routes/a camera may be called as an address is", test_a_camera_may_be_called_as_an_address_is);
    return g_test_run();
}
