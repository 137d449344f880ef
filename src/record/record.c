#include "record/record.h"

#include "base/error.h"
#include "record/record_internal.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- errors ---- */

static void record_error_free(gpointer data)
{
    struct record_error *error = data;
    g_free(error->path);
    g_free(error->text);
    g_free(error);
}

void record_errors_init(struct record_errors *errors)
{
    *errors =
        (struct record_errors){.items = g_ptr_array_new_with_free_func(record_error_free), .most = RECORD_ERRORS_MAX};
}

void record_errors_clear(struct record_errors *errors)
{
    g_clear_pointer(&errors->items, g_ptr_array_unref);
}

/* As the last item, which is made with the first that is not told. */
static void tell_more(const struct record_errors *errors)
{
    if (errors->items->len == errors->most) {
        struct record_error *error = g_new0(struct record_error, 1);
        error->path = g_strdup("");
        g_ptr_array_add(errors->items, error);
    }
    struct record_error *last = g_ptr_array_index(errors->items, errors->most);
    g_free(last->text);
    last->text = g_strdup_printf("and %zu more", errors->count - errors->most);
}

void record_errors_add(struct record_errors *errors, const char *path, const char *format, ...)
{
    errors->count++;
    if (!errors->most)
        return;
    if (errors->count > errors->most) {
        tell_more(errors);
        return;
    }
    struct record_error *error = g_new0(struct record_error, 1);
    va_list arguments;
    va_start(arguments, format);
    error->text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    error->path = g_strdup(path);
    g_ptr_array_add(errors->items, error);
}

bool record_errors_to_gerror(const struct record_errors *errors, GError **error)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (guint i = 0; i < errors->items->len; i++) {
        const struct record_error *item = g_ptr_array_index(errors->items, i);
        g_string_append_printf(all, "%s%s%s%s", i ? "; " : "", item->path, *item->path ? ": " : "", item->text);
    }
    g_set_error_literal(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, all->str);
    return false;
}

char *record_path_join(const char *path, const char *name)
{
    return *path ? g_strconcat(path, ".", name, NULL) : g_strdup(name);
}

char *record_path_index(const char *path, size_t index)
{
    return g_strdup_printf("%s[%zu]", path, index);
}

size_t record_path_push_index(struct field_path *path, size_t index)
{
    size_t before = path->length;
    char text[RECORD_PATH_INDEX_BYTES], *at = text + sizeof text - 1;
    *at = '\0';
    *--at = ']';
    do
        *--at = (char)('0' + index % 10);
    while (index /= 10);
    *--at = '[';
    size_t length = (size_t)(text + sizeof text - at);
    if (before + length > sizeof path->text)
        return before; /* no table is that deep */
    memcpy(path->text + before, at, length);
    path->length += length - 1;
    return before;
}

/* ---- names ---- */

const struct record_field *record_find_field(const struct record_descriptor *descriptor, const char *name)
{
    for (size_t i = 0; i < descriptor->field_count; i++)
        if (name_is(descriptor->fields[i].name, name))
            return &descriptor->fields[i];
    return NULL;
}

const char *record_enum_name(const char *const *names, unsigned value)
{
    for (unsigned i = 0; value > 0 && names[i]; i++)
        if (i + 1 == value)
            return names[i];
    return "";
}

