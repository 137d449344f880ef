/* The policy keeper: the hub's policies. Composes the store's documents, their keys, the manager and the cameras into
 * what is in force, and makes every change of it: checked whole before it is stored, a revision each, in force when the
 * call returns.
 *
 * Threads: everything from any thread. `changed` is called on the thread that loaded; it may take a view.
 */
#pragma once

#include "base/clock.h"
#include "facts/camera_set.h"
#include "facts/policy.h"
#include "policy/manager.h"
#include "store/retention.h"
#include "store/store.h"

struct policy_keeper;

/* To whom the audit puts a change that holds for everyone and that nobody who is logged in made. */
#define POLICY_ORG_OF_ALL "default"
/* Who changed what a file of policies.directory says. */
#define POLICY_FILES_AUTHOR "directory"

struct policy_keeper_config {
    struct store *store;
    const struct settings *settings; /* cameras, and what holds where no policy says otherwise */
    const char *snapshot_path;       /* NULL: none. Where there are keys it is sealed, and taken only if it is */
    struct clock *clock;
    /* What is in force is another now, also because an overlay came or went. May be NULL. */
    void (*changed)(void *data);
    void *data;
    struct camera_roster *roster; /* the cameras that there are; NULL: the settings', for ever */
};

/* Whether keys can be had of the setting policies.keys, or of the file that it names (@/path). */
bool policy_keeper_check_keys(const char *setting, GError **error);
/* Reads the keys (settings->policies.keys) and the documents. NULL: a key is not valid. All pointers outlive it. */
struct policy_keeper *policy_keeper_new(const struct policy_keeper_config *config, GError **error);
void policy_keeper_free(struct policy_keeper *keeper);
CLEANUP_DEFINE(policy_keeper, policy_keeper_free)
bool policy_keeper_start(struct policy_keeper *keeper, GError **error);
/* Where the store could not be asked at the start, or lately: does now what was left. False: it still cannot. */
bool policy_keeper_catch_up(struct policy_keeper *keeper, GError **error);
/* Seals anew what is open though there is a key, or was sealed with another key than the first: after a key was put
 * before the others. Not the history, which is only added to: it opens as long as its keys are among the others.
 * Returns how many documents; -1: one could not be opened or written, and the error names the first; the others were.
 */
int policy_keeper_reseal(struct policy_keeper *keeper, GError **error);
/* Other cameras are in the roster now: what is in force is worked out for them. */
void policy_keeper_see_cameras(struct policy_keeper *keeper);
/* A login or another secret of a camera as the store may have it, and back: sealed where there is a key, and bound to
 * its camera. NULL: it cannot be opened. g_free. */
char *policy_keeper_seal_secret(struct policy_keeper *keeper, const struct camera *camera, const char *json);
char *policy_keeper_open_secret(struct policy_keeper *keeper, const struct camera *camera, const char *sealed,
                                GError **error);
/* The sealed text of a secret is to be made anew: there is a key, and it is not sealed with the first. */
bool policy_keeper_wants_reseal(const struct policy_keeper *keeper, const char *sealed);
/* An answer of the API's, as the store may have it for its org's `key`, and back: it may hold a document. NULL: it
 * cannot be opened. g_free. */
char *policy_keeper_seal_answer(struct policy_keeper *keeper, const char *org_id, const char *key, const char *text);
char *policy_keeper_open_answer(struct policy_keeper *keeper, const char *org_id, const char *key, const char *sealed,
                                GError **error);
/* Someone else may have changed the documents: they are read again soon, on the keeper's thread. */
void policy_keeper_notify(struct policy_keeper *keeper);
/* Makes a new view when an overlay's hour has come, or the clock was set back. Returns the wall time at which to call
 * again; INT64_MAX: never. */
int64_t policy_keeper_turn(struct policy_keeper *keeper);

/* A reference to what is in force; policy_view_unref. */
struct policy_view *policy_keeper_get_view(struct policy_keeper *keeper);
/* A view of one subject alone, camera or not: its policies stand at index 0. */
struct policy_view *policy_keeper_view_of(struct policy_keeper *keeper, const struct policy_scope *subject,
                                          GError **error);
