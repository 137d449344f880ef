#include "record/settings.h"

#include "record/record_internal.h"
#include "record/yaml_internal.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VARIABLE_PREFIX "VEDETTE_"
enum { VARIABLE_NEAR_ENOUGH = 2 }; /* of other names, VEDETTE_URL is three edits from VEDETTE_LOG */

/* ---- every scalar setting by its path ---- */

typedef void (*setting_visit)(const char *path, const struct record_field *field, size_t offset, void *data);

static void visit_settings(const struct record_descriptor *descriptor, const char *path, size_t offset,
                           setting_visit visit, void *data)
{
    for (size_t i = 0; i < descriptor->field_count; i++) {
        const struct record_field *field = &descriptor->fields[i];
        g_autofree char *where = record_path_join(path, field->name);
        if (field->kind == RECORD_RECORD)
            visit_settings(field->descriptor, where, offset + field->offset, visit, data);
        else if (record_kind_is_scalar(field->kind) && !(field->flags & RECORD_READ_ONLY))
            visit(where, field, offset, data);
    }
}

struct setting_search {
    const char *path;
    const struct record_field *field;
    size_t offset;
};

static void match_setting(const char *path, const struct record_field *field, size_t offset, void *data)
{
    struct setting_search *search = data;
    if (strcmp(path, search->path) == 0) {
        search->field = field;
        search->offset = offset;
    }
}

/* "a.b_c" as VEDETTE_A_B_C or --a-b-c. */
static char *variable_name(const char *path)
{
    g_autofree char *upper = g_ascii_strup(path, -1);
    return g_strconcat(VARIABLE_PREFIX, g_strdelimit(upper, ".", '_'), NULL);
}

static char *flag_name(const char *path)
{
    g_autofree char *name = g_strdup(path);
    return g_strconcat("--", g_strdelimit(name, "._", '-'), NULL);
}

/* ---- decoding ---- */

static void apply_overrides(const struct record_descriptor *descriptor, const struct settings_override *overrides,
                            size_t count, void *record, struct record_errors *errors)
{
    for (size_t i = 0; i < count; i++) {
        struct setting_search search = {overrides[i].key, NULL, 0};
        visit_settings(descriptor, "", 0, match_setting, &search);
        if (search.field)
            record_set_text(search.field, (char *)record + search.offset, overrides[i].value, overrides[i].origin,
                            errors);
        else
            record_errors_add(errors, overrides[i].origin, "sets '%s', which is no setting", overrides[i].key);
    }
}

/* The line of a path, or of the nearest thing around it. */
static int line_of(GHashTable *lines, const char *path)
{
    g_autofree char *where = g_strdup(path);
    for (;;) {
        gpointer line = g_hash_table_lookup(lines, where);
        if (line || !*where)
            return GPOINTER_TO_INT(line);
        char *dot = strrchr(where, '.'), *bracket = strrchr(where, '[');
        char *cut = dot > bracket ? dot : bracket;
        *(cut ? cut : where) = '\0';
    }
}

static int compare_lines(gconstpointer a, gconstpointer b)
{
    const struct record_error *left = *(struct record_error *const *)a, *right = *(struct record_error *const *)b;
    return (left->line > right->line) - (left->line < right->line);
}

static void place_errors(struct record_errors *errors, GHashTable *lines)
{
    for (guint i = 0; i < errors->items->len; i++) {
        struct record_error *error = g_ptr_array_index(errors->items, i);
        /* an override's "path" is the variable or flag it came from: it has no line */
        bool is_override = g_str_has_prefix(error->path, VARIABLE_PREFIX) || g_str_has_prefix(error->path, "--");
        if (error->line == 0 && !is_override)
            error->line = line_of(lines, error->path);
    }
    g_ptr_array_sort(errors->items, compare_lines);
}

