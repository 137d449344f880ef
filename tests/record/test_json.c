/* The parser of JSON beside jansson, of which it must take exactly what that takes; and the short ways of numbers and
 * times beside the long ones. */
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "record/json_internal.h"
#include "record/record_internal.h"

/* What a node stands for, as jansson's tree. */
static json_t *tree_of(const struct json_node *node)
{
    switch (node->kind) {
    case JSON_KIND_BOOLEAN:
        return json_boolean(node->boolean);
    case JSON_KIND_INTEGER:
        return json_integer(node->integer);
    case JSON_KIND_REAL:
        return json_real(node->real);
    case JSON_KIND_STRING:
        return json_string(node->text);
    case JSON_KIND_LIST: {
        json_t *list = json_array();
        for (const struct json_node *item = node->first_child; item; item = item->next)
            json_array_append_new(list, tree_of(item));
        return list;
    }
    case JSON_KIND_OBJECT: {
        json_t *object = json_object();
        for (const struct json_node *member = node->first_child; member; member = member->next)
            json_object_set_new(object, member->key, tree_of(member));
        return object;
    }
    default:
        return json_null();
    }
}

static void check_beside_jansson(const char *text, size_t length)
{
    struct json_document document;
    json_document_init(&document);
    struct record_errors errors;
    record_errors_init(&errors);
    /* a copy whose end is the end of its memory: reading on is found by the sanitizers */
    g_autofree char *exact = g_memdup2(text, length);
    const struct json_node *root = json_parse(&document, exact, length, &errors);
    json_t *theirs = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!root != !theirs)
        g_error("%.*s: %s, and jansson says otherwise", (int)length, text, root ? "taken" : "refused");
    g_assert_true(!root == (errors.items->len == 1));
    if (root) {
        json_t *ours = tree_of(root);
        g_assert_true(json_equal(ours, theirs));
        g_autofree char *compact = json_compact(root);
        json_t *again = json_loads(compact, JSON_DECODE_ANY, NULL);
        g_assert_true(again && json_equal(again, theirs));
        g_assert_null(strpbrk(compact, "\n\t\r"));
        json_decref(again);
        json_decref(ours);
    }
    json_decref(theirs);
    json_document_clear(&document);
    record_errors_clear(&errors);
}

static const char *const texts[] = {
    "{}",
    "[]",
    " {\"a\" : [ 1 , -2.5e3 , true , false , null ] } ",
    "\"\\u00e9\\ud83d\\ude00\\n\\/\\\\\\\"\"",
    "1",
    "-0",
    "-0.0",
    "01",
    "1.",
    ".5",
    "1e",
    "1e5",
    "1E+5",
    "1e400",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "123456789012345678.5",
    "0.1",
    "123456.789012",
    "1.000000000000001",
    "+1",
    "[1,]",
    "{\"a\":1,}",
    "{\"a\":1,\"a\":2}",
    "{\"a\" 1}",
    "{a:1}",
    "{\"a\":1 \"b\":2}",
    "[1 2]",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"\\ud800x\"",
    "\"\\udc00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\u12g4\"",
    "\"\\u12\"",
    "\"\\x\"",
    "\"a",
    "\"\\",
    "\"\\\"",
    "\"\t\"",
    "\"\x7f\"",
    "\"\xc3\x28\"",
    "\"\xed\xa0\x80\"",
    "nul",
    "true1",
    "tru",
    "{} x",
    "{}{}",
    "",
    " ",
    "[",
    "{",
    "{\"a\"",
    "{\"a\":",
    "[\"a\"",
    "\xef\xbb\xbf{}",
    "{\"\":1}",
    "{\"\\u0061\":1,\"a\":2}",
    "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,\"11\":1,\"12\":1,\"13\":1,"
    "\"14\":1,\"15\":1,\"16\":1,\"17\":1,\"18\":[{\"x\":{}}]}",
    "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,\"11\":1,\"12\":1,\"13\":1,"
    "\"14\":1,\"15\":1,\"16\":1,\"17\":1,\"1\":2}"};

static void test_it_takes_what_jansson_takes(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        check_beside_jansson(texts[i], strlen(texts[i]));
    check_beside_jansson("\"a\0b\"", 5);
    check_beside_jansson("[1]\0", 4);
}

