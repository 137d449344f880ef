#include "cli/cli.h"

#include "base/counter.h"
#include "cli/line_file.h"
#include "cli/settings_load.h"
#include "hub/record_path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* `vedette spool stats|verify|drain`: what a hub that does not run has left in its spool. */

struct spool_options {
    char *config, *directory, *out;
};

static bool parse(struct spool_options *options, const char *command, int *argc, char **argv, struct settings *settings)
{
    bool is_drain = strcmp(command, "drain") == 0;
    const GOptionEntry entries[] = {
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, "settings file (YAML): its data_dir has the spool",
         "FILE"},
        {"directory", 0, 0, G_OPTION_ARG_FILENAME, &options->directory, "the spool's directory itself", "DIR"},
        {is_drain ? "out" : NULL, 0, 0, G_OPTION_ARG_FILENAME, &options->out,
         "write the records there, a line each, and take "
         "them out of the spool; - is standard output",
         "FILE"},
        {0}};
    g_autofree char *name = g_strconcat("spool ", command, NULL);
    if (cli_options_load(name, entries, &options->config, argc, argv, settings) != 0)
        return false;
    bool is_elsewhere = is_drain && options->directory && !options->out;
    if (is_elsewhere)
        fprintf(stderr,
                "vedette spool drain: --directory is heeded with --out FILE alone: into the store goes what the "
                "spool of its own data_dir holds\n");
    if (!cli_options_are_all(name, *argc, argv) || is_elsewhere) {
        record_clear(&settings_descriptor, settings);
        return false;
    }
    if (!options->directory) {
        g_autofree char *data_dir = cli_data_dir(settings);
        options->directory = g_build_filename(data_dir, "spool", NULL);
    }
    return true;
}

static void options_clear(struct spool_options *options)
{
    g_free(options->config);
    g_free(options->directory);
    g_free(options->out);
}

static int fail(const char *command, const struct vedette_spool_error *error)
{
    fprintf(stderr, "vedette spool %s: %s%s\n", command, error->text,
            error->kind == VEDETTE_SPOOL_BUSY ? " (of a hub that runs, ask GET /queue/stats)" : "");
    return 1;
}

/* ---- stats and verify ---- */

struct sums {
    int64_t files, bad, good, done, lost, unreadable;
    bool is_told; /* a line for each file */
};

static void add_file(void *data, const struct vedette_spool_file *file)
{
    struct sums *sums = data;
    if (sums->is_told)
        printf("%s: %" PRId64 " to give out, %" PRId64 " done, %" PRId64 " lost%s%s%s%s\n", file->path, file->good,
               file->done, file->lost, file->is_open ? ", left open" : "", file->is_bad ? ", set aside" : "",
               file->why ? ": " : "", file->why ? file->why : "");
    if (file->is_bad) {
        sums->bad++;
        return;
    }
    sums->files++;
    sums->good += file->good;
    sums->done += file->done;
    sums->lost += file->lost;
    sums->unreadable += file->why != NULL;
}

static int look(const char *command, bool is_told, int argc, char **argv)
{
    struct spool_options options = {0};
    struct settings settings;
    struct vedette_spool_error error;
    if (!parse(&options, command, &argc, argv, &settings))
        return 2;
    struct sums sums = {.is_told = is_told};
    bool is_read = vedette_spool_verify(options.directory, add_file, &sums, &error);
    if (is_read)
        printf("{\"memory_queue_size\":0,\"disk_queue_size\":%" PRId64 ",\"total_queued\":%" PRId64
               ",\"files\":%" PRId64 ",\"bad_files\":%" PRId64 ",\"done\":%" PRId64 ",\"lost\":%" PRId64 "}\n",
               sums.good, sums.good, sums.files, sums.bad, sums.done, sums.lost);
    int status = !is_read ? fail(command, &error) : is_told && (sums.lost || sums.unreadable) ? 1 : 0;
    record_clear(&settings_descriptor, &settings);
    options_clear(&options);
    return status;
}

static int stats_main(int argc, char **argv)
{
    return look("stats", false, argc, argv);
}

static int verify_main(int argc, char **argv)
{
    return look("verify", true, argc, argv);
}

/* ---- drain ---- */

/* Makes sure of a batch before it is taken out: then it is nowhere else. */
static bool write_batch(struct line_file *out, const struct vedette_spool_batch *batch, GError **error)
{
    for (size_t i = 0; i < batch->count; i++)
        if (!line_file_add(out, batch->records[i].payload, batch->records[i].length, error))
            return false;
    return line_file_keep(out, error);
}

