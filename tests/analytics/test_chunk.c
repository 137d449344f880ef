/* Stored tracks: what is read is what was written, to the last bit, in few bytes, and nothing that is read does harm.
 */
#include "analytics/chunk.h"

#include "analytics/range_coder.h"
#include "base/crc32c.h"
#include "base/random.h"

#include <string.h>

enum { TRACKS_MAX = 60 };

/* ---- observations that are as bad as they may be ---- */

static const char *const classes[] = {"person", "car", "bus", "motion", ""};

static int16_t any16(struct random *random)
{
    return (int16_t)random_range(random, INT16_MIN, INT16_MAX);
}

static struct observed_track any_track(struct random *random, uint64_t id)
{
    return (struct observed_track){.id = id,
                                   .object_class =
                                       g_intern_string(classes[random_range(random, 0, G_N_ELEMENTS(classes) - 1)]),
                                   .x = any16(random),
                                   .y = any16(random),
                                   .w = any16(random),
                                   .h = any16(random),
                                   .confidence = (uint8_t)random_range(random, 0, 255),
                                   .speed_x = any16(random),
                                   .speed_y = any16(random),
                                   .is_confirmed = random_range(random, 0, 1),
                                   .is_lost = random_range(random, 0, 1)};
}

static void any_picture(struct random *random, struct picture_facts *picture)
{
    *picture = (struct picture_facts){.is_usual_known = random_range(random, 0, 1),
                                      .mean_luma = (uint8_t)random_range(random, 0, 255),
                                      .edges = (uint8_t)random_range(random, 0, 255),
                                      .contrast = (uint8_t)random_range(random, 0, 255),
                                      .likeness = (uint8_t)random_range(random, 0, 255),
                                      .repeated_us = random_range(random, 0, INT64_MAX),
                                      .region_count = (int)random_range(random, 0, PICTURE_REGIONS_MAX)};
    for (int i = 0; i < picture->region_count; i++)
        picture->regions[i] = (struct picture_region){any16(random), any16(random), any16(random), any16(random),
                                                      random_range(random, 0, 1)};
}

struct film {
    struct random random;
    struct observed_track tracks[TRACKS_MAX];
    struct picture_facts picture;
    struct observation observation;
    uint64_t newest;
};

/* Some tracks go, some come, some change places, all change. */
static void film_next(struct film *film)
{
    struct random *random = &film->random;
    int count = 0;
    for (int i = 0; i < film->observation.track_count; i++)
        if (random_range(random, 0, 9) > 0)
            film->tracks[count++] = any_track(random, film->tracks[i].id);
    while (count < TRACKS_MAX && random_range(random, 0, 2) > 0)
        film->tracks[count++] = any_track(random, film->newest = random_next(random) >> 1);
    for (int i = 0; count > 1 && i < 3; i++) {
        int64_t a = random_range(random, 0, count - 1), b = random_range(random, 0, count - 1);
        struct observed_track track = film->tracks[a];
        film->tracks[a] = film->tracks[b];
        film->tracks[b] = track;
    }
    any_picture(random, &film->picture);
    film->observation = (struct observation){.at_ms = (int64_t)random_next(random),
                                             .media_us = (int64_t)random_next(random),
                                             .tracks = film->tracks,
                                             .track_count = count,
                                             .mean_luma = (uint8_t)random_range(random, 0, 255),
                                             .is_light_change = random_range(random, 0, 1),
                                             .is_camera_move = random_range(random, 0, 1),
                                             .is_learning = random_range(random, 0, 1),
                                             .aspect = any16(random),
                                             .picture = random_range(random, 0, 1) ? &film->picture : NULL};
}