/* What a camera's worker is to be told, into an uninitialised record. False: it is not known what the camera's policies
 * come to, or it cannot be put into it: it keeps what it has, and the status says so until it can. */
bool policy_keeper_configure(struct policy_keeper *keeper, const struct policy_view *view, const struct camera *camera,
                             struct camera_config *config, GError **error);
/* Somebody's latest word on these types (bits: 1 << enum policy_type) did not reach the store, as that of a file that
 * is refused; 0: all did. While retention is among them nothing is deleted. */
void policy_keeper_doubt_types(struct policy_keeper *keeper, unsigned types);
/* Whether what the files of a directory say of a type is in force, or was and somebody changed it since, for who acts
 * by it and does not watch them. `source` is the server's that does; NULL: none ever did. False: the error names the
 * first file that is not. */
bool policy_keeper_check_files(struct policy_keeper *keeper, const char *source, const char *directory,
                               enum policy_type type, GError **error);
/* Whether it is known what is to be kept: false while policies cannot be read, or one of retention is refused or
 * doubted, which may be a legal hold. Reads the documents anew where that was longer ago than
 * POLICY_RETENTION_AGE_MS, so that a hold set elsewhere counts. For store_retention.check. */
#define POLICY_RETENTION_AGE_MS 1000
bool policy_keeper_check_retention(void *keeper, GError **error);
/* What policies say of how long a subject's records are kept, over the settings' days; a camera need not be among those
 * there are. False: nothing is deleted. For store_retention.says. */
bool policy_keeper_retention(void *keeper, const struct retention_subject *subject, struct retention_settings *days);
/* Whether all of an org may go as far as its documents say: false with VEDETTE_ERROR_UNSUPPORTED while any of them, of
 * whatever scope of it, says legal_hold, in an overlay too. For store_retention.check_org. */
bool policy_keeper_check_org(void *keeper, const char *org_id, GError **error);
/* Whether what a camera saw is kept for as long when it is removed (`after` NULL) or as it shall be then, now and at
 * each hour of two weeks at which overlays make something else of it. False: VEDETTE_ERROR_UNSUPPORTED says which
 * policy keeps it and what to do; VEDETTE_ERROR_UNAVAILABLE: it is not known what is to be kept. Reads the documents
 * anew. */
bool policy_keeper_check_kept(struct policy_keeper *keeper, const struct camera *before, const struct camera *after,
                              GError **error);
/* The notify policy in force for a camera; of one that is not in the roster, by its org, site and id. Asks no store.
 * False: it contradicts itself. For notify_parts.says. */
bool policy_keeper_notify_policy(void *keeper, const char *org_id, const char *site_id, const char *camera_id,
                                 struct notify_policy *policy);
/* The privacy policy in force for a camera, in the same way. */
bool policy_keeper_privacy_policy(struct policy_keeper *keeper, const struct camera *camera,
                                  struct privacy_policy *policy);
/* Of the keeper's, and the manager's that reads its documents. */
void policy_keeper_get_status(struct policy_keeper *keeper, struct policy_status *status);
/* Why a camera is not told what its policies come to; NULL: it is, as far as is known. g_free. */
char *policy_keeper_trouble_of(struct policy_keeper *keeper, const char *camera_id);

/* ---- documents ---- */

/* What names a document. */
struct policy_name {
    struct policy_scope scope;
    enum policy_type type;
    const char *service_name; /* NULL: the type's own, which Vedette reads */
};
/* Whether an open document says what `body` does, however that is written. */
bool service_policy_says(const struct service_policy *policy, const char *body);
/* An open (not sealed) document; NULL with VEDETTE_ERROR_NOT_FOUND when there is none. service_policy_free. */
struct service_policy *policy_keeper_find(struct policy_keeper *keeper, const struct policy_name *name, GError **error);
/* Those of an org, and those for all: a new GPtrArray of struct service_policy *, open. One that cannot be opened says
 * {"unopenable": why} (POLICY_UNOPENABLE) in place of its document; so does a revision of the history. */
