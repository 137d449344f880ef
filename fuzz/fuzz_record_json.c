/* A10: a record as a client, a worker or a camera might send it: a camera's, as it has every kind of field. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "facts/camera.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(const char *text, size_t length, struct camera *camera)
{
    struct record_errors errors;
    record_errors_init(&errors);
    bool is_good = record_decode_json(&camera_descriptor, text, length, camera, &errors);
    if (is_good != (errors.items->len == 0))
        __builtin_trap(); /* refused without a word, or taken with one */
    record_errors_clear(&errors);
    return is_good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct camera camera, again;
    if (!decode((const char *)data, size, &camera))
        return 0;
    g_autoptr(GString) text = g_string_new(NULL), second = g_string_new(NULL);
    record_encode_json(&camera_descriptor, &camera, true, text);
    record_clear(&camera_descriptor, &camera);
    if (!decode(text->str, text->len, &again))
        __builtin_trap(); /* what was written cannot be read */
    record_encode_json(&camera_descriptor, &again, true, second);
    record_clear(&camera_descriptor, &again);
    if (!g_string_equal(text, second))
        __builtin_trap();
    return 0;
}