static void assert_same(const struct observation *a, const struct observation *b)
{
    g_assert_cmpint(a->at_ms, ==, b->at_ms);
    g_assert_cmpint(a->media_us, ==, b->media_us);
    g_assert_cmpint(a->mean_luma, ==, b->mean_luma);
    g_assert_cmpint(a->aspect, ==, b->aspect);
    g_assert_cmpint(a->is_light_change, ==, b->is_light_change);
    g_assert_cmpint(a->is_camera_move, ==, b->is_camera_move);
    g_assert_cmpint(a->is_learning, ==, b->is_learning);
    g_assert_cmpint(a->picture != NULL, ==, b->picture != NULL);
    if (a->picture) {
        g_assert_cmpint(a->picture->repeated_us, ==, b->picture->repeated_us);
        g_assert_cmpint(a->picture->edges, ==, b->picture->edges);
        g_assert_cmpint(a->picture->contrast, ==, b->picture->contrast);
        g_assert_cmpint(a->picture->likeness, ==, b->picture->likeness);
        g_assert_cmpint(a->picture->mean_luma, ==, b->picture->mean_luma);
        g_assert_cmpint(a->picture->is_usual_known, ==, b->picture->is_usual_known);
        g_assert_cmpint(a->picture->region_count, ==, b->picture->region_count);
        for (int i = 0; i < a->picture->region_count; i++) {
            const struct picture_region *left = &a->picture->regions[i], *right = &b->picture->regions[i];
            g_assert_true(left->x == right->x && left->y == right->y && left->w == right->w && left->h == right->h &&
                          left->is_taken == right->is_taken);
        }
    }
    g_assert_cmpint(a->track_count, ==, b->track_count);
    for (int i = 0; i < a->track_count; i++) {
        const struct observed_track *left = &a->tracks[i], *right = &b->tracks[i];
        g_assert_cmpuint(left->id, ==, right->id);
        g_assert_true(left->object_class == right->object_class && left->x == right->x && left->y == right->y &&
                      left->w == right->w && left->h == right->h && left->confidence == right->confidence &&
                      left->speed_x == right->speed_x && left->speed_y == right->speed_y &&
                      left->is_confirmed == right->is_confirmed && left->is_lost == right->is_lost);
    }
}

static void test_what_is_read_is_what_was_written(void)
{
    enum { CHUNKS = 20, FRAMES = 60 };
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    struct film film = {0}, again;
    random_init(&film.random, 21);
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        again = film;
        again.observation.tracks = again.tracks;
        for (int i = 0; i < FRAMES; i++) {
            film_next(&film);
            g_assert_true(chunk_writer_add(writer, &film.observation));
        }
        g_assert_cmpint(chunk_writer_frames(writer), ==, FRAMES);
        g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
        gsize length;
        const void *data = g_bytes_get_data(bytes, &length);
        g_autoptr(GError) error = NULL;
        CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, &error);
        g_assert_no_error(error);
        struct observation read;
        for (int i = 0; i < FRAMES; i++) {
            film_next(&again);
            g_assert_true(chunk_reader_next(reader, &read, &error));
            assert_same(&again.observation, &read);
        }
        g_assert_false(chunk_reader_next(reader, &read, &error));
        g_assert_no_error(error);
    }
}

static void test_an_empty_chunk_is_one_too(void)
{
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    struct observation read;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, NULL);
    g_assert_nonnull(reader);
    g_assert_false(chunk_reader_next(reader, &read, NULL));
}

static void test_damage_is_noticed(void)
{
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    struct film film = {0};
    random_init(&film.random, 4);
    for (int i = 0; i < 5; i++) {
        film_next(&film);
        g_assert_true(chunk_writer_add(writer, &film.observation));
    }
    g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
    gsize length;
    const uint8_t *data = g_bytes_get_data(bytes, &length);
    for (gsize i = 0; i < length; i++) {
        g_autofree uint8_t *damaged = g_memdup2(data, length);
        damaged[i] ^= 0x10;
        struct observation read;
        g_autoptr(GError) error = NULL;
        CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(damaged, length, &error);
        while (reader && chunk_reader_next(reader, &read, &error))
            ;
        if (i != 4) /* a frame count that is lower is as good */
            g_assert_nonnull(error);
        g_autofree uint8_t *cut = g_memdup2(data, length);
        CLEANUP(chunk_reader) struct chunk_reader *short_reader = chunk_reader_new(cut, i, NULL);
        g_assert_null(short_reader);
    }
}

/* Whatever lies behind a good checksum: the reader ends, within its bounds. The sanitizers watch. */
static void test_nonsense_with_a_good_checksum_ends(void)
{
    struct random random;
    random_init(&random, 9);
    for (int round = 0; round < 2000; round++) {
        enum { BYTES = 400 };
        uint8_t bytes[BYTES] = {'V', 'O', 'C', CHUNK_VERSION, 0xff, 0xff, 0, 0};
        for (int i = 12; i < BYTES; i++)
            bytes[i] = (uint8_t)random_next(&random);
        uint32_t sum = GUINT32_TO_LE(crc32c(0, bytes + 12, BYTES - 12));
        memcpy(bytes + 8, &sum, sizeof sum);
        struct observation read;
        g_autoptr(GError) error = NULL;
        CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, BYTES, &error);
        g_assert_no_error(error);
        while (chunk_reader_next(reader, &read, &error))
            g_assert_cmpint(read.track_count, <=, CHUNK_TRACKS_MAX);
        g_assert_nonnull(error);
    }
}

