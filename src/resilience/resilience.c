/* Registries of breakers and queues, and the monitor. Breakers live as long as the manager or until they are removed,
 * so that their pointers may be kept, and are counted while a call or a visit uses one; the lock guards the tables
 * alone and no callback is made under it, but for a queue's numbers, so that a queue that was removed is surely left
 * alone. */
#include "vedette/resilience.h"

#include <glib.h>
#include <pthread.h>
#include <string.h>

struct named_breaker { /* counted: the table's, and whose call or visit is under way */
    char *name;
    struct vedette_resilience *resilience;
    struct vedette_breaker *breaker;
    bool is_shared; /* somebody else's */
};

struct named_queue {
    char *name;
    struct vedette_queue queue;
    uint64_t number; /* for ever */
    bool is_started; /* by the manager, and not stopped since */
};

struct vedette_resilience {
    struct vedette_resilience_config config; /* immutable */
    char *service_name;
    struct vedette_health *health;
    pthread_mutex_t lock;
    /* under the lock */
    GHashTable *breakers; /* name → struct named_breaker * */
    GPtrArray *queues;    /* of struct named_queue *, in the order in which they came */
    uint64_t queues_added;
    int64_t unguarded_calls;
};

void vedette_resilience_config_init(struct vedette_resilience_config *config)
{
    *config = (struct vedette_resilience_config){.max_breakers = 4096, .max_queues = 64};
    vedette_breaker_config_init(&config->breaker);
    vedette_health_config_init(&config->health);
}

static void named_breaker_clear(gpointer data)
{
    struct named_breaker *named = data;
    if (!named->is_shared)
        vedette_breaker_free(named->breaker);
    g_free(named->name);
}

static void named_breaker_release(gpointer named)
{
    g_atomic_rc_box_release_full(named, named_breaker_clear);
}

static void named_queue_free(gpointer data)
{
    struct named_queue *named = data;
    g_free(named->name);
    g_free(named);
}

/* A breaker's settings are checked by making one. */
static const char *fault_of(const struct vedette_resilience_config *config)
{
    const char *why = NULL;
    if (config->max_breakers < 1 || config->max_queues < 1)
        return "max_breakers and max_queues must be 1 or more";
    vedette_breaker_free(vedette_breaker_new(&config->breaker, &why));
    return why;
}

static bool refuse(const char *fault, const char **why)
{
    if (why)
        *why = fault;
    return false;
}

struct vedette_resilience *vedette_resilience_new(const char *service_name,
                                                  const struct vedette_resilience_config *config, const char **why)
{
    struct vedette_resilience_config defaults;
    vedette_resilience_config_init(&defaults);
    config = config ? config : &defaults;
    const char *fault = fault_of(config);
    struct vedette_health *health = fault ? NULL : vedette_health_new(&config->health, &fault);
    if (fault) {
        refuse(fault, why);
        return NULL;
    }
    struct vedette_resilience *resilience = g_new0(struct vedette_resilience, 1);
    resilience->config = *config;
    resilience->service_name = g_strdup(service_name);
    resilience->health = health;
    resilience->breakers = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, named_breaker_release);
    resilience->queues = g_ptr_array_new_with_free_func(named_queue_free);
    pthread_mutex_init(&resilience->lock, NULL);
    return resilience;
}

void vedette_resilience_free(struct vedette_resilience *resilience)
{
    if (!resilience)
        return;
    vedette_resilience_stop_all(resilience);
    vedette_health_free(resilience->health);
    g_hash_table_destroy(resilience->breakers);
    g_ptr_array_unref(resilience->queues);
    pthread_mutex_destroy(&resilience->lock);
    g_free(resilience->service_name);
    g_free(resilience);
}

const char *vedette_resilience_service_name(const struct vedette_resilience *resilience)
{
    return resilience->service_name;
}

/* ---- breakers ---- */

static void on_changed(void *data, enum vedette_breaker_state from, enum vedette_breaker_state to)
{
    const struct named_breaker *named = data;
    const struct vedette_resilience_config *config = &named->resilience->config;
    if (config->breaker_changed)
        config->breaker_changed(config->data, named->name, from, to);
}

static void on_illegal(void *data, enum vedette_breaker_state from, int to)
{
    const struct named_breaker *named = data;
    const struct vedette_resilience_config *config = &named->resilience->config;
    if (config->breaker_illegal)
        config->breaker_illegal(config->data, named->name, from, to);
}

