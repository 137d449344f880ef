/* Policy: what may be changed while everything runs, and how it comes to be what is in force.
 *
 *   documents (one a scope, service and type)  ──►  policy_set  ──►  policy_view: every camera's 13 typed records
 *        set_add checks each by its table           resolve        immutable; readers keep a reference and take no lock
 *
 * A document holds only the keys its level changes. Levels, least specific first: global, org, site, class, camera; the
 * most specific wins key by key (RFC 7396 merge: objects merge, lists and scalars replace). Overlays of any level come
 * last, in the order of levels, while their schedule says so. What is in force names for every key the level, revision
 * and overlay it came from.
 *
 * Pure: no clock, no I/O. Threads: a set or view is immutable once it is built and may be read from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "facts/policy_types.h"
#include "facts/settings.h"
#include "record/record.h"

enum policy_level {
    POLICY_LEVEL_GLOBAL = 1,
    POLICY_LEVEL_ORG,
    POLICY_LEVEL_SITE,
    POLICY_LEVEL_CLASS,
    POLICY_LEVEL_CAMERA,
    POLICY_LEVEL_END,
    /* Where a key comes from that no document says. */
    POLICY_LEVEL_DEFAULT = POLICY_LEVEL_END, /* the type's default */
    POLICY_LEVEL_SETTINGS,                   /* what stands in the camera or the settings */
};
extern const char *const policy_level_names[];

/* Whom a document is for, or whose policy is asked for. NULL or empty: not said. */
struct policy_scope {
    const char *org_id, *site_id, *class_id, *camera_id;
};
/* The most specific level a scope names; POLICY_LEVEL_GLOBAL when it names none. */
enum policy_level policy_scope_level(const struct policy_scope *scope);
/* False when the scope names a site, class or camera without its org. */
bool policy_scope_check(const struct policy_scope *scope, GError **error);

/* ---- documents as files ---- */

/* TYPE.json holds for everyone, orgs/ORG/TYPE.json for an org, orgs/ORG/{sites,classes,cameras}/ID/TYPE.json for what
 * is below it. Fills scope and type from the path's parts, split at its slashes, which the scope borrows. False: the
 * path is no policy's, and both name nothing. */
bool policy_path_read(char **parts, struct policy_scope *scope, enum policy_type *type);
/* The type that a file's name says, as a bit (1 << enum policy_type); of a name that is no type's all of them: it may
 * be a mistyped one. */
unsigned policy_path_types(const char *path);
/* The other way. g_free. */
char *policy_path_write(const struct policy_scope *scope, const char *type);

/* ---- documents ---- */

/* Checks a document of a type as it would be stored: a JSON object of the type's keys and `overlays`; unknown keys,
 * values out of range and nulls are errors, each with its path. */
bool policy_document_check(enum policy_type type, const char *config_json, struct record_errors *errors);
/* Checks a document that is good by its type's table for what would be stored and not obeyed: a key that its scope
 * cannot have. Of changes alone: what is stored since before stays in force. */
bool policy_document_check_obeyed(const struct policy_scope *scope, enum policy_type type, const char *config_json,
                                  struct record_errors *errors);
/* RFC 7396: the document after a patch; null removes this level's key so that its parent shows through. `config_json`
 * may be NULL: no document yet. g_free; NULL when either is no JSON object. */
char *policy_document_patch(const char *config_json, const char *patch_json, GError **error);
/* Whether what a patch removes are keys that the type has, or that the document (NULL: none yet) has from when the type
 * did; what it sets is checked with the document. */
bool policy_patch_check(enum policy_type type, const char *config_json, const char *patch_json,
                        struct record_errors *errors);
/* What differs: a JSON list of {"path", "before", "after"}, absent members being absent keys. Either may be NULL: no
 * document. g_free. */
char *policy_document_diff(const char *before_json, const char *after_json);

/* ---- the set of all documents ---- */

struct policy_set;

struct policy_document {
    struct policy_scope scope;
    enum policy_type type;
    const char *config_json;
    int64_t revision;    /* counts up over all documents, so that "newer" has one meaning */
    const char *refusal; /* NULL, or why its config cannot be had: then it is not valid */
};

struct policy_set *policy_set_new(void);
/* Checks and adds a copy; a later document of the same scope and type takes the place of an earlier one. On false the
 * set is as it was. Before the set is shared only. */
bool policy_set_add(struct policy_set *set, const struct policy_document *document, GError **error);
size_t policy_set_count(const struct policy_set *set);
/* The first document that is of an org and says true for a key, at all hours or in an overlay, into *scope, whose texts
 * live as long as the set. False: there is none. */
bool policy_set_find_true(const struct policy_set *set, enum policy_type type, const char *org_id, const char *key,
                          struct policy_scope *scope);
/* The newest revision in it; 0 when it is empty. */
int64_t policy_set_revision(const struct policy_set *set);
/* Another set of the same documents, to which more may be added. */
struct policy_set *policy_set_copy(const struct policy_set *set);
struct policy_set *policy_set_ref(struct policy_set *set);
void policy_set_unref(struct policy_set *set);
CLEANUP_DEFINE(policy_set, policy_set_unref)

/* ---- what is in force for one subject ---- */

