/* Shared by the files of the policy room. */
#pragma once

#include <stdatomic.h>

#include <jansson.h>

#include "facts/schedule.h"
#include "policy/policy.h"

enum {
    POLICY_DOCUMENT_MAX_BYTES = 64 << 10,
    POLICY_OVERLAYS_MAX = 16, /* of one document */
};
#define POLICY_OVERLAYS_KEY "overlays"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

struct overlay {
    char *name;
    struct schedule schedule; /* immutable: whoever asks it takes a copy, whose cache is its own */
    json_t *config;
};

/* A document as it lies in sets, which share it: immutable once it is in one. */
struct document {
    atomic_int references;
    struct {
        char *org_id, *site_id, *class_id, *camera_id; /* NULL: not said */
    } scope;
    enum policy_level level;
    enum policy_type type;
    int64_t revision;
    char *text;     /* as it was handed over; NULL: it is in doubt */
    char *refusal;  /* why it was refused, where nobody knows what was good before: it is in doubt; NULL: it is good */
    json_t *tree;   /* as it was added */
    json_t *config; /* the same without overlays */
    struct overlay *overlays;
    size_t overlay_count;
};

/* What the overlay of this number says, of a document's tree; NULL: it has fewer. */
static inline json_t *policy_overlay_config(const json_t *tree, size_t number)
{
    return json_object_get(json_array_get(json_object_get(tree, POLICY_OVERLAYS_KEY), number), "config");
}

/* The folder of each level below an org, from 0 on; NULL: there are no more. */
const char *policy_path_level(size_t number);

/* As compact text with sorted keys, so that equal trees are equal texts. g_free. */
char *policy_dump(const json_t *tree);
/* A JSON object, parsed within the bounds; NULL: an error was added at "". */
json_t *policy_parse_object(const char *text, struct record_errors *errors);
/* Fills a zeroed document's config and overlays from a checked tree. */
void policy_document_fill(struct document *document, const json_t *tree);
void policy_document_free(struct document *document);
const struct document *policy_document_ref(const struct document *document);
void policy_document_unref(const struct document *document);

/* The documents that count for a subject, by level from global; NULL where a level says nothing. */
void policy_set_chain(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                      const struct document *chain[POLICY_LEVEL_END]);
/* What they come to at a time. */
void policy_chain_resolve(const struct document *const chain[POLICY_LEVEL_END], int64_t at_ms,
                          struct policy_effective *effective);
/* What one chain comes to while the same of its overlays are in force; shared by tables (resolved.c). */
struct policy_resolved {
    atomic_int references;
    enum policy_type type;
    const struct document *chain[POLICY_LEVEL_END]; /* the key, with what follows; references */
    uint16_t active[POLICY_LEVEL_END];              /* overlays that are in force, a bit each */
    char *config_json;
    char *doubt; /* NULL: none of the documents is in doubt */
    void *record;
};
GHashTable *policy_resolved_table_new(void);
/* From the table, or from an earlier one (NULL: there is none), or made; it is in the table then. *valid_until_ms
 * becomes the time when an overlay comes or goes next, where that is earlier. NULL: the levels contradict each other;
 * the error names the subject. */
const struct policy_resolved *policy_resolved_get(GHashTable *table, GHashTable *earlier, enum policy_type type,
                                                  const struct document *const chain[POLICY_LEVEL_END],
                                                  const struct policy_scope *subject, int64_t at_ms,
                                                  int64_t *valid_until_ms, GError **error);
/* That of a view, which owns it. Read alone. */
GHashTable *policy_view_resolved(const struct policy_view *view);
/* The number of the latest change, also where it removed a document. */
void policy_set_note_revision(struct policy_set *set, int64_t revision);
/* Calls `visit` for every document, in no order. Its texts live as long as the call. One that is in doubt has no config
 * and says why it was refused. */
void policy_set_each(const struct policy_set *set, void (*visit)(void *data, const struct policy_document *document),
                     void *data);
/* Takes a document over from `before`, checked and parsed as it is there. False: it is not there to the last letter. */
bool policy_set_share(struct policy_set *set, const struct policy_set *before, const struct policy_document *document);
/* Takes over from `before` what it had for the scope and type of a document that was refused. Where it had nothing:
 * nothing, or, when `doubt` says why the document was refused, that it is in doubt what holds there. */
void policy_set_keep(struct policy_set *set, const struct policy_set *before, const struct policy_document *document,
                     const char *doubt);
/* How many documents are in doubt. */
size_t policy_set_doubts(const struct policy_set *set);
/* Whether both hold the same revisions of the same documents. */
bool policy_set_equal(const struct policy_set *a, const struct policy_set *b);

struct policy_sealer;
/* The last good set on disk (snapshot.c), with what is in doubt in it, sealed where the sealer is one. Reading: NULL
 * with VEDETTE_ERROR_NOT_FOUND when there is none, with another error when what lies there is no whole snapshot, or
 * does not open. */
bool policy_snapshot_write(const struct policy_set *set, const char *path, const struct policy_sealer *sealer,
                           GError **error);
struct policy_set *policy_snapshot_read(const char *path, const struct policy_sealer *sealer, char **refusal,
                                        GError **error);
