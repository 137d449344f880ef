#include "cli/cli.h"

#include "cli/model_fetch.h"
#include "cli/settings_load.h"
#include "vision/vision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BENCH_WIDTH_PX = 1920, BENCH_HEIGHT_PX = 1080, BENCH_RUNS = 50, SHA256_DIGITS = 64 };

static int complain(const char *command, const char *message, int status)
{
    fprintf(stderr, "vedette model %s: %s\n", command, message);
    return status;
}

static char *models_dir(const struct settings *settings)
{
    g_autofree char *data = cli_data_dir(settings);
    return g_build_filename(data, "models", NULL);
}

/* ---- list ---- */

static void list_model(const char *directory, const char *file)
{
    g_autofree char *path = g_build_filename(directory, file, NULL);
    struct model_card card;
    g_autoptr(GError) error = NULL;
    if (!model_card_load(path, NULL, &card, &error)) {
        printf("%s\n    %s\n", path, error->message);
        return;
    }
    printf("%s\n    %s: %s, %d x %d, licence %s\n", path, card.name, record_enum_name(model_family_names, card.family),
           card.input_width_px, card.input_height_px, card.licence && *card.licence ? card.licence : "not stated");
    record_clear(&model_card_descriptor, &card);
}

static int list(const struct settings *settings)
{
    g_autofree char *directory = models_dir(settings);
    g_autoptr(GPtrArray) names = model_files_list(directory);
    for (guint i = 0; i < names->len; i++)
        list_model(directory, names->pdata[i]);
    if (names->len == 0)
        printf("no models in %s; add one with `vedette model add`\n", directory);
    g_autofree char *providers = detector_providers_available();
    printf("built in are the providers: %s (`vedette doctor` says what can run here)\n", providers);
    return 0;
}

/* ---- check and bench ---- */

/* A model of either kind. */
struct opened {
    struct detector *detector;
    struct reader *reader;
};

static void opened_clear(struct opened *opened)
{
    detector_free(opened->detector);
    reader_free(opened->reader);
}

static bool open_any(const char *path, const struct detector_settings *settings, struct opened *opened, GError **error)
{
    struct model_card card;
    *opened = (struct opened){0};
    if (!model_card_load(path, settings->card, &card, error))
        return false;
    bool finds = model_family_finds(card.family);
    record_clear(&model_card_descriptor, &card);
    if (finds)
        opened->detector = detector_open(path, settings, error);
    else
        opened->reader = reader_open(path, settings, error);
    return opened->detector || opened->reader;
}

static struct frame *grey_frame(void)
{
    static const int grey = 128;
    struct frame *frame = frame_new_allocated(BENCH_WIDTH_PX, BENCH_HEIGHT_PX);
    for (int plane = 0; plane < 3; plane++)
        memset(frame_plane(frame, plane), grey,
               (size_t)frame->strides_bytes[plane] * (size_t)frame_plane_rows(frame, plane));
    return frame;
}

/* A grey picture, and for those who want one a face in its middle. */
static bool run_any(struct opened *opened, const struct frame *frame, struct detections *found, struct reading *reading,
                    GError **error)
{
    static const struct detection face = {
        .box = {0.4, 0.3, 0.2, 0.4},
        .point_count = 5,
        .points = {{0.46F, 0.45F}, {0.54F, 0.45F}, {0.5F, 0.5F}, {0.47F, 0.57F}, {0.53F, 0.57F}}};
    return opened->detector ? detector_run(opened->detector, frame, found, error)
                            : reader_run(opened->reader, frame, &face, reading, error);
}

