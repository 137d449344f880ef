#define LOG_MODULE "cameras"
#include "cameras/cameras.h"

#include <string.h>

#include "base/counter.h"
#include "base/id.h"
#include "base/log.h"
#include "base/media_url.h"
#include "base/redact.h"
#include "cameras/cameras_internal.h"
#include "cameras/kept.h"
#include "store/cameras.h"
#include "store/places.h"

struct cameras *cameras_new(const struct cameras_config *config)
{
    struct cameras *cameras = g_new0(struct cameras, 1);
    cameras->config = *config;
    g_queue_init(&cameras->trials);
    cameras->left_out = left_out_array_new();
    pthread_mutex_init(&cameras->lock, NULL);
    pthread_mutex_init(&cameras->trials_lock, NULL);
    camera_roster_set_whole(live_roster(config->live), config->settings->max_cameras == 0);
    return cameras;
}

void cameras_free(struct cameras *cameras)
{
    if (!cameras)
        return;
    g_queue_clear_full(&cameras->trials, (GDestroyNotify)camera_trial_leave);
    g_ptr_array_unref(cameras->left_out);
    pthread_mutex_destroy(&cameras->lock);
    pthread_mutex_destroy(&cameras->trials_lock);
    g_free(cameras);
}

void cameras_listen(struct cameras *cameras, void (*changed)(void *data), void *data)
{
    pthread_mutex_lock(&cameras->lock);
    cameras->changed = changed;
    cameras->changed_data = data;
    pthread_mutex_unlock(&cameras->lock);
}

/* ---- the store's form ---- */

/* The logins as one sealed text; the rest is borrowed. g_free `logins` of it. */
static struct camera seal_logins(const struct cameras *cameras, const struct camera *camera)
{
    struct camera stored = *camera;
    struct camera_logins logins;
    g_autoptr(GString) json = g_string_new(NULL);
    camera_get_logins(camera, &logins);
    record_encode_json(&camera_logins_descriptor, &logins, false, json);
    record_clear(&camera_logins_descriptor, &logins);
    stored.logins = policy_keeper_seal_secret(cameras->config.keeper, camera, json->str);
    explicit_bzero(json->str, json->len);
    return stored;
}

static bool open_logins(const struct cameras *cameras, struct camera *camera, GError **error)
{
    struct camera_logins logins;
    struct record_errors errors;
    g_autofree char *sealed = g_steal_pointer(&camera->logins);
    if (!sealed)
        return true;
    g_autofree char *json = policy_keeper_open_secret(cameras->config.keeper, camera, sealed, error);
    if (!json)
        return false;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&camera_logins_descriptor, json, strlen(json), &logins, &errors) ||
                   record_errors_to_gerror(&errors, error);
    record_errors_clear(&errors);
    explicit_bzero(json, strlen(json));
    if (!is_good)
        return false;
    camera_set_logins(camera, &logins);
    record_clear(&camera_logins_descriptor, &logins);
    return true;
}

/* ---- loading ---- */

static size_t count_made(const struct camera_set *set, const char *org_id)
{
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        count +=
            set->items[i]->managed_by == CAMERA_OF_API && (!org_id || g_strcmp0(set->items[i]->org_id, org_id) == 0);
    return count;
}

static void count_cameras(const struct cameras *cameras)
{
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    counter_set(&cameras->config.health->cameras_managed, (int64_t)count_made(set, NULL));
    counter_set(&cameras->config.health->cameras_left_out, cameras->left_out->len);
}

/* Before its key goes, or when there is a first one. Those that are not watched too: they may be again. */
static void seal_anew(const struct cameras *cameras, const struct camera *camera, const char *sealed)
{
    g_autoptr(GError) error = NULL;
    if (!sealed || !policy_keeper_wants_reseal(cameras->config.keeper, sealed))
        return;
    struct camera stored = seal_logins(cameras, camera);
    if (store_camera_reseal(cameras->config.store, camera, stored.logins, &error))
        log_info(camera->id, "its logins were sealed anew with the first key");
    else
        log_error(camera->id, "its logins are not sealed with the first key: %s", error->message);
    g_free(stored.logins);
}

/* From the store's form. */
static bool take(const struct cameras *cameras, struct camera *camera)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *sealed = g_strdup(camera->logins);
    if (open_logins(cameras, camera, &error)) {
        seal_anew(cameras, camera, sealed);
        return true;
    }
    log_error(camera->id, "its logins cannot be read: %s", error->message);
    return false;
}