/* A place for a breaker; NULL: there is no room. Under the lock, as what follows. */
static struct named_breaker *add_name(struct vedette_resilience *resilience, const char *name)
{
    if (g_hash_table_size(resilience->breakers) >= resilience->config.max_breakers)
        return NULL;
    struct named_breaker *named = g_atomic_rc_box_new0(struct named_breaker);
    named->name = g_strdup(name);
    named->resilience = resilience;
    g_hash_table_insert(resilience->breakers, named->name, named);
    return named;
}

static struct named_breaker *add_breaker(struct vedette_resilience *resilience, const char *name)
{
    struct named_breaker *named = add_name(resilience, name);
    if (!named)
        return NULL;
    struct vedette_breaker_config config = resilience->config.breaker;
    config.changed = on_changed;
    config.illegal = on_illegal;
    config.changed_data = named;
    named->breaker = vedette_breaker_new(&config, NULL); /* its settings were checked */
    return named;
}

static struct named_breaker *find_or_add(struct vedette_resilience *resilience, const char *name)
{
    struct named_breaker *named = g_hash_table_lookup(resilience->breakers, name);
    return named ? named : add_breaker(resilience, name);
}

struct vedette_breaker *vedette_resilience_breaker(struct vedette_resilience *resilience, const char *name)
{
    pthread_mutex_lock(&resilience->lock);
    const struct named_breaker *named = find_or_add(resilience, name);
    struct vedette_breaker *breaker = named ? named->breaker : NULL;
    pthread_mutex_unlock(&resilience->lock);
    return breaker;
}

bool vedette_resilience_share_breaker(struct vedette_resilience *resilience, const char *name,
                                      struct vedette_breaker *breaker)
{
    pthread_mutex_lock(&resilience->lock);
    bool is_taken = g_hash_table_contains(resilience->breakers, name);
    struct named_breaker *named = is_taken ? NULL : add_name(resilience, name);
    if (named) {
        named->breaker = breaker;
        named->is_shared = true;
    }
    pthread_mutex_unlock(&resilience->lock);
    return named != NULL;
}

bool vedette_resilience_remove_breaker(struct vedette_resilience *resilience, const char *name)
{
    pthread_mutex_lock(&resilience->lock);
    gpointer named = NULL;
    bool is_there = g_hash_table_steal_extended(resilience->breakers, name, NULL, &named);
    pthread_mutex_unlock(&resilience->lock);
    if (is_there)
        named_breaker_release(named);
    return is_there;
}

struct vedette_breaker *vedette_resilience_find_breaker(struct vedette_resilience *resilience, const char *name)
{
    pthread_mutex_lock(&resilience->lock);
    const struct named_breaker *named = g_hash_table_lookup(resilience->breakers, name);
    struct vedette_breaker *breaker = named ? named->breaker : NULL;
    pthread_mutex_unlock(&resilience->lock);
    return breaker;
}

/* The caller's too, until it is released. NULL: there is no room, and a call without one is counted. */
static struct named_breaker *acquire_for_call(struct vedette_resilience *resilience, const char *name)
{
    pthread_mutex_lock(&resilience->lock);
    struct named_breaker *named = find_or_add(resilience, name);
    if (named)
        g_atomic_rc_box_acquire(named);
    else
        resilience->unguarded_calls++;
    pthread_mutex_unlock(&resilience->lock);
    return named;
}

bool vedette_resilience_execute_with_circuit_breaker(struct vedette_resilience *resilience, const char *name,
                                                     enum vedette_outcome (*call)(void *data), void *data,
                                                     enum vedette_outcome *outcome, int64_t *retry_after_us)
{
    struct named_breaker *named = acquire_for_call(resilience, name);
    if (named) {
        bool is_made = vedette_breaker_execute(named->breaker, call, data, outcome, retry_after_us);
        named_breaker_release(named);
        return is_made;
    }
    enum vedette_outcome result = call(data);
    if (outcome)
        *outcome = result;
    return true;
}

static gint compare_names(gconstpointer left, gconstpointer right)
{
    const struct named_breaker *a = *(struct named_breaker *const *)left, *b = *(struct named_breaker *const *)right;
    return strcmp(a->name, b->name);
}

