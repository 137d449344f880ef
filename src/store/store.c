#include "store/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store_internal.h"

const char *store_place(const struct store *store)
{
    return store->engine == &store_sqlite ? store->data_dir : store->settings.url;
}

static void copy_settings(struct store *store, const struct store_settings *settings)
{
    store->settings = *settings;
    store->settings.url = g_strdup(settings->url);
    store->settings.password = g_strdup(settings->password);
    store->settings.password_file = g_strdup(settings->password_file);
}

static void release(struct store *store)
{
    if (store->engine_state)
        store->engine->close(store->engine_state);
    pthread_mutex_destroy(&store->write_error_lock);
    g_free(store->write_error);
    g_free(store->refusal);
    pthread_mutex_destroy(&store->lone_org_lock);
    g_free(store->lone_org);
    g_free(store->settings.url);
    g_free(store->settings.password);
    g_free(store->settings.password_file);
    g_free(store->data_dir);
    g_free(store);
}

static struct store *store_new(const char *data_dir, const struct store_settings *settings, struct clock *clock)
{
    struct store *store = g_new0(struct store, 1);
    store->data_dir = g_strdup(data_dir);
    store->clock = clock;
    copy_settings(store, settings);
    pthread_mutex_init(&store->write_error_lock, NULL);
    pthread_mutex_init(&store->lone_org_lock, NULL);
    store->engine = settings->url && *settings->url ? &store_postgres : &store_sqlite;
    return store;
}

/* False with an error: who looks after the embedded store means another one, since there is none here. */
static bool check_made(const char *data_dir, const struct store_settings *settings, GError **error)
{
    bool is_embedded = !settings->url || !*settings->url;
    g_autofree char *path = g_build_filename(data_dir, "vedette.db", NULL);
    if (!is_embedded || g_access(path, F_OK) == 0 || errno != ENOENT)
        return true;
    g_set_error(
        error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
        "there is no store in %s: the data_dir of --config FILE, or --data-dir DIR, says where it is; the server's "
        "first start makes it, or `vedette migrate up`",
        data_dir);
    return false;
}

bool store_migrate(const char *data_dir, const struct store_settings *settings, struct clock *clock, bool is_dry,
                   GString *report, GError **error)
{
    if (is_dry && !check_made(data_dir, settings, error))
        return false;
    struct store *store = store_new(data_dir, settings, clock);
    bool is_good = store->engine->migrate(store, is_dry, report, error);
    release(store);
    return is_good;
}

static bool start_checker(struct store *store, GError **error)
{
    const struct store_checker_config config = {store->engine->check, store->engine_state, store_place(store),
                                                clock_system(), store->health};
    store->checker = store_checker_new(&config, error);
    return store->checker != NULL;
}

static struct store *open_store(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                                struct server_health *health, bool may_be_away, GError **error)
{
    struct store *store = store_new(data_dir, settings, clock);
    store->health = health;
    store->engine_state = store->engine->open(store, may_be_away, error);
    if (store->engine_state && store_writer_start(store, error)) {
        if (start_checker(store, error))
            return store;
        store_writer_stop(store);
    }
    g_prefix_error(error, "open store: ");
    release(store);
    return NULL;
}

struct store *store_open(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                         struct server_health *health, GError **error)
{
    return open_store(data_dir, settings, clock, health, false, error);
}

struct store *store_open_made(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                              struct server_health *health, GError **error)
{
    return check_made(data_dir, settings, error) ? store_open(data_dir, settings, clock, health, error) : NULL;
}

struct store *store_open_or_wait(const char *data_dir, const struct store_settings *settings, struct clock *clock,
                                 struct server_health *health, GError **error)
{
    return open_store(data_dir, settings, clock, health, true, error);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_stop(store);
    if (store_checker_free(store->checker))
        release(store);
}

/* A write that its caller got wrong says nothing of the store. */
void store_note_write(struct store *store, const GError *error)
{
    if (g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID))
        return;
    pthread_mutex_lock(&store->write_error_lock);
    g_free(store->write_error);
    store->write_error = error ? g_strdup(error->message) : NULL;
    pthread_mutex_unlock(&store->write_error_lock);
}

void store_note_try(struct store *store, enum event_type type, const GError *refusal)
{
    unsigned bit = 1U << type;
    pthread_mutex_lock(&store->write_error_lock);
    store->refused_types = refusal ? store->refused_types | bit : store->refused_types & ~bit;
    if (refusal || !store->refused_types) {
        g_free(store->refusal);
        store->refusal = refusal ? g_strdup(refusal->message) : NULL;
    }
    pthread_mutex_unlock(&store->write_error_lock);
}