struct policy_origin {
    char *path; /* of a key: "blur_strength" */
    enum policy_level level;
    int64_t revision;  /* 0: of no document */
    char *overlay;     /* its name; NULL: the document itself */
    const char *place; /* of POLICY_LEVEL_SETTINGS: "camera.zones"; else NULL */
};
struct policy_effective {
    enum policy_type type;
    char *config_json;      /* the merged keys; not the defaults */
    GPtrArray *origins;     /* of struct policy_origin *, by path: of every key of the type */
    int64_t valid_until_ms; /* when an overlay may come or go next (schedule_next_change); INT64_MAX: never */
};
/* Merges what the levels of `subject` say at `at_ms`. Never fails: an unknown org or camera simply has no documents of
 * its own and gets its parents'. */
void policy_resolve(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                    int64_t at_ms, struct policy_effective *effective);
void policy_effective_clear(struct policy_effective *effective);
/* {"config": {...}, "origins": {path: {"level", "revision", "overlay", "place"}}, "not_in_force": [key]}: for API and
 * CLI. The config has the defaults too, and of what stands in the settings, what `settings_json` (an object by key;
 * NULL: none) says. */
void policy_effective_append_json(const struct policy_effective *effective, const char *settings_json, GString *out);

/* Appends the names (borrowed from the type's table) of the keys that a document says (an object; NULL: none), at all
 * hours or in an overlay, that are kept and that nothing reads yet. */
void policy_list_not_in_force(enum policy_type type, const char *config_json, GPtrArray *keys);
/* The same, as a JSON list. */
void policy_append_not_in_force(enum policy_type type, const char *config_json, GString *out);

/* ---- a view: every camera's policies, typed ---- */

struct policy_view;

/* Of one camera. Records are the structs of facts/policy_types.h, defaults filled in, never NULL. */
struct policy_camera {
    struct policy_scope scope; /* owned by the view */
    const void *records[POLICY_TYPES];
    const char *configs[POLICY_TYPES]; /* the merged keys as JSON; equal pointers within a view mean equal policies */
    /* Why it is not known what may be seen of it: a document of a type that acts before tracks was refused, and nobody
     * knows what was good before. NULL: it is known. */
    const char *doubt;
};

/* Resolves all types for all `subjects` at `at_ms`; `revision` is the set's newest. A document that passed its check
 * but whose merge does not (two levels that contradict each other) fails the whole view; the error names camera and
 * key. */
struct policy_view *policy_view_new(const struct policy_set *set, const struct policy_scope *subjects,
                                    size_t subject_count, int64_t at_ms, GError **error);
/* The same, sharing with the view before (NULL: there is none) what comes to the same. */
struct policy_view *policy_view_new_after(const struct policy_view *before, const struct policy_set *set,
                                          const struct policy_scope *subjects, size_t subject_count, int64_t at_ms,
                                          GError **error);
struct policy_view *policy_view_ref(struct policy_view *view);
void policy_view_unref(struct policy_view *view);
CLEANUP_DEFINE(policy_view, policy_view_unref)

/* No lock, no allocation. NULL when the view does not know the camera: use policy_view_default then. */
const struct policy_camera *policy_view_find(const struct policy_view *view, const char *org_id, const char *camera_id);
/* What global documents say: for whoever is not known. */
const struct policy_camera *policy_view_default(const struct policy_view *view);
size_t policy_view_count(const struct policy_view *view);
const struct policy_camera *policy_view_at(const struct policy_view *view, size_t index);
/* The newest revision in it; 0 when there is no document. */
int64_t policy_view_revision(const struct policy_view *view);
/* Whether it says what holds at a time: not before the time it was made for, since overlays that were over by then may
 * not have been, nor once the next comes or goes. */
bool policy_view_is_of(const struct policy_view *view, int64_t at_ms);
/* When an overlay may come or go next and a new view is due; INT64_MAX: never. */
int64_t policy_view_valid_until_ms(const struct policy_view *view);

static inline const void *policy_camera_record(const struct policy_camera *camera, enum policy_type type)
{
    return camera->records[type - 1];
}

/* ---- trying documents before they count ---- */

struct policy_trial {
    const struct policy_set *set; /* with the document that is tried */
    enum policy_type type;        /* the document's */
    int64_t from_ms, until_ms;    /* overlays of all levels come and go together from the one to before the other */
    const struct policy_view *present; /* what is in force, to share what stays as it is; may be NULL */
    size_t looks_max; /* policies and overlays that are looked at in all, at an hour each, and cameras */
    /* What holds for a subject at some time, each different state of it once: the records and configs live as long as
     * the call. False: it may not be so. */
    bool (*visit)(void *data, const struct policy_camera *camera, GError **error);
    void *data;
};
/* Hands every state of every subject to the trial's visit. False: it said so; the levels contradict each other in one;
 * or it takes more than looks_max. */
bool policy_try(const struct policy_trial *trial, const struct policy_scope *subjects, size_t subject_count,
                GError **error);

/* ---- what they make of a camera ---- */

/* Where the key's namesake stands: "camera.zones", "camera", "rules", …; NULL: it has none, and its default counts. */
const char *policy_key_place(const struct policy_type_info *type, const char *key);
/* What the settings say of a type's keys where no policy does, as an object by key; without those that each zone says
 * for itself, and those of the camera where `base` has none (no id). g_free. */
char *policy_settings_json(enum policy_type type, const struct camera_config *base,
                           const struct retention_settings *retention);

/* Fills `config`, uninitialised, with `base` as the camera's policies change it: a key takes the place of its namesakes
 * (policy_type_info.targets). False when what comes out contradicts itself, e.g. a limit that is no whole number: the
 * error names camera and key, and nothing was filled in. */
bool policy_apply(const struct policy_camera *policies, int64_t revision, const struct camera_config *base,
                  struct camera_config *config, GError **error);