/* Each text cut at each place, and with bytes changed that mean something. */
static void test_it_refuses_what_jansson_refuses(void)
{
    static const char bytes[] = "{}[]\",:\\u0e.-+ \n\x01\xff\xc3";
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        size_t length = strlen(texts[i]);
        for (size_t at = 0; at < length; at++) {
            check_beside_jansson(texts[i], at);
            for (size_t j = 0; j < sizeof bytes - 1; j++) {
                g_autofree char *changed = g_strdup(texts[i]);
                changed[at] = bytes[j];
                check_beside_jansson(changed, length);
            }
        }
    }
}

static void test_mistakes_say_where(void)
{
    struct json_document document;
    json_document_init(&document);
    struct record_errors errors;
    g_autoptr(GString) deep = g_string_new(NULL);
    record_errors_init(&errors);
    g_assert_null(json_parse(&document, "{\n \"a\": nul}", 12, &errors));
    for (int i = 0; i <= RECORD_MAX_DEPTH; i++)
        g_string_append_c(deep, '[');
    g_assert_null(json_parse(&document, deep->str, deep->len, &errors));
    const struct record_error *first = g_ptr_array_index(errors.items, 0), *second = g_ptr_array_index(errors.items, 1);
    g_assert_cmpstr(first->text, ==, "is no JSON: line 2 column 7: no value");
    g_assert_cmpstr(second->text, ==, "is nested deeper than 16 levels");
    record_errors_clear(&errors);
    json_document_clear(&document);
}

static void test_values_are_bounded(void)
{
    struct json_document document;
    struct record_errors errors;
    g_autoptr(GString) many = g_string_new("[0");
    json_document_init(&document);
    record_errors_init(&errors);
    for (int i = 1; i < JSON_NODES_MAX - 1; i++)
        g_string_append(many, ",0");
    g_string_append_c(many, ']');
    g_assert_nonnull(json_parse(&document, many->str, many->len, &errors));
    json_document_clear(&document);
    many->str[many->len - 1] = ',';
    g_string_append(many, "0]");
    g_assert_null(json_parse(&document, many->str, many->len, &errors));
    const struct record_error *error = g_ptr_array_index(errors.items, 0);
    g_assert_nonnull(strstr(error->text, "too many values"));
    record_errors_clear(&errors);
    json_document_clear(&document);
}

/* All of these keys have one value by g_str_hash (33 * h + c): a table of them would be a list, and take longer than a
 * test may. */
static void test_keys_that_hash_alike_cost_no_more(void)
{
    enum { PAIRS = 17, KEYS = 1 << PAIRS };
    struct json_document document;
    struct record_errors errors;
    g_autoptr(GString) text = g_string_new("{");
    json_document_init(&document);
    record_errors_init(&errors);
    for (int key = 0; key < KEYS; key++) {
        g_string_append(text, key ? ",\"" : "\"");
        for (int pair = 0; pair < PAIRS; pair++)
            g_string_append(text, key >> pair & 1 ? "Ez" : "FY");
        g_string_append(text, "\":0");
    }
    g_string_append_c(text, '}');
    g_assert_cmpuint(g_str_hash("Ez"), ==, g_str_hash("FY"));
    g_assert_nonnull(json_parse(&document, text->str, text->len, &errors));
    text->str[text->len - 1] = ',';
    for (int pair = 0; pair < PAIRS; pair++)
        g_string_append(text, pair ? "FY" : "\"FY");
    g_string_append(text, "\":0}");
    g_assert_null(json_parse(&document, text->str, text->len, &errors));
    const struct record_error *error = g_ptr_array_index(errors.items, 0);
    g_assert_nonnull(strstr(error->text, "a key is given twice"));
    record_errors_clear(&errors);
    json_document_clear(&document);
}

