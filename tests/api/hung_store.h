/* A store whose disk hangs, as seen by who asks the API. */
#pragma once

#include "api_world.h"
#include "store/sqlite_internal.h"

enum { HUNG_FOR_GOOD_MS = 600000 }; /* longer than any test takes */

/* Everything that reads waits for a connection, for so long. */
static inline void hang_store(struct api_world *world, struct store_transaction *held[SQLITE_READERS], int wait_ms)
{
    sqlite_reader_wait_ms = wait_ms;
    for (int i = 0; i < SQLITE_READERS; i++)
        g_assert_nonnull(held[i] = store_begin(world->store, STORE_READ, "default", NULL));
}

static inline void release_store(struct store_transaction *held[SQLITE_READERS])
{
    for (int i = 0; i < SQLITE_READERS; i++)
        store_rollback(held[i]);
    sqlite_reader_wait_ms = SQLITE_READER_WAIT_MS;
}
