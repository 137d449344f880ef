#include "media/stage.h"

#include <pthread.h>

static GMainLoop *loop;
static pthread_t loop_thread;

static void *run_loop(void *data)
{
    (void)data;
    g_main_loop_run(loop);
    return NULL;
}

/* The player's calls belong to the main loop's thread. */
struct job {
    void (*run)(void *data);
    void *data;
    int is_done; /* atomic */
};

static gboolean run_job(gpointer data)
{
    struct job *job = data;
    job->run(job->data);
    g_atomic_int_set(&job->is_done, 1);
    return G_SOURCE_REMOVE;
}

static bool is_job_done(void *data)
{
    return g_atomic_int_get(&((struct job *)data)->is_done);
}

void on_loop(void (*run)(void *data), void *data)
{
    struct job job = {run, data, 0};
    g_idle_add(run_job, &job);
    g_assert_true(media_world_wait(is_job_done, &job));
}

struct playing {
    const char *location, *username, *password;
    int port;
    struct media_player *player;
};

static void start_playing(void *data)
{
    struct playing *playing = data;
    g_autoptr(GError) error = NULL;
    playing->player = media_player_new("127.0.0.1", playing->port, &error);
    g_assert_no_error(error);
    media_player_add(playing->player, "cam", playing->location, playing->username, playing->password, &error);
    g_assert_no_error(error);
    media_player_start(playing->player, &error);
    g_assert_no_error(error);
}

struct media_player *play(const char *location, int port, const char *username, const char *password)
{
    struct playing playing = {location, username, password, port, NULL};
    on_loop(start_playing, &playing);
    return playing.player;
}

static void free_player(void *data)
{
    media_player_free(data);
}

void stop_playing(struct media_player *player)
{
    on_loop(free_player, player);
}

char *address_of(struct media_player *player)
{
    return g_strdup_printf("rtsp://127.0.0.1:%d/cam", media_player_port(player));
}

void stage_open(void)
{
    loop = g_main_loop_new(NULL, FALSE);
    pthread_create(&loop_thread, NULL, run_loop, NULL);
}

void stage_close(void)
{
    g_main_loop_quit(loop);
    pthread_join(loop_thread, NULL);
    g_main_loop_unref(loop);
}
