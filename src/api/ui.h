/* The files of the page, embedded by the build (scripts/embed-ui), or ui_none.c's one page when the UI was not built.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ui_file {
    const char *path; /* "/index.html" */
    const char *content_type;
    const unsigned char *data;
    size_t size;
    const char *etag;  /* with its quotes */
    bool is_immutable; /* the name changes with the content */
};
extern const struct ui_file ui_files[];
extern const size_t ui_file_count;
