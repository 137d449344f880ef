#include "vision/detector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* FILE.onnx → FILE.card.json, then FILE.json. */
static char *find_card(const char *model_path, GError **error)
{
    static const char *const suffixes[] = {".card.json", ".json"};
    g_autofree char *stem = g_strdup(model_path);
    if (g_str_has_suffix(stem, MODEL_SUFFIX))
        stem[strlen(stem) - strlen(MODEL_SUFFIX)] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(stem, suffixes[i], NULL);
        if (g_file_test(path, G_FILE_TEST_EXISTS))
            return g_steal_pointer(&path);
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND,
                "model '%s': has no card: write '%s.card.json' beside it, or name one (models/cards/ in the sources "
                "has cards of known models)",
                model_path, stem);
    return NULL;
}

static char *read_text(const char *path, size_t *length, GError **error)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        g_set_error(error, VEDETTE_ERROR, errno == ENOENT ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO,
                    "card '%s': cannot be opened: %s", path, g_strerror(errno));
        return NULL;
    }
    g_autofree char *text = g_malloc(RECORD_MAX_TEXT_BYTES + 1);
    *length = fread(text, 1, RECORD_MAX_TEXT_BYTES + 1, file);
    int reason = ferror(file) ? errno : 0;
    fclose(file);
    if (reason == 0 && *length <= RECORD_MAX_TEXT_BYTES)
        return g_steal_pointer(&text);
    g_set_error(error, VEDETTE_ERROR, reason ? VEDETTE_ERROR_IO : VEDETTE_ERROR_INVALID, "card '%s': %s", path,
                reason ? g_strerror(reason) : "is larger than 1 MiB");
    return NULL;
}

/* What a card leaves out is its family's, which the card must have told before. */
static bool decode(const char *text, size_t length, struct model_card *card, struct record_errors *errors)
{
    if (!record_decode_json(&model_card_descriptor, text, length, card, errors))
        return false;
    enum model_family family = card->family;
    record_clear(&model_card_descriptor, card);
    record_init(&model_card_descriptor, card);
    model_card_set_family(card, family);
    return record_decode_json_onto(&model_card_descriptor, text, length, card, errors);
}

bool card_load(const char *model_path, const char *card_path, struct model_card *card, GError **error)
{
    size_t length = 0;
    g_autofree char *path = card_path && *card_path ? g_strdup(card_path) : find_card(model_path, error);
    g_autofree char *text = path ? read_text(path, &length, error) : NULL;
    if (!text)
        return false;
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = decode(text, length, card, &errors);
    if (!is_good) {
        record_errors_to_gerror(&errors, error);
        g_prefix_error(error, "card '%s': ", path);
    }
    record_errors_clear(&errors);
    return is_good;
}

bool model_card_load(const char *model_path, const char *card_path, struct model_card *card, GError **error)
{
    return card_load(model_path, card_path, card, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *model_files_list(const char *directory)
{
    g_autoptr(GDir) open = g_dir_open(directory, 0, NULL);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    const char *name;
    while (open && (name = g_dir_read_name(open)))
        if (g_str_has_suffix(name, MODEL_SUFFIX))
            g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    return names;
}