static int compare_times(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static bool time_runs(struct opened *opened, double *milliseconds, int count, GError **error)
{
    CLEANUP(frame) struct frame *frame = grey_frame();
    g_autofree struct detections *found = g_new0(struct detections, 1);
    g_autofree struct reading *reading = g_new0(struct reading, 1);
    for (int i = 0; i < count; i++) {
        int64_t started_us = g_get_monotonic_time();
        if (!run_any(opened, frame, found, reading, error))
            return false;
        milliseconds[i] = (double)(g_get_monotonic_time() - started_us) / 1000;
    }
    qsort(milliseconds, (size_t)count, sizeof *milliseconds, compare_times);
    return true;
}

static int try_model(const char *path, const struct detector_settings *settings, bool is_bench)
{
    double milliseconds[BENCH_RUNS] = {0};
    struct opened opened;
    g_autoptr(GError) error = NULL;
    int count = is_bench ? BENCH_RUNS : 1;
    bool is_good = open_any(path, settings, &opened, &error) && time_runs(&opened, milliseconds, count, &error);
    if (is_good) {
        const struct model_card *card = opened.detector ? detector_card(opened.detector) : reader_card(opened.reader);
        printf("%s: %s, family %s, %d x %d, %zu labels, licence %s, SHA-256 %s\n", path, card->name,
               record_enum_name(model_family_names, card->family), card->input_width_px, card->input_height_px,
               card->labels.count, card->licence && *card->licence ? card->licence : "not stated",
               card->sha256 && *card->sha256 ? "as its card says" : "not checked: its card has none");
        printf("  run by %s with %d thread%s\n",
               opened.detector ? detector_provider(opened.detector) : reader_provider(opened.reader),
               MAX(settings->threads, 1), settings->threads > 1 ? "s" : "");
        if (opened.detector && detector_is_quantised(opened.detector))
            puts("  quantised: 8-bit whole numbers (INT8)");
        if (opened.detector)
            printf("  why: %s\n", *detector_provider_reason(opened.detector) ? detector_provider_reason(opened.detector)
                                                                             : "it is the fastest there is");
        if (is_bench)
            printf("  a %d x %d picture, all of it: median %.2f ms, fastest %.2f, slowest %.2f (%d runs)\n",
                   BENCH_WIDTH_PX, BENCH_HEIGHT_PX, milliseconds[count / 2], milliseconds[0], milliseconds[count - 1],
                   count);
    }
    opened_clear(&opened);
    return is_good ? 0 : complain(is_bench ? "bench" : "check", error->message, 1);
}

/* ---- add ---- */

static bool is_sha256(const char *text)
{
    return strlen(text) == SHA256_DIGITS && strspn(text, "0123456789abcdefABCDEF") == SHA256_DIGITS;
}

/* The last part of a path or URL, without what follows '?' or '#'; NULL when it is no name for a model. */
static char *file_name(const char *location)
{
    g_autofree char *whole = g_strndup(location, strcspn(location, "?#"));
    g_autofree char *name = g_path_get_basename(model_fetch_is_url(location) ? whole : location);
    return g_str_has_suffix(name, ".onnx") && name[0] != '.' ? g_steal_pointer(&name) : NULL;
}

/* The card that is named, else of a file the one beside it. */
static bool load_card(const char *location, const char *named, struct model_card *card, GError **error)
{
    if (!named && model_fetch_is_url(location)) {
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                            "a model from the network needs its card: --card FILE (models/cards/ in the sources has "
                            "cards of known models)");
        return false;
    }
    return model_card_load(location, named, card, error);
}

/* Wherever one is looked for (vision/card.c). */
static bool remove_cards(const char *stem, GError **error)
{
    static const char *const suffixes[] = {".card.json", ".json"};
    g_autofree char *gone = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(stem, suffixes[i], NULL);
        if (unlink(path) == 0) {
            g_free(gone);
            gone = g_steal_pointer(&path);
        } else if (errno != ENOENT) {
            const char *reason = g_strerror(errno);
            g_autofree char *left = gone ? g_strdup_printf("'%s' is removed already, and the model's file as it was: "
                                                           "add it again once the other can be removed",
                                                           gone)
                                         : g_strdup("the model is as it was");
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO,
                        "the card of the model that is replaced, '%s', cannot be removed: %s; %s", path, reason, left);
            return false;
        }
    }
    return true;
}

/* A build without ONNX Runtime takes models for others. */
static bool can_try(void)
{
    g_autofree char *providers = detector_providers_available();
    return strcmp(providers, "none") != 0;
}

/* Once, by the card that is to lie beside it. On the processor: what else the settings ask for, and this machine may
 * not have, says nothing of the model. */
static bool try_fresh(const char *path, const GString *card, const struct detector_settings *settings, GError **error)
{
    g_autofree char *card_path = g_strconcat(path, ".card.json", NULL);
    struct detector_settings detector = *settings;
    struct opened opened = {0};
    double milliseconds;
    detector.card = card_path;
    detector.provider = PROVIDER_CPU;
    if (!model_fetch_store(card_path, card->str, card->len, error))
        return false;
    bool is_good = open_any(path, &detector, &opened, error) && time_runs(&opened, &milliseconds, 1, error);
    opened_clear(&opened);
    unlink(card_path);
    if (!is_good)
        g_prefix_error(error, "the model does not run by its card, and nothing was kept: ");
    return is_good;
}

/* A model without a card is not taken for whole, one beside another's is: the old card goes first, and the new one
 * comes last. Nothing is changed before the model lies on the disk and was seen to run. */
static bool replace_model(const char *path, GBytes *model, const GString *card,
                          const struct detector_settings *settings, GError **error)
{
    g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".onnx"));
    g_autofree char *card_path = g_strconcat(stem, ".card.json", NULL), *fresh = g_strconcat(path, ".new", NULL);
    gsize length = 0;
    const void *bytes = g_bytes_get_data(model, &length);
    if (!model_fetch_store(fresh, bytes, length, error))
        return false;
    bool is_good = (!can_try() || try_fresh(fresh, card, settings, error)) && remove_cards(stem, error);
    if (is_good && rename(fresh, path) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "'%s' cannot be put in place: %s", path, g_strerror(errno));
        is_good = false;
    }
    if (!is_good)
        unlink(fresh);
    return is_good && model_fetch_store(card_path, card->str, card->len, error);
}

