/* Trying documents before they count: what they come to for each camera at each hour of a time. Cameras for which the
 * same documents of a type count share what those come to, and where all are the same one walk through the hours. */
#include "policy/policy_internal.h"

#include <string.h>

/* What a type comes to from one hour, at which its overlays come or go, to the next. */
struct span {
    int64_t until_ms;
    const struct policy_resolved *resolved;
};
/* What one chain of documents comes to at each hour of the time, for all cameras for which it counts; of a type that is
 * not walked the first hour alone. */
struct course {
    size_t type; /* its index; the key, with the next */
    const struct document *chain[POLICY_LEVEL_END];
    GArray *spans; /* of struct span */
};
/* What the types come to at some hour. */
struct combination {
    const struct policy_resolved *parts[POLICY_TYPES];
};
struct walk {
    const struct course *courses[POLICY_TYPES]; /* the key */
    GPtrArray *combinations;                    /* of struct combination *, each once */
};
struct trying {
    const struct policy_trial *trial;
    bool is_walked[POLICY_TYPES]; /* its hours count, by index; of the others it is what holds at from_ms */
    GHashTable *resolved;         /* policy_resolved_table_new */
    GHashTable *earlier;          /* that of what is in force; NULL: nobody said */
    GHashTable *courses;          /* struct course * */
    GHashTable *walks;            /* struct walk * */
    size_t looks;
};

static guint course_hash(gconstpointer data)
{
    const struct course *course = data;
    guint hash = (guint)course->type;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        hash = hash * 31 + g_direct_hash(course->chain[level]);
    return hash;
}

static gboolean course_equal(gconstpointer a, gconstpointer b)
{
    const struct course *left = a, *right = b;
    return left->type == right->type && memcmp(left->chain, right->chain, sizeof left->chain) == 0;
}

static void course_free(gpointer data)
{
    struct course *course = data;
    g_array_unref(course->spans);
    g_free(course);
}

static guint walk_hash(gconstpointer data)
{
    const struct walk *walk = data;
    guint hash = 0;
    for (size_t i = 0; i < POLICY_TYPES; i++)
        hash = hash * 31 + g_direct_hash(walk->courses[i]);
    return hash;
}

static gboolean walk_equal(gconstpointer a, gconstpointer b)
{
    const struct walk *left = a, *right = b;
    return memcmp(left->courses, right->courses, sizeof left->courses) == 0;
}

static void walk_free(gpointer data)
{
    struct walk *walk = data;
    g_ptr_array_unref(walk->combinations);
    g_free(walk);
}

/* A type that workers are told of may contradict each other one of these; the others stand alone. */
static void choose_walked(struct trying *trying)
{
    bool is_of_workers = policy_type_find(trying->trial->type)->targets != 0;
    for (size_t i = 0; i < POLICY_TYPES; i++)
        trying->is_walked[i] =
            policy_types[i].type == trying->trial->type || (is_of_workers && policy_types[i].targets != 0);
}

static bool count_looks(struct trying *trying, size_t count, GError **error)
{
    trying->looks += count;
    if (trying->looks <= trying->trial->looks_max)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "it and the overlays it meets come to more states of cameras within a week than are looked at "
                "(policies.trial_looks, %zu): say it for fewer cameras, or with fewer overlays",
                trying->trial->looks_max);
    return false;
}

static size_t overlays_of(const struct document *const chain[POLICY_LEVEL_END])
{
    size_t count = 0;
    for (int level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++)
        count += chain[level] ? chain[level]->overlay_count : 0;
    return count;
}

static guint combination_hash(gconstpointer data)
{
    const struct combination *combination = data;
    guint hash = 0;
    for (size_t i = 0; i < POLICY_TYPES; i++)
        hash = hash * 31 + g_direct_hash(combination->parts[i]);
    return hash;
}

static gboolean combination_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, sizeof(struct combination)) == 0;
}

static bool run_course(struct trying *trying, struct course *course, const struct policy_scope *subject, GError **error)
{
    const struct policy_trial *trial = trying->trial;
    struct span span = {.until_ms = trial->from_ms};
    do {
        int64_t at_ms = span.until_ms;
        span.until_ms = INT64_MAX;
        if (!count_looks(trying, 1 + overlays_of(course->chain), error) ||
            !(span.resolved = policy_resolved_get(trying->resolved, trying->earlier, policy_types[course->type].type,
                                                  course->chain, subject, at_ms, &span.until_ms, error)))
            return false;
        g_array_append_val(course->spans, span);
    } while (trying->is_walked[course->type] && span.until_ms < trial->until_ms);
    return true;
}

