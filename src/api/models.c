/* The models that this server has: those in the models directory of its data, and those that its settings name from
 * elsewhere. They are the server's, not an org's; where they lie is nobody's business. */
#include <string.h>
#include <sys/stat.h>

#include "api/api_internal.h"
#include "facts/model.h"
#include "vision/vision.h"

/* A model's file, and what the settings use it for. */
struct model_file {
    char *id, *path;
    GPtrArray *used_for; /* borrowed texts */
};

static void model_file_free(void *data)
{
    struct model_file *file = data;
    g_free(file->id);
    g_free(file->path);
    g_ptr_array_unref(file->used_for);
    g_free(file);
}

static struct model_file *find_file(const GPtrArray *files, const char *id)
{
    for (guint i = 0; i < files->len; i++)
        if (strcmp(((const struct model_file *)g_ptr_array_index(files, i))->id, id) == 0)
            return g_ptr_array_index(files, i);
    return NULL;
}

/* The file's name without its suffix. */
static char *id_of(const char *path)
{
    char *id = g_path_get_basename(path);
    if (g_str_has_suffix(id, MODEL_SUFFIX))
        id[strlen(id) - strlen(MODEL_SUFFIX)] = '\0';
    return id;
}

static struct model_file *add_file(GPtrArray *files, char *path)
{
    struct model_file *file = g_new(struct model_file, 1);
    *file = (struct model_file){id_of(path), path, g_ptr_array_new()};
    g_ptr_array_add(files, file);
    return file;
}

/* The one in use is meant where two have a name. */
static void note_use(GPtrArray *files, const char *path, const char *use)
{
    if (!path || !*path)
        return;
    g_autofree char *id = id_of(path);
    struct model_file *file = find_file(files, id);
    if (file) {
        g_free(file->path);
        file->path = g_strdup(path);
    } else {
        file = add_file(files, g_strdup(path));
    }
    g_ptr_array_add(file->used_for, (char *)(uintptr_t)use);
}

static int compare_files(gconstpointer a, gconstpointer b)
{
    const struct model_file *const *left = a, *const *right = b;
    return strcmp((*left)->id, (*right)->id);
}

/* By id: a new GPtrArray of struct model_file *. */
static GPtrArray *list_files(const struct api *api)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(model_file_free);
    g_autofree char *directory = g_build_filename(api->data_dir ? api->data_dir : "", "models", NULL);
    g_autoptr(GPtrArray) names = model_files_list(api->data_dir ? directory : "");
    for (guint i = 0; i < names->len; i++)
        add_file(files, g_build_filename(directory, (const char *)g_ptr_array_index(names, i), NULL));
    note_use(files, api->settings->detector.model, "detector");
    note_use(files, api->settings->reid.model, "reid");
    g_ptr_array_sort(files, compare_files);
    return files;
}

/* The settings may name another card than the one that lies beside the model. */
static const char *card_of(const struct api *api, const struct model_file *file)
{
    const struct settings *settings = api->settings;
    if (g_strcmp0(file->path, settings->detector.model) == 0)
        return settings->detector.card;
    return g_strcmp0(file->path, settings->reid.model) == 0 ? settings->reid.card : NULL;
}

/* Of its card; a card that cannot be read is told in words without a path. `view` borrows from `file` and, once
 * *has_card, from `card`. */
static void view_file(const struct api *api, const struct model_file *file, struct model_card *card, bool *has_card,
                      struct model_view *view)
{
    struct stat info;
    g_autoptr(GError) error = NULL;
    *view = (struct model_view){.id = file->id,
                                .used_for = {(char **)file->used_for->pdata, file->used_for->len},
                                .size_bytes = stat(file->path, &info) == 0 ? info.st_size : 0};
    *has_card = model_card_load(file->path, card_of(api, file), card, &error);
    if (*has_card) {
        view->name = card->name;
        view->family = card->family;
        view->input_width_px = card->input_width_px;
        view->input_height_px = card->input_height_px;
        view->labels = card->labels;
        view->licence = card->licence;
        view->source = card->source;
        view->sha256 = card->sha256;
    } else {
        bool is_absent = g_error_matches(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND);
        view->error = (char *)(uintptr_t)(is_absent ? "it has no card"
                                                    : "its card cannot be read: `vedette model list` on the server "
                                                      "says why");
    }
}

static void append_view(const struct api *api, const struct model_file *file, GString *json)
{
    struct model_card card;
    struct model_view view;
    bool has_card;
    view_file(api, file, &card, &has_card, &view);
    record_encode_json(&model_view_descriptor, &view, true, json);
    if (has_card)
        record_clear(&model_card_descriptor, &card);
}

static void handle_models(struct request *request, struct answer *answer)
{
    g_autoptr(GPtrArray) files = list_files(request->api);
    GString *json = g_string_new("{\"items\":[");
    for (guint i = 0; i < files->len; i++) {
        g_string_append(json, i ? "," : "");
        append_view(request->api, g_ptr_array_index(files, i), json);
    }
    g_string_append(json, "]}");
    answer_json(answer, MHD_HTTP_OK, json);
    answer_header(answer, "Cache-Control", "no-store");
}

static void handle_model(struct request *request, struct answer *answer)
{
    g_autoptr(GPtrArray) files = list_files(request->api);
    const struct model_file *file = find_file(files, request->id);
    struct model_card card;
    struct model_view view;
    bool has_card;
    if (!file) {
        answer_problem(answer, MHD_HTTP_NOT_FOUND, "there is no such model", NULL);
        return;
    }
    view_file(request->api, file, &card, &has_card, &view);
    answer_tagged(request, answer, MHD_HTTP_OK, &model_view_descriptor, &view);
    if (has_card)
        record_clear(&model_card_descriptor, &card);
}

static const struct route routes[] = {
    {.method = "GET",
     .path = "/api/v1/models",
     .name = "listModels",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &model_match_parameters_descriptor,
     .answers = ANSWER_PAGE,
     .response = &model_view_descriptor,
     .features = ROUTE_WHOLE | ROUTE_MATCHED,
     .handle = handle_models,
     .doc = "The models that the server has, by id, and what it uses them for."},
    {.method = "GET",
     .path = "/api/v1/models/{id}",
     .name = "getModel",
     .role = ROLE_VIEWER,
     .rate = RATE_READ,
     .parameters = &id_parameters_descriptor,
     .answers = ANSWER_RECORD,
     .response = &model_view_descriptor,
     .features = ROUTE_CACHED,
     .handle = handle_model,
     .doc = "One model, with its ETag. `vedette model add` and `check` on the server change and try them."},
};
const struct route_group model_routes = ROUTE_GROUP("models", "What objects are found by.", routes);
