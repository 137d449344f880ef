#include "cli/settings_load.h"

#include "base/media_url.h"
#include "facts/camera.h"
#include "record/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void move_login(char **field, char *value)
{
    /* what was given apart from the source wins */
    if (*field && **field)
        g_free(value);
    else {
        g_free(*field);
        *field = value;
    }
}

/* The login goes where the page, the logs and the store do not look. */
static void take_login_out(char **source, char **username, char **password)
{
    struct media_url url;
    if (!*source || !media_url_parse(*source, &url, NULL)) /* its table has checked it */
        return;
    move_login(username, g_steal_pointer(&url.username));
    move_login(password, g_steal_pointer(&url.password));
    g_free(*source);
    *source = g_steal_pointer(&url.location);
    media_url_clear(&url);
}

static void tidy_camera(struct camera *camera)
{
    struct camera_stream *streams = camera->streams.items;
    struct stream_use uses[CAMERA_MAX_STREAMS];
    take_login_out(&camera->source, &camera->username, &camera->password);
    for (size_t i = 0; i < camera->streams.count; i++)
        take_login_out(&streams[i].source, &streams[i].username, &streams[i].password);
    size_t count = camera_list_streams(camera, uses);
    for (size_t i = 0; i < count && camera->streams.count > 0; i++)
        if (stream_has_role(&uses[i], STREAM_DETECT)) { /* who asks for the source means what is analysed */
            g_free(camera->source);
            camera->source = g_strdup(uses[i].source);
        }
}

static bool load(const char *path, const GArray *overrides, struct settings *settings, struct record_errors *errors)
{
    if (!settings_load(&settings_descriptor, path, (const struct settings_override *)(const void *)overrides->data,
                       overrides->len, settings, errors))
        return false;
    struct camera *cameras = settings->cameras.items;
    for (size_t i = 0; i < settings->cameras.count; i++)
        tidy_camera(&cameras[i]);
    return true;
}

bool cli_settings_load(const char *path, int *argc, char **argv, struct settings *settings)
{
    g_autoptr(GArray) overrides = settings_environment(&settings_descriptor, environ);
    g_autoptr(GError) error = NULL;
    if (!settings_flags(&settings_descriptor, argc, argv, overrides, &error)) {
        fprintf(stderr, "vedette: %s\n", error->message);
        return false;
    }
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = load(path, overrides, settings, &errors);
    if (!is_good) {
        g_autoptr(GString) out = g_string_new(NULL);
        settings_errors_print(&errors, path ? path : "settings", out);
        fputs(out->str, stderr);
    }
    record_errors_clear(&errors);
    return is_good;
}

char *cli_data_dir(const struct settings *settings)
{
    if (settings->data_dir && *settings->data_dir)
        return g_strdup(settings->data_dir);
    return g_build_filename(g_get_user_data_dir(), "vedette", NULL);
}
