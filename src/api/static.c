#include <string.h>

#include "api/api_internal.h"
#include "api/ui.h"

const struct ui_file *ui_file_find(const char *path)
{
    const char *wanted = strcmp(path, "/") == 0 ? "/index.html" : path;
    for (size_t i = 0; i < ui_file_count; i++)
        if (strcmp(ui_files[i].path, wanted) == 0)
            return &ui_files[i];
    return NULL;
}

void answer_ui_file(const struct ui_file *file, const char *if_none_match, struct answer *answer)
{
    answer_header(answer, "ETag", "%s", file->etag);
    answer_header(answer, "Cache-Control", "%s",
                  file->is_immutable ? "public, max-age=31536000, immutable" : "no-cache");
    if (http_etag_matches(if_none_match, file->etag)) {
        answer->status = MHD_HTTP_NOT_MODIFIED;
        return;
    }
    answer->content_type = file->content_type;
    answer->body = g_bytes_new_static(file->data, file->size);
}
