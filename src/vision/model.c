#include "vision/detector_internal.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Detection models are megabytes; a file beyond this is something else. */
enum { MODEL_MAX_MIB = 512, TROUBLE_MAX_BYTES = 600 };

/* ---- opening ---- */

static void *read_model(const char *path, size_t *length, GError **error)
{
    struct stat info;
    FILE *file = file_open_at_once(path);
    if (!file || fstat(fileno(file), &info) != 0) {
        g_set_error(error, VEDETTE_ERROR, errno == ENOENT ? VEDETTE_ERROR_NOT_FOUND : VEDETTE_ERROR_IO,
                    "cannot be opened: %s", g_strerror(errno));
        if (file)
            fclose(file);
        return NULL;
    }
    g_autofree void *bytes = NULL;
    if (!S_ISREG(info.st_mode) || info.st_size == 0 || info.st_size > (off_t)MODEL_MAX_MIB << 20) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s",
                    !S_ISREG(info.st_mode) ? "is no file"
                    : info.st_size == 0    ? "is empty"
                                           : "is larger than " G_STRINGIFY(512) " MiB");
    } else {
        *length = (size_t)info.st_size;
        bytes = g_malloc(*length);
        if (fread(bytes, 1, *length, file) != *length) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "cannot be read: %s",
                        ferror(file) ? g_strerror(errno) : "it ends early");
            g_clear_pointer(&bytes, g_free);
        }
    }
    fclose(file);
    return g_steal_pointer(&bytes);
}

/* Of the bytes that are loaded, not of the file again. */
static bool check_sha256(const struct model_card *card, const void *bytes, size_t length, GError **error)
{
    if (!card->sha256 || !*card->sha256)
        return true;
    g_autofree char *found = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, length);
    if (g_ascii_strcasecmp(found, card->sha256) == 0)
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                "is not the file its card describes: SHA-256 is %s, the card says %s", found, card->sha256);
    return false;
}

struct tensor_want model_want_input(const struct model_card *card)
{
    int64_t channels = card->channels == MODEL_GREY ? 1 : 3, width = card->input_width_px,
            height = card->input_height_px;
    bool is_named = card->input_name && *card->input_name;
    return (struct tensor_want){
        .name = is_named ? card->input_name : NULL,
        .is_name_sure = is_named,
        .shape = card->layout == MODEL_NHWC ? (struct tensor_shape){4, {1, height, width, channels}}
                                            : (struct tensor_shape){4, {1, channels, height, width}},
        .type = card->input_type,
    };
}

static bool bind_family(struct model *model, bool is_finding, GError **error)
{
    const struct model_card *card = &model->card;
    struct tensor_want outputs[MODEL_MAX_TENSORS];
    int output_count = 0;
    g_autoptr(GString) reason = g_string_new(NULL);
    const struct tensor_want input = model_want_input(card);
    model->family = family_find(card->family);
    if (!model->family) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED, "family '%s' is not known to this version",
                    record_enum_name(model_family_names, card->family));
        return false;
    }
    if (is_finding != (model->family->decode != NULL)) {
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "family '%s' %s",
                    record_enum_name(model_family_names, card->family),
                    is_finding ? "reads one object and finds none: choose a detector's model"
                               : "finds objects and reads none: choose a classifier, an embedder or a plate reader");
        return false;
    }
    if (!model->family->describe(card, outputs, &output_count, reason, error))
        return false;
    model->output_count = output_count;
    return runtime_bind(model->runtime, &input, outputs, output_count, error);
}

/* ONNX says what a node does in its field 4: key, length, name. Only whole names in their place count; weights that
 * spell one by chance are as likely as any fifteen given bytes. */
static bool find_quantised(const void *bytes, size_t length)
{
    static const char *const operators[] = {"DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
                                            "QLinearMatMul",    "ConvInteger",           "MatMulInteger"};
    enum { FIELD_OPERATOR = 4 << 3 | 2 };
    for (size_t i = 0; i < G_N_ELEMENTS(operators); i++) {
        g_autofree char *field = g_strdup_printf("%c%c%s", FIELD_OPERATOR, (int)strlen(operators[i]), operators[i]);
        if (memmem(bytes, length, field, strlen(field)))
            return true;
    }
    return false;
}

static bool open_model(struct model *model, const char *path, const struct detector_settings *settings, bool is_finding,
                       GError **error)
{
    size_t length = 0;
    g_autofree void *bytes = read_model(path, &length, error);
    if (!bytes || !check_sha256(&model->card, bytes, length, error))
        return false;
    model->is_quantised = find_quantised(bytes, length);
    model->runtime = runtime_open(bytes, length, settings, error);
    if (!model->runtime || !bind_family(model, is_finding, error))
        return false;
    model->preprocess = preprocess_new(&model->card);
    return true;
}

bool model_load(struct model *model, const char *path, const struct detector_settings *settings, bool is_finding,
                GError **error)
{
    /* a missing model is said before its missing card */
    if (g_file_test(path, G_FILE_TEST_EXISTS) && !card_load(path, settings->card, &model->card, error))
        return false;
    if (open_model(model, path, settings, is_finding, error))
        return true;
    g_prefix_error(error, "model '%s': ", path);
    return false;
}

void model_clear(struct model *model)
{
    runtime_free(model->runtime);
    preprocess_free(model->preprocess);
    record_clear(&model_card_descriptor, &model->card);
}

/* ---- trouble ---- */

void model_trouble_init(struct model_trouble *trouble)
{
    pthread_mutex_init(&trouble->lock, NULL);
}

void model_trouble_clear(struct model_trouble *trouble)
{
    pthread_mutex_destroy(&trouble->lock);
    g_free(trouble->text);
}

void model_trouble_note(struct model_trouble *trouble, const GError *error)
{
    if (!error && !trouble->text) /* written by whoever uses the model alone */
        return;
    g_autofree char *start = error ? g_strndup(error->message, TROUBLE_MAX_BYTES) : NULL;
    char *old = trouble->text, *text = start ? g_utf8_make_valid(start, -1) : NULL;
    pthread_mutex_lock(&trouble->lock);
    trouble->text = text;
    pthread_mutex_unlock(&trouble->lock);
    g_free(old);
}

char *model_trouble_describe(struct model_trouble *trouble)
{
    pthread_mutex_lock(&trouble->lock);
    char *text = g_strdup(trouble->text);
    pthread_mutex_unlock(&trouble->lock);
    return text;
}

/* ---- running ---- */

/* An exponent of all ones is infinity or no number; said by bits, so that the compiler may do many at a time. */
static int64_t count_not_finite(const struct tensor_view *view)
{
    static const uint32_t exponent = 0x7f800000;
    int64_t total = tensor_shape_count(&view->shape), found = 0;
    for (int64_t i = 0; i < total; i++) {
        uint32_t bits;
        memcpy(&bits, view->values + i, sizeof bits);
        found += (bits & exponent) == exponent;
    }
    return found;
}

bool model_run(struct model *model, GError **error)
{
    if (!runtime_run(model->runtime, error))
        return false;
    for (int i = 0; i < model->output_count; i++) {
        const struct tensor_view *view = &runtime_outputs(model->runtime)[i];
        int64_t total = tensor_shape_count(&view->shape), bad = count_not_finite(view);
        if (2 * bad <= total)
            continue;
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "gave %" G_GINT64_FORMAT " values of which %" G_GINT64_FORMAT
                    " are no numbers: the model, or what runs it, is broken",
                    total, bad);
        return false;
    }
    return true;
}
