/* What rules saw, in pieces: written as the events they came among, read a few at a time. */
#include "store/store_internal.h"

#include <string.h>

#include "base/error.h"
#include "facts/track.h"

enum { PAGE_CHUNKS = 16 }; /* at most 16 MB of text */

static void free_chunk(gpointer chunk)
{
    record_clear(&track_chunk_descriptor, chunk);
    g_free(chunk);
}

static struct track_chunk *chunk_of(const struct analytics_event *event, GError **error)
{
    struct track_chunk *chunk = g_new0(struct track_chunk, 1);
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good =
        record_decode_json(&track_chunk_descriptor, event->payload.text, strlen(event->payload.text), chunk, &errors) ||
        record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    if (!is_good) {
        g_free(chunk);
        return NULL;
    }
    g_free(chunk->org_id); /* whose it is, the envelope says */
    chunk->org_id = g_strdup(event->org_id);
    return chunk;
}

bool store_track_chunks_insert_in(struct store_transaction *transaction, struct analytics_event *const *events,
                                  size_t count, bool *is_new, GError **error)
{
    g_autoptr(GPtrArray) chunks = g_ptr_array_new_with_free_func(free_chunk);
    for (size_t i = 0; i < count; i++) {
        struct track_chunk *chunk = chunk_of(events[i], error);
        if (!chunk)
            return false;
        g_ptr_array_add(chunks, chunk);
    }
    return store_insert(transaction, &track_chunk_descriptor, (const void *const *)chunks->pdata, count,
                        RECORD_CONFLICT_IGNORE, is_new, error);
}

static GPtrArray *read_page(struct store *store, const struct store_track_filter *filter, int64_t after_ms,
                            const char *after_id, GError **error)
{
    g_autoptr(GPtrArray) page = g_ptr_array_new_with_free_func(free_chunk);
    CLEANUP(store_transaction)
    struct store_transaction *transaction = store_begin(store, STORE_READ, filter->org_id, error);
    bool is_good =
        transaction &&
        store_select(
            transaction, &track_chunk_descriptor,
            "WHERE org_id = $1 AND camera_id = $2 AND (from_at, id) > (coalesce((SELECT max(c.from_at) "
            "FROM track_chunks c WHERE c.org_id = $1 AND c.camera_id = $2 AND c.id = $4), $3), $4) AND from_at < $5 "
            "ORDER BY from_at, id LIMIT $6",
            STORE_VALUES(sql_text(filter->org_id), sql_text(filter->camera_id), sql_time(after_ms), sql_text(after_id),
                         sql_time(filter->to_ms), sql_integer(PAGE_CHUNKS)),
            page, error);
    return is_good ? g_steal_pointer(&page) : NULL;
}

bool store_track_chunks_each(struct store *store, const struct store_track_filter *filter,
                             bool (*handle)(void *data, const struct track_chunk *chunk, GError **error), void *data,
                             GError **error)
{
    g_autofree char *after_id = g_strdup("");
    int64_t after_ms = filter->from_ms;
    for (;;) {
        g_autoptr(GPtrArray) page = read_page(store, filter, after_ms, after_id, error);
        if (!page)
            return false;
        for (guint i = 0; i < page->len; i++)
            if (!handle(data, g_ptr_array_index(page, i), error))
                return false;
        if (page->len < PAGE_CHUNKS)
            return true;
        const struct track_chunk *last = g_ptr_array_index(page, page->len - 1);
        after_ms = last->from_at.ms;
        g_free(after_id);
        after_id = g_strdup(last->id);
    }
}
