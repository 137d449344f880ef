/* JSON as a tree over its text, which decode.c walks; YAML makes the same tree. Nodes and texts of one document lie in
 * blocks that are freed together, the first of them on its owner's stack: a library's tree of values took most of the
 * time that an event cost. Strict RFC 8259: UTF-8, no key twice, no NUL in texts, no depth over RECORD_MAX_DEPTH.
 *
 * Threads: one at a time per document.
 */
#pragma once

#include "record/record.h"

enum json_kind {
    JSON_KIND_NULL = 1,
    JSON_KIND_BOOLEAN,
    JSON_KIND_INTEGER,
    JSON_KIND_REAL, /* finite */
    JSON_KIND_STRING,
    JSON_KIND_LIST,
    JSON_KIND_OBJECT,
};

struct json_node {
    enum json_kind kind;
    bool boolean;
    union {
        int64_t integer;
        double real;
        const char *text;              /* UTF-8 without NUL, ends with one */
        struct json_node *first_child; /* items or members, in order */
    };
    struct json_node *last_child, *next;
    const char *key; /* of a member, else NULL */
    size_t count;    /* of children */
    const char *source;
    size_t source_length; /* where it stands in the text that was parsed; NULL, 0: it was made */
};

enum {
    JSON_OWN_BYTES = 6144,    /* an event and its nodes: such a document asks for no memory */
    JSON_NODES_MAX = 1 << 18, /* of a text that is parsed: "[0,0,…" would take thirty times its own length otherwise */
};
struct json_document {
    struct json_block *blocks; /* NULL: its own bytes suffice so far */
    char *at, *end;            /* what is left of the newest */
    _Alignas(8) char own[JSON_OWN_BYTES];
};

void json_document_init(struct json_document *document);
/* Its texts and nodes are gone after this. */
void json_document_clear(struct json_document *document);

/* The root; NULL when the text is no JSON: an error was added that says where. `text` must outlive the nodes. */
struct json_node *json_parse(struct json_document *document, const char *text, size_t length,
                             struct record_errors *errors);

struct json_node *json_node_new(struct json_document *document, enum json_kind kind);
/* Copies the text. NULL: it is not UTF-8, or holds a NUL. */
struct json_node *json_string_new(struct json_document *document, const char *text, size_t length);
/* `key`: copied; NULL for items of a list. */
void json_node_append(struct json_document *document, struct json_node *parent, const char *key,
                      struct json_node *child);

/* The member of that key, or NULL. Looked for first behind `after` (may be NULL): members mostly come in order. */
const struct json_node *json_member(const struct json_node *object, const char *key, const struct json_node *after);

/* What was parsed, without the white space between its parts. g_free. */
char *json_compact(const struct json_node *node);
