#include "cli/policy_monitor.h"

#include "policy/policy.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
    POLL_US = 1000000,
    HISTORY_PAGES_MAX = 20,
    CATCH_UP_LOOKS_MAX = 5, /* for the server to have in force what stands in its store */
};

/* The server's documents at one look. */
struct look {
    json_t *items;          /* as GET /api/v1/policies tells them */
    struct policy_set *set; /* those that Vedette reads */
    int64_t at_ms;
};

struct monitor {
    struct api_client *client;
    struct look last;
    int64_t revision;   /* of the latest change that was seen */
    bool is_unanswered; /* and said so */
};

static void print_tree(const json_t *tree)
{
    char *pretty = json_dumps(tree, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    puts(pretty);
    fflush(stdout);
    free(pretty);
}

static json_t *ask(const struct monitor *monitor, const char *path, GError **error)
{
    g_autofree char *answer = api_client_request(monitor->client, "GET", path, NULL, NULL, error);
    json_t *tree = answer ? json_loads(answer, 0, NULL) : NULL;
    if (answer && !tree)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "GET %s: the server's answer is no JSON", path);
    return tree;
}

/* ---- documents ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static struct policy_scope scope_of(const json_t *item)
{
    return (struct policy_scope){text_of(item, "org_id"), text_of(item, "site_id"), text_of(item, "class_id"),
                                 text_of(item, "camera_id")};
}

/* One that Vedette reads itself, and not another program's service. */
static enum policy_type type_of(const json_t *item)
{
    const char *type = text_of(item, "policy_type");
    return type && g_strcmp0(type, text_of(item, "service_name")) == 0 ? record_enum_value(policy_type_names, type) : 0;
}

static int64_t revision_of(const json_t *item)
{
    return json_integer_value(json_object_get(item, "revision"));
}

/* What one that the server refuses says is not in force, here as there. */
static void look_fill(struct look *look, json_t *items)
{
    size_t index;
    json_t *item;
    look->items = items;
    look->set = policy_set_new();
    look->at_ms = g_get_real_time() / 1000;
    json_array_foreach(items, index, item)
    {
        char *config = json_dumps(json_object_get(item, "config"), JSON_COMPACT | JSON_REAL_PRECISION(15));
        if (type_of(item) && config)
            policy_set_add(look->set,
                           &(struct policy_document){scope_of(item), type_of(item), config, revision_of(item), NULL},
                           NULL);
        free(config);
    }
}

static void look_clear(struct look *look)
{
    json_decref(look->items);
    policy_set_unref(look->set);
    *look = (struct look){0};
}

