/* Plays files and scenes as real RTSP cameras (gst-rtsp-server). One pipeline a mount, shared by its clients. */
#define LOG_MODULE "media"
#include "media/media_internal.h"

#include "base/log.h"

#include <gst/rtsp-server/rtsp-server.h>

enum { DEPARTED_SECONDS = 10, REFUSAL_COMPLAINT_US = 10 * G_USEC_PER_SEC };

struct media_player {
    GstRTSPServer *server;
    guint source_id, departed_id;
    int port;
    GHashTable *plays;      /* path → how often it was asked to play */
    GPtrArray *departed[2]; /* clients whose connection is closed: of late, and for longer */
    int max_clients, connected;
    int64_t refused;
    struct log_limit refusal_complaint;
};

/* The server asks a factory for its bin through this virtual function; a class of our own is the only way to give it
 * one that is built element by element. */
typedef struct {
    GstRTSPMediaFactory parent;
    struct media_mount *mount;
} PlayerFactory;
typedef struct {
    GstRTSPMediaFactoryClass parent;
} PlayerFactoryClass;
GType player_factory_get_type(void);
G_DEFINE_TYPE(PlayerFactory, player_factory, GST_TYPE_RTSP_MEDIA_FACTORY)

static GstElement *create_element(GstRTSPMediaFactory *factory, const GstRTSPUrl *url)
{
    (void)url;
    return media_mount_make_bin(((PlayerFactory *)factory)->mount);
}

static void finalize(GObject *object)
{
    media_mount_unref(((PlayerFactory *)object)->mount);
    G_OBJECT_CLASS(player_factory_parent_class)->finalize(object);
}

static void player_factory_class_init(PlayerFactoryClass *class)
{
    class->parent.create_element = create_element;
    G_OBJECT_CLASS(class)->finalize = finalize;
}

static void player_factory_init(PlayerFactory *factory)
{
    factory->mount = NULL; /* set before it is given to the server */
}

static void on_play(GstRTSPClient *client, GstRTSPContext *context, gpointer data)
{
    (void)client;
    GHashTable *plays = data;
    char *path = g_strchomp(g_strdup(context->uri->abspath));
    int count = GPOINTER_TO_INT(g_hash_table_lookup(plays, path));
    g_hash_table_replace(plays, path, GINT_TO_POINTER(count + 1));
}

/* ---- clients that went ---- */

/* When a picture cannot be sent because its client went, the server's streaming thread has the main loop close that
 * client, by a source that holds no reference to it (1.22: do_close in rtsp-client.c). The main loop, which sees the
 * connection end as well, may have freed the client by then: so it is held until no thread can be at it any more. */
static void release_client(gpointer data)
{
    while (g_source_remove_by_user_data(data)) {
    }
    g_object_unref(data);
}

static gboolean close_socket(gpointer client)
{
    gst_rtsp_client_close(client);
    return G_SOURCE_REMOVE;
}

static void on_closed(GstRTSPClient *client, gpointer data)
{
    struct media_player *player = data;
    player->connected--;
    g_ptr_array_add(player->departed[0], g_object_ref(client));
    g_idle_add(close_socket, client); /* which need not be held; not here, where the client may have its lock */
}

static gboolean age_departed(gpointer data)
{
    struct media_player *player = data;
    GPtrArray *gone = player->departed[1];
    player->departed[1] = player->departed[0];
    player->departed[0] = g_ptr_array_new_with_free_func(release_client);
    g_ptr_array_unref(gone);
    return G_SOURCE_CONTINUE;
}

/* One more than are held: it goes before it can ask for anything, so that no thread but this one was ever at it. */
static void refuse(struct media_player *player, GstRTSPClient *client)
{
    gint64 held_back;
    player->refused++;
    g_idle_add_full(G_PRIORITY_HIGH, close_socket, g_object_ref(client), g_object_unref);
    if (log_limit_pass(&player->refusal_complaint, REFUSAL_COMPLAINT_US, &held_back))
        log_warning("player",
                    "a client is refused: %d are connected or went within %d s, as many as are allowed "
                    "(--max-clients); %lld refused so far",
                    player->max_clients, 2 * DEPARTED_SECONDS, (long long)player->refused);
}

static void on_client(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void)server;
    struct media_player *player = data;
    if (player->connected + (int)player->departed[0]->len + (int)player->departed[1]->len >= player->max_clients) {
        refuse(player, client);
        return;
    }
    player->connected++;
    g_signal_connect(client, "play-request", G_CALLBACK(on_play), player->plays);
    g_signal_connect(client, "closed", G_CALLBACK(on_closed), player);
}