/* Tracks that stand still take hardly a bit: the bound on them all is what bounds a reader's time. */
static void test_a_chunk_holds_so_many_tracks(void)
{
    static struct observed_track tracks[CHUNK_TRACKS_MAX];
    struct observation still = {.tracks = tracks, .track_count = CHUNK_TRACKS_MAX}, read;
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    g_autoptr(GError) error = NULL;
    int frames = 0, seen = 0;
    for (int i = 0; i < CHUNK_TRACKS_MAX; i++)
        tracks[i] = (struct observed_track){.id = (uint64_t)i + 1, .object_class = g_intern_static_string("person")};
    for (; chunk_writer_add(writer, &still); frames++)
        still.media_us += 40000;
    g_assert_cmpint(frames, ==, CHUNK_SIGHTINGS_MAX / CHUNK_TRACKS_MAX);
    g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
    gsize length;
    const uint8_t *data = g_bytes_get_data(bytes, &length);
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, &error);
    while (chunk_reader_next(reader, &read, &error))
        seen += read.track_count;
    g_assert_no_error(error);
    g_assert_cmpint(seen, ==, CHUNK_SIGHTINGS_MAX);
    g_assert_true(chunk_writer_add(writer, &still));
}

/* One frame whose tracks have so many classes of these names. */
static GBytes *chunk_of_classes(const char *name, int from, int count)
{
    struct observed_track tracks[CHUNK_CLASSES_MAX];
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    for (int i = 0; i < count; i++) {
        g_ptr_array_add(names, g_strdup_printf("%s %d", name, from + i));
        tracks[i] = (struct observed_track){.id = (uint64_t)i + 1, .object_class = g_ptr_array_index(names, (guint)i)};
    }
    const struct observation crowd = {.tracks = tracks, .track_count = count};
    g_assert_true(chunk_writer_add(writer, &crowd));
    return chunk_writer_finish(writer);
}

/* One class more than a chunk holds goes into the next one, where it is what it was. */
static void test_a_class_too_many_begins_another_chunk(void)
{
    enum { CLASSES = CHUNK_CLASSES_MAX + 1 };
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    struct observed_track track = {.id = 1};
    const struct observation seen = {.tracks = &track, .track_count = 1};
    for (int i = 0; i < CLASSES; i++) {
        g_autofree char *name = g_strdup_printf("class %d", i);
        track.object_class = g_intern_string(name);
        g_assert_cmpint(chunk_writer_add(writer, &seen), ==, i < CHUNK_CLASSES_MAX);
    }
    track.object_class = g_intern_static_string("class 0");
    g_assert_true(chunk_writer_add(writer, &seen)); /* it knows that one */
    g_autoptr(GBytes) full = chunk_writer_finish(writer);
    track.object_class = g_intern_static_string("class 64");
    g_assert_true(chunk_writer_add(writer, &seen));
    g_autoptr(GBytes) next = chunk_writer_finish(writer);
    gsize length;
    const uint8_t *data = g_bytes_get_data(next, &length);
    struct observation read;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, NULL);
    g_assert_true(chunk_reader_next(reader, &read, NULL));
    g_assert_cmpstr(read.tracks[0].object_class, ==, "class 64");
}

/* What no chunk has room for begins none, or there would be a chunk for each frame. */
static void test_a_frame_of_too_many_classes_begins_no_chunk(void)
{
    enum { CLASSES = CHUNK_CLASSES_MAX + 1, FRAMES = 50 };
    struct observed_track tracks[CLASSES], other = {.id = 1, .object_class = g_intern_static_string("seen before")};
    CLEANUP(chunk_writer) struct chunk_writer *writer = chunk_writer_new();
    for (int i = 0; i < CLASSES; i++) {
        g_autofree char *name = g_strdup_printf("class %d", i);
        tracks[i] = (struct observed_track){.id = (uint64_t)i + 1, .object_class = g_intern_string(name)};
    }
    g_assert_true(chunk_writer_add(writer, &(struct observation){.tracks = &other, .track_count = 1}));
    for (int i = 0; i < FRAMES; i++)
        g_assert_true(chunk_writer_add(writer, &(struct observation){.tracks = tracks, .track_count = CLASSES}));
    g_autoptr(GBytes) bytes = chunk_writer_finish(writer);
    gsize length;
    const uint8_t *data = g_bytes_get_data(bytes, &length);
    struct observation read;
    g_autoptr(GError) error = NULL;
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, &error);
    g_assert_true(chunk_reader_next(reader, &read, &error));
    for (int i = 0; i < FRAMES; i++) {
        g_assert_true(chunk_reader_next(reader, &read, &error));
        g_assert_cmpint(read.track_count, ==, CLASSES);
        g_assert_cmpstr(read.tracks[0].object_class, ==, "class 0");
        g_assert_cmpstr(read.tracks[CLASSES - 1].object_class, ==, "class 62"); /* the last there was room for */
    }
    g_assert_no_error(error);
}

