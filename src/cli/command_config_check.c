#include "cli/cli.h"

#include "cli/settings_load.h"

#include <stdio.h>

static int config_check(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: vedette config check FILE\n");
        return 2;
    }
    struct settings settings;
    if (!cli_settings_load(argv[1], &argc, argv, &settings))
        return 1;
    cli_settings_warn(argv[1], &settings);
    printf("%s: ok, %zu camera%s\n", argv[1], settings.cameras.count, settings.cameras.count == 1 ? "" : "s");
    record_clear(&settings_descriptor, &settings);
    return 0;
}

const struct cli_command command_config_check = {
    "config check", "FILE", "says what is wrong in a settings file: file:line: key: what, why, what is allowed",
    config_check};
