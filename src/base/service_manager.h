/* Tells the service manager that started this process how it is (systemd, of services with Type=notify). Nothing
 * happens where there is none, or in a build without libsystemd. Any thread. */
#pragma once

/* It serves; `status` is what `systemctl status` shows, one line. */
void service_manager_tell_ready(const char *status);
/* It was told to end, and does so. */
void service_manager_tell_stopping(void);
