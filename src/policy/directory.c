#include "policy/directory.h"

#include "policy/policy_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILES_MAX = 130000, /* ten thousand cameras with a document of each type */
    DEPTH_MAX = 4,      /* orgs/ORG/cameras/CAMERA */
};

/* ---- what there is ---- */

struct listing {
    const char *directory;
    void (*enter)(void *data, const char *folder);
    void *data;
    GPtrArray *paths;
};

static bool fail(GError **error, const char *directory, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "policy directory '%s': %s", directory, why);
    return false;
}

/* Names in "orgs" and in "orgs/ORG/cameras" are ids, which may begin with '.' too. */
static bool holds_ids(const char *below, int depth)
{
    return depth % 2 == 1 && (strcmp(below, "orgs") == 0 || g_str_has_prefix(below, "orgs/"));
}

static bool list(struct listing *listing, const char *below, int depth, GError **error);

static void add_known_files(struct listing *listing, const char *below, const char *whole)
{
    for (size_t i = 0; i < POLICY_TYPES; i++) {
        g_autofree char *name = g_strconcat(policy_type_names[i], ".json", NULL),
                        *file = g_build_filename(whole, name, NULL);
        if (g_file_test(file, G_FILE_TEST_EXISTS))
            g_ptr_array_add(listing->paths, g_build_filename(below, name, NULL));
    }
}

/* A folder where ids stand whose name begins with '.': an id's, or a repository's, which says nothing here. So its
 * names are not read, but asked for one by one: what else is in it, or that it cannot be read, is nobody's mistake. */
static bool list_dotted(struct listing *listing, const char *below, int depth, GError **error)
{
    g_autofree char *whole = g_build_filename(listing->directory, below, NULL);
    const char *folder;
    bool is_good = true;
    if (listing->enter && access(whole, R_OK) == 0)
        listing->enter(listing->data, whole);
    add_known_files(listing, below, whole);
    for (size_t i = 0; is_good && depth < DEPTH_MAX && (folder = policy_path_level(i)); i++) {
        g_autofree char *path = g_build_filename(below, folder, NULL), *level = g_build_filename(whole, folder, NULL);
        is_good = !g_file_test(level, G_FILE_TEST_IS_DIR) || list(listing, path, depth + 1, error);
    }
    return is_good;
}

/* Two dots: Kubernetes keeps the files of a mounted ConfigMap in such a folder, and links to them. */
static bool is_passed_over(const char *name, bool is_folder, bool is_id)
{
    return name[0] == '.' && (!is_folder || !is_id || name[1] == '.');
}

static bool list(struct listing *listing, const char *below, int depth, GError **error)
{
    g_autofree char *whole = g_build_filename(listing->directory, below, NULL);
    const char *name;
    if (listing->enter)
        listing->enter(listing->data, whole);
    g_autoptr(GError) cause = NULL;
    g_autoptr(GDir) dir = g_dir_open(whole, 0, &cause);
    bool is_good = dir || fail(error, listing->directory, cause->message);
    while (is_good && (name = g_dir_read_name(dir))) {
        g_autofree char *path = *below ? g_build_filename(below, name, NULL) : g_strdup(name);
        g_autofree char *file = g_build_filename(whole, name, NULL);
        bool is_folder = g_file_test(file, G_FILE_TEST_IS_DIR);
        if (is_passed_over(name, is_folder, holds_ids(below, depth)))
            continue;
        if (name[0] == '.')
            is_good = list_dotted(listing, path, depth + 1, error);
        else if (is_folder && depth < DEPTH_MAX)
            is_good = list(listing, path, depth + 1, error);
        else if (is_folder || g_str_has_suffix(name, ".json"))
            g_ptr_array_add(listing->paths, g_steal_pointer(&path));
        if (is_good && listing->paths->len > FILES_MAX)
            is_good = fail(error, listing->directory, "it holds too many files");
    }
    return is_good;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

GPtrArray *policy_directory_list(const char *directory, void (*enter)(void *data, const char *folder), void *data,
                                 GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    struct listing listing = {directory, enter, data, paths};
    if (!list(&listing, "", 0, error))
        return NULL;
    g_ptr_array_sort(paths, by_name);
    return g_steal_pointer(&paths);
}

/* ---- one file ---- */

bool policy_directory_is_gone(const char *directory, const char *path)
{
    g_autofree char *file = g_build_filename(directory, path, NULL);
    return access(file, F_OK) == 0 || errno == ENOENT || errno == ENOTDIR;
}

/* NULL: *why says why. A byte 0 would end the text before the file's end. */
static char *read_text(int fd, size_t size, const char **why)
{
    g_autofree char *text = g_malloc0(size + 1);
    size_t length = 0;
    ssize_t got = 0;
    while (length < size && (got = read(fd, text + length, size - length)) > 0)
        length += (size_t)got;
    if (got < 0)
        *why = g_strerror(errno);
    else if (memchr(text, '\0', length))
        *why = "it has a byte 0, which no text has: write it anew";
    return *why ? NULL : g_steal_pointer(&text);
}

char *policy_directory_read(const char *directory, const char *path, GError **error)
{
    struct stat status;
    g_autofree char *file = g_build_filename(directory, path, NULL);
    int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe in its place holds up nobody */
    char *text = NULL;
    const char *why = NULL;
    if (fd < 0 || fstat(fd, &status) != 0)
        why = g_strerror(errno);
    else if (!S_ISREG(status.st_mode))
        why = "it is no file";
    else if (status.st_size > POLICY_DOCUMENT_MAX_BYTES)
        why = "it is longer than the 64 KB that a policy may have";
    else
        text = read_text(fd, (size_t)status.st_size, &why);
    if (fd >= 0)
        close(fd);
    if (why)
        g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_IO, "policy file '%s': %s", path, why);
    return text;
}
