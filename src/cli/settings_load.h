/* Settings as the commands load them: file, environment and flags, checked further than the tables alone can. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "facts/settings.h"

/* Loads into an uninitialised struct. `path` NULL: no file. Flags the settings know are taken out of argv. Camera
 * sources are checked, and logins in them moved to username and password. On false every error was printed to stderr.
 */
bool cli_settings_load(const char *path, int *argc, char **argv, struct settings *settings);

/* cli_settings_load for a command with options of its own: `entries`, of which one sets *config, the settings file
 * (NULL: none). What is taken out of argv leaves its arguments. `command` is its name as errors tell it. 0, or the
 * status to exit with: all was printed. What the entries set is the caller's to free, whatever comes of it. */
int cli_options_load(const char *command, const GOptionEntry *entries, char *const *config, int *argc, char **argv,
                     struct settings *settings);
/* For a command that takes no arguments: false, and printed, when some are left. */
bool cli_options_are_all(const char *command, int argc, char **argv);
/* For one that takes `count` arguments: false, and printed, when there are more or fewer, or one begins with '-', which
 * is an option that is not known. */
bool cli_arguments_check(const char *command, const char *usage, int count, int argc, char **argv);

/* What is valid, but likely not meant, on stderr, each line begun with `who` (a command, or the file). */
void cli_settings_warn(const char *who, const struct settings *settings);

/* What of the settings would keep a server from its start here: files that cannot be read, and what is wrong in them;
 * keys of policies, and limits of routes that there are not. */
void cli_start_check(const struct settings *settings, struct record_errors *refused);

/* Where data lies: the setting, else $XDG_DATA_HOME/vedette or ~/.local/share/vedette. g_free. */
char *cli_data_dir(const struct settings *settings);
