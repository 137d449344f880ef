#include "cli/cli.h"

#include "base/log.h"
#include "facts/settings.h"
#include "record/settings.h"
#include "worker/sandbox.h"
#include "worker/worker.h"

#include <stdio.h>
#include <unistd.h>

/* The hub hands its log settings on in the environment: they are needed before the first message. */
static bool configure_logs(GError **error)
{
    struct settings settings;
    struct record_errors errors;
    record_errors_init(&errors);
    g_autoptr(GArray) values = settings_environment(&settings_descriptor, environ);
    bool is_good = settings_load(&settings_descriptor, NULL, (const struct settings_override *)(void *)values->data,
                                 values->len, &settings, &errors);
    if (is_good) {
        is_good = log_configure(settings.log.levels, (enum log_format)settings.log.format,
                                (enum log_target)settings.log.target, error);
        record_clear(&settings_descriptor, &settings);
    } else {
        record_errors_to_gerror(&errors, error);
    }
    record_errors_clear(&errors);
    return is_good;
}

static int worker_command(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "vedette worker is started by `vedette run`, not by hand\n");
        return 2;
    }
    int fd = (int)g_ascii_strtoll(argv[1], NULL, 10), parent = (int)g_ascii_strtoll(argv[2], NULL, 10);
    g_autoptr(GError) error = NULL;
    if (!sandbox_prepare(parent))
        return 1;
    if (!configure_logs(&error))
        fprintf(stderr, "vedette worker: %s\n", error->message);
    return worker_main(fd, argv[3]);
}

const struct cli_command command_worker = {"worker", "", "the process that holds cameras; started by `vedette run`",
                                           worker_command};
