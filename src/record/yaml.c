/* YAML to the tree that decode.c walks: scalars stay text, every path remembers its line. */
#include "record/settings.h"

#include "record/record_internal.h"
#include "record/yaml_internal.h"

#include <string.h>
#include <yaml.h>

enum { YAML_MAX_NODES = 100000 };

struct reader {
    yaml_parser_t parser;
    struct json_document *document;
    GHashTable *lines; /* path → line, from 1 */
    struct record_errors *errors;
    int nodes;
};

static void add_error(struct reader *reader, const char *path, const yaml_mark_t *mark, const char *text)
{
    record_errors_add(reader->errors, path, "%s", text);
    struct record_error *error = g_ptr_array_index(reader->errors->items, reader->errors->items->len - 1);
    error->line = (int)mark->line + 1;
}

/* The next event, which the caller deletes. False: an error was added. */
static bool next_event(struct reader *reader, yaml_event_t *event)
{
    if (yaml_parser_parse(&reader->parser, event))
        return true;
    g_autofree char *text = g_strdup_printf(
        "is no YAML: %s%s%s, column %zu", reader->parser.context ? reader->parser.context : "",
        reader->parser.context ? ": " : "", reader->parser.problem, reader->parser.problem_mark.column + 1);
    add_error(reader, "", &reader->parser.problem_mark, text);
    return false;
}

static struct json_node *read_node(struct reader *reader, const yaml_event_t *event, const char *path, int depth);

static bool is_null(const yaml_event_t *event)
{
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
        return false;
    const char *text = (const char *)event->data.scalar.value;
    return *text == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}

static struct json_node *read_scalar(struct reader *reader, const yaml_event_t *event, const char *path)
{
    if (is_null(event))
        return json_node_new(reader->document, JSON_KIND_NULL);
    struct json_node *value =
        json_string_new(reader->document, (const char *)event->data.scalar.value, event->data.scalar.length);
    if (!value)
        add_error(reader, path, &event->start_mark, "is not valid text");
    return value;
}

static struct json_node *read_sequence(struct reader *reader, const char *path, int depth)
{
    struct json_node *list = json_node_new(reader->document, JSON_KIND_LIST);
    for (size_t i = 0;; i++) {
        yaml_event_t event;
        if (!next_event(reader, &event))
            return NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return list;
        }
        g_autofree char *where = record_path_index(path, i);
        struct json_node *item = read_node(reader, &event, where, depth + 1);
        yaml_event_delete(&event);
        if (!item)
            return NULL;
        json_node_append(reader->document, list, NULL, item);
    }
}

static bool read_pair(struct reader *reader, const yaml_event_t *key, const char *path, int depth,
                      struct json_node *mapping)
{
    if (key->type != YAML_SCALAR_EVENT || key->data.scalar.length == 0) {
        add_error(reader, path, &key->start_mark, "has a key that is no plain text");
        return false;
    }
    const char *name = (const char *)key->data.scalar.value;
    g_autofree char *where = record_path_join(path, name);
    g_hash_table_insert(reader->lines, g_strdup(where), GINT_TO_POINTER((int)key->start_mark.line + 1));
    yaml_event_t event;
    if (!next_event(reader, &event))
        return false;
    struct json_node *value = read_node(reader, &event, where, depth + 1);
    yaml_event_delete(&event);
    if (!value)
        return false;
    if (strlen(name) != key->data.scalar.length || !g_utf8_validate(name, -1, NULL))
        add_error(reader, path, &key->start_mark, "has a key that is not valid text");
    else if (json_member(mapping, name, NULL))
        add_error(reader, where, &key->start_mark, "is given twice: keep one");
    else
        json_node_append(reader->document, mapping, name, value);
    return true;
}

static struct json_node *read_mapping(struct reader *reader, const char *path, int depth)
{
    struct json_node *mapping = json_node_new(reader->document, JSON_KIND_OBJECT);
    for (;;) {
        yaml_event_t key;
        if (!next_event(reader, &key))
            return NULL;
        bool is_end = key.type == YAML_MAPPING_END_EVENT;
        bool is_good = is_end || read_pair(reader, &key, path, depth, mapping);
        yaml_event_delete(&key);
        if (is_end || !is_good)
            return is_good ? mapping : NULL;
    }
}

/* Anchors would allow a few lines to stand for millions of values; tags ask for types we do not have. */
static bool is_plain(struct reader *reader, const yaml_event_t *event, const char *path)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (event->type == YAML_ALIAS_EVENT || anchor)
        add_error(reader, path, &event->start_mark,
                  "uses an anchor or alias (& or *): write the value out, or quote it");
    else if (tag)
        add_error(reader, path, &event->start_mark, "uses a tag (!): leave it out, or quote the value");
    else
        return true;
    return false;
}

static struct json_node *read_node(struct reader *reader, const yaml_event_t *event, const char *path, int depth)
{
    if (!g_hash_table_contains(reader->lines, path))
        g_hash_table_insert(reader->lines, g_strdup(path), GINT_TO_POINTER((int)event->start_mark.line + 1));
    if (!is_plain(reader, event, path))
        return NULL;
    if (depth > RECORD_MAX_DEPTH || ++reader->nodes > YAML_MAX_NODES) {
        add_error(reader, path, &event->start_mark, "is nested too deep or holds too many values");
        return NULL;
    }
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event, path);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(reader, path, depth);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(reader, path, depth);
    default:
        add_error(reader, path, &event->start_mark, "is no value");
        return NULL;
    }
}

/* Stream start, document start, one node; an empty file is an empty mapping. */
static struct json_node *read_document(struct reader *reader)
{
    struct json_node *root = NULL;
    for (bool is_open = true; is_open && !root;) {
        yaml_event_t event;
        if (!next_event(reader, &event))
            return NULL;
        if (event.type == YAML_STREAM_END_EVENT)
            root = json_node_new(reader->document, JSON_KIND_OBJECT);
        else if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT) {
            root = read_node(reader, &event, "", 0);
            is_open = false;
        }
        yaml_event_delete(&event);
    }
    return root && root->kind == JSON_KIND_NULL ? json_node_new(reader->document, JSON_KIND_OBJECT) : root;
}

/* After the first document only the end may follow. */
static void check_end(struct reader *reader)
{
    yaml_event_t event;
    bool is_end = false;
    while (!is_end && next_event(reader, &event)) {
        is_end = event.type == YAML_STREAM_END_EVENT || event.type == YAML_NO_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT) {
            add_error(reader, "", &event.start_mark, "holds a second document (---): keep one");
            is_end = true;
        }
        yaml_event_delete(&event);
    }
}

struct json_node *yaml_read(struct json_document *document, const char *text, size_t length, GHashTable *lines,
                            struct record_errors *errors)
{
    struct reader reader = {.document = document, .lines = lines, .errors = errors};
    if (length > RECORD_MAX_TEXT_BYTES) {
        record_errors_add(errors, "", "has %zu bytes: must have at most %d", length, RECORD_MAX_TEXT_BYTES);
        return NULL;
    }
    if (!yaml_parser_initialize(&reader.parser)) {
        record_errors_add(errors, "", "cannot be read: out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    struct json_node *root = read_document(&reader);
    if (root)
        check_end(&reader);
    yaml_parser_delete(&reader.parser);
    return root;
}
