#include "base/error.h"

GQuark vedette_error_quark(void)
{
    return g_quark_from_static_string("vedette-error");
}
