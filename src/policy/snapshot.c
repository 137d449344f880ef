/* The last good set on disk: one line with the SHA-256 of what follows, then one document a line, as JSON; one
 * that is in doubt has its refusal in the place of its config, so that a start from here knows of the doubt. Written
 * beside and renamed, so that a reader finds the old one or the new one whole. With a sealer all of that is sealed as
 * one text. */
#include "policy/manager.h"
#include "policy/policy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNAPSHOT_MAX_BYTES = 256 << 20, SNAPSHOT_MODE = 0600 };
#define SNAPSHOT_MAGIC "vedette-policies-1 "

static void add_text(json_t *line, const char *name, const char *value)
{
    if (value && *value)
        json_object_set_new(line, name, json_string(value));
}

static void append_document(void *data, const struct policy_document *document)
{
    GString *out = data;
    g_autoptr(json_t) line = json_object();
    add_text(line, "org_id", document->scope.org_id);
    add_text(line, "site_id", document->scope.site_id);
    add_text(line, "class_id", document->scope.class_id);
    add_text(line, "camera_id", document->scope.camera_id);
    add_text(line, "policy_type", record_enum_name(policy_type_names, document->type));
    json_object_set_new(line, "revision", json_integer(document->revision));
    if (document->config_json)
        json_object_set_new(line, "config", json_loads(document->config_json, 0, NULL));
    add_text(line, "refusal", document->refusal);
    g_autofree char *text = policy_dump(line);
    g_string_append_printf(out, "%s\n", text);
}

static bool fail(GError **error, const char *what, const char *path)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "%s the policies' snapshot '%s': %s", what, path,
                g_strerror(errno));
    return false;
}

bool policy_snapshot_write(const struct policy_set *set, const char *path, const struct policy_sealer *sealer,
                           GError **error)
{
    g_autoptr(GString) body = g_string_new(NULL);
    policy_set_each(set, append_document, body);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, body->str, (gssize)body->len);
    g_string_prepend(body, "\n");
    g_string_prepend(body, digest);
    g_string_prepend(body, SNAPSHOT_MAGIC);
    g_autoptr(GError) cause = NULL;
    g_autofree char *sealed = sealer->seal ? sealer->seal(sealer->data, body->str) : NULL;
    if (g_file_set_contents_full(path, sealed ? sealed : body->str, -1,
                                 G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, SNAPSHOT_MODE, &cause))
        return true;
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "write the policies' snapshot: %s", cause->message);
    return false;
}

/* A document that was in doubt, or that this version refuses, is in doubt, and takes no other with it. *refusal: that
 * of the first. */
static void add_line(struct policy_set *set, const char *text, char **refusal)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_autofree char *config = policy_dump(json_object_get(line, "config"));
    const char *type = json_string_value(json_object_get(line, "policy_type"));
    const struct policy_document document = {
        .scope = {.org_id = json_string_value(json_object_get(line, "org_id")),
                  .site_id = json_string_value(json_object_get(line, "site_id")),
                  .class_id = json_string_value(json_object_get(line, "class_id")),
                  .camera_id = json_string_value(json_object_get(line, "camera_id"))},
        .type = record_enum_value(policy_type_names, type ? type : ""),
        .config_json = config ? config : "",
        .revision = json_integer_value(json_object_get(line, "revision")),
        .refusal = json_string_value(json_object_get(line, "refusal")),
    };
    if (policy_set_add(set, &document, &error))
        return;
    policy_set_keep(set, set, &document, error->message);
    if (!*refusal)
        *refusal = g_strdup(error->message);
}

/* The body of a snapshot that is whole; NULL: it is not. */
static char *checked_body(char *text, GError **error)
{
    char *end = strchr(text, '\n');
    if (g_str_has_prefix(text, SNAPSHOT_MAGIC) && end) {
        g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, end + 1, -1);
        *end = '\0';
        if (strcmp(digest, text + strlen(SNAPSHOT_MAGIC)) == 0)
            return end + 1;
    }
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "it is damaged, or another version's");
    return NULL;
}

static char *read_file(const char *path, GError **error)
{
    struct stat status;
    g_autofree char *text = NULL;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_NOT_FOUND, "there is no policies' snapshot '%s'", path);
    else if (fd < 0 || fstat(fd, &status) != 0)
        fail(error, "open", path);
    else if (!S_ISREG(status.st_mode) || status.st_size > SNAPSHOT_MAX_BYTES)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "the policies' snapshot '%s' is no file of ours",
                    path);
    else {
        text = g_malloc0((gsize)status.st_size + 1);
        ssize_t got = read(fd, text, (size_t)status.st_size);
        if (got != status.st_size) {
            fail(error, "read", path);
            g_clear_pointer(&text, g_free);
        }
    }
    if (fd >= 0)
        close(fd);
    return g_steal_pointer(&text);
}

struct policy_set *policy_snapshot_read(const char *path, const struct policy_sealer *sealer, char **refusal,
                                        GError **error)
{
    g_autofree char *first = NULL;
    CLEANUP(policy_set) struct policy_set *set = policy_set_new();
    g_autofree char *file = read_file(path, error);
    g_autofree char *text = file && sealer->open ? sealer->open(sealer->data, file, error) : g_steal_pointer(&file);
    char *body = text ? checked_body(text, error) : NULL;
    if (!body) {
        g_prefix_error(error, "policies' snapshot '%s': ", path);
        return NULL;
    }
    for (char *line = body, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        add_line(set, line, &first);
    }
    *refusal = first ? g_strdup_printf("policies' snapshot '%s': %s", path, first) : NULL;
    return g_steal_pointer(&set);
}
