/* The set of all documents, found by scope and type without building a key: one hash over (type, level, org, id). */
#include "policy/policy.h"

#include "policy/policy_internal.h"

#include <stdatomic.h>
#include <string.h>

const char *const policy_level_names[] = {"global", "org", "site", "class", "camera", "default", "settings", NULL};

struct policy_set {
    atomic_int references;
    GHashTable *documents; /* struct document_key *, whose texts are the document's → struct document * */
    size_t counts[POLICY_TYPE_END][POLICY_LEVEL_END]; /* documents: most levels of most types say nothing */
    int64_t revision;
    size_t doubts;
};

struct document_key {
    enum policy_type type;
    enum policy_level level;
    const char *org_id, *id; /* id: of the site, class or camera; NULL above */
};

/* FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/), 32 bits. */
static guint hash_text(guint hash, const char *text)
{
    const guint prime = 16777619;
    for (const unsigned char *at = (const unsigned char *)(text ? text : ""); *at; at++)
        hash = (hash ^ *at) * prime;
    return (hash ^ 0xff) * prime;
}

static guint key_hash(gconstpointer data)
{
    const guint offset_basis = 2166136261U;
    const struct document_key *key = data;
    guint hash = offset_basis ^ ((guint)key->type << 8 | key->level);
    return hash_text(hash_text(hash, key->org_id), key->id);
}

static gboolean key_equal(gconstpointer a, gconstpointer b)
{
    const struct document_key *left = a, *right = b;
    return left->type == right->type && left->level == right->level && g_strcmp0(left->org_id, right->org_id) == 0 &&
           g_strcmp0(left->id, right->id) == 0;
}

static bool is_said(const char *id)
{
    return id && *id;
}

enum policy_level policy_scope_level(const struct policy_scope *scope)
{
    if (is_said(scope->camera_id))
        return POLICY_LEVEL_CAMERA;
    if (is_said(scope->class_id))
        return POLICY_LEVEL_CLASS;
    if (is_said(scope->site_id))
        return POLICY_LEVEL_SITE;
    return is_said(scope->org_id) ? POLICY_LEVEL_ORG : POLICY_LEVEL_GLOBAL;
}

bool policy_scope_check(const struct policy_scope *scope, GError **error)
{
    int named = is_said(scope->site_id) + is_said(scope->class_id) + is_said(scope->camera_id);
    const char *field = is_said(scope->camera_id) ? "camera_id" : is_said(scope->class_id) ? "class_id" : "site_id";
    if (named > 1)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "%s: a policy is for one site, one class or one camera: name one of them, not %d", field, named);
    else if (named == 1 && !is_said(scope->org_id))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                    "%s: a policy for a site, class or camera must name its org too", field);
    else
        return true;
    return false;
}

/* The key of one level of a scope. */
static struct document_key key_at(const struct policy_scope *scope, enum policy_type type, enum policy_level level)
{
    const char *const ids[POLICY_LEVEL_END] = {
        [POLICY_LEVEL_SITE] = scope->site_id,
        [POLICY_LEVEL_CLASS] = scope->class_id,
        [POLICY_LEVEL_CAMERA] = scope->camera_id,
    };
    return (struct document_key){type, level, level > POLICY_LEVEL_GLOBAL ? scope->org_id : NULL, ids[level]};
}

const struct document *policy_document_ref(const struct document *document)
{
    struct document *counted = (struct document *)(uintptr_t)document;
    atomic_fetch_add_explicit(&counted->references, 1, memory_order_relaxed);
    return document;
}

void policy_document_unref(const struct document *shared)
{
    struct document *document = (struct document *)(uintptr_t)shared;
    if (atomic_fetch_sub_explicit(&document->references, 1, memory_order_acq_rel) == 1)
        policy_document_free(document);
}

static void unref_document(gpointer document)
{
    policy_document_unref(document);
}

struct policy_set *policy_set_new(void)
{
    struct policy_set *set = g_new0(struct policy_set, 1);
    atomic_init(&set->references, 1);
    set->documents = g_hash_table_new_full(key_hash, key_equal, g_free, unref_document);
    return set;
}

struct policy_set *policy_set_ref(struct policy_set *set)
{
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
    return set;
}

void policy_set_unref(struct policy_set *set)
{
    if (!set || atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel) > 1)
        return;
    g_hash_table_unref(set->documents);
    g_free(set);
}

static char *said(const char *id)
{
    return is_said(id) ? g_strdup(id) : NULL;
}

static void put(struct policy_set *set, struct document *own)
{
    const struct policy_scope scope = {own->scope.org_id, own->scope.site_id, own->scope.class_id,
                                       own->scope.camera_id};
    struct document_key key = key_at(&scope, own->type, own->level);
    const struct document *present = g_hash_table_lookup(set->documents, &key);
    set->counts[key.type][key.level] += present == NULL;
    set->doubts -= present && present->refusal;
    set->doubts += own->refusal != NULL;
    g_hash_table_replace(set->documents, g_memdup2(&key, sizeof key), own);
    set->revision = MAX(set->revision, own->revision);
}

static void put_shared(struct policy_set *set, struct document *document)
{
    policy_document_ref(document);
    put(set, document);
}

static struct document *new_document(const struct policy_document *document, const json_t *tree)
{
    struct document *own = g_new0(struct document, 1);
    atomic_init(&own->references, 1);
    own->scope.org_id = said(document->scope.org_id);
    own->scope.site_id = said(document->scope.site_id);
    own->scope.class_id = said(document->scope.class_id);
    own->scope.camera_id = said(document->scope.camera_id);
    own->level = policy_scope_level(&document->scope);
    own->type = document->type;
    own->revision = document->revision;
    own->text = g_strdup(document->config_json);
    own->refusal = g_strdup(document->refusal);
    policy_document_fill(own, tree);
    return own;
}