bool settings_decode_yaml(const struct record_descriptor *descriptor, const char *text, size_t length,
                          const struct settings_override *overrides, size_t override_count, void *record,
                          struct record_errors *errors)
{
    record_init(descriptor, record);
    g_autoptr(GHashTable) lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct json_document document;
    json_document_init(&document);
    const struct json_node *root = yaml_read(&document, text, length, lines, errors);
    if (root)
        record_decode_tree(descriptor, root, record, errors);
    json_document_clear(&document);
    apply_overrides(descriptor, overrides, override_count, record, errors);
    /* Ranges are checked also beside other errors, so that one run shows all; what did not convert has its default. */
    if (root)
        record_validate(descriptor, record, "", errors);
    place_errors(errors, lines);
    if (errors->items->len == 0)
        return true;
    record_clear(descriptor, record);
    return false;
}

static char *read_file(const char *path, size_t *length, struct record_errors *errors)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        record_errors_add(errors, "", "cannot be opened: %s", g_strerror(errno));
        return NULL;
    }
    char *text = g_malloc(RECORD_MAX_TEXT_BYTES + 1);
    *length = fread(text, 1, RECORD_MAX_TEXT_BYTES + 1, file);
    if (ferror(file)) {
        record_errors_add(errors, "", "cannot be read: %s", g_strerror(errno));
        g_clear_pointer(&text, g_free);
    }
    fclose(file);
    return text;
}

bool settings_load(const struct record_descriptor *descriptor, const char *path,
                   const struct settings_override *overrides, size_t override_count, void *record,
                   struct record_errors *errors)
{
    size_t length = 0;
    g_autofree char *text = path ? read_file(path, &length, errors) : g_strdup("");
    if (!text) {
        memset(record, 0, descriptor->size);
        return false;
    }
    return settings_decode_yaml(descriptor, text, length, overrides, override_count, record, errors);
}

/* ---- environment and flags ---- */

/* Variables whose name is promised and differs from their setting's path. */
static const struct {
    const char *variable, *path;
} variable_aliases[] = {
    {"VEDETTE_LOG", "log.levels"},
};

struct environment_walk {
    GArray *overrides;
    char **list;
};

static void take_variable(const char *variable, const char *path, struct environment_walk *walk)
{
    const char *value = g_environ_getenv(walk->list, variable);
    if (!value)
        return;
    const struct settings_override found = {g_intern_string(path), value, g_intern_string(variable)};
    g_array_append_val(walk->overrides, found);
}

static void take_setting_variable(const char *path, const struct record_field *field, size_t offset, void *data)
{
    (void)field;
    (void)offset;
    g_autofree char *name = variable_name(path);
    take_variable(name, path, data);
}

GArray *settings_environment(const struct record_descriptor *descriptor, char **environ_list)
{
    struct environment_walk walk = {g_array_new(FALSE, FALSE, sizeof(struct settings_override)), environ_list};
    for (size_t i = 0; i < G_N_ELEMENTS(variable_aliases); i++)
        take_variable(variable_aliases[i].variable, variable_aliases[i].path, &walk);
    visit_settings(descriptor, "", 0, take_setting_variable, &walk);
    return walk.overrides;
}

struct variable_search {
    const char *name; /* of an environment's variable */
    size_t distance;  /* in edits, of what is nearest to it */
    char *nearest;    /* g_free */
};

static void offer_variable(const char *variable, struct variable_search *search)
{
    size_t distance = record_name_distance(search->name, variable, VARIABLE_NEAR_ENOUGH);
    if (distance >= search->distance)
        return;
    search->distance = distance;
    g_free(search->nearest);
    search->nearest = g_strdup(variable);
}

static void offer_setting_variable(const char *path, const struct record_field *field, size_t offset, void *data)
{
    (void)field;
    (void)offset;
    g_autofree char *name = variable_name(path);
    offer_variable(name, data);
}

void settings_environment_warn(const struct record_descriptor *descriptor, char **environ_list,
                               struct record_errors *warnings)
{
    for (char **entry = environ_list; *entry; entry++) {
        g_autofree char *name = g_strndup(*entry, strcspn(*entry, "="));
        struct variable_search search = {name, VARIABLE_NEAR_ENOUGH + 1, NULL};
        if (!g_str_has_prefix(name, VARIABLE_PREFIX))
            continue;
        for (size_t i = 0; i < G_N_ELEMENTS(variable_aliases); i++)
            offer_variable(variable_aliases[i].variable, &search);
        visit_settings(descriptor, "", 0, offer_setting_variable, &search);
        if (search.nearest && search.distance > 0)
            record_errors_add(warnings, name, "is no setting and is passed over: did you mean '%s'?", search.nearest);
        g_free(search.nearest);
    }
}

