#include "cameras/kept.h"

#include "base/media_url.h"
#include "base/redact.h"

/* ---- what of both belongs together ---- */

/* Addresses without a host (files, devices) are sent no login: each is by itself. */
static bool is_same_host(const char *a, const char *b)
{
    struct media_url first, second;
    bool is_same = g_strcmp0(a, b) == 0;
    if (is_same || !media_url_parse(a, &first, NULL))
        return is_same;
    if (media_url_parse(b, &second, NULL)) {
        is_same = first.host && first.scheme == second.scheme && first.port == second.port &&
                  g_strcmp0(first.host, second.host) == 0;
        media_url_clear(&second);
    }
    media_url_clear(&first);
    return is_same;
}

static bool has_host(const char *source)
{
    struct media_url url;
    bool has_one = media_url_parse(source, &url, NULL) && url.host;
    media_url_clear(&url);
    return has_one;
}

/* The more, the rather they are used for the same. */
static int role_likeness(const struct stream_use *a, const struct stream_use *b)
{
    unsigned shared = a->roles & b->roles;
    return (shared != 0) + 2 * ((shared & 1u << STREAM_DETECT) != 0);
}

/* 0: they have nothing to do with one another; else the more, the rather they are the same. */
static int likeness(const struct stream_use *a, const struct stream_use *b)
{
    if (!is_same_host(a->source, b->source))
        return 0;
    return 1 + role_likeness(a, b) + 4 * (g_strcmp0(a->source, b->source) == 0);
}

/* Which of them `use` was; `count` when it is none of them. */
static size_t find_former(const struct stream_use *former, size_t count, const struct stream_use *use)
{
    size_t best = count;
    int most = 0;
    for (size_t i = 0; i < count; i++)
        if (likeness(&former[i], use) > most) {
            most = likeness(&former[i], use);
            best = i;
        }
    return best;
}

/* ---- addresses ---- */

static bool is_shown_as(const char *address, const char *shown)
{
    g_autofree char *redacted = redact_address(address);
    return g_strcmp0(redacted, shown) == 0;
}

/* `index`: the use's place among the camera's. NULL: what was given is none of them as it was told. */
static const char *find_told(const struct stream_use *former, size_t count, const struct stream_use *use, size_t index)
{
    const char *best = NULL;
    int most = -1;
    for (size_t i = 0; i < count; i++) {
        int alike = 2 * role_likeness(&former[i], use) + (i == index);
        if (alike > most && is_shown_as(former[i].source, use->source)) {
            most = alike;
            best = former[i].source;
        }
    }
    return best;
}

static void keep_address(char **address, const char *told)
{
    if (!told)
        return;
    char *kept = g_strdup(told);
    g_free(*address);
    *address = kept;
}

void camera_keep_addresses(struct camera *camera, const struct camera *before)
{
    struct camera_stream *streams = camera->streams.items;
    struct stream_use uses[CAMERA_MAX_STREAMS], former[CAMERA_MAX_STREAMS];
    size_t former_count = camera_list_streams(before, former), count = camera_list_streams(camera, uses);
    /* beside streams it repeats what is analysed */
    const struct stream_use whole = {.source = camera->source,
                                     .roles = camera->streams.count ? 1u << STREAM_DETECT : uses[0].roles};
    const char *source = find_told(former, former_count, &whole, 0);
    for (size_t i = 0; i < count && camera->streams.count > 0; i++)
        keep_address(&streams[i].source, find_told(former, former_count, &uses[i], i));
    keep_address(&camera->source, source);
}

/* ---- logins ---- */

/* What is left out stays; what is empty goes. */
static void keep_text(char **text, const char *before)
{
    if (!*text)
        *text = g_strdup(before);
    else if (!**text)
        g_clear_pointer(text, g_free);
}

/* As camera_list_streams has it: the name decides whose login holds. */
static bool takes_the_cameras(const struct camera *camera, size_t index)
{
    const struct camera_stream *streams = camera->streams.items;
    return camera->streams.count == 0 || !streams[index].username || !*streams[index].username;
}

static void keep_streams_logins(struct camera *camera, const struct camera *before)
{
    static const struct camera_stream none = {.source = NULL};
    struct camera_stream *streams = camera->streams.items;
    const struct camera_stream *old = before->streams.items;
    struct stream_use uses[CAMERA_MAX_STREAMS], former[CAMERA_MAX_STREAMS];
    size_t former_count = camera_list_streams(before, former);
    camera_list_streams(camera, uses);
    for (size_t i = 0; i < camera->streams.count; i++) {
        size_t found = find_former(former, former_count, &uses[i]);
        const struct camera_stream *kept = found < before->streams.count ? &old[found] : &none;
        keep_text(&streams[i].username, kept->username);
        keep_text(&streams[i].password, kept->password);
    }
}

/* Whether the camera's login was sent to where the source is. */
static bool was_sent_to(const struct camera *before, const char *source)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(before, uses);
    bool was_sent = false;
    for (size_t i = 0; i < count; i++)
        was_sent = was_sent || (takes_the_cameras(before, i) && is_same_host(uses[i].source, source));
    return was_sent;
}

static bool is_for_all(const struct camera *camera, const struct camera *before)
{
    const struct camera_stream *streams = camera->streams.items;
    bool is_good = true;
    for (size_t i = 0; i < camera->streams.count; i++)
        is_good = is_good && (!takes_the_cameras(camera, i) || !has_host(streams[i].source) ||
                              was_sent_to(before, streams[i].source));
    return is_good;
}

/* To the streams at hosts that had it. */
static void hand_down(struct camera *camera, const struct camera *before, const char *username, const char *password)
{
    struct camera_stream *streams = camera->streams.items;
    for (size_t i = 0; i < camera->streams.count; i++)
        if (username && takes_the_cameras(camera, i) && was_sent_to(before, streams[i].source)) {
            g_free(streams[i].username);
            g_free(streams[i].password);
            streams[i].username = g_strdup(username);
            streams[i].password = g_strdup(password);
        }
}

static void keep_cameras_login(struct camera *camera, const struct camera *before)
{
    g_autofree char *username = g_strdup(camera->username), *password = g_strdup(camera->password);
    bool stays = is_for_all(camera, before);
    keep_text(&username, before->username);
    keep_text(&password, before->password);
    keep_text(&camera->username, stays ? before->username : NULL);
    keep_text(&camera->password, stays ? before->password : NULL);
    if (g_strcmp0(username, camera->username) != 0 || g_strcmp0(password, camera->password) != 0)
        hand_down(camera, before, username, password);
}

static void keep_sources_login(struct camera *camera, const struct camera *before)
{
    static const struct stream_use none = {.source = NULL};
    struct stream_use use[CAMERA_MAX_STREAMS], former[CAMERA_MAX_STREAMS];
    size_t former_count = camera_list_streams(before, former), found;
    camera_list_streams(camera, use);
    found = find_former(former, former_count, &use[0]);
    const struct stream_use *kept = found < former_count ? &former[found] : &none;
    keep_text(&camera->username, kept->username);
    keep_text(&camera->password, kept->password);
}

void camera_keep_logins(struct camera *camera, const struct camera *before)
{
    keep_streams_logins(camera, before);
    if (camera->streams.count == 0)
        keep_sources_login(camera, before);
    else
        keep_cameras_login(camera, before);
}
