#include "cli/cli.h"

#include "base/log.h"
#include "worker/sandbox.h"
#include "worker/worker.h"

#include <stdio.h>

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
    if (!log_configure(g_getenv("VEDETTE_LOG"), LOG_LOGFMT, LOG_TARGET_STDERR, &error))
        fprintf(stderr, "vedette worker: %s\n", error->message);
    return worker_main(fd, argv[3]);
}

const struct cli_command command_worker = {"worker", "", "the process that holds cameras; started by `vedette run`",
                                           worker_command};