static void test_numbers_are_written_as_shortly_as_they_can_be(void)
{
    GRand *random = g_rand_new_with_seed(7);
    for (int i = 0; i < 200000; i++) {
        char ours[RECORD_DOUBLE_TEXT_BYTES], theirs[RECORD_DOUBLE_TEXT_BYTES];
        double value = g_rand_int_range(random, -2000000, 2000000) / pow(10, g_rand_int_range(random, 0, 9));
        value = i % 5 == 0 ? g_rand_double_range(random, -1, 1) : i == 1 ? -0.0 : i == 2 ? 0 : value;
        record_double_write(value, ours);
        for (int digits = 15; digits <= 17; digits++) {
            char format[8];
            g_snprintf(format, sizeof format, "%%.%dg", digits);
            g_ascii_formatd(theirs, sizeof theirs, format, value);
            if (g_ascii_strtod(theirs, NULL) == value)
                break;
        }
        g_assert_cmpstr(ours, ==, theirs);
    }
    g_rand_free(random);
}

/* A text as a record is encoded; its tree says the same, digit by digit. */
static void check_tree(const char *text)
{
    json_t *tree = json_loads(text, JSON_DECODE_ANY, NULL);
    g_autoptr(GString) again = g_string_new(NULL);
    g_assert_nonnull(tree);
    record_append_json_tree(again, tree);
    g_assert_cmpstr(again->str, ==, text);
    json_decref(tree);
}

static void test_a_tree_says_what_it_was_made_of(void)
{
    static const double numbers[] = {0.1 + 0.2, 1e300, DBL_MAX,   DBL_MIN, 5e-324, 1e-5, -1.0 / 3,
                                     1e15,      1e17,  0.0000001, 2.5,     0,      7,    -9007199254740993.0};
    static const char *const written[] = {"9223372036854775807",
                                          "-9223372036854775808",
                                          "5.0",
                                          "true",
                                          "null",
                                          "[]",
                                          "{}",
                                          "[[1,2.5],[false,null]]",
                                          "{\"b\":1,\"a\":{\"c\":[\"\\u000a\\\"\\\\\\u007f é€\"]}}"};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        char text[RECORD_DOUBLE_TEXT_BYTES];
        record_double_write(numbers[i], text);
        check_tree(text);
        g_assert_true(g_ascii_strtod(text, NULL) == numbers[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++)
        check_tree(written[i]);
}

static void test_times_are_read_as_glib_reads_them(void)
{
    static const char *const times[] = {
        "2026-01-31T13:00:00Z",  "2026-01-31T13:00:00.5Z",   "1969-12-31T23:59:59.999Z", "2024-02-29T00:00:00.000Z",
        "0001-01-01T00:00:00Z",  "9999-12-31T23:59:59.999Z", "2025-02-29T00:00:00Z",     "2026-13-01T00:00:00Z",
        "2026-01-31T24:00:00Z",  "2026-01-31T13:60:00Z",     "2026-01-31T13:00:60Z",     "2026-01-31T13:00:00+01:00",
        "2026-01-31T13:00:00.Z", "2026-01-31T13:00:00.12x",  "2026-01-31 13:00:00Z",     "2026-01-31T13:00:00",
        "2026-1-031T13:00:00Z",  "0000-01-01T00:00:00Z",     "20260131T130000.000000Z"};
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        int64_t ms = -1;
        g_autoptr(GDateTime) theirs = g_date_time_new_from_iso8601(times[i], NULL);
        bool is_read = record_parse_time(times[i], &ms);
        g_assert_cmpint(is_read, ==, theirs != NULL);
        if (is_read)
            g_assert_cmpint(ms, ==, g_date_time_to_unix(theirs) * 1000 + g_date_time_get_microsecond(theirs) / 1000);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/taken", test_it_takes_what_jansson_takes);
    g_test_add_func("/json/refused", test_it_refuses_what_jansson_refuses);
    g_test_add_func("/json/mistakes", test_mistakes_say_where);
    g_test_add_func("/json/bounds", test_values_are_bounded);
    g_test_add_func("/json/keys that hash alike", test_keys_that_hash_alike_cost_no_more);
    g_test_add_func("/json/numbers", test_numbers_are_written_as_shortly_as_they_can_be);
    g_test_add_func("/json/trees", test_a_tree_says_what_it_was_made_of);
    g_test_add_func("/json/times", test_times_are_read_as_glib_reads_them);
    return g_test_run();
}
