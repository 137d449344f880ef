#include "fusion/fusion.h"

#include <string.h>

enum { DIGEST_BYTES = 32, LONGEST_SIGNAL_MS = 24 * 3600 * 1000 };

/* A UUIDv7 (RFC 9562 section 5.7) whose random bits are a digest of what it is made from. g_free. */
static char *id_of(const char *what, const struct signal *signal)
{
    uint8_t digest[DIGEST_BYTES];
    gsize size = sizeof digest;
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    const char *const parts[] = {what, signal->org_id, signal->camera_id, signal->id};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) /* with their NULs: no two lists of parts are the same bytes */
        g_checksum_update(checksum, (const guchar *)(parts[i] ? parts[i] : ""),
                          (gssize)strlen(parts[i] ? parts[i] : "") + 1);
    g_checksum_get_digest(checksum, digest, &size);
    uint64_t ms = (uint64_t)MAX(signal->started_at.ms, 0);
    return g_strdup_printf("%08x-%04x-7%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)(ms >> 16 & 0xffffffff),
                           (unsigned)(ms & 0xffff), digest[0] & 0xf, digest[1], (digest[2] & 0x3f) | 0x80, digest[3],
                           digest[4], digest[5], digest[6], digest[7], digest[8], digest[9]);
}

static void add_text(struct record_strings *strings, const char *text)
{
    strings->items = g_renew(char *, strings->items, strings->count + 1);
    strings->items[strings->count++] = g_strdup(text);
}

/* "Restricted zone: camera door, dock" */
static char *title_of(const struct signal *signal)
{
    g_autofree char *kind = g_strdelimit(g_strdup(signal->kind), "_.-", ' ');
    kind[0] = g_ascii_toupper(kind[0]);
    return g_strdup_printf("%s: camera %s%s%s", kind, signal->camera_id, signal->zone_id ? ", " : "",
                           signal->zone_id ? signal->zone_id : "");
}

bool fusion_opens(const struct fusion_settings *settings, const struct signal *signal)
{
    return settings->window_seconds > 0 && signal->severity >= settings->minimum_severity;
}

void fusion_open(const struct signal *signal, struct incident *incident)
{
    record_init(&incident_descriptor, incident);
    incident->org_id = g_strdup(signal->org_id);
    incident->id = id_of("incident", signal);
    incident->site_id = g_strdup(signal->site_id);
    incident->camera_id = g_strdup(signal->camera_id);
    incident->service = signal->service;
    incident->kind = g_strdup(signal->kind);
    incident->status = INCIDENT_OPEN;
    g_free(incident->title);
    incident->title = title_of(signal);
    incident->started_at = incident->last_signal_at = signal->started_at;
    add_text(&incident->camera_ids, signal->camera_id);
}

bool fusion_belongs(const struct fusion_settings *settings, const struct incident *incident,
                    const struct signal *signal)
{
    int64_t window_ms = settings->window_seconds * INT64_C(1000), at_ms = signal->started_at.ms;
    return incident->status != INCIDENT_RESOLVED && incident->service == signal->service &&
           strcmp(incident->kind, signal->kind) == 0 && strcmp(incident->camera_id, signal->camera_id) == 0 &&
           g_strcmp0(incident->org_id, signal->org_id) == 0 && g_strcmp0(incident->site_id, signal->site_id) == 0 &&
           at_ms >= incident->started_at.ms - window_ms && at_ms <= incident->last_signal_at.ms + window_ms;
}

void fusion_join(const struct fusion_settings *settings, struct incident *incident, const struct signal *signal)
{
    size_t most = (size_t)MAX(settings->max_signals, 1);
    incident->started_at.ms = MIN(incident->started_at.ms, signal->started_at.ms);
    /* an end that lies far off would hold the incident open for ever */
    int64_t ended_ms = MIN(signal->ended_at.ms, signal->started_at.ms + LONGEST_SIGNAL_MS);
    incident->last_signal_at.ms = MAX(incident->last_signal_at.ms, MAX(signal->started_at.ms, ended_ms));
    if (signal->started_at.ms > incident->ended_at.ms)
        incident->ended_at.ms = 0; /* it goes on */
    incident->severity = MAX(incident->severity, signal->severity);
    incident->policy_revision = MAX(incident->policy_revision, signal->policy_revision);
    incident->signal_count++;
    if (incident->signal_ids.count < most)
        add_text(&incident->signal_ids, signal->id);
    if (signal->snapshot_id && incident->evidence.count < most)
        add_text(&incident->evidence, signal->snapshot_id);
}

const char *fusion_ends(const struct signal *signal)
{
    if (signal->service != SERVICE_SYSTEM)
        return NULL;
    for (size_t i = 1; i < SERVER_SIGNAL_END; i++)
        if (server_signals[i].ends && strcmp(server_signals[i].kind, signal->kind) == 0)
            return server_signals[server_signals[i].ends].kind;
    return NULL;
}

bool fusion_violation(const struct signal *signal, struct violation *violation)
{
    enum violation_kind kind =
        signal->service == SERVICE_SAFETY ? record_enum_value(violation_kind_names, signal->kind) : 0;
    if (!kind)
        return false;
    record_init(&violation_descriptor, violation);
    violation->org_id = g_strdup(signal->org_id);
    violation->id = id_of("violation", signal);
    violation->site_id = g_strdup(signal->site_id);
    violation->camera_id = g_strdup(signal->camera_id);
    violation->kind = kind;
    violation->signal_id = g_strdup(signal->id);
    violation->track_id = signal->track_ids.count ? signal->track_ids.items[0] : 0;
    violation->zone_id = g_strdup(signal->zone_id);
    violation->at = signal->started_at;
    violation->box = signal->box;
    violation->snapshot_id = g_strdup(signal->snapshot_id);
    violation->status = VIOLATION_OPEN;
    return true;
}
