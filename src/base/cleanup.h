/* Automatic release of our own types, as g_autoptr does it for GLib's:
 *
 *     CLEANUP(frame) struct frame *frame = media_reader_next(reader, error);
 *
 * A header that has x_free or x_unref says CLEANUP_DEFINE(x, x_free) after it. NULL is never passed on.
 */
#pragma once

#define CLEANUP_DEFINE(name, release)                                                                                  \
    static inline void name##_cleanup_(struct name **value)                                                            \
    {                                                                                                                  \
        if (*value)                                                                                                    \
            release(*value);                                                                                           \
    }
#define CLEANUP(name) __attribute__((cleanup(name##_cleanup_)))