static void load_one(struct cameras *cameras, struct camera *camera)
{
    g_autoptr(GError) error = NULL;
    bool has_logins = take(cameras, camera);
    if (left_out_may_be_watched(cameras, camera, has_logins, &error))
        live_put_camera(cameras->config.live, camera);
    else
        left_out_add(cameras, camera, has_logins, error->message);
}

/* Under the lock. */
static bool load(struct cameras *cameras, GError **error)
{
    if (camera_roster_is_whole(live_roster(cameras->config.live)))
        return true;
    g_autoptr(GPtrArray) made = store_cameras_made(cameras->config.store, error);
    for (guint i = 0; made && i < made->len; i++)
        load_one(cameras, g_ptr_array_index(made, i));
    count_cameras(cameras);
    camera_roster_set_whole(live_roster(cameras->config.live), made != NULL);
    return made != NULL;
}

bool cameras_load(struct cameras *cameras, GError **error)
{
    pthread_mutex_lock(&cameras->lock);
    bool is_loaded = load(cameras, error);
    pthread_mutex_unlock(&cameras->lock);
    return is_loaded;
}

/* Under the lock. What is changed before is not known would be told twice, or not counted. */
static bool check_loaded(const struct cameras *cameras, GError **error)
{
    bool are_loaded = camera_roster_is_whole(live_roster(cameras->config.live));
    if (!are_loaded)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNAVAILABLE, "the cameras of the store are not read yet");
    return are_loaded;
}

/* ---- what may be ---- */

static bool has_address(const struct camera *camera, const char *source)
{
    struct stream_use uses[CAMERA_MAX_STREAMS];
    size_t count = camera_list_streams(camera, uses);
    bool has_it = false;
    for (size_t i = 0; i < count; i++)
        has_it = has_it || g_strcmp0(uses[i].source, source) == 0;
    return has_it;
}

/* `before` NULL: it is new. What was there may stay as it is. */
static void check_source(const struct cameras *cameras, const char *source, const struct camera *before,
                         const char *path, struct record_errors *errors)
{
    struct media_url url;
    if (redact_is_in(source) && !(before && has_address(before, source)))
        record_errors_add(errors, path, "holds '***', which stands for what is not told: give the whole address%s",
                          before ? ", or one that the camera has as it is told" : "");
    if (!media_url_parse(source, &url, NULL))
        return; /* its table tells */
    const char *scheme = record_enum_name(media_scheme_names, url.scheme);
    bool is_taken = managed_camera_takes_scheme(cameras->config.settings, scheme);
    if (!is_taken && url.scheme == MEDIA_FILE && !g_path_is_absolute(url.location)) /* no file is meant */
        record_errors_add(errors, path, "does not say what is spoken there: write rtsp:// before it");
    else if (!is_taken)
        record_errors_add(errors, path, "%s: sources of this kind are the settings' alone (managed_cameras.schemes)",
                          scheme);
    else if (url.scheme == MEDIA_FILE && !g_path_is_absolute(url.location))
        record_errors_add(errors, path, "must be a whole path, from / on");
    media_url_clear(&url);
}

static bool check_sources(const struct cameras *cameras, const struct camera *camera, const struct camera *before,
                          struct record_errors *errors)
{
    size_t count = errors->count;
    const struct camera_stream *streams = camera->streams.items;
    if (camera->streams.count == 0 && camera->source)
        check_source(cameras, camera->source, before, "source", errors);
    for (size_t i = 0; i < camera->streams.count; i++) {
        g_autofree char *path = g_strdup_printf("streams[%zu].source", i);
        check_source(cameras, streams[i].source, before, path, errors);
    }
    return errors->count == count;
}

bool cameras_check_sources(const struct cameras *cameras, const struct camera *camera, struct record_errors *errors)
{
    return check_sources(cameras, camera, NULL, errors);
}

static bool check(const struct cameras *cameras, const struct camera *camera, const struct camera *before,
                  struct record_errors *errors, GError **error)
{
    if (!camera->name || !*camera->name)
        record_errors_add(errors, "name", "is missing: say what people call it");
    bool is_good = record_validate(&camera_descriptor, camera, "", errors);
    is_good = check_sources(cameras, camera, before, errors) && is_good;
    return (is_good && errors->items->len == 0) || record_errors_to_gerror(errors, error);
}

