/* Plays files and scenes as real RTSP cameras (gst-rtsp-server). One pipeline a mount, shared by its clients. */
#include "media/media_internal.h"

#include "scene/scene.h"

#include <gst/rtsp-server/rtsp-server.h>
#include <string.h>

enum { PLAYER_KILOBITS = 1200 };

/* What one mount plays. Owned by its factory. */
struct mount {
    char *location;
    struct scene *scene;         /* a scene: drawn frame by frame, following the wall clock */
    struct media_reader *reader; /* a file: decoded and encoded again, from the start at its end */
    struct source_settings settings;
    int width_px, height_px;
    double fps;
    int64_t start_us; /* of the scene's frame 0 */
    uint64_t frames;  /* pushed since the media was prepared */
    GstClockTime last_pts;
};

struct media_player {
    GstRTSPServer *server;
    guint source_id;
    int port;
};

static void mount_free(gpointer data)
{
    struct mount *mount = data;
    scene_free(mount->scene);
    media_reader_free(mount->reader);
    g_free(mount->location);
    g_free(mount);
}

static GstBuffer *buffer_of(const struct mount *mount, const struct frame *frame)
{
    GstVideoFormat format = frame->format == FRAME_NV12 ? GST_VIDEO_FORMAT_NV12 : GST_VIDEO_FORMAT_I420;
    GstVideoInfo info;
    gst_video_info_set_format(&info, format, (guint)mount->width_px, (guint)mount->height_px);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, info.size, NULL);
    GstVideoFrame target;
    gst_video_frame_map(&target, &info, buffer, GST_MAP_WRITE);
    for (guint plane = 0; plane < GST_VIDEO_FRAME_N_PLANES(&target); plane++)
        for (int y = 0; y < frame_plane_rows(frame, (int)plane); y++)
            memcpy((uint8_t *)GST_VIDEO_FRAME_PLANE_DATA(&target, plane) +
                       y * GST_VIDEO_FRAME_PLANE_STRIDE(&target, plane),
                   frame->planes[plane] + y * frame->strides_bytes[plane],
                   (size_t)frame_plane_row_bytes(frame, (int)plane));
    gst_video_frame_unmap(&target);
    return buffer;
}

static struct frame *next_frame(struct mount *mount)
{
    if (mount->scene) /* the moment of the wall clock, so that the truth's time axis is known */
        return scene_render(
            mount->scene, (uint64_t)((double)(g_get_monotonic_time() - mount->start_us) * mount->fps / G_USEC_PER_SEC));
    struct frame *frame = mount->reader ? media_reader_next(mount->reader, NULL) : NULL;
    if (frame)
        return frame;
    media_reader_free(mount->reader);
    mount->reader = media_reader_open(mount->location, &mount->settings, NULL);
    return mount->reader ? media_reader_next(mount->reader, NULL) : NULL;
}

static void on_need_data(GstElement *source, guint length, gpointer data)
{
    (void)length;
    struct mount *mount = data;
    struct frame *frame = next_frame(mount);
    GstFlowReturn result;
    if (!frame || frame->width_px != mount->width_px || frame->height_px != mount->height_px) {
        frame_unref(frame);
        g_signal_emit_by_name(source, "end-of-stream", &result);
        return;
    }
    GstBuffer *buffer = buffer_of(mount, frame);
    frame_unref(frame);
    /* appsrc asks ahead; the payloader's clock paces it: is-live with do-timestamp would stamp the asking. */
    GST_BUFFER_PTS(buffer) = (GstClockTime)((double)mount->frames * GST_SECOND / mount->fps);
    GST_BUFFER_DURATION(buffer) = (GstClockTime)(GST_SECOND / mount->fps);
    mount->frames++;
    g_signal_emit_by_name(source, "push-buffer", buffer, &result);
    gst_buffer_unref(buffer);
}

static bool add_element(GstBin *bin, const char *factory, const char *name, GstElement **previous)
{
    GstElement *element = gst_element_factory_make(factory, name);
    if (!element)
        return false;
    gst_bin_add(bin, element);
    bool is_linked = !*previous || gst_element_link(*previous, element);
    *previous = element;
    return is_linked;
}