struct media_player *media_player_new(const char *address, int port, GError **error)
{
    (void)error;
    struct media_player *player = g_new0(struct media_player, 1);
    player->server = gst_rtsp_server_new();
    player->max_clients = MEDIA_PLAYER_CLIENTS;
    /* clients on the main loop's thread, where media_player_free closes them: they have no lock that would allow two */
    GstRTSPThreadPool *threads = gst_rtsp_server_get_thread_pool(player->server);
    gst_rtsp_thread_pool_set_max_threads(threads, 0);
    g_object_unref(threads);
    g_autofree char *service = g_strdup_printf("%d", port);
    gst_rtsp_server_set_address(player->server, address);
    gst_rtsp_server_set_service(player->server, service);
    player->plays = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_signal_connect(player->server, "client-connected", G_CALLBACK(on_client), player);
    for (int i = 0; i < 2; i++)
        player->departed[i] = g_ptr_array_new_with_free_func(release_client);
    player->departed_id = g_timeout_add_seconds(DEPARTED_SECONDS, age_departed, player);
    return player;
}

static void require_login(struct media_player *player, GstRTSPMediaFactory *factory, const char *username,
                          const char *password)
{
    GstRTSPAuth *auth = gst_rtsp_server_get_auth(player->server);
    if (!auth) {
        auth = gst_rtsp_auth_new();
        gst_rtsp_auth_set_supported_methods(auth, GST_RTSP_AUTH_DIGEST);
        gst_rtsp_server_set_auth(player->server, auth);
    }
    GstRTSPToken *token = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, "viewer", NULL);
    gst_rtsp_auth_add_digest(auth, username, password, token);
    gst_rtsp_token_unref(token);
    gst_rtsp_media_factory_add_role(factory, "viewer", GST_RTSP_PERM_MEDIA_FACTORY_ACCESS, G_TYPE_BOOLEAN, TRUE,
                                    GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, TRUE, NULL);
    g_object_unref(auth);
}

bool media_player_add(struct media_player *player, const char *mount_name, const char *location, const char *username,
                      const char *password, GError **error)
{
    struct media_mount *mount = media_mount_new(location, error);
    if (!mount)
        return false;
    PlayerFactory *factory = g_object_new(player_factory_get_type(), NULL);
    factory->mount = mount;
    gst_rtsp_media_factory_set_shared(&factory->parent, TRUE);
    if (username)
        require_login(player, &factory->parent, username, password);
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(player->server);
    g_autofree char *path = g_strconcat("/", mount_name, NULL);
    gst_rtsp_mount_points_add_factory(mounts, path, &factory->parent);
    g_object_unref(mounts);
    return true;
}

bool media_player_start(struct media_player *player, GError **error)
{
    g_autoptr(GError) cause = NULL;
    GSource *source = gst_rtsp_server_create_source(player->server, NULL, &cause);
    if (!source) {
        g_autofree char *address = gst_rtsp_server_get_address(player->server);
        g_autofree char *service = gst_rtsp_server_get_service(player->server);
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "listen on %s:%s: %s", address, service,
                    cause->message);
        return false;
    }
    player->source_id = g_source_attach(source, NULL);
    g_source_unref(source);
    player->port = gst_rtsp_server_get_bound_port(player->server);
    return true;
}

int media_player_plays(const struct media_player *player, const char *mount_name)
{
    g_autofree char *path = g_strconcat("/", mount_name, NULL);
    return GPOINTER_TO_INT(g_hash_table_lookup(player->plays, path));
}

void media_player_set_max_clients(struct media_player *player, int count)
{
    player->max_clients = count;
}

int media_player_clients(const struct media_player *player)
{
    GList *clients = gst_rtsp_server_client_filter(player->server, NULL, NULL);
    int count = (int)g_list_length(clients);
    g_list_free_full(clients, g_object_unref);
    return count;
}

int media_player_port(const struct media_player *player)
{
    return player->port;
}

static GstRTSPFilterResult drop_client(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void)server;
    struct media_player *player = data;
    g_signal_handlers_disconnect_by_data(client, player); /* which may go before it */
    g_ptr_array_add(player->departed[0], g_object_ref(client));
    return GST_RTSP_FILTER_REMOVE;
}

void media_player_free(struct media_player *player)
{
    if (!player)
        return;
    GList *clients = gst_rtsp_server_client_filter(player->server, drop_client, player);
    g_list_free_full(clients, g_object_unref);
    if (player->source_id)
        g_source_remove(player->source_id);
    g_source_remove(player->departed_id);
    g_object_unref(player->server);
    for (int i = 0; i < 2; i++) /* after the server, whose streams have ended */
        g_ptr_array_unref(player->departed[i]);
    g_hash_table_unref(player->plays);
    g_free(player);
}