unsigned record_enum_value(const char *const *names, const char *name)
{
    for (unsigned i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i + 1;
    return 0;
}

/* ---- life ---- */

static void field_set_default(const struct record_field *field, void *record)
{
    if (field->kind == RECORD_RECORD) {
        record_init(field->descriptor, field_address(field, record));
        return;
    }
    if (!field->default_text)
        return;
    struct record_errors errors;
    record_errors_init(&errors);
    /* A default that does not fit its own field is a programmer's error; a test walks every table. */
    if (!record_set_text(field, record, field->default_text, field->name, &errors))
        g_error("default of field '%s' does not fit: %s", field->name, field->default_text);
    record_errors_clear(&errors);
}

void record_init(const struct record_descriptor *descriptor, void *record)
{
    memset(record, 0, descriptor->size);
    for (size_t i = 0; i < descriptor->field_count; i++)
        field_set_default(&descriptor->fields[i], record);
}

static void strings_clear(struct record_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        g_free(strings->items[i]);
    g_free(strings->items);
}

static void list_clear(struct record_list *list, const struct record_descriptor *descriptor)
{
    for (size_t i = 0; i < list->count; i++)
        record_clear(descriptor, (char *)list->items + i * descriptor->size);
    g_free(list->items);
}

static void field_clear(const struct record_field *field, void *record)
{
    void *address = field_address(field, record);
    switch (field->kind) {
    case RECORD_STRING:
        g_free(*(char **)address);
        break;
    case RECORD_JSON:
        g_free(((struct record_json *)address)->text);
        break;
    case RECORD_POINTS:
        g_free(((struct record_points *)address)->items);
        break;
    case RECORD_IDS:
        g_free(((struct record_ids *)address)->items);
        break;
    case RECORD_STRINGS:
        strings_clear(address);
        break;
    case RECORD_LIST:
        list_clear(address, field->descriptor);
        break;
    case RECORD_RECORD:
        record_clear(field->descriptor, address);
        break;
    default:
        break;
    }
}

void record_clear(const struct record_descriptor *descriptor, void *record)
{
    for (size_t i = 0; i < descriptor->field_count; i++)
        field_clear(&descriptor->fields[i], record);
    memset(record, 0, descriptor->size);
}

static void strings_copy(const struct record_strings *from, struct record_strings *to)
{
    to->items = from->count ? g_new0(char *, from->count) : NULL;
    for (size_t i = 0; i < from->count; i++)
        to->items[i] = g_strdup(from->items[i]);
}

static void list_copy(const struct record_list *from, struct record_list *to,
                      const struct record_descriptor *descriptor)
{
    to->items = from->count ? g_malloc0_n(from->count, descriptor->size) : NULL;
    for (size_t i = 0; i < from->count; i++)
        record_copy(descriptor, (const char *)from->items + i * descriptor->size,
                    (char *)to->items + i * descriptor->size);
}

static void field_copy(const struct record_field *field, const void *from, void *to)
{
    const void *source = field_address(field, from);
    void *target = field_address(field, to);
    switch (field->kind) {
    case RECORD_STRING:
        *(char **)target = g_strdup(*(char *const *)source);
        break;
    case RECORD_JSON:
        ((struct record_json *)target)->text = g_strdup(((const struct record_json *)source)->text);
        break;
    case RECORD_POINTS: {
        const struct record_points *points = source;
        ((struct record_points *)target)->items = g_memdup2(points->items, points->count * sizeof *points->items);
        break;
    }
    case RECORD_IDS: {
        const struct record_ids *ids = source;
        ((struct record_ids *)target)->items = g_memdup2(ids->items, ids->count * sizeof *ids->items);
        break;
    }
    case RECORD_STRINGS:
        strings_copy(source, target);
        break;
    case RECORD_LIST:
        list_copy(source, target, field->descriptor);
        break;
    case RECORD_RECORD:
        record_copy(field->descriptor, source, target);
        break;
    default:
        break;
    }
}

void record_copy(const struct record_descriptor *descriptor, const void *from, void *to)
{
    memcpy(to, from, descriptor->size);
    for (size_t i = 0; i < descriptor->field_count; i++)
        field_copy(&descriptor->fields[i], from, to);
}

void *record_list_append(struct record_list *list, const struct record_descriptor *descriptor)
{
    list->items = g_realloc_n(list->items, list->count + 1, descriptor->size);
    void *item = (char *)list->items + list->count++ * descriptor->size;
    record_init(descriptor, item);
    return item;
}