void vedette_resilience_each_breaker(struct vedette_resilience *resilience,
                                     void (*visit)(void *data, const char *name, struct vedette_breaker *breaker),
                                     void *data)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(named_breaker_release);
    GHashTableIter iter;
    gpointer value;
    pthread_mutex_lock(&resilience->lock);
    g_hash_table_iter_init(&iter, resilience->breakers);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        g_ptr_array_add(all, g_atomic_rc_box_acquire(value));
    pthread_mutex_unlock(&resilience->lock);
    g_ptr_array_sort(all, compare_names);
    for (guint i = 0; i < all->len; i++) {
        const struct named_breaker *named = g_ptr_array_index(all, i);
        visit(data, named->name, named->breaker);
    }
}

/* ---- queues ---- */

/* Under the lock. -1: there is none. */
static int find_queue(const struct vedette_resilience *resilience, const char *name)
{
    for (guint i = 0; i < resilience->queues->len; i++)
        if (strcmp(((const struct named_queue *)g_ptr_array_index(resilience->queues, i))->name, name) == 0)
            return (int)i;
    return -1;
}

bool vedette_resilience_add_queue(struct vedette_resilience *resilience, const struct vedette_queue *queue)
{
    pthread_mutex_lock(&resilience->lock);
    bool is_good = find_queue(resilience, queue->name) < 0 && resilience->queues->len < resilience->config.max_queues;
    if (is_good) {
        struct named_queue *named = g_new0(struct named_queue, 1);
        named->name = g_strdup(queue->name);
        named->queue = *queue;
        named->queue.name = named->name;
        named->number = ++resilience->queues_added;
        g_ptr_array_add(resilience->queues, named);
    }
    pthread_mutex_unlock(&resilience->lock);
    return is_good;
}

void vedette_resilience_remove_queue(struct vedette_resilience *resilience, const char *name)
{
    pthread_mutex_lock(&resilience->lock);
    int index = find_queue(resilience, name);
    if (index >= 0)
        g_ptr_array_remove_index(resilience->queues, (guint)index);
    pthread_mutex_unlock(&resilience->lock);
}

void vedette_resilience_each_queue(struct vedette_resilience *resilience,
                                   void (*visit)(void *data, const char *name, const struct vedette_queue_stats *stats),
                                   void *data)
{
    pthread_mutex_lock(&resilience->lock);
    for (guint i = 0; i < resilience->queues->len; i++) {
        const struct named_queue *named = g_ptr_array_index(resilience->queues, i);
        struct vedette_queue_stats stats = {0};
        named->queue.get_stats(named->queue.data, &stats);
        visit(data, named->name, &stats);
    }
    pthread_mutex_unlock(&resilience->lock);
}

static void add_up(void *data, const char *name, const struct vedette_queue_stats *stats)
{
    struct vedette_queue_stats *sum = data;
    (void)name;
    sum->memory_queue_size += stats->memory_queue_size;
    sum->disk_queue_size += stats->disk_queue_size;
    sum->total_queued += stats->total_queued;
}

void vedette_resilience_queue_stats(struct vedette_resilience *resilience, struct vedette_queue_stats *stats)
{
    *stats = (struct vedette_queue_stats){0};
    vedette_resilience_each_queue(resilience, add_up, stats);
}

/* ---- start and stop ---- */

/* The first that is not started, which counts as started from now on: *number is its. False: there is none. It is its
 * owner's to keep it until it is stopped. */
static bool take_stopped(struct vedette_resilience *resilience, struct vedette_queue *queue, uint64_t *number)
{
    bool is_found = false;
    pthread_mutex_lock(&resilience->lock);
    for (guint i = 0; i < resilience->queues->len && !is_found; i++) {
        struct named_queue *named = g_ptr_array_index(resilience->queues, i);
        is_found = !named->is_started;
        if (!is_found)
            continue;
        named->is_started = true;
        *queue = named->queue;
        *number = named->number;
    }
    pthread_mutex_unlock(&resilience->lock);
    return is_found;
}

/* The last that is started, which is no longer. False: there is none. */
static bool take_started(struct vedette_resilience *resilience, struct vedette_queue *queue)
{
    bool is_found = false;
    pthread_mutex_lock(&resilience->lock);
    for (guint i = resilience->queues->len; i-- > 0 && !is_found;) {
        struct named_queue *named = g_ptr_array_index(resilience->queues, i);
        is_found = named->is_started;
        if (!is_found)
            continue;
        named->is_started = false;
        *queue = named->queue;
    }
    pthread_mutex_unlock(&resilience->lock);
    return is_found;
}