static struct document *find_document(const struct policy_set *set, const struct policy_document *document)
{
    struct document_key key = key_at(&document->scope, document->type, policy_scope_level(&document->scope));
    return g_hash_table_lookup(set->documents, &key);
}

bool policy_set_add(struct policy_set *set, const struct policy_document *document, GError **error)
{
    struct record_errors errors;
    if (document->refusal)
        g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, document->refusal);
    else if (!policy_type_find(document->type))
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "policy type %d is not known", document->type);
    if (document->refusal || !policy_type_find(document->type) || !policy_scope_check(&document->scope, error))
        return false;
    record_errors_init(&errors);
    bool is_good = policy_document_check(document->type, document->config_json, &errors);
    if (is_good) {
        g_autoptr(json_t) tree = policy_parse_object(document->config_json, &errors);
        put(set, new_document(document, tree));
    } else if (!record_errors_to_gerror(&errors, error)) {
        g_autofree char *place =
            policy_path_write(&document->scope, record_enum_name(policy_type_names, document->type));
        g_prefix_error(error, "policy %s: ", place);
    }
    record_errors_clear(&errors);
    return is_good;
}

size_t policy_set_count(const struct policy_set *set)
{
    return g_hash_table_size(set->documents) - set->doubts;
}

size_t policy_set_doubts(const struct policy_set *set)
{
    return set->doubts;
}

int64_t policy_set_revision(const struct policy_set *set)
{
    return set->revision;
}

void policy_set_note_revision(struct policy_set *set, int64_t revision)
{
    set->revision = MAX(set->revision, revision);
}

void policy_set_chain(const struct policy_set *set, enum policy_type type, const struct policy_scope *subject,
                      const struct document *chain[POLICY_LEVEL_END])
{
    for (enum policy_level level = POLICY_LEVEL_GLOBAL; level < POLICY_LEVEL_END; level++) {
        struct document_key key = key_at(subject, type, level);
        bool is_named =
            level == POLICY_LEVEL_GLOBAL || (is_said(key.org_id) && (level == POLICY_LEVEL_ORG || is_said(key.id)));
        chain[level] = is_named && set->counts[type][level] ? g_hash_table_lookup(set->documents, &key) : NULL;
    }
}

void policy_set_each(const struct policy_set *set, void (*visit)(void *data, const struct policy_document *document),
                     void *data)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, set->documents);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct document *own = value;
        g_autofree char *config = own->refusal ? NULL : policy_dump(own->tree);
        visit(data, &(struct policy_document){
                        {own->scope.org_id, own->scope.site_id, own->scope.class_id, own->scope.camera_id},
                        own->type,
                        config,
                        own->revision,
                        own->refusal});
    }
}

static bool says_true(const struct document *document, const char *key)
{
    bool is_true = json_is_true(json_object_get(document->config, key));
    for (size_t i = 0; i < document->overlay_count; i++)
        is_true = is_true || json_is_true(json_object_get(document->overlays[i].config, key));
    return is_true;
}

bool policy_set_find_true(const struct policy_set *set, enum policy_type type, const char *org_id, const char *key,
                          struct policy_scope *scope)
{
    GHashTableIter iterator;
    gpointer value;
    g_hash_table_iter_init(&iterator, set->documents);
    while (g_hash_table_iter_next(&iterator, NULL, &value)) {
        const struct document *own = value;
        if (own->type != type || g_strcmp0(own->scope.org_id, org_id) != 0 || !says_true(own, key))
            continue;
        *scope =
            (struct policy_scope){own->scope.org_id, own->scope.site_id, own->scope.class_id, own->scope.camera_id};
        return true;
    }
    return false;
}

bool policy_set_share(struct policy_set *set, const struct policy_set *before, const struct policy_document *document)
{
    struct document *known = document->refusal ? NULL : find_document(before, document);
    if (!known || known->revision != document->revision || g_strcmp0(known->text, document->config_json) != 0)
        return false;
    put_shared(set, known);
    return true;
}

void policy_set_keep(struct policy_set *set, const struct policy_set *before, const struct policy_document *document,
                     const char *doubt)
{
    struct document *known = find_document(before, document);
    if (known) {
        put_shared(set, known);
    } else if (doubt && policy_type_find(document->type) && policy_scope_check(&document->scope, NULL)) {
        g_autoptr(json_t) nothing = json_object();
        struct policy_document doubted = *document;
        doubted.config_json = NULL;
        doubted.refusal = doubt;
        put(set, new_document(&doubted, nothing));
    }
}

bool policy_set_equal(const struct policy_set *a, const struct policy_set *b)
{
    GHashTableIter iterator;
    gpointer key, value;
    if (g_hash_table_size(a->documents) != g_hash_table_size(b->documents))
        return false;
    g_hash_table_iter_init(&iterator, a->documents);
    while (g_hash_table_iter_next(&iterator, &key, &value)) {
        const struct document *left = value, *right = g_hash_table_lookup(b->documents, key);
        if (left == right)
            continue;
        if (!right || left->revision != right->revision || g_strcmp0(left->refusal, right->refusal) != 0 ||
            !json_equal(left->tree, right->tree))
            return false;
    }
    return true;
}

struct policy_set *policy_set_copy(const struct policy_set *set)
{
    struct policy_set *copy = policy_set_new();
    GHashTableIter iterator;
    gpointer document;
    g_hash_table_iter_init(&iterator, set->documents);
    while (g_hash_table_iter_next(&iterator, NULL, &document))
        put_shared(copy, document);
    copy->revision = set->revision;
    return copy;
}