/* NULL: there is a state that contradicts itself, or there are too many. */
static const struct course *course_of(struct trying *trying, size_t type, const struct policy_scope *subject,
                                      GError **error)
{
    struct course key = {.type = type};
    policy_set_chain(trying->trial->set, policy_types[type].type, subject, key.chain);
    struct course *known = g_hash_table_lookup(trying->courses, &key);
    if (known)
        return known;
    known = g_memdup2(&key, sizeof key);
    known->spans = g_array_new(FALSE, FALSE, sizeof(struct span));
    if (!run_course(trying, known, subject, error)) {
        course_free(known);
        return NULL;
    }
    g_hash_table_add(trying->courses, known);
    return known;
}

/* Each type at an hour, from where it stood at the one before. Returns the next hour at which one is another. */
static int64_t look_at_hour(const struct trying *trying, const struct walk *walk, int64_t at_ms,
                            guint places[POLICY_TYPES], struct combination *now)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        const GArray *spans = walk->courses[i]->spans;
        const struct span *span = &g_array_index(spans, struct span, places[i]);
        if (trying->is_walked[i] && span->until_ms <= at_ms)
            span = &g_array_index(spans, struct span, ++places[i]);
        now->parts[i] = span->resolved;
        if (trying->is_walked[i])
            next_ms = MIN(next_ms, span->until_ms);
    }
    return next_ms;
}

static void walk_on(struct trying *trying, struct walk *walk)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(combination_hash, combination_equal);
    struct combination now = {{NULL}};
    guint places[POLICY_TYPES] = {0};
    for (int64_t at_ms = trying->trial->from_ms, next_ms; at_ms < trying->trial->until_ms; at_ms = next_ms) {
        next_ms = look_at_hour(trying, walk, at_ms, places, &now);
        if (g_hash_table_contains(seen, &now))
            continue;
        g_ptr_array_add(walk->combinations, g_memdup2(&now, sizeof now));
        g_hash_table_add(seen, g_ptr_array_index(walk->combinations, walk->combinations->len - 1));
    }
}

/* NULL: there is a state that contradicts itself, or there are too many. */
static const struct walk *walk_of(struct trying *trying, const struct policy_scope *subject, GError **error)
{
    struct walk key = {.combinations = NULL};
    for (size_t i = 0; i < POLICY_TYPES; i++)
        if (!(key.courses[i] = course_of(trying, i, subject, error)))
            return NULL;
    struct walk *known = g_hash_table_lookup(trying->walks, &key);
    if (known)
        return known;
    known = g_memdup2(&key, sizeof key);
    known->combinations = g_ptr_array_new_with_free_func(g_free);
    walk_on(trying, known);
    g_hash_table_add(trying->walks, known);
    return known;
}

static bool try_subject(struct trying *trying, const struct policy_scope *subject, GError **error)
{
    const struct walk *walk = walk_of(trying, subject, error);
    bool is_good = walk != NULL;
    for (guint i = 0; is_good && i < walk->combinations->len; i++) {
        const struct combination *combination = g_ptr_array_index(walk->combinations, i);
        struct policy_camera camera = {.scope = *subject};
        for (size_t j = 0; j < POLICY_TYPES; j++) {
            camera.records[j] = combination->parts[j]->record;
            camera.configs[j] = combination->parts[j]->config_json;
        }
        is_good = count_looks(trying, 1, error) && trying->trial->visit(trying->trial->data, &camera, error);
    }
    return is_good;
}

bool policy_try(const struct policy_trial *trial, const struct policy_scope *subjects, size_t subject_count,
                GError **error)
{
    g_autoptr(GHashTable) resolved = policy_resolved_table_new();
    g_autoptr(GHashTable) courses = g_hash_table_new_full(course_hash, course_equal, course_free, NULL);
    g_autoptr(GHashTable) walks = g_hash_table_new_full(walk_hash, walk_equal, walk_free, NULL);
    struct trying trying = {.trial = trial,
                            .resolved = resolved,
                            .earlier = trial->present ? policy_view_resolved(trial->present) : NULL,
                            .courses = courses,
                            .walks = walks};
    bool is_good = true;
    choose_walked(&trying);
    for (size_t i = 0; is_good && i < subject_count; i++)
        is_good = try_subject(&trying, &subjects[i], error);
    return is_good;
}