/* ---- changing ---- */

static bool has_schedule(const struct camera *camera)
{
    const struct zone *zones = camera->zones.items;
    const struct line *lines = camera->lines.items;
    bool has_any = false;
    for (size_t i = 0; i < camera->zones.count; i++)
        has_any = has_any || zones[i].schedule.count > 0;
    for (size_t i = 0; i < camera->lines.count; i++)
        has_any = has_any || lines[i].schedule.count > 0;
    return has_any;
}

/* Hours of which nobody said by whose clocks are those of the place; of a place that has no time zone, or is none yet,
 * UTC's. From here on the camera says so itself. */
static bool take_time_zone(const struct cameras *cameras, struct camera *camera, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool has_own = camera->rules.time_zone && *camera->rules.time_zone;
    if (has_own || !camera->site_id || !has_schedule(camera))
        return true;
    struct site *site = store_site_get(cameras->config.store, camera->org_id, camera->site_id, &cause);
    if (!site && !g_error_matches(cause, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (site && site->time_zone && *site->time_zone) {
        g_free(camera->rules.time_zone);
        camera->rules.time_zone = g_strdup(site->time_zone);
    }
    site_free(site);
    return true;
}

/* Stored, then known, then told. Under the lock. */
static const struct camera *put(struct cameras *cameras, const struct camera *camera, const struct camera *before,
                                const struct audit_by *by, GError **error)
{
    struct camera stored = seal_logins(cameras, camera);
    bool is_good = store_camera_write(cameras->config.store, &stored, before, by, error);
    g_free(stored.logins);
    if (!is_good)
        return NULL;
    live_put_camera(cameras->config.live, camera);
    left_out_remove(cameras, camera->org_id, camera->id);
    count_cameras(cameras);
    if (cameras->changed)
        cameras->changed(cameras->changed_data);
    return camera_share(camera);
}

static bool has_room(const struct cameras *cameras, const char *org_id, GError **error)
{
    const struct managed_camera_settings *settings = cameras->config.settings;
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    bool is_full = count_made(set, NULL) >= (size_t)settings->max_cameras;
    if (!is_full && count_made(set, org_id) < (size_t)settings->max_cameras_of_org)
        return true;
    counter_add(&cameras->config.health->cameras_refused, 1);
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_FULL, "there are as many cameras as may be made (%s): remove one",
                is_full ? "managed_cameras.max_cameras" : "managed_cameras.max_cameras_of_org");
    return false;
}

const struct camera *cameras_create(struct cameras *cameras, const struct camera *asked, const struct audit_by *by,
                                    struct record_errors *errors, GError **error)
{
    struct camera camera;
    const struct camera *made = NULL;
    record_copy(&camera_descriptor, asked, &camera);
    g_free(camera.id);
    g_free(camera.org_id);
    camera.id = id_new(cameras->config.clock);
    camera.org_id = g_strdup(by->org_id);
    camera.managed_by = CAMERA_OF_API;
    pthread_mutex_lock(&cameras->lock);
    bool is_good = check(cameras, &camera, NULL, errors, error) && check_loaded(cameras, error) &&
                   has_room(cameras, by->org_id, error) && take_time_zone(cameras, &camera, error);
    camera_tidy(&camera);
    if (is_good)
        made = put(cameras, &camera, NULL, by, error);
    pthread_mutex_unlock(&cameras->lock);
    record_clear(&camera_descriptor, &camera);
    return made;
}

/* As it is told: of those that are left out, where the settings use their id, as it is stored. */
static const struct camera *find_own(const struct cameras *cameras, const struct camera_set *set,
                                     const struct camera_change *change)
{
    const struct camera *camera = camera_set_find(set, change->camera_id);
    if (camera && g_strcmp0(camera->org_id, change->by->org_id) == 0)
        return camera;
    const struct left_out *left_out = left_out_find(cameras, change->by->org_id, change->camera_id);
    return left_out ? left_out->camera : NULL;
}

/* Whose it is, whether it may be changed, and whether it is what was meant: the camera as it is stored. */
static const struct camera *find(const struct cameras *cameras, const struct camera_set *set,
                                 const struct camera_change *change, GError **error)
{
    const struct camera *camera = find_own(cameras, set, change);
    if (!camera)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no such camera");
    else if (camera->managed_by != CAMERA_OF_API)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_UNSUPPORTED,
                    "the server's settings file says what this camera is: change it there");
    else if (change->is_expected && !change->is_expected(change->data, camera))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_CONFLICT, "the camera was changed meanwhile: read it again");
    else {
        const struct left_out *left_out = left_out_find(cameras, camera->org_id, camera->id);
        return left_out ? left_out->camera : camera;
    }
    return NULL;
}

