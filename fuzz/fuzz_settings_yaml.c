/* A settings file as somebody might write or send it. */
#include <stddef.h>
#include <stdint.h>

#include "facts/settings.h"
#include "record/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings;
    struct record_errors errors;
    g_autoptr(GString) words = g_string_new(NULL);
    record_errors_init(&errors);
    bool is_good = settings_decode_yaml(&settings_descriptor, (const char *)data, size, NULL, 0, &settings, &errors);
    settings_errors_print(&errors, "fuzz.yml", words);
    if (is_good == (words->len > 0))
        __builtin_trap(); /* refused without a word, or taken with one */
    record_errors_clear(&errors);
    if (is_good)
        record_clear(&settings_descriptor, &settings);
    return 0;
}
