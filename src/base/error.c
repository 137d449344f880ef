#include "base/error.h"

#include <errno.h>

GQuark vedette_error_quark(void)
{
    return g_quark_from_static_string("vedette-error");
}

bool vedette_error_set_errno(const char *path, const char *action, const char *advice, GError **error)
{
    int code = errno;
    enum vedette_error kind = code == ENOSPC || code == EDQUOT || code == EFBIG ? VEDETTE_ERROR_FULL
                              : code == EACCES || code == EPERM || code == EROFS || code == ELOOP || code == ENOTDIR
                                  ? VEDETTE_ERROR_PERMISSION
                                  : VEDETTE_ERROR_IO;
    g_set_error(error, VEDETTE_ERROR, kind, "%s: %s: %s: %s", path, action, g_strerror(code), advice);
    errno = code;
    return false;
}