static bool gives_login(const struct camera *camera)
{
    const struct camera_stream *streams = camera->streams.items;
    bool has_any = camera->username || camera->password;
    for (size_t i = 0; i < camera->streams.count; i++)
        has_any = has_any || streams[i].username || streams[i].password;
    return has_any;
}

/* One that was left out is watched from its change on; what of its logins cannot be read is not put away unless others
 * are given. */
static bool may_be_watched(const struct cameras *cameras, const struct camera *camera, GError **error)
{
    const struct left_out *left_out = left_out_find(cameras, camera->org_id, camera->id);
    return !left_out || left_out_may_be_watched(cameras, camera, left_out->has_logins || gives_login(camera), error);
}

/* The copy that is edited shows no logins, so that what is given is told from what was there. */
static bool edit(const struct cameras *cameras, const struct camera_change *change, const struct camera *before,
                 struct camera *camera, struct record_errors *errors, GError **error)
{
    record_copy(&camera_descriptor, before, camera);
    const struct camera_logins none = {0};
    struct camera_stream *streams = camera->streams.items;
    camera_set_logins(camera, &none);
    for (size_t i = 0; i < camera->streams.count; i++) {
        g_clear_pointer(&streams[i].username, g_free);
        g_clear_pointer(&streams[i].password, g_free);
    }
    if (!change->edit(change->data, camera, errors, error))
        return false;
    camera_keep_addresses(camera, before);
    if (!check(cameras, camera, before, errors, error))
        return false;
    camera_tidy(camera);
    if (!may_be_watched(cameras, camera, error))
        return false;
    camera_keep_logins(camera, before);
    return true;
}

/* What it saw is kept by the policies of where it stands. */
static bool may_move(const struct cameras *cameras, const struct camera *before, const struct camera *camera,
                     GError **error)
{
    bool is_moved =
        g_strcmp0(before->site_id, camera->site_id) != 0 || g_strcmp0(before->class_id, camera->class_id) != 0;
    return !is_moved || policy_keeper_check_kept(cameras->config.keeper, before, camera, error);
}

const struct camera *cameras_change(struct cameras *cameras, const struct camera_change *change,
                                    struct record_errors *errors, GError **error)
{
    struct camera camera = {0};
    const struct camera *changed = NULL;
    pthread_mutex_lock(&cameras->lock);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    const struct camera *before = check_loaded(cameras, error) ? find(cameras, set, change, error) : NULL;
    if (before && edit(cameras, change, before, &camera, errors, error) && may_move(cameras, before, &camera, error) &&
        take_time_zone(cameras, &camera, error))
        changed = put(cameras, &camera, before, change->by, error);
    pthread_mutex_unlock(&cameras->lock);
    record_clear(&camera_descriptor, &camera);
    return changed;
}

/* Under the lock. */
static void forget(struct cameras *cameras, const struct camera_set *set, const struct camera_change *change)
{
    const struct camera *shown = camera_set_find(set, change->camera_id);
    left_out_remove(cameras, change->by->org_id, change->camera_id);
    if (shown && g_strcmp0(shown->org_id, change->by->org_id) == 0)
        live_remove_camera(cameras->config.live, change->camera_id);
    left_out_bring_back(cameras);
    count_cameras(cameras);
    if (cameras->changed)
        cameras->changed(cameras->changed_data);
}

bool cameras_delete(struct cameras *cameras, const struct camera_change *change, GError **error)
{
    pthread_mutex_lock(&cameras->lock);
    CLEANUP(camera_set) struct camera_set *set = live_cameras(cameras->config.live);
    const struct camera *camera = check_loaded(cameras, error) ? find(cameras, set, change, error) : NULL;
    bool is_good = camera && policy_keeper_check_kept(cameras->config.keeper, camera, NULL, error) &&
                   store_camera_delete(cameras->config.store, camera, change->by, error);
    if (is_good)
        forget(cameras, set, change);
    pthread_mutex_unlock(&cameras->lock);
    return is_good;
}