GPtrArray *policy_keeper_list(struct policy_keeper *keeper, const char *org_id, GError **error);
/* Open revisions, newest first: a new GPtrArray of struct policy_revision *, of those before a revision (0: of all)
 * `limit` at most. */
GPtrArray *policy_keeper_history(struct policy_keeper *keeper, const struct policy_name *name, int64_t before,
                                 int limit, GError **error);
/* What is in force for a subject now, with where each key came from. */
void policy_keeper_resolve(struct policy_keeper *keeper, enum policy_type type, const struct policy_scope *subject,
                           struct policy_effective *effective);
/* What the settings say of a subject's keys of a type, for policy_effective_append_json. g_free. */
char *policy_keeper_settings_json(struct policy_keeper *keeper, enum policy_type type,
                                  const struct policy_scope *subject);

/* The version of what is stored, and of whom it is (g_free), without opening it. False: VEDETTE_ERROR_NOT_FOUND, or the
 * store's. */
bool policy_keeper_look(struct policy_keeper *keeper, const struct policy_name *name, int32_t *version,
                        char **updated_by, GError **error);

/* Whether there is whom a name is of. False: VEDETTE_ERROR_INVALID says what is not there, or the store's own error. */
bool policy_keeper_check_scope(struct policy_keeper *keeper, const struct policy_name *name, GError **error);

/* Changes that come into force together in this process, by one reading of all documents: from the first of them to the
 * batch's end whoever else would read them waits, for policies.hold_seconds at most. On one thread, which makes no
 * change outside the batch meanwhile. */
struct policy_batch;
struct policy_batch *policy_batch_new(struct policy_keeper *keeper);
/* What was changed is in force. Frees it. */
void policy_batch_end(struct policy_batch *batch);

enum policy_action {
    POLICY_PUT = 1,  /* `body` is the document from now on */
    POLICY_PATCH,    /* `body` is a merge patch (RFC 7396): null removes a key */
    POLICY_DELETE,   /* there is none any more */
    POLICY_ROLLBACK, /* as it was at version `to_version`: a new revision */
};
struct policy_change {
    struct policy_name name;
    enum policy_action action;
    const char *body;
    int32_t to_version;
    int32_t expected_version;            /* 0: there must be none; below 0: whatever there is */
    bool must_exist;                     /* whichever version: VEDETTE_ERROR_CONFLICT where there is none */
    bool is_dry_run;                     /* only say whether it would be taken */
    struct audit_by by;                  /* org_id of whoever makes it; borrowed */
    struct store_webhook_claim *webhook; /* NULL: it came another way */
    const struct policy_file *file;      /* that is gone, and the document with it; NULL: no file's doing */
    struct policy_batch *batch;          /* NULL: in force when the call returns; else once the batch ends */
};
struct policy_changed {
    int32_t version;
    int64_t revision;
    char *config_json; /* NULL: deleted */
    char *diff_json;
};
/* A patch or a whole document that leaves the present one as it is makes no revision: what changed has the numbers that
 * stand, and no difference. Not so a whole one by which it becomes a file's of policies.directory, or is that no more:
 * whose it is says whether it goes with the file. A patch that says nothing, or removes alone, where there is no
 * document is VEDETTE_ERROR_NOT_FOUND. False: VEDETTE_ERROR_INVALID (`errors` has each fault with its path),
 * VEDETTE_ERROR_CONFLICT, VEDETTE_ERROR_NOT_FOUND, or the store's own; VEDETTE_ERROR_CONFLICT, too, where another
 * server's file says what `file` did. On true it is in force in this process, and on its way to the workers.
 */
bool policy_keeper_change(struct policy_keeper *keeper, const struct policy_change *change,
                          struct policy_changed *changed, struct record_errors *errors, GError **error);
void policy_changed_clear(struct policy_changed *changed);