/* Each name that is read is kept until the process ends: hostile chunks may not go on for ever. */
static void test_foreign_classes_are_bounded(void)
{
    int known = 0;
    for (int from = 0; from < 2 * CHUNK_FOREIGN_CLASSES_MAX; from += CHUNK_CLASSES_MAX) {
        g_autoptr(GBytes) bytes = chunk_of_classes("foreign", from, CHUNK_CLASSES_MAX);
        gsize length;
        const uint8_t *data = g_bytes_get_data(bytes, &length);
        struct observation read;
        CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(data, length, NULL);
        g_assert_true(chunk_reader_next(reader, &read, NULL));
        for (int i = 0; i < read.track_count; i++)
            known += *read.tracks[i].object_class != '\0';
    }
    g_assert_cmpint(known, <=, CHUNK_FOREIGN_CLASSES_MAX);
    g_assert_cmpint(known, >, CHUNK_FOREIGN_CLASSES_MAX / 2);
    g_assert_cmpuint(g_quark_try_string("foreign 2000"), ==, 0);
}

/* Stored by an older Vedette, which knew of no camera moves. */
static void test_chunks_of_the_first_version_are_read(void)
{
    g_autofree char *path = g_build_filename(g_getenv("VEDETTE_SOURCE"), "fuzz", "corpus", "chunk", "walk", NULL);
    g_autofree char *bytes = NULL;
    g_autoptr(GError) error = NULL;
    struct observation read;
    size_t length;
    int frames = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &length, &error));
    g_assert_cmpint(bytes[3], ==, 1);
    CLEANUP(chunk_reader) struct chunk_reader *reader = chunk_reader_new(bytes, length, &error);
    g_assert_no_error(error);
    for (; chunk_reader_next(reader, &read, &error); frames++)
        g_assert_false(read.is_camera_move);
    g_assert_no_error(error);
    g_assert_cmpint(frames, ==, 40);
    g_assert_cmpint(read.track_count, >, 0);
}

static void test_numbers_of_every_size(void)
{
    static const int64_t values[] = {0,
                                     1,
                                     -1,
                                     2,
                                     -2,
                                     3,
                                     127,
                                     -128,
                                     32767,
                                     -32768,
                                     65535,
                                     1 << 30,
                                     -(1 << 30),
                                     INT64_C(0xffffffff),
                                     -INT64_C(0xffffffff)};
    struct range_number contexts;
    struct range_writer writer;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    range_numbers_init(&contexts, 1);
    range_writer_init(&writer, bytes);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
            range_write_number(&writer, &contexts, values[i]);
    range_writer_finish(&writer);
    struct range_reader reader;
    range_numbers_init(&contexts, 1);
    range_reader_init(&reader, bytes->data, bytes->len);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
            g_assert_cmpint(range_read_number(&reader, &contexts), ==, values[i]);
    g_assert_false(reader.is_past_end);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chunk/what is read is what was written", test_what_is_read_is_what_was_written);
    g_test_add_func("/chunk/an empty chunk is one too", test_an_empty_chunk_is_one_too);
    g_test_add_func("/chunk/damage is noticed", test_damage_is_noticed);
    g_test_add_func("/chunk/nonsense with a good checksum ends", test_nonsense_with_a_good_checksum_ends);
    g_test_add_func("/chunk/a chunk holds so many tracks", test_a_chunk_holds_so_many_tracks);
    g_test_add_func("/chunk/a class too many begins another chunk", test_a_class_too_many_begins_another_chunk);
    g_test_add_func("/chunk/a frame of too many classes begins no chunk",
                    test_a_frame_of_too_many_classes_begins_no_chunk);
    g_test_add_func("/chunk/foreign classes are bounded", test_foreign_classes_are_bounded);
    g_test_add_func("/chunk/chunks of the first version are read", test_chunks_of_the_first_version_are_read);
    g_test_add_func("/chunk/numbers of every size", test_numbers_of_every_size);
    return g_test_run();
}