static bool store_model(const struct settings *settings, const char *name, GBytes *model, const struct model_card *card,
                        GError **error)
{
    g_autofree char *directory = models_dir(settings);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    record_encode_json(&model_card_descriptor, card, true, text);
    if (g_mkdir_with_parents(directory, 0755) != 0) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "'%s' cannot be made", directory);
        return false;
    }
    if (!replace_model(path, model, text, &settings->detector, error))
        return false;
    printf("%s\n    %s: licence %s, source %s\n", path, card->name,
           card->licence && *card->licence ? card->licence : "not stated",
           card->source && *card->source ? card->source : "not stated");
    if (!can_try())
        puts("    not tried: this build runs no models");
    return true;
}

/* What the model must be, by those who add it and by its card; NULL with an error when these do not agree, for then no
 * detector would open it. Empty: nobody says. */
static const char *wanted_sha256(const char *sha256, const struct model_card *card, GError **error)
{
    const char *by_card = card->sha256 ? card->sha256 : "";
    if (!sha256 || !*by_card || g_ascii_strcasecmp(sha256, by_card) == 0)
        return sha256 ? sha256 : by_card;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "the card is of a model with SHA-256 %s, not %s: nothing was kept", by_card, sha256);
    return NULL;
}

static bool add(const char *location, const char *sha256, const char *card_path, const struct settings *settings,
                GError **error)
{
    g_autofree char *name = file_name(location);
    struct model_card card;
    if (!name) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "the location must end in NAME.onnx");
        return false;
    }
    if (!load_card(location, card_path, &card, error))
        return false;
    const char *wanted = wanted_sha256(sha256, &card, error);
    g_autoptr(GBytes) model = wanted ? model_fetch(location, *wanted ? wanted : NULL, error) : NULL;
    if (model) { /* whoever opens it from now on sees whether it is still this one */
        g_free(card.sha256);
        card.sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, model);
    }
    bool is_good = model && store_model(settings, name, model, &card, error);
    record_clear(&model_card_descriptor, &card);
    return is_good;
}

/* ---- the commands ---- */

struct model_options {
    char *sha256, *card;
};

/* What is wrong with the command line, or NULL. */
static const char *find_mistake(const char *command, const struct model_options *options, int argc, char **argv)
{
    bool is_list = strcmp(command, "list") == 0;
    for (int i = 1; i < argc; i++)
        if (argv[i][0] == '-')
            return "unknown option; see `vedette help`";
    if (argc != (is_list ? 1 : 2))
        return is_list ? "takes no file" : "give one model: FILE.onnx";
    if (options->sha256 && strcmp(command, "add") != 0)
        return "--sha256 is not heeded there: `vedette model add` alone takes it";
    if (options->card && is_list)
        return "--card is not heeded there: `vedette model check`, `bench` and `add` take it";
    if (options->sha256 && !is_sha256(options->sha256))
        return "--sha256 takes 64 hex digits";
    if (strcmp(command, "add") == 0 && model_fetch_is_url(argv[1]) && !options->sha256)
        return "a model from the network is taken only with --sha256 HEX: what else says that it is the right one?";
    return NULL;
}

static int act(const char *command, char **argv, const struct model_options *options, struct settings *settings)
{
    g_autoptr(GError) error = NULL;
    struct detector_settings detector = settings->detector;
    detector.card = options->card;
    if (strcmp(command, "list") == 0)
        return list(settings);
    if (strcmp(command, "add") != 0)
        return try_model(argv[1], &detector, strcmp(command, "bench") == 0);
    return add(argv[1], options->sha256, options->card, settings, &error) ? 0 : complain("add", error->message, 1);
}

static int model_main(int argc, char **argv)
{
    g_autofree char *sha256 = NULL, *card = NULL;
    const GOptionEntry entries[] = {
        {"sha256", 0, 0, G_OPTION_ARG_STRING, &sha256, "what the model's SHA-256 must be", "HEX"},
        {"card", 0, 0, G_OPTION_ARG_FILENAME, &card, "its card, when it does not lie beside it", "FILE"},
        {0}};
    const char *command = argv[0];
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = g_option_context_new("[FILE|URL]");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_ignore_unknown_options(context, TRUE);
    struct settings settings;
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return complain(command, error->message, 2);
    if (!cli_settings_load(NULL, &argc, argv, &settings))
        return 1;
    const struct model_options options = {sha256, card};
    const char *mistake = find_mistake(command, &options, argc, argv);
    int status = mistake ? complain(command, mistake, 2) : act(command, argv, &options, &settings);
    record_clear(&settings_descriptor, &settings);
    return status;
}

const struct cli_command command_model_list = {
    "model list", "", "shows the models in the data folder, and what can run them", model_main};
const struct cli_command command_model_check = {"model check", "FILE.onnx [--card FILE]",
                                                "holds a model against its card and runs it once", model_main};
const struct cli_command command_model_bench = {"model bench", "FILE.onnx [--card FILE] [--detector-threads N]",
                                                "measures how fast a model runs here", model_main};
const struct cli_command command_model_add = {
    "model add", "FILE.onnx|URL [--sha256 HEX] [--card FILE]",
    "puts a model that runs, and its card with the SHA-256, into the data folder; from a URL only with --sha256",
    model_main};
