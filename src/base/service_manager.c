#include "base/service_manager.h"

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* What becomes of it is not asked: a manager that does not hear it says so itself, by its own deadline. */
void service_manager_tell_ready(const char *status)
{
#ifdef HAVE_SYSTEMD
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
#else
    (void)status;
#endif
}

void service_manager_tell_stopping(void)
{
#ifdef HAVE_SYSTEMD
    sd_notify(0, "STOPPING=1\nSTATUS=Stores what was seen, and ends");
#endif
}