/* Returns how many records were written before all were, or *error is set. */
static int64_t write_all(struct vedette_spool *spool, struct line_file *out, GError **error)
{
    struct vedette_spool_stats stats;
    int64_t written = 0;
    struct vedette_spool_batch *batch;
    do {
        batch = vedette_spool_dequeue(spool, 500, 100000);
        if (batch && !write_batch(out, batch, error)) {
            vedette_spool_return(spool, batch);
            return written;
        }
        written += batch ? (int64_t)batch->count : 0;
        if (batch)
            vedette_spool_acknowledge(spool, batch);
        vedette_spool_get_stats(spool, &stats);
    } while (stats.total_queued && (batch || !record_path_is_hopeless(&stats, error)));
    return written;
}

/* They are in no file and no store, and their spool's files are gone. True when there are some. */
static bool tell_lost(int64_t expired, int64_t corrupt)
{
    if (expired)
        fprintf(stderr, "vedette spool drain: %" PRId64 " records had outlived their time to live and were let go\n",
                expired);
    if (corrupt)
        fprintf(stderr,
                "vedette spool drain: %" PRId64 " records were damaged and are lost; their files stay as ….bad, with "
                "….bad.txt to say why\n",
                corrupt);
    return expired || corrupt;
}

static void tell_written(int64_t written, const GError *failure, const GError *leftover)
{
    fprintf(stderr, "%" PRId64 " records written\n", written);
    if (failure)
        fprintf(stderr, "vedette spool drain: %s; what was not written stays in the spool\n", failure->message);
    if (leftover)
        fprintf(stderr, "vedette spool drain: %s\n", leftover->message);
}

static int drain_to_file(const struct spool_options *options)
{
    struct vedette_spool_config config;
    struct vedette_spool_error why;
    g_autoptr(GError) failure = NULL;
    g_autoptr(GError) leftover = NULL;
    vedette_spool_config_init(&config);
    struct vedette_spool *spool = vedette_spool_open(options->directory, &config, &why);
    if (!spool)
        return fail("drain", &why);
    struct line_file *out = line_file_open(options->out, &failure);
    int64_t written = out ? write_all(spool, out, &failure) : 0;
    if (out && failure)
        line_file_revert(out, &leftover);
    tell_written(written, failure, leftover);
    line_file_close(out);
    struct vedette_spool_stats stats;
    vedette_spool_get_stats(spool, &stats);
    vedette_spool_close(spool);
    bool has_lost = tell_lost(stats.losses[VEDETTE_SPOOL_EXPIRED], stats.losses[VEDETTE_SPOOL_CORRUPT]);
    return failure || has_lost ? 1 : 0;
}

static int drain_to_store(const struct settings *settings)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data_dir = cli_data_dir(settings);
    struct server_health health = {0};
    struct record_path_parts parts = {
        .data_dir = data_dir, .settings = settings, .clock = clock_system(), .health = &health};
    parts.store = store_open(data_dir, &settings->store, parts.clock, &health, &error);
    int64_t stored = 0;
    bool is_good = parts.store && record_path_drain_now(&parts, &stored, &error);
    int64_t let_go = counter_get(&health.records_rejected);
    store_close(parts.store);
    if (is_good || stored)
        printf("%" PRId64 " records stored\n", stored);
    if (!is_good)
        fprintf(stderr, "vedette spool drain: %s; what was not stored stays in the spool\n",
                error ? error->message : "the store does not take the records");
    if (let_go)
        fprintf(stderr,
                "vedette spool drain: %" PRId64 " records can never be stored and were let go: why stands above\n",
                let_go);
    bool has_lost = tell_lost(health.spool_expired, health.spool_corrupt);
    return !is_good || let_go || has_lost ? 1 : 0;
}

/* One that is mistyped would be made, and found empty. */
static bool is_there(const struct spool_options *options)
{
    struct stat status;
    int failure = stat(options->directory, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    bool is_missing = failure == ENOENT || failure == ENOTDIR;
    if (failure)
        fprintf(stderr, "vedette spool drain: %s: %s\n", options->directory,
                is_missing ? "there is no such directory: give the one of the hub that left records"
                           : g_strerror(failure));
    return !failure;
}

static int drain_main(int argc, char **argv)
{
    struct spool_options options = {0};
    struct settings settings;
    if (!parse(&options, "drain", &argc, argv, &settings))
        return 2;
    int status = !is_there(&options) ? 1 : options.out ? drain_to_file(&options) : drain_to_store(&settings);
    record_clear(&settings_descriptor, &settings);
    options_clear(&options);
    return status;
}

const struct cli_command command_spool_stats = {"spool stats", "[--config FILE | --directory DIR]",
                                                "what waits in the spool of a hub that does not run", stats_main};
const struct cli_command command_spool_verify = {"spool verify", "[--config FILE | --directory DIR]",
                                                 "reads every record of a spool, and changes none", verify_main};
const struct cli_command command_spool_drain = {"spool drain", "[--config FILE] [[--directory DIR] --out FILE]",
                                                "moves what waits in the spool into the store, or into a file",
                                                drain_main};
