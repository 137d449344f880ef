#include "api/multipart.h"

#include <string.h>

#include "base/error.h"

static const char form[] = "multipart/form-data; boundary=b1";

static GPtrArray *parse(const char *content_type, const char *body, size_t length, GError **error)
{
    g_autofree char *exact = g_memdup2(body, length);
    g_autoptr(GPtrArray) parts = multipart_parse(content_type, exact, length, error);
    return parts ? multipart_parse(content_type, body, length, NULL) : NULL;
}

static void test_parts_come_as_they_were_sent(void)
{
    static const char body[] = "--b1\r\nContent-Disposition: form-data; name=\"frame\"; filename=\"a;name=x.jpg\"\r\n"
                               "Content-Type: image/jpeg\r\n\r\n\xff\xd8\0--b1\r\n\r\n"
                               "--b1\r\ncontent-disposition:form-data;NAME=line_x\r\n\r\n0.5\r\n--b1--\r\nepilogue";
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) parts = parse(form, body, sizeof body - 1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(parts->len, ==, 2);
    const struct multipart_part *frame = parts->pdata[0], *line = parts->pdata[1];
    g_assert_cmpstr(frame->name, ==, "frame");
    g_assert_cmpmem(frame->data, frame->length, "\xff\xd8\0--b1\r\n", 9);
    g_assert_cmpstr(line->name, ==, "line_x");
    g_assert_cmpmem(line->data, line->length, "0.5", 3);
}

static void test_quoted_boundary(void)
{
    static const char body[] = "--a b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n--a b--";
    g_autoptr(GPtrArray) parts =
        parse("multipart/form-data; charset=utf-8; boundary=\"a b\"", body, sizeof body - 1, NULL);
    g_assert_cmpuint(parts->len, ==, 1);
    g_assert_cmpuint(((const struct multipart_part *)parts->pdata[0])->length, ==, 0);
}

/* RFC 2046 section 5.1.1: text before the first boundary, and spaces behind each. */
static void test_preamble_and_padding_are_passed_over(void)
{
    static const char part[] = "Content-Disposition: form-data; name=a\r\n\r\n1\r\n";
    static const char *const befores[] = {"\r\n--b1\r\n", "made of parts\r\nsee --b1\r\n--b1\r\n", "--b1 \t\r\n",
                                          "x--b1\r\n\r\n--b1\r\n"};
    static const char *const ends[] = {"--b1--", "--b1--\r\nepilogue\r\n--b1\r\n", "--b1-- \r\n"};
    for (size_t i = 0; i < G_N_ELEMENTS(befores); i++)
        for (size_t j = 0; j < G_N_ELEMENTS(ends); j++) {
            g_test_message("before %zu, end %zu", i, j);
            g_autofree char *body = g_strconcat(befores[i], part, "--b1\t \r\n", part, ends[j], NULL);
            g_autoptr(GError) error = NULL;
            g_autoptr(GPtrArray) parts = parse(form, body, strlen(body), &error);
            g_assert_no_error(error);
            g_assert_cmpuint(parts->len, ==, 2);
            const struct multipart_part *last = parts->pdata[1];
            g_assert_cmpmem(last->data, last->length, "1", 1);
        }
}

static void test_what_is_malformed_is_refused(void)
{
    static const struct {
        const char *content_type, *body;
    } cases[] = {
        {"multipart/form-data", "--b1--"},
        {"multipart/form-data; boundary=", "----"},
        {"multipart/form-data; boundary=a\"b", "--a\"b--"},
        {"multipart/form-data; boundary=\"b1", "--b1--"},
        {form, ""},
        {form, "--b2--"},
        {form, "preamble --b1--"},
        {form, "\n--b1--"},
        {form, "\r\n--b1 x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b1--"},
        {form, "\r\n--b1 "},
        {form, "--b1"},
        {form, "--b1\r\n"},
        {form, "--b1x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b1--"},
        {form, "--b1\r\nContent-Disposition: form-data; name=a\r\n\r\nunended"},
        {form, "--b1\r\nContent-Disposition: form-data\r\n\r\n\r\n--b1--"},
        {form, "--b1\r\nContent-Disposition: form-data; name=\"\"\r\n\r\n\r\n--b1--"},
        {form, "--b1\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n\r\n--b1--"},
        {form, "--b1\r\nContent-Disposition: form-data; name=a\r\nno blank line\r\n--b1--"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("case %zu", i);
        g_assert_null(parse(cases[i].content_type, cases[i].body, strlen(cases[i].body), &error));
        g_assert_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID);
    }
}

static void test_bounds(void)
{
    g_autoptr(GString) body = g_string_new(NULL);
    for (int i = 0; i < MULTIPART_MAX_PARTS; i++)
        g_string_append(body, "--b1\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n");
    g_autofree char *most = g_strconcat(body->str, "--b1--", NULL);
    g_autofree char *more =
        g_strconcat(body->str, "--b1\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--b1--", NULL);
    g_autoptr(GPtrArray) parts = parse(form, most, strlen(most), NULL);
    g_assert_cmpuint(parts->len, ==, MULTIPART_MAX_PARTS);
    g_assert_null(parse(form, more, strlen(more), NULL));
    g_autofree char *padding = g_strnfill(MULTIPART_MAX_HEAD_BYTES, 'x');
    g_autofree char *long_head =
        g_strconcat("--b1\r\nContent-Disposition: form-data; name=a\r\nX: ", padding, "\r\n\r\n\r\n--b1--", NULL);
    g_assert_null(parse(form, long_head, strlen(long_head), NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/multipart/parts_come_as_they_were_sent", test_parts_come_as_they_were_sent);
    g_test_add_func("/multipart/quoted_boundary", test_quoted_boundary);
    g_test_add_func("/multipart/preamble_and_padding_are_passed_over", test_preamble_and_padding_are_passed_over);
    g_test_add_func("/multipart/what_is_malformed_is_refused", test_what_is_malformed_is_refused);
    g_test_add_func("/multipart/bounds", test_bounds);
    return g_test_run();
}
