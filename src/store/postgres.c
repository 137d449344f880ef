/* The engine for PostgreSQL. */
#include "store/store_internal.h"

static void *postgres_open(struct store *store, GError **error)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                "%s: this version keeps its data in SQLite alone: leave store.url empty", store->settings.url);
    return NULL;
}

const struct store_engine store_postgres = {.name = "postgres", .dialect = RECORD_POSTGRES, .open = postgres_open};
