/* What a test's own process logs. */
#pragma once

#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

/* What is logged from here on, until read_log. */
struct logged {
    char *path;
    int kept;
};

static inline void keep_log(struct logged *logged)
{
    int fd = g_file_open_tmp("vedette-log-XXXXXX", &logged->path, NULL);
    logged->kept = dup(STDERR_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
}

static inline char *read_log(struct logged *logged)
{
    char *text = NULL;
    dup2(logged->kept, STDERR_FILENO);
    close(logged->kept);
    g_assert_true(g_file_get_contents(logged->path, &text, NULL, NULL));
    g_unlink(logged->path);
    g_free(logged->path);
    return text;
}
