#include "record/json_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/record_internal.h"

enum {
    BLOCK_BYTES = 4096,
    ALIGNMENT = 8,
    FEW_MEMBERS = 16, /* compared with each other; more are sorted */
};

/* ---- memory ---- */

struct json_block {
    struct json_block *older;
    _Alignas(ALIGNMENT) char bytes[];
};

static void *take(struct json_document *document, size_t bytes)
{
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if ((size_t)(document->end - document->at) < bytes) {
        size_t size = MAX(bytes, BLOCK_BYTES);
        struct json_block *block = g_malloc(sizeof *block + size);
        block->older = document->blocks;
        document->blocks = block;
        document->at = block->bytes;
        document->end = block->bytes + size;
    }
    void *taken = document->at;
    document->at += bytes;
    return taken;
}

void json_document_init(struct json_document *document)
{
    document->blocks = NULL;
    document->at = document->own;
    document->end = document->own + sizeof document->own;
}

void json_document_clear(struct json_document *document)
{
    for (struct json_block *block = document->blocks, *older; block; block = older) {
        older = block->older;
        g_free(block);
    }
    json_document_init(document);
}

static char *copy(struct json_document *document, const char *text, size_t length)
{
    char *copied = take(document, length + 1);
    memcpy(copied, text, length);
    copied[length] = '\0';
    return copied;
}

/* ---- trees ---- */

struct json_node *json_node_new(struct json_document *document, enum json_kind kind)
{
    struct json_node *node = take(document, sizeof *node);
    *node = (struct json_node){.kind = kind};
    return node;
}

struct json_node *json_string_new(struct json_document *document, const char *text, size_t length)
{
    if (!g_utf8_validate(text, (gssize)length, NULL))
        return NULL;
    struct json_node *node = json_node_new(document, JSON_KIND_STRING);
    node->text = copy(document, text, length);
    return node;
}

/* `key` is the document's already. */
static void append(struct json_node *parent, const char *key, struct json_node *child)
{
    child->key = key;
    *(parent->last_child ? &parent->last_child->next : &parent->first_child) = child;
    parent->last_child = child;
    parent->count++;
}

void json_node_append(struct json_document *document, struct json_node *parent, const char *key,
                      struct json_node *child)
{
    append(parent, key ? copy(document, key, strlen(key)) : NULL, child);
}

const struct json_node *json_member(const struct json_node *object, const char *key, const struct json_node *after)
{
    for (const struct json_node *member = after ? after->next : NULL; member; member = member->next)
        if (name_is(member->key, key))
            return member;
    for (const struct json_node *member = object->first_child; member; member = member->next) {
        if (name_is(member->key, key))
            return member;
        if (member == after)
            return NULL; /* the rest was looked at */
    }
    return NULL;
}

char *json_compact(const struct json_node *node)
{
    char *text = g_malloc(node->source_length + 1), *out = text;
    bool is_in_string = false;
    for (const char *c = node->source, *end = c + node->source_length; c < end; c++) {
        if (!is_in_string && (*c == ' ' || *c == '\n' || *c == '\t' || *c == '\r'))
            continue;
        *out++ = *c;
        if (*c == '"')
            is_in_string = !is_in_string;
        else if (*c == '\\')
            *out++ = *++c; /* inside of a string alone, and never last */
    }
    *out = '\0';
    return text;
}

/* ---- parsing ---- */

struct parser {
    struct json_document *document;
    const char *start, *at, *end;
    const char *why; /* it is no JSON; NULL: nothing so far */
    size_t nodes;
    bool is_too_deep;
};

static struct json_node *parse_value(struct parser *parser, int depth);

static void *fail(struct parser *parser, const char *why)
{
    if (!parser->why)
        parser->why = why;
    return NULL;
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->end &&
           (*parser->at == ' ' || *parser->at == '\n' || *parser->at == '\t' || *parser->at == '\r'))
        parser->at++;
}

/* True when it was next, and is passed. */
static bool pass(struct parser *parser, char wanted)
{
    if (parser->at == parser->end || *parser->at != wanted)
        return false;
    parser->at++;
    return true;
}

/* ---- strings ---- */

/* The quote that ends the string which begins at `at`. */
static const char *find_quote(struct parser *parser, bool *has_escapes)
{
    *has_escapes = false;
    for (const char *c = parser->at + 1; c < parser->end; c++) {
        if (*c == '"')
            return c;
        if ((unsigned char)*c < 0x20) {
            parser->at = c;
            return fail(parser, "a control character in a string");
        }
        if (*c == '\\') {
            *has_escapes = true;
            c++;
        }
    }
    parser->at = parser->end;
    return fail(parser, "a string without its end");
}

