/* Settings as the commands load them: file, environment and flags, checked further than the tables alone can. */
#pragma once

#include <stdbool.h>

#include "facts/settings.h"

/* Loads into an uninitialised struct. `path` NULL: no file. Flags the settings know are taken out of argv. Camera
 * sources are checked, and logins in them moved to username and password. On false every error was printed to stderr.
 */
bool cli_settings_load(const char *path, int *argc, char **argv, struct settings *settings);

/* Where data lies: the setting, else $XDG_DATA_HOME/vedette or ~/.local/share/vedette. g_free. */
char *cli_data_dir(const struct settings *settings);
