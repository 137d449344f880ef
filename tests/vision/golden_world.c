#include "golden_world.h"

#include "media/media.h"

char *golden_shared_path(const char *name)
{
    const char *shared = g_getenv("VEDETTE_SHARED");
    g_autofree char *path = g_build_filename(shared ? shared : "", "assets", name, NULL);
    if (shared && g_file_test(path, G_FILE_TEST_EXISTS))
        return g_steal_pointer(&path);
    g_test_skip("needs the shared assets (VEDETTE_SHARED)");
    return NULL;
}

char *golden_card_path(const char *name)
{
    return g_build_filename(g_getenv("VEDETTE_SOURCE"), "models", "cards", name, NULL);
}

json_t *golden_load_json(const char *name)
{
    g_autofree char *path = golden_shared_path(name);
    json_t *root = path ? json_load_file(path, 0, NULL) : NULL;
    g_assert_true(!path || root); /* skips when it is not there */
    return root;
}

/* A path with "#frameN" names a frame of a video. */
struct frame *golden_load_picture(const char *key)
{
    g_auto(GStrv) parts = g_strsplit(key, "#frame", 2);
    g_autofree char *name = g_build_filename("media", parts[0], NULL), *path = golden_shared_path(name);
    g_autoptr(GError) error = NULL;
    struct frame *frame = NULL;
    g_assert_nonnull(path);
    if (!parts[1]) {
        frame = media_image_load(path, &error);
    } else {
        struct settings settings;
        record_init(&settings_descriptor, &settings);
        CLEANUP(media_reader) struct media_reader *reader = media_reader_open(path, &settings.source, &error);
        for (gint64 i = g_ascii_strtoll(parts[1], NULL, 10); i >= 0 && !error; i--) {
            g_clear_pointer(&frame, frame_unref);
            frame = media_reader_next(reader, &error);
        }
        record_clear(&settings_descriptor, &settings);
    }
    g_assert_no_error(error);
    g_assert_nonnull(frame);
    return frame;
}

static char *model_path(const char *name)
{
    g_autofree char *relative = g_strconcat("models/", name, ".onnx", NULL);
    return golden_shared_path(relative);
}

static char *named_card(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".card.json", NULL);
    return golden_card_path(file);
}

struct detector *golden_open_sure(const char *name, double confidence)
{
    g_autofree char *model = model_path(name), *card = named_card(name);
    g_autoptr(GError) error = NULL;
    const struct detector_settings settings = {.card = card, .threads = 1, .confidence = confidence};
    struct detector *detector = model ? detector_open(model, &settings, &error) : NULL;
    g_assert_no_error(error);
    return detector;
}

struct detector *golden_open_detector(const char *name)
{
    return golden_open_sure(name, 0);
}

struct reader *golden_open_reader(const char *name)
{
    g_autofree char *model = model_path(name), *card = named_card(name);
    g_autoptr(GError) error = NULL;
    const struct detector_settings settings = {.card = card, .threads = 1};
    struct reader *reader = model ? reader_open(model, &settings, &error) : NULL;
    g_assert_no_error(error);
    return reader;
}
