#include "cli/cli.h"

#include "media/media.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct serve_options {
    int port, max_clients;
    char *address, *username, *password_file;
    gboolean exits_with_parent;
};

/* "scene://shop?seed=1" → "shop"; "/videos/front door.mp4" → "front-door". A name that is taken gets a number. */
static char *mount_name(const char *location, GPtrArray *taken)
{
    g_autofree char *name = g_path_get_basename(location);
    name[strcspn(name, "?")] = '\0';
    char *extension = strrchr(name, '.');
    if (extension && extension > name)
        *extension = '\0';
    g_strcanon(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-", '-');
    g_autofree char *free_name = g_strdup(name);
    for (int i = 2; g_ptr_array_find_with_equal_func(taken, free_name, g_str_equal, NULL); i++) {
        g_free(free_name);
        free_name = g_strdup_printf("%s-%d", name, i);
    }
    g_ptr_array_add(taken, g_strdup(free_name));
    return g_steal_pointer(&free_name);
}

static char *read_password(const struct serve_options *options, GError **error)
{
    char *text = NULL;
    if (!g_file_get_contents(options->password_file, &text, NULL, error))
        return NULL;
    return g_strchomp(text);
}

/* Adds each source under its name, the first also at the root. Names come out in `names`. */
static bool add_sources(struct media_player *player, const struct serve_options *options, int count, char **sources,
                        GPtrArray *names, GError **error)
{
    g_autofree char *password = options->password_file ? read_password(options, error) : g_strdup("");
    if (!password)
        return false;
    for (int i = 0; i < count; i++) {
        g_autofree char *mount = mount_name(sources[i], names);
        if (!media_player_add(player, mount, sources[i], options->username, password, error) ||
            (i == 0 && !media_player_add(player, "", sources[i], options->username, password, error)))
            return false;
    }
    return true;
}

static gboolean on_signal(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_CONTINUE;
}

static bool serve(const struct serve_options *options, int count, char **sources, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    CLEANUP(media_player) struct media_player *player = media_player_new(options->address, options->port, error);
    if (!player || !add_sources(player, options, count, sources, names, error) || !media_player_start(player, error))
        return false;
    media_player_set_max_clients(player, options->max_clients);
    bool is_v6 = strchr(options->address, ':');
    for (int i = 0; i < count; i++)
        printf("rtsp://%s%s%s:%d/%s\n", is_v6 ? "[" : "", options->address, is_v6 ? "]" : "", media_player_port(player),
               (const char *)names->pdata[i]);
    fflush(stdout);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGINT, on_signal, loop);
    g_unix_signal_add(SIGTERM, on_signal, loop);
    g_main_loop_run(loop);
    return true;
}

static int camera_serve(int argc, char **argv)
{
    struct serve_options options = {.port = 8554, .max_clients = MEDIA_PLAYER_CLIENTS};
    const GOptionEntry entries[] = {
        {"port", 0, 0, G_OPTION_ARG_INT, &options.port, "port to listen on; 0: a free one", "P"},
        {"address", 0, 0, G_OPTION_ARG_STRING, &options.address, "address to listen on (127.0.0.1)", "A"},
        {"max-clients", 0, 0, G_OPTION_ARG_INT, &options.max_clients,
         "so many at once, and more are refused; those that went within 20 s count (256)", "N"},
        {"username", 0, 0, G_OPTION_ARG_STRING, &options.username, "ask for this login", "U"},
        {"password-file", 0, 0, G_OPTION_ARG_FILENAME, &options.password_file, "file that holds its password", "FILE"},
        {"exit-with-parent", 0, 0, G_OPTION_ARG_NONE, &options.exits_with_parent,
         "end when the process that started this one ends", NULL},
        {0}};
    g_autoptr(GError) error = NULL;
    pid_t parent = getppid();
    g_autoptr(GOptionContext) context = g_option_context_new("FILE|scene://NAME…");
    g_option_context_add_main_entries(context, entries, NULL);
    bool is_good = g_option_context_parse(context, &argc, &argv, &error);
    if (is_good && !options.username != !options.password_file) {
        g_set_error(&error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "give --username and --password-file together");
        is_good = false;
    }
    if (!is_good || argc < 2 || options.port < 0 || options.port > 65535 || options.max_clients < 1) {
        fprintf(stderr, "vedette camera serve: %s\n",
                error ? error->message
                      : "give at least one FILE or scene://NAME, a port from 0 to 65535, and room for a client");
        return 2;
    }
    if (options.exits_with_parent && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        return 1;
    if (!options.address)
        options.address = g_strdup("127.0.0.1");
    is_good = media_init(false, &error) && serve(&options, argc - 1, argv + 1, &error);
    if (!is_good)
        fprintf(stderr, "vedette camera serve: %s\n", error->message);
    g_free(options.address);
    g_free(options.username);
    g_free(options.password_file);
    return is_good ? 0 : 1;
}

const struct cli_command command_camera_serve = {"camera serve", "FILE|scene://NAME… --port P",
                                                 "plays files or scenes as real RTSP cameras", camera_serve};