/* Four hexadecimal digits before `end`; -1: they are not there. */
static int32_t read_unit(const char *at, const char *end)
{
    int32_t unit = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* What stands behind "\u": one unit, or a pair that stands for one character. Moves *at. 0: it is none. */
static gunichar read_character(const char **at, const char *end)
{
    int32_t first = read_unit(*at, end);
    *at += 4;
    if (first < 0xd800 || first > 0xdfff)
        return first > 0 ? (gunichar)first : 0;
    if (first > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return 0;
    int32_t second = read_unit(*at + 2, end);
    *at += 6;
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    return 0x10000 + (((gunichar)first - 0xd800) << 10) + ((gunichar)second - 0xdc00);
}

static const char *unescape(struct parser *parser, const char *from, const char *to)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char *text = take(parser->document, (size_t)(to - from) + 1), *out = text;
    for (const char *c = from; c < to;) {
        if (*c != '\\') {
            *out++ = *c++;
            continue;
        }
        const char *name = strchr(names, c[1]);
        parser->at = c;
        c += 2;
        if (c[-1] == 'u') {
            gunichar character = read_character(&c, to);
            if (!character)
                return fail(parser, "an escape that stands for no character");
            out += g_unichar_to_utf8(character, out);
        } else if (name && *name) {
            *out++ = values[name - names];
        } else {
            return fail(parser, "an unknown escape");
        }
    }
    *out = '\0';
    return text;
}

static const char *parse_text(struct parser *parser)
{
    bool has_escapes;
    const char *quote = find_quote(parser, &has_escapes), *from = parser->at + 1;
    if (!quote)
        return NULL;
    const char *text =
        has_escapes ? unescape(parser, from, quote) : copy(parser->document, from, (size_t)(quote - from));
    if (text)
        parser->at = quote + 1;
    return text;
}

static struct json_node *parse_string(struct parser *parser)
{
    const char *text = parse_text(parser);
    if (!text)
        return NULL;
    struct json_node *node = json_node_new(parser->document, JSON_KIND_STRING);
    node->text = text;
    return node;
}

/* ---- numbers and words ---- */

static size_t pass_digits(struct parser *parser)
{
    const char *from = parser->at;
    while (parser->at < parser->end && g_ascii_isdigit(*parser->at))
        parser->at++;
    return (size_t)(parser->at - from);
}

/* Passes what the grammar allows. False: it is no number. */
static bool pass_number(struct parser *parser, bool *is_real)
{
    *is_real = false;
    pass(parser, '-');
    bool is_zero = pass(parser, '0');
    if (!is_zero && !pass_digits(parser))
        return false;
    if (pass(parser, '.')) {
        *is_real = true;
        if (!pass_digits(parser))
            return false;
    }
    if (pass(parser, 'e') || pass(parser, 'E')) {
        *is_real = true;
        if (!pass(parser, '-'))
            pass(parser, '+');
        return pass_digits(parser) > 0;
    }
    return true;
}

/* Of at most 15 digits without an exponent: both parts are exact, so their quotient is the nearest double. False: it is
 * another kind of number. */
static bool read_simple(const char *text, size_t length, double *value)
{
    enum { DIGITS_MAX = 15 };
    static const double powers[DIGITS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                  1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    int64_t mantissa = 0;
    int digits = 0, decimals = -1;
    for (size_t i = *text == '-'; i < length; i++) {
        if (text[i] == '.') {
            decimals = 0;
            continue;
        }
        if (!g_ascii_isdigit(text[i]) || ++digits > DIGITS_MAX)
            return false;
        mantissa = mantissa * 10 + (text[i] - '0');
        decimals += decimals >= 0;
    }
    *value = (double)mantissa / powers[MAX(decimals, 0)];
    *value = *text == '-' ? -*value : *value;
    return true;
}

static struct json_node *parse_number(struct parser *parser)
{
    const char *from = parser->at;
    bool is_real;
    if (!pass_number(parser, &is_real))
        return fail(parser, "no value");
    size_t length = (size_t)(parser->at - from);
    struct json_node *node = json_node_new(parser->document, is_real ? JSON_KIND_REAL : JSON_KIND_INTEGER);
    double simple;
    if (read_simple(from, length, &simple)) {
        if (is_real)
            node->real = simple;
        else
            node->integer = (int64_t)simple;
        return node;
    }
    const char *text = copy(parser->document, from, length); /* the text need not end with NUL */
    errno = 0;
    if (is_real)
        node->real = g_ascii_strtod(text, NULL);
    else
        node->integer = g_ascii_strtoll(text, NULL, 10);
    bool is_too_large = is_real ? !isfinite(node->real) : errno == ERANGE;
    return is_too_large ? fail(parser, "a number that is too large") : node;
}

static struct json_node *parse_word(struct parser *parser)
{
    static const struct {
        const char *text;
        size_t length;
        enum json_kind kind;
        bool value;
    } words[] = {{"null", 4, JSON_KIND_NULL, false},
                 {"true", 4, JSON_KIND_BOOLEAN, true},
                 {"false", 5, JSON_KIND_BOOLEAN, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if ((size_t)(parser->end - parser->at) < words[i].length ||
            memcmp(parser->at, words[i].text, words[i].length) != 0)
            continue;
        struct json_node *node = json_node_new(parser->document, words[i].kind);
        node->boolean = words[i].value;
        parser->at += words[i].length;
        return node;
    }
    return fail(parser, "no value");
}

/* ---- lists and objects ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, not hashed: whoever knows the hash could send keys that all have the same. */
static bool has_twins(const struct json_node *object)
{
    if (object->count <= FEW_MEMBERS) {
        for (const struct json_node *one = object->first_child; one; one = one->next)
            for (const struct json_node *other = one->next; other; other = other->next)
                if (name_is(one->key, other->key))
                    return true;
        return false;
    }
    g_autofree const char **keys = g_new(const char *, object->count);
    size_t count = 0;
    for (const struct json_node *member = object->first_child; member; member = member->next)
        keys[count++] = member->key;
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (name_is(keys[i - 1], keys[i]))
            return true;
    return false;
}

static const char *parse_key(struct parser *parser)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != '"')
        return fail(parser, "a key must stand here");
    const char *key = parse_text(parser);
    skip_space(parser);
    if (key && !pass(parser, ':'))
        return fail(parser, "a colon must stand here");
    return key;
}

/* Behind its opening bracket. */
static struct json_node *parse_children(struct parser *parser, enum json_kind kind, int depth)
{
    const char closing = kind == JSON_KIND_OBJECT ? '}' : ']';
    struct json_node *parent = json_node_new(parser->document, kind);
    skip_space(parser);
    if (pass(parser, closing))
        return parent;
    do {
        const char *key = kind == JSON_KIND_OBJECT ? parse_key(parser) : NULL;
        struct json_node *child = parser->why ? NULL : parse_value(parser, depth);
        if (!child)
            return NULL;
        append(parent, key, child);
        skip_space(parser);
    } while (pass(parser, ','));
    if (!pass(parser, closing))
        return fail(parser, kind == JSON_KIND_OBJECT ? "a comma or } must stand here" : "a comma or ] must stand here");
    return kind == JSON_KIND_OBJECT && has_twins(parent) ? fail(parser, "a key is given twice") : parent;
}

static struct json_node *parse_nested(struct parser *parser, enum json_kind kind, int depth)
{
    parser->is_too_deep = depth >= RECORD_MAX_DEPTH;
    if (parser->is_too_deep)
        return fail(parser, "too deep");
    parser->at++;
    return parse_children(parser, kind, depth + 1);
}

static struct json_node *parse_value(struct parser *parser, int depth)
{
    skip_space(parser);
    if (parser->at == parser->end)
        return fail(parser, "it ends too early");
    if (++parser->nodes > JSON_NODES_MAX)
        return fail(parser, "it holds too many values");
    const char *from = parser->at;
    struct json_node *node;
    switch (*from) {
    case '{':
        node = parse_nested(parser, JSON_KIND_OBJECT, depth);
        break;
    case '[':
        node = parse_nested(parser, JSON_KIND_LIST, depth);
        break;
    case '"':
        node = parse_string(parser);
        break;
    case 'n':
    case 't':
    case 'f':
        node = parse_word(parser);
        break;
    default:
        node = parse_number(parser);
    }
    if (node) {
        node->source = from;
        node->source_length = (size_t)(parser->at - from);
    }
    return node;
}

static void tell(const struct parser *parser, struct record_errors *errors)
{
    int line = 1;
    const char *line_start = parser->start;
    for (const char *c = parser->start; c < parser->at; c++)
        if (*c == '\n') {
            line++;
            line_start = c + 1;
        }
    if (parser->is_too_deep)
        record_errors_add(errors, "", "is nested deeper than %d levels", RECORD_MAX_DEPTH);
    else
        record_errors_add(errors, "", "is no JSON: line %d column %d: %s", line, (int)(parser->at - line_start) + 1,
                          parser->why);
}

struct json_node *json_parse(struct json_document *document, const char *text, size_t length,
                             struct record_errors *errors)
{
    struct parser parser = {.document = document, .start = text, .at = text, .end = text + length};
    const char *invalid;
    struct json_node *root = NULL;
    if (!text_is_plain(text, length) && !g_utf8_validate(text, (gssize)length, &invalid)) {
        parser.at = invalid;
        fail(&parser, *invalid ? "it is not UTF-8" : "a NUL");
    } else if ((root = parse_value(&parser, 0))) {
        skip_space(&parser);
        if (parser.at != parser.end)
            root = fail(&parser, "more follows than one value");
    }
    if (!root)
        tell(&parser, errors);
    return root;
}