struct flag_search {
    const char *argument; /* "--a-b" or "--a-b=value" */
    size_t name_length;
    const char *path; /* interned */
    const struct record_field *field;
};

static void match_flag(const char *path, const struct record_field *field, size_t offset, void *data)
{
    (void)offset;
    struct flag_search *search = data;
    g_autofree char *name = flag_name(path);
    if (strlen(name) == search->name_length && strncmp(name, search->argument, search->name_length) == 0) {
        search->path = g_intern_string(path);
        search->field = field;
    }
}

/* What is given behind a flag's name: NULL where nothing is. A boolean that stands alone is true; the word behind it is
 * its own only where it is a boolean's. */
static const char *take_flag_value(const struct flag_search *search, int argc, char **argv, int *at)
{
    bool value;
    if (search->argument[search->name_length] == '=')
        return argv[*at] + search->name_length + 1;
    bool is_boolean = search->field->kind == RECORD_BOOL;
    if (*at + 1 < argc && (!is_boolean || record_parse_bool(argv[*at + 1], &value)))
        return argv[++*at];
    return is_boolean ? "true" : NULL;
}

bool settings_flags(const struct record_descriptor *descriptor, int *argc, char **argv, GArray *overrides,
                    GError **error)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        struct flag_search search = {argv[i], strcspn(argv[i], "="), NULL, NULL};
        if (g_str_has_prefix(argv[i], "--"))
            visit_settings(descriptor, "", 0, match_flag, &search);
        if (!search.field) {
            argv[kept++] = argv[i];
            continue;
        }
        g_autofree char *name = g_strndup(argv[i], search.name_length);
        if (search.field->flags & RECORD_SECRET) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID,
                        "%s: secrets are not taken as flags, where every user of the machine can read them; use the "
                        "environment or the settings file",
                        name);
            return false;
        }
        const char *value = take_flag_value(&search, *argc, argv, &i);
        if (!value) {
            g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "%s: a value must follow: %s", name,
                        search.field->doc);
            return false;
        }
        const struct settings_override found = {search.path, value, g_intern_string(name)};
        g_array_append_val(overrides, found);
    }
    *argc = kept;
    argv[kept] = NULL;
    return true;
}

/* ---- help ---- */

static void append_help_row(const char *path, const struct record_field *field, size_t offset, void *data)
{
    (void)offset;
    GString *out = data;
    g_autofree char *variable = variable_name(path);
    g_autofree char *flag = flag_name(path);
    g_string_append_printf(out, "  %s\n", field->flags & RECORD_SECRET ? path : flag);
    g_string_append_printf(out, "        %s\n        %s", field->doc, variable);
    if (field->default_text)
        g_string_append_printf(out, "; default %s", field->default_text);
    if (field_is_bounded(field))
        g_string_append_printf(out, "; %.10g to %.10g", field->min, field->max);
    for (size_t i = 0; field->names && field->names[i]; i++)
        g_string_append_printf(out, "%s%s", i ? ", " : "; ", field->names[i]);
    g_string_append_printf(out, "%s%s\n", field->unit ? " " : "", field->unit ? field->unit : "");
}

void settings_append_help(const struct record_descriptor *descriptor, GString *out)
{
    visit_settings(descriptor, "", 0, append_help_row, out);
}

void settings_errors_print(const struct record_errors *errors, const char *file, GString *out)
{
    for (guint i = 0; i < errors->items->len; i++) {
        const struct record_error *error = g_ptr_array_index(errors->items, i);
        if (error->line > 0)
            g_string_append_printf(out, "%s:%d: ", file, error->line);
        else if (!*error->path)
            g_string_append_printf(out, "%s: ", file);
        g_string_append_printf(out, "%s%s%s\n", error->path, *error->path ? ": " : "", error->text);
    }
}