/* The bin of one mount: appsrc ! identity (real time) ! x264enc ! rtph264pay named pay0, as the server wants it. */
static GstElement *create_element(GstRTSPMediaFactory *factory, const GstRTSPUrl *url)
{
    (void)url;
    struct mount *mount = g_object_get_data(G_OBJECT(factory), "mount");
    GstElement *bin = gst_bin_new(NULL), *last = NULL;
    if (!add_element(GST_BIN(bin), "appsrc", "source", &last))
        return bin;
    int numerator, denominator;
    gst_util_double_to_fraction(mount->fps, &numerator, &denominator);
    GstCaps *caps = gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "I420", "width", G_TYPE_INT,
                                        mount->width_px, "height", G_TYPE_INT, mount->height_px, "framerate",
                                        GST_TYPE_FRACTION, numerator, denominator, NULL);
    g_object_set(last, "caps", caps, "format", GST_FORMAT_TIME, "is-live", TRUE, "block", FALSE, "max-buffers",
                 (guint64)1, NULL);
    gst_caps_unref(caps);
    add_element(GST_BIN(bin), "identity", "pace", &last);
    g_object_set(last, "sync", TRUE, NULL);
    add_element(GST_BIN(bin), "x264enc", "encoder", &last);
    gst_util_set_object_arg(G_OBJECT(last), "tune", "zerolatency");
    gst_util_set_object_arg(G_OBJECT(last), "speed-preset", "ultrafast");
    g_object_set(last, "key-int-max", (guint)(mount->fps + 0.5), "bitrate", PLAYER_KILOBITS, "threads", 1, NULL);
    add_element(GST_BIN(bin), "rtph264pay", "pay0", &last);
    g_object_set(last, "pt", 96, "config-interval", -1, NULL);
    return bin;
}

static void on_configure(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer data)
{
    (void)factory;
    struct mount *mount = data;
    GstElement *bin = gst_rtsp_media_get_element(media);
    GstElement *source = gst_bin_get_by_name(GST_BIN(bin), "source");
    mount->frames = 0;
    g_signal_connect(source, "need-data", G_CALLBACK(on_need_data), mount);
    gst_object_unref(source);
    gst_object_unref(bin);
}

/* The server asks a factory for its bin through this virtual function; a class of our own is the only way to give it
 * one that is built element by element. */
typedef struct {
    GstRTSPMediaFactory parent;
} PlayerFactory;
typedef struct {
    GstRTSPMediaFactoryClass parent;
} PlayerFactoryClass;
GType player_factory_get_type(void);
G_DEFINE_TYPE(PlayerFactory, player_factory, GST_TYPE_RTSP_MEDIA_FACTORY)

static void player_factory_class_init(PlayerFactoryClass *class)
{
    class->parent.create_element = create_element;
}

static void player_factory_init(PlayerFactory *factory)
{
    (void)factory;
}

static bool mount_probe(struct mount *mount, GError **error)
{
    if (g_str_has_prefix(mount->location, "scene://")) {
        mount->scene = scene_new_from_uri(mount->location, error);
        if (!mount->scene)
            return false;
        mount->width_px = scene_width_px(mount->scene);
        mount->height_px = scene_height_px(mount->scene);
        mount->fps = scene_fps(mount->scene);
        mount->start_us = g_get_monotonic_time();
        return true;
    }
    mount->reader = media_reader_open(mount->location, &mount->settings, error);
    struct frame *frame = mount->reader ? media_reader_next(mount->reader, error) : NULL;
    if (!frame)
        return false;
    enum { FPS_UNKNOWN = 25 };
    mount->width_px = frame->width_px;
    mount->height_px = frame->height_px;
    mount->fps = media_reader_fps(mount->reader) > 0 ? media_reader_fps(mount->reader) : FPS_UNKNOWN;
    frame_unref(frame);
    g_clear_pointer(&mount->reader, media_reader_free); /* playing starts at the first frame */
    return true;
}

struct media_player *media_player_new(const char *address, int port, GError **error)
{
    (void)error;
    struct media_player *player = g_new0(struct media_player, 1);
    player->server = gst_rtsp_server_new();
    g_autofree char *service = g_strdup_printf("%d", port);
    gst_rtsp_server_set_address(player->server, address);
    gst_rtsp_server_set_service(player->server, service);
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
    struct mount *mount = g_new0(struct mount, 1);
    mount->location = g_strdup(location);
    mount->settings = (struct source_settings){.max_width_px = 7680, .max_height_px = 4320, .decoder_threads = 1};
    if (!mount_probe(mount, error)) {
        mount_free(mount);
        return false;
    }
    GstRTSPMediaFactory *factory = g_object_new(player_factory_get_type(), NULL);
    g_object_set_data_full(G_OBJECT(factory), "mount", mount, mount_free);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_configure), mount);
    if (username)
        require_login(player, factory, username, password);
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(player->server);
    g_autofree char *path = g_strconcat("/", mount_name, NULL);
    gst_rtsp_mount_points_add_factory(mounts, path, factory);
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

int media_player_port(const struct media_player *player)
{
    return player->port;
}

static GstRTSPFilterResult drop_client(GstRTSPServer *server, GstRTSPClient *client, gpointer data)
{
    (void)server;
    (void)client;
    (void)data;
    return GST_RTSP_FILTER_REMOVE;
}

void media_player_free(struct media_player *player)
{
    if (!player)
        return;
    GList *clients = gst_rtsp_server_client_filter(player->server, drop_client, NULL);
    g_list_free_full(clients, g_object_unref);
    if (player->source_id)
        g_source_remove(player->source_id);
    g_object_unref(player->server);
    g_free(player);
}
