#include "notify/notify_internal.h"

#include <string.h>

char *secret_text_read(const char *text, const char *file, GError **error)
{
    char *read = NULL;
    g_autoptr(GError) failure = NULL;
    if (!file || !*file)
        return g_strdup(text ? text : "");
    if (g_file_get_contents(file, &read, NULL, &failure))
        return g_strstrip(read);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_PERMISSION, "%s", failure->message);
    return NULL;
}

void secret_text_free(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    g_free(text);
}