static bool is_same_document(const json_t *a, const json_t *b)
{
    static const char *const names[] = {"org_id", "site_id", "class_id", "camera_id", "service_name", "policy_type"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (g_strcmp0(text_of(a, names[i]), text_of(b, names[i])) != 0)
            return false;
    return true;
}

/* NULL: there is none. */
static const json_t *find_document(const json_t *items, const json_t *like)
{
    for (size_t i = 0; i < json_array_size(items); i++)
        if (is_same_document(json_array_get(items, i), like))
            return json_array_get(items, i);
    return NULL;
}

/* ---- what came of a change ---- */

static void append_parameter(GString *path, const char *name, const char *value)
{
    if (!value)
        return;
    g_autofree char *escaped = g_uri_escape_string(value, NULL, FALSE);
    g_string_append_printf(path, "%c%s=%s", strchr(path->str, '?') ? '&' : '?', name, escaped);
}

/* "/api/v1/policies/TYPE/TAIL?…" of a document. */
static GString *path_of(const json_t *item, const char *tail)
{
    GString *path = g_string_new("/api/v1/policies/");
    g_string_append_printf(path, "%s/%s", text_of(item, "policy_type"), tail);
    append_parameter(path, "scope", text_of(item, "org_id") ? NULL : "global");
    append_parameter(path, "site_id", text_of(item, "site_id"));
    append_parameter(path, "class_id", text_of(item, "class_id"));
    append_parameter(path, "camera_id", text_of(item, "camera_id"));
    append_parameter(path, "service_name", text_of(item, "service_name"));
    return path;
}

/* Those of a page, which has the newest first, that are newer than one. False: it has older ones too. */
static bool take_newer(const json_t *page, int64_t revision, json_t *revisions)
{
    size_t index;
    json_t *row;
    json_array_foreach(json_object_get(page, "items"), index, row)
    {
        if (revision_of(row) <= revision)
            return false;
        json_array_insert(revisions, 0, row);
    }
    return true;
}

/* Its revisions after one, the oldest first; of more than HISTORY_PAGES_MAX pages the newest, and it says so. NULL:
 * they cannot be read. */
static json_t *revisions_after(const struct monitor *monitor, const json_t *item, int64_t revision, GError **error)
{
    json_t *revisions = json_array();
    g_autofree char *cursor = NULL;
    for (int i = 0; i < HISTORY_PAGES_MAX; i++) {
        g_autoptr(GString) path = path_of(item, "history");
        append_parameter(path, "cursor", cursor);
        json_t *page = ask(monitor, path->str, error);
        if (!page) {
            json_decref(revisions);
            return NULL;
        }
        bool is_more = take_newer(page, revision, revisions);
        g_free(cursor);
        cursor = is_more ? g_strdup(text_of(page, "next_cursor")) : NULL;
        json_decref(page);
        if (!cursor)
            return revisions;
    }
    fprintf(stderr,
            "vedette policy monitor: more changed than is told; vedette policy history --cursor %s has the rest\n",
            cursor);
    return revisions;
}

/* What the server says of the keys that stand in the settings, as an object by key. g_free; NULL: it tells nothing. */
static char *settings_of(const struct monitor *monitor, const json_t *item)
{
    g_autoptr(GString) path = path_of(item, "effective");
    json_t *effective = ask(monitor, path->str, NULL); /* what changed is told without them, too */
    char *text = json_dumps(json_object_get(effective, "settings"), JSON_COMPACT | JSON_REAL_PRECISION(15));
    char *ours = g_strdup(text);
    free(text);
    json_decref(effective);
    return ours;
}

/* What holds for whom the document is, as the server tells it. */
static json_t *effective_at(const struct look *look, enum policy_type type, const struct policy_scope *subject,
                            const char *settings)
{
    struct policy_effective effective;
    g_autoptr(GString) json = g_string_new(NULL);
    policy_resolve(look->set, type, subject, look->at_ms, &effective);
    policy_effective_append_json(&effective, settings, json);
    policy_effective_clear(&effective);
    return json_loads(json->str, 0, NULL);
}

static void add_key(json_t *list, const char *key, const json_t *before, const json_t *after)
{
    json_t *row = json_pack("{s:s}", "key", key);
    const json_t *const sides[] = {before, after};
    static const char *const values[] = {"before", "after"}, *const origins[] = {"before_from", "after_from"};
    for (size_t i = 0; i < G_N_ELEMENTS(sides); i++) {
        json_t *value = json_object_get(json_object_get(sides[i], "config"), key);
        json_object_set_new(row, values[i], value ? json_deep_copy(value) : json_null());
        json_object_set_new(row, origins[i],
                            json_deep_copy(json_object_get(json_object_get(sides[i], "origins"), key)));
    }
    json_array_append_new(list, row);
}

/* Each key that is another now, or comes from elsewhere. */
static json_t *compare_effective(const json_t *before, const json_t *after)
{
    json_t *list = json_array();
    const char *key;
    json_t *origin;
    json_object_foreach(json_object_get(after, "origins"), key, origin)
    {
        const json_t *was = json_object_get(json_object_get(before, "config"), key);
        const json_t *is = json_object_get(json_object_get(after, "config"), key);
        bool is_same = was && is ? json_equal(was, is) : was == is;
        if (!is_same || !json_equal(json_object_get(json_object_get(before, "origins"), key), origin))
            add_key(list, key, before, after);
    }
    return list;
}

/* A camera is of a site and a class, which count for it: its own word on that. */
static json_t *place_of_camera(const struct monitor *monitor, const char *camera_id)
{
    if (!camera_id)
        return NULL;
    g_autofree char *escaped = g_uri_escape_string(camera_id, NULL, FALSE);
    g_autofree char *path = g_strconcat("/api/v1/cameras/", escaped, NULL);
    return ask(monitor, path, NULL); /* of one that is not there any more its own documents are all there is */
}

static json_t *effective_changes(const struct monitor *monitor, const json_t *item, const struct look *now)
{
    enum policy_type type = type_of(item);
    struct policy_scope subject = scope_of(item);
    if (!type)
        return json_array();
    json_t *camera = place_of_camera(monitor, subject.camera_id);
    if (camera) {
        subject.site_id = text_of(camera, "site_id");
        subject.class_id = text_of(camera, "class_id");
    }
    g_autofree char *settings = settings_of(monitor, item);
    json_t *before = effective_at(&monitor->last, type, &subject, settings),
           *after = effective_at(now, type, &subject, settings);
    json_t *list = compare_effective(before, after);
    json_decref(before);
    json_decref(after);
    json_decref(camera);
    return list;
}

static json_t *describe(const json_t *item, json_t *revisions, json_t *effective)
{
    static const char *const names[] = {"policy_type", "service_name", "org_id", "site_id", "class_id", "camera_id"};
    json_t *told = json_object();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (json_object_get(item, names[i]))
            json_object_set(told, names[i], json_object_get(item, names[i]));
    json_object_set_new(told, "revisions", revisions);
    json_object_set_new(told, "effective", effective);
    return told;
}

/* `was` or `is` is NULL where there was none before, or is none now. False: its history cannot be read yet. */
static bool tell_document(struct monitor *monitor, const json_t *was, const json_t *is, const struct look *now,
                          int64_t *newest, GError **error)
{
    const json_t *item = is ? is : was;
    bool is_changed = !was || !is || revision_of(was) != revision_of(is);
    bool has_hours = json_array_size(json_object_get(json_object_get(item, "config"), "overlays")) > 0;
    if (!is_changed && !has_hours)
        return true;
    json_t *revisions =
        is_changed ? revisions_after(monitor, item, was ? revision_of(was) : monitor->revision, error) : json_array();
    if (!revisions)
        return false;
    for (size_t i = 0; i < json_array_size(revisions); i++)
        *newest = MAX(*newest, revision_of(json_array_get(revisions, i)));
    json_t *told = describe(item, revisions, effective_changes(monitor, item, now));
    if (json_array_size(json_object_get(told, "revisions")) || json_array_size(json_object_get(told, "effective")))
        print_tree(told);
    json_decref(told);
    return true;
}

static bool tell_all(struct monitor *monitor, const struct look *now, GError **error)
{
    int64_t newest = monitor->revision;
    for (size_t i = 0; i < json_array_size(now->items); i++) {
        const json_t *is = json_array_get(now->items, i);
        if (!tell_document(monitor, find_document(monitor->last.items, is), is, now, &newest, error))
            return false;
    }
    for (size_t i = 0; i < json_array_size(monitor->last.items); i++) {
        const json_t *was = json_array_get(monitor->last.items, i);
        if (!find_document(now->items, was) && !tell_document(monitor, was, NULL, now, &newest, error))
            return false;
    }
    monitor->revision = newest;
    return true;
}

/* ---- looking ---- */

static bool look_again(struct monitor *monitor, GError **error)
{
    struct look now = {0};
    json_t *list = ask(monitor, "/api/v1/policies", error);
    if (!list)
        return false;
    look_fill(&now, json_incref(json_object_get(list, "items")));
    json_decref(list);
    bool is_told = !monitor->last.items || tell_all(monitor, &now, error);
    if (is_told) {
        look_clear(&monitor->last);
        monitor->last = now;
    } else
        look_clear(&now);
    return is_told;
}

static int64_t newest_revision(const json_t *items)
{
    int64_t newest = 0;
    for (size_t i = 0; i < json_array_size(items); i++)
        newest = MAX(newest, revision_of(json_array_get(items, i)));
    return newest;
}

/* What is in force, once that is no older than what the first look found, or it does not come to be. NULL: it cannot be
 * read. */
static json_t *await_in_force(const struct monitor *monitor, GError **error)
{
    int64_t newest = newest_revision(monitor->last.items);
    json_t *in_force = ask(monitor, "/policies", error);
    for (int i = 1; in_force && revision_of(in_force) < newest && i < CATCH_UP_LOOKS_MAX; i++) {
        g_usleep(POLL_US);
        json_decref(in_force);
        in_force = ask(monitor, "/policies", error);
    }
    return in_force;
}

/* The first look lies between two words on what is in force: a change before it is in the later one, which is printed,
 * and one after it is told by the next look, also of a document that there was not, by the earlier one's revision. */
static bool begin(struct monitor *monitor, GError **error)
{
    json_t *earlier = ask(monitor, "/policies", error);
    monitor->revision = revision_of(earlier);
    json_t *in_force = earlier && look_again(monitor, error) ? await_in_force(monitor, error) : NULL;
    if (in_force)
        print_tree(in_force);
    json_decref(earlier);
    json_decref(in_force);
    return in_force != NULL;
}

/* A server that is restarted is away for a while, and takes nobody's word that was given before its logins ran out. */
static bool outlast(struct monitor *monitor, const GError *failure, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool is_refused = g_error_matches(failure, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION);
    if (is_refused && api_client_renew(monitor->client, &cause))
        return true;
    if (is_refused && !g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (!monitor->is_unanswered)
        fprintf(stderr, "vedette policy monitor: %s; it goes on once there is an answer\n", failure->message);
    monitor->is_unanswered = true;
    return true;
}

bool policy_monitor(struct api_client *client, GError **error)
{
    struct monitor monitor = {.client = client};
    bool is_good = begin(&monitor, error);
    while (is_good) {
        g_autoptr(GError) failure = NULL;
        g_usleep(POLL_US);
        if (look_again(&monitor, &failure))
            monitor.is_unanswered = false;
        else
            is_good = outlast(&monitor, failure, error);
    }
    look_clear(&monitor.last);
    return false;
}
