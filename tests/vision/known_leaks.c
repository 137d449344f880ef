/* What LeakSanitizer finds in libraries and is not ours: ONNX Runtime keeps a string of its first session, and GLib
 * leaves the table of quarks that its constructor made to readers without a lock when GStreamer's names outgrow it.
 * Stacks without gaps are needed to tell that one from ours, as far as the loader's frame, which is the eighth: the
 * walk of each further frame, at each allocation of a library that loads a model, costs as much again. */
#define EXPORTED __attribute__((visibility("default")))

const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void);

EXPORTED const char *__lsan_default_suppressions(void)
{
    return "leak:libonnxruntime.so\nleak:_dl_init\n";
}

EXPORTED const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0:malloc_context_size=8";
}