/* It refused to. By its number: it may have been removed meanwhile. */
static void note_refused(struct vedette_resilience *resilience, uint64_t number)
{
    pthread_mutex_lock(&resilience->lock);
    for (guint i = 0; i < resilience->queues->len; i++) {
        struct named_queue *named = g_ptr_array_index(resilience->queues, i);
        if (named->number == number)
            named->is_started = false;
    }
    pthread_mutex_unlock(&resilience->lock);
}

static void stop_queues(struct vedette_resilience *resilience)
{
    struct vedette_queue queue;
    while (take_started(resilience, &queue))
        if (queue.stop)
            queue.stop(queue.data);
}

bool vedette_resilience_start_all(struct vedette_resilience *resilience, const char **why)
{
    struct vedette_queue queue;
    uint64_t number;
    const char *fault = "a queue did not start";
    while (take_stopped(resilience, &queue, &number))
        if (queue.start && !queue.start(queue.data, &fault)) {
            note_refused(resilience, number);
            stop_queues(resilience);
            return refuse(fault, why);
        }
    if (vedette_health_start_monitoring(resilience->health, why))
        return true;
    stop_queues(resilience);
    return false;
}

void vedette_resilience_stop_all(struct vedette_resilience *resilience)
{
    vedette_health_stop_monitoring(resilience->health);
    stop_queues(resilience);
}

/* ---- cameras ---- */

struct vedette_health *vedette_resilience_health(struct vedette_resilience *resilience)
{
    return resilience->health;
}

bool vedette_resilience_update_camera_stats(struct vedette_resilience *resilience, const char *camera_id,
                                            const struct vedette_camera_stats *stats)
{
    return vedette_health_update_camera_stats(resilience->health, camera_id, stats);
}

bool vedette_resilience_start_monitoring(struct vedette_resilience *resilience, const char **why)
{
    return vedette_health_start_monitoring(resilience->health, why);
}

/* ---- JSON ---- */

/* A name as a JSON string; what is no UTF-8 is replaced. */
static void append_name(GString *json, const char *name)
{
    g_autofree char *text = g_utf8_make_valid(name, -1);
    g_string_append_c(json, '"');
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ')
            g_string_append_printf(json, "\\u%04x", *c);
        else
            g_string_append_printf(json, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    g_string_append(json, "\":");
}

static void append_comma(GString *json)
{
    if (json->str[json->len - 1] != '{')
        g_string_append_c(json, ',');
}

static void append_breaker(void *data, const char *name, struct vedette_breaker *breaker)
{
    GString *json = data;
    struct vedette_breaker_stats stats;
    char seconds[G_ASCII_DTOSTR_BUF_SIZE];
    vedette_breaker_get_stats(breaker, &stats);
    g_ascii_formatd(seconds, sizeof seconds, "%.3f", (double)stats.retry_after_us / G_USEC_PER_SEC);
    append_comma(json);
    append_name(json, name);
    g_string_append_printf(json, "{\"state\":\"%s\",\"failure_count\":%" G_GINT64_FORMAT ",\"retry_after_seconds\":%s}",
                           vedette_breaker_state_name(stats.state), stats.failure_count, seconds);
}

static void append_queue(void *data, const char *name, const struct vedette_queue_stats *stats)
{
    GString *json = data;
    append_comma(json);
    append_name(json, name);
    g_string_append_printf(json,
                           "{\"total_queued\":%" G_GINT64_FORMAT ",\"memory_queue_size\":%" G_GINT64_FORMAT
                           ",\"disk_queue_size\":%" G_GINT64_FORMAT "}",
                           stats->total_queued, stats->memory_queue_size, stats->disk_queue_size);
}

char *vedette_resilience_stats_json(struct vedette_resilience *resilience)
{
    g_autoptr(GString) json = g_string_new("{\"circuit_breakers\":{");
    vedette_resilience_each_breaker(resilience, append_breaker, json);
    g_string_append(json, "},\"queues\":{");
    vedette_resilience_each_queue(resilience, append_queue, json);
    pthread_mutex_lock(&resilience->lock);
    int64_t unguarded_calls = resilience->unguarded_calls;
    pthread_mutex_unlock(&resilience->lock);
    g_string_append_printf(json, "},\"unguarded_calls\":%" G_GINT64_FORMAT "}", unguarded_calls);
    return strdup(json->str); /* free(3) */
}
