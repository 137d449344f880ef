/* Where documents lie in a directory of files: one table for who reads such a directory and who writes one. */
#include "policy/policy_internal.h"

#include <string.h>

enum { ID_MAX_BYTES = 64 };

static const struct level {
    const char *folder;
    size_t offset; /* in struct policy_scope */
} levels[] = {
    {"sites", offsetof(struct policy_scope, site_id)},
    {"classes", offsetof(struct policy_scope, class_id)},
    {"cameras", offsetof(struct policy_scope, camera_id)},
};

static const char **id_at(const struct policy_scope *scope, const struct level *level)
{
    return (const char **)(uintptr_t)((const char *)scope + level->offset);
}

static bool is_word(const char *text)
{
    return *text && strlen(text) <= ID_MAX_BYTES &&
           strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") == strlen(text);
}

/* "cameras", "door": the level below the org. */
static bool read_level(const char *folder, const char *id, struct policy_scope *scope)
{
    for (size_t i = 0; i < G_N_ELEMENTS(levels); i++)
        if (strcmp(folder, levels[i].folder) == 0 && is_word(id)) {
            *id_at(scope, &levels[i]) = id;
            return true;
        }
    return false;
}

const char *policy_path_level(size_t number)
{
    return number < G_N_ELEMENTS(levels) ? levels[number].folder : NULL;
}

static bool read_path(char **parts, struct policy_scope *scope, enum policy_type *type)
{
    guint count = g_strv_length(parts);
    if ((count != 1 && count != 3 && count != 5) || !g_str_has_suffix(parts[count - 1], ".json") ||
        (count > 1 && (strcmp(parts[0], "orgs") != 0 || !is_word(parts[1]))))
        return false;
    g_autofree char *name = g_strndup(parts[count - 1], strlen(parts[count - 1]) - strlen(".json"));
    *type = record_enum_value(policy_type_names, name);
    scope->org_id = count > 1 ? parts[1] : NULL;
    return *type && (count < 5 || read_level(parts[2], parts[3], scope));
}

bool policy_path_read(char **parts, struct policy_scope *scope, enum policy_type *type)
{
    *scope = (struct policy_scope){NULL};
    *type = 0;
    bool is_good = read_path(parts, scope, type);
    if (!is_good) { /* what was read so far names another document */
        *scope = (struct policy_scope){NULL};
        *type = 0;
    }
    return is_good;
}

unsigned policy_path_types(const char *path)
{
    g_autofree char *name = g_path_get_basename(path);
    char *end = strrchr(name, '.');
    if (end)
        *end = '\0';
    enum policy_type type = record_enum_value(policy_type_names, name);
    return type ? 1U << type : ~0U;
}

char *policy_path_write(const struct policy_scope *scope, const char *type)
{
    g_autofree char *file = g_strconcat(type, ".json", NULL);
    for (size_t i = 0; scope->org_id && i < G_N_ELEMENTS(levels); i++) {
        const char *id = *id_at(scope, &levels[i]);
        if (id)
            return g_build_filename("orgs", scope->org_id, levels[i].folder, id, file, NULL);
    }
    return scope->org_id ? g_build_filename("orgs", scope->org_id, file, NULL) : g_steal_pointer(&file);
}
