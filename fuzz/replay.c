/* Runs a fuzz target once over each file of its corpus, without a fuzzer: part of the normal tests. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) corpus = argc == 2 ? g_dir_open(argv[1], 0, &error) : NULL;
    if (!corpus) {
        printf("Bail out! %s\n", error ? error->message : "give the corpus' directory");
        return 1;
    }
    int count = 0;
    for (const char *name; (name = g_dir_read_name(corpus));) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL), *data = NULL;
        gsize length = 0;
        if (!g_file_get_contents(path, &data, &length, &error)) {
            printf("Bail out! %s\n", error->message);
            return 1;
        }
        /* a copy without the zero behind it, so that reading past the end is seen */
        uint8_t *exact = malloc(length ? length : 1);
        if (!exact)
            abort();
        for (gsize i = 0; i < length; i++)
            exact[i] = (uint8_t)data[i];
        LLVMFuzzerTestOneInput(exact, length);
        free(exact);
        printf("ok %d - %s\n", ++count, name);
        fflush(stdout);
    }
    printf("1..%d\n", count);
    return 0;
}
