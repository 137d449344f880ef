/* A chunk: "VOC", the version, the number of frames (little endian, 4 bytes), the CRC-32C of what follows, then one
 * stream of the range coder. Writing and reading walk the same way through the same model; each step below is one
 * function that does either, so that they cannot differ.
 */
#include "analytics/chunk.h"

#include "analytics/range_coder.h"
#include "base/crc32c.h"
#include "facts/object_class.h"

#include <string.h>

enum { HEADER_BYTES = 12, GAIN_ONE = 256, GAIN_STEP = 1, GAIN_MOST = 16 * GAIN_ONE };
/* What each version brought; all are read. */
enum { FIRST_VERSION = 1, CAMERA_MOVE_VERSION = 2 };
static const char magic[3] = {'V', 'O', 'C'};

/* Which number of a frame or track; each has contexts of its own. */
enum number {
    NUMBER_AT,
    NUMBER_MEDIA,
    NUMBER_LUMA,
    NUMBER_ASPECT,
    NUMBER_EDGES,
    NUMBER_CONTRAST,
    NUMBER_LIKENESS,
    NUMBER_REPEATED,
    NUMBER_PICTURE_LUMA,
    NUMBER_REGION_COUNT,
    NUMBER_REGION,
    NUMBER_INDEX,
    NUMBER_ID,
    NUMBER_WIDE_HIGH,
    NUMBER_WIDE_LOW,
    NUMBER_CLASS,
    NUMBER_TEXT,
    NUMBER_NEW_PLACE,
    NUMBER_NEW_SIZE,
    NUMBER_NEW_SPEED,
    NUMBER_NEW_CONFIDENCE,
    NUMBER_X,
    NUMBER_Y = NUMBER_X + 3, /* three each: by how far off the track's size was foretold */
    NUMBER_W = NUMBER_Y + 3,
    NUMBER_H = NUMBER_W + 3,
    NUMBER_SPEED_X = NUMBER_H + 3,
    NUMBER_SPEED_Y = NUMBER_SPEED_X + 3,
    NUMBER_CONFIDENCE = NUMBER_SPEED_Y + 3,
    NUMBERS = NUMBER_CONFIDENCE + 2, /* seen, lost */
};
enum flag {
    FLAG_LIGHT_CHANGE,
    FLAG_LEARNING = FLAG_LIGHT_CHANGE + 2, /* two each: by what it was before */
    FLAG_PICTURE = FLAG_LEARNING + 2,
    FLAG_USUAL = FLAG_PICTURE + 2,
    FLAG_TAKEN = FLAG_USUAL + 2,
    FLAG_CONFIRMED = FLAG_TAKEN + 2,
    FLAG_LOST = FLAG_CONFIRMED + 2,
    FLAG_NEXT = FLAG_LOST + 2, /* the track is the next of the frame before */
    FLAG_SKIP,
    FLAG_END,
    FLAG_JUMP,
    FLAG_SAME_CLASS,
    FLAG_FAR,
    FLAG_CAMERA_MOVE,
    FLAGS = FLAG_CAMERA_MOVE + 2,
};
/* What the next track is, beside an index among those of the frame before. */
enum { INDEX_NEW = -1, INDEX_END = -2 };

/* Sizes and confidences shake: what is smoothed foretells the next measure better than the last one does. Kept in
 * 1/SMOOTH_ONE of a unit. */
enum { SMOOTH_ONE = 16, SMOOTH_SIZE_SHARE = 2, SMOOTH_CONFIDENCE_SHARE = 3, SMOOTH_MOST = 1 << 22 };
struct remembered {
    struct observed_track track;
    int width, height, confidence; /* smoothed */
    uint8_t off;                   /* 0..2: how far off its size was foretold */
};

/* What both sides know at any time. */
struct model {
    int version;
    struct range_number numbers[NUMBERS];
    range_bit flags[FLAGS];
    struct observation last; /* without tracks and picture */
    struct picture_facts picture;
    int64_t at_step_ms, media_step_us;
    struct remembered before[CHUNK_TRACKS_MAX], now[CHUNK_TRACKS_MAX];
    int before_count, now_count;
    const char *classes[CHUNK_CLASSES_MAX]; /* interned */
    int class_count;
    bool is_damaged; /* read: what no writer writes */
    int sightings;   /* tracks of the frames so far */
    uint64_t newest_id;
    int gain_x, gain_y; /* of GAIN_ONE: how far a box off its prediction changes its speed; learnt */
};

struct chunk_writer {
    struct model model;
    struct range_writer range;
    GByteArray *bytes;
    int frames;
    int64_t began_ms, shed;
};
struct chunk_reader {
    struct model model;
    struct range_reader range;
    int frames, done;
    struct observed_track tracks[CHUNK_TRACKS_MAX];
};

/* One side of the walk: exactly one is set. */
struct coder {
    struct model *model;
    struct range_writer *writer;
    struct range_reader *reader;
};

static void model_init(struct model *model, int version)
{
    memset(model, 0, sizeof *model);
    model->version = version;
    range_numbers_init(model->numbers, NUMBERS);
    range_bits_init(model->flags, FLAGS);
}

/* ---- steps: written from, or read into, what they point to ---- */

static bool code_flag(const struct coder *coder, int flag, bool value)
{
    range_bit *context = &coder->model->flags[flag];
    if (coder->writer)
        range_write_bit(coder->writer, context, value);
    return coder->writer ? value : range_read_bit(coder->reader, context);
}

static int64_t code_number(const struct coder *coder, int number, int64_t value)
{
    struct range_number *contexts = &coder->model->numbers[number];
    if (coder->writer)
        range_write_number(coder->writer, contexts, value);
    return coder->writer ? value : range_read_number(coder->reader, contexts);
}

/* 64 bits in two halves. */
static uint64_t code_wide(const struct coder *coder, int high, int low, uint64_t value)
{
    uint64_t upper = (uint64_t)code_number(coder, high, (int64_t)(value >> 32));
    return upper << 32 | ((uint64_t)code_number(coder, low, (int64_t)(value & UINT32_MAX)) & UINT32_MAX);
}

/* A value near `predicted`; wraps as its type does, so that whatever is read is some value. */
static int16_t code_near(const struct coder *coder, int number, int16_t value, int predicted)
{
    return (int16_t)(predicted + code_number(coder, number, (int16_t)(value - predicted)));
}

static uint8_t code_byte(const struct coder *coder, int number, uint8_t value, uint8_t before)
{
    return (uint8_t)(before + code_number(coder, number, (int8_t)(value - before)));
}

/* ---- the frame as a whole ---- */

/* A 64-bit value that is as predicted, or near; far ones are kept by halves. */
static int64_t code_far(const struct coder *coder, int number, int64_t value, int64_t predicted)
{
    int64_t differs = (int64_t)((uint64_t)value - (uint64_t)predicted);
    if (code_flag(coder, FLAG_FAR, differs > INT32_MAX || differs < INT32_MIN))
        return (int64_t)code_wide(coder, NUMBER_WIDE_HIGH, NUMBER_WIDE_LOW, (uint64_t)value);
    return (int64_t)((uint64_t)predicted + (uint64_t)code_number(coder, number, differs));
}

/* Times go on as they went: what is coded is how the step differs from the last. */
static int64_t code_time(const struct coder *coder, int number, int64_t value, int64_t before, int64_t *step)
{
    value = code_far(coder, number, value, (int64_t)((uint64_t)before + (uint64_t)*step));
    *step = (int64_t)((uint64_t)value - (uint64_t)before);
    return value;
}

static void code_region(const struct coder *coder, const struct picture_region *region, struct picture_region *last)
{
    last->x = code_near(coder, NUMBER_REGION, region->x, last->x);
    last->y = code_near(coder, NUMBER_REGION, region->y, last->y);
    last->w = code_near(coder, NUMBER_REGION, region->w, last->w);
    last->h = code_near(coder, NUMBER_REGION, region->h, last->h);
    last->is_taken = code_flag(coder, FLAG_TAKEN + last->is_taken, region->is_taken);
}

/* `last` becomes what `picture` is. */
static void code_picture(const struct coder *coder, const struct picture_facts *picture, struct picture_facts *last)
{
    last->is_usual_known = code_flag(coder, FLAG_USUAL + last->is_usual_known, picture->is_usual_known);
    last->mean_luma = code_byte(coder, NUMBER_PICTURE_LUMA, picture->mean_luma, last->mean_luma);
    last->edges = code_byte(coder, NUMBER_EDGES, picture->edges, last->edges);
    last->contrast = code_byte(coder, NUMBER_CONTRAST, picture->contrast, last->contrast);
    last->likeness = code_byte(coder, NUMBER_LIKENESS, picture->likeness, last->likeness);
    last->repeated_us = code_far(coder, NUMBER_REPEATED, picture->repeated_us, last->repeated_us);
    int64_t count =
        last->region_count + code_number(coder, NUMBER_REGION_COUNT, picture->region_count - last->region_count);
    last->region_count = (int)CLAMP(count, 0, PICTURE_REGIONS_MAX);
    for (int i = 0; i < last->region_count; i++)
        code_region(coder, &picture->regions[i], &last->regions[i]);
}

static void code_frame(const struct coder *coder, const struct observation *observation)
{
    static const struct picture_facts nothing;
    struct model *model = coder->model;
    struct observation *last = &model->last;
    last->at_ms = code_time(coder, NUMBER_AT, observation->at_ms, last->at_ms, &model->at_step_ms);
    last->media_us = code_time(coder, NUMBER_MEDIA, observation->media_us, last->media_us, &model->media_step_us);
    last->mean_luma = code_byte(coder, NUMBER_LUMA, observation->mean_luma, last->mean_luma);
    last->aspect = code_near(coder, NUMBER_ASPECT, observation->aspect, last->aspect);
    last->is_light_change = code_flag(coder, FLAG_LIGHT_CHANGE + last->is_light_change, observation->is_light_change);
    if (model->version >= CAMERA_MOVE_VERSION)
        last->is_camera_move = code_flag(coder, FLAG_CAMERA_MOVE + last->is_camera_move, observation->is_camera_move);
    last->is_learning = code_flag(coder, FLAG_LEARNING + last->is_learning, observation->is_learning);
    if (code_flag(coder, FLAG_PICTURE + (last->picture != NULL), observation->picture != NULL)) {
        code_picture(coder, observation->picture ? observation->picture : &nothing, &model->picture);
        last->picture = &model->picture;
    } else {
        last->picture = NULL;
    }
}

/* ---- tracks ---- */

/* Rules keep classes and compare their addresses, so those that are read are interned too; but what is interned stays,
 * and a chunk may come from a hostile worker. */
static const char *know_class(const char *text)
{
    static int foreign;
    if (g_quark_try_string(text))
        return g_intern_string(text);
    bool has_room = __atomic_fetch_add(&foreign, 1, __ATOMIC_RELAXED) < CHUNK_FOREIGN_CLASSES_MAX;
    if (!has_room)
        __atomic_store_n(&foreign, CHUNK_FOREIGN_CLASSES_MAX, __ATOMIC_RELAXED);
    return g_intern_string(has_room ? text : "");
}

static const char *code_new_class(const struct coder *coder, const char *object_class)
{
    char text[OBJECT_CLASS_MAX_BYTES + 1] = "";
    g_strlcpy(text, object_class ? object_class : "", sizeof text);
    int64_t length = code_number(coder, NUMBER_TEXT, (int64_t)strlen(text));
    length = CLAMP(length, 0, OBJECT_CLASS_MAX_BYTES);
    for (int64_t i = 0; i < length; i++)
        text[i] = (char)code_number(coder, NUMBER_TEXT, text[i]);
    text[length] = '\0';
    return coder->writer ? object_class : know_class(g_utf8_validate(text, -1, NULL) ? text : "");
}

/* `count` when it is none of them. */
static int find_class(const char *const *classes, int count, const char *object_class)
{
    int index = 0;
    while (index < count && classes[index] != object_class)
        index++;
    return index;
}

/* An index into the classes seen so far, or one past them: a new one, spelled out. */
static const char *code_class(const struct coder *coder, const char *object_class)
{
    struct model *model = coder->model;
    int index = find_class(model->classes, model->class_count, object_class);
    index = (int)code_number(coder, NUMBER_CLASS, MIN(index, CHUNK_CLASSES_MAX - 1));
    if (index >= 0 && index < model->class_count)
        return model->classes[index];
    if (model->class_count == CHUNK_CLASSES_MAX) {
        model->is_damaged = true; /* no writer spells another */
        return g_intern_static_string("");
    }
    object_class = code_new_class(coder, object_class);
    model->classes[model->class_count++] = object_class;
    return object_class;
}

static int16_t code_place(const struct coder *coder, int number, int16_t value)
{
    return code_near(coder, number, value, 0);
}

static struct observed_track code_new_track(const struct coder *coder, const struct observed_track *track)
{
    struct observed_track now = {0};
    struct model *model = coder->model;
    now.id = (uint64_t)code_far(coder, NUMBER_ID, (int64_t)track->id, (int64_t)model->newest_id + 1);
    model->newest_id = now.id;
    now.object_class = code_class(coder, track->object_class);
    now.x = code_place(coder, NUMBER_NEW_PLACE, track->x);
    now.y = code_place(coder, NUMBER_NEW_PLACE, track->y);
    now.w = code_place(coder, NUMBER_NEW_SIZE, track->w);
    now.h = code_place(coder, NUMBER_NEW_SIZE, track->h);
    now.speed_x = code_place(coder, NUMBER_NEW_SPEED, track->speed_x);
    now.speed_y = code_place(coder, NUMBER_NEW_SPEED, track->speed_y);
    now.confidence = code_byte(coder, NUMBER_NEW_CONFIDENCE, track->confidence, UINT8_MAX);
    now.is_confirmed = code_flag(coder, FLAG_CONFIRMED, track->is_confirmed);
    now.is_lost = code_flag(coder, FLAG_LOST, track->is_lost);
    return now;
}

/* How far a speed carries in this frame's step, in box units. */
static int way(int speed, int64_t step_us)
{
    const int64_t ratio = OBSERVATION_BOX_ONE / OBSERVATION_SPEED_ONE;
    int64_t bounded_us = CLAMP(step_us, 0, 10 * G_USEC_PER_SEC);
    return (int)(speed * ratio * bounded_us / G_USEC_PER_SEC);
}

static int smoothed(int smooth, int measured, int share)
{
    return smooth + (measured * SMOOTH_ONE - smooth) / share;
}

/* Along one axis: the size, then the place of the middle as its speed foretells it, then the speed, which changes the
 * more the further the box is off (a Kalman filter's gain, learnt on the way). */
struct axis {
    int place, size, speed; /* which numbers */
    int *gain;
};
static void code_axis(const struct coder *coder, const struct axis *axis, int off, int *smooth_size, int16_t *place,
                      int16_t *size, int16_t *speed, const int16_t truth[3])
{
    int middle = 2 * *place + *size + 2 * way(*speed, coder->model->media_step_us); /* twice it: whole numbers */
    *size = code_near(coder, axis->size + off, truth[1], *smooth_size / SMOOTH_ONE);
    *smooth_size = smoothed(*smooth_size, *size, SMOOTH_SIZE_SHARE);
    int foretold = (middle - *size) / 2;
    *place = code_near(coder, axis->place + off, truth[0], foretold);
    int missed = *place - foretold, speed_before = *speed;
    int gained = (int)((int64_t)missed * *axis->gain / GAIN_ONE); /* a hostile piece may walk the gain up */
    *speed = code_near(coder, axis->speed + off, truth[2], speed_before + gained);
    int error = *speed - speed_before - gained;
    if (error != 0 && missed != 0)
        *axis->gain = CLAMP(*axis->gain + ((error > 0) == (missed > 0) ? GAIN_STEP : -GAIN_STEP), 0, GAIN_MOST);
}

/* Figures keep their shape: who grows higher grows wider. */
static int widened(const struct remembered *before, int height)
{
    if (before->track.h <= 0)
        return before->width;
    int64_t growth = (int64_t)before->track.w * SMOOTH_ONE * (height - before->track.h) / before->track.h;
    return (int)CLAMP(before->width + growth, -SMOOTH_MOST, SMOOTH_MOST);
}

/* As a share of the track's height: noise grows with it. */
static uint8_t how_far(const struct observed_track *before, const struct observed_track *now)
{
    enum { NEAR_SHARE = 64, FAR_SHARE = 16 };
    int off = ABS(before->w - now->w) + ABS(before->h - now->h);
    return off * NEAR_SHARE < now->h ? 0 : off * FAR_SHARE < now->h ? 1 : 2;
}

static struct remembered code_known_track(const struct coder *coder, const struct observed_track *track,
                                          const struct remembered *before)
{
    struct model *model = coder->model;
    struct remembered known = *before;
    struct observed_track *now = &known.track;
    int off = before->off;
    const int16_t across[3] = {track->x, track->w, track->speed_x}, down[3] = {track->y, track->h, track->speed_y};
    now->is_confirmed = code_flag(coder, FLAG_CONFIRMED + now->is_confirmed, track->is_confirmed);
    now->is_lost = code_flag(coder, FLAG_LOST + now->is_lost, track->is_lost);
    if (!code_flag(coder, FLAG_SAME_CLASS, track->object_class == now->object_class))
        now->object_class = code_class(coder, track->object_class);
    code_axis(coder, &(struct axis){NUMBER_Y, NUMBER_H, NUMBER_SPEED_Y, &model->gain_y}, off, &known.height, &now->y,
              &now->h, &now->speed_y, down);
    known.width = widened(before, now->h);
    code_axis(coder, &(struct axis){NUMBER_X, NUMBER_W, NUMBER_SPEED_X, &model->gain_x}, off, &known.width, &now->x,
              &now->w, &now->speed_x, across);
    uint8_t foretold = (uint8_t)(now->is_lost ? now->confidence : known.confidence / SMOOTH_ONE);
    now->confidence = code_byte(coder, NUMBER_CONFIDENCE + now->is_lost, track->confidence, foretold);
    known.confidence = smoothed(known.confidence, now->confidence, SMOOTH_CONFIDENCE_SHARE);
    known.off = how_far(&before->track, now);
    return known;
}

/* The place of a track among those of the frame before, from `next` on and round; -1: it is new. */
static int find_before(const struct model *model, uint64_t id, int next)
{
    for (int i = 0; i < model->before_count; i++) {
        int index = (next + i) % model->before_count;
        if (model->before[index].track.id == id)
            return index;
    }
    return -1;
}

/* Tracks come in the same order in each frame: mostly the next one is next. Returns which of the frame before it is,
 * INDEX_NEW or INDEX_END. `wanted` is the same, for writing. */
static int code_index(const struct coder *coder, int wanted, int *next)
{
    const struct model *model = coder->model;
    for (; *next < model->before_count; ++*next) {
        if (code_flag(coder, FLAG_NEXT, wanted == *next))
            return (*next)++;
        if (!code_flag(coder, FLAG_SKIP, wanted > *next))
            break;
    }
    if (code_flag(coder, FLAG_END, wanted == INDEX_END))
        return INDEX_END;
    if (!code_flag(coder, FLAG_JUMP, wanted >= 0))
        return INDEX_NEW;
    int64_t index = code_number(coder, NUMBER_INDEX, wanted);
    return index >= 0 && index < model->before_count ? (int)index : INDEX_NEW;
}

static struct remembered remember_new(struct observed_track track)
{
    return (struct remembered){track, track.w * SMOOTH_ONE, track.h * SMOOTH_ONE, track.confidence * SMOOTH_ONE, 2};
}

static void code_track(const struct coder *coder, const struct observed_track *track, int index)
{
    struct model *model = coder->model;
    struct remembered *now = &model->now[model->now_count++];
    if (index >= 0)
        *now = code_known_track(coder, track, &model->before[index]);
    else
        *now = remember_new(code_new_track(coder, track));
}

static void end_frame(struct model *model)
{
    memcpy(model->before, model->now, (size_t)model->now_count * sizeof *model->now);
    model->before_count = model->now_count;
    model->sightings += model->now_count;
    model->now_count = 0;
}

/* ---- writing ---- */

struct chunk_writer *chunk_writer_new(void)
{
    struct chunk_writer *writer = g_new0(struct chunk_writer, 1);
    writer->bytes = g_byte_array_new();
    model_init(&writer->model, CHUNK_VERSION);
    range_writer_init(&writer->range, writer->bytes);
    return writer;
}

void chunk_writer_free(struct chunk_writer *writer)
{
    if (!writer)
        return;
    g_byte_array_unref(writer->bytes);
    g_free(writer);
}

/* Whether the model's first `count` classes, with those of the frame's first tracks, are as many as a chunk may have.
 */
static bool has_room_for_classes(const struct model *model, int count, const struct observed_track *tracks,
                                 int track_count)
{
    const char *classes[CHUNK_CLASSES_MAX];
    memcpy(classes, model->classes, sizeof classes);
    for (int i = 0; i < track_count; i++) {
        int index = find_class(classes, count, tracks[i].object_class);
        if (index == CHUNK_CLASSES_MAX)
            return false;
        classes[index] = tracks[i].object_class;
        count = MAX(count, index + 1);
    }
    return true;
}

bool chunk_writer_add(struct chunk_writer *writer, const struct observation *observation)
{
    const struct coder coder = {&writer->model, &writer->range, NULL};
    int next = 0, count = MIN(observation->track_count, CHUNK_TRACKS_MAX);
    if (writer->frames == CHUNK_FRAMES_MAX || writer->model.sightings + count > CHUNK_SIGHTINGS_MAX)
        return false;
    if (!has_room_for_classes(&writer->model, writer->model.class_count, observation->tracks, count) &&
        has_room_for_classes(&writer->model, 0, observation->tracks, count))
        return false; /* what no chunk has room for gains nothing by another */
    if (writer->frames++ == 0)
        writer->began_ms = observation->at_ms;
    writer->shed += observation->track_count - count;
    code_frame(&coder, observation);
    for (int i = 0; i < count; i++) {
        int index = find_before(&writer->model, observation->tracks[i].id, next);
        code_track(&coder, &observation->tracks[i], code_index(&coder, index, &next));
    }
    code_index(&coder, INDEX_END, &next);
    end_frame(&writer->model);
    return true;
}

int chunk_writer_frames(const struct chunk_writer *writer)
{
    return writer->frames;
}

size_t chunk_writer_bytes(const struct chunk_writer *writer)
{
    return writer->bytes->len;
}

int64_t chunk_writer_began_ms(const struct chunk_writer *writer)
{
    return writer->frames > 0 ? writer->began_ms : 0;
}

int64_t chunk_writer_shed(const struct chunk_writer *writer)
{
    return writer->shed;
}

static void append_word(GByteArray *bytes, uint32_t value)
{
    uint32_t little = GUINT32_TO_LE(value);
    g_byte_array_append(bytes, (const guint8 *)&little, sizeof little);
}

GBytes *chunk_writer_finish(struct chunk_writer *writer)
{
    const guint8 version = CHUNK_VERSION;
    range_writer_finish(&writer->range);
    GByteArray *whole = g_byte_array_sized_new(HEADER_BYTES + writer->bytes->len);
    g_byte_array_append(whole, (const guint8 *)magic, sizeof magic);
    g_byte_array_append(whole, &version, 1);
    append_word(whole, (uint32_t)writer->frames);
    append_word(whole, crc32c(0, writer->bytes->data, writer->bytes->len));
    g_byte_array_append(whole, writer->bytes->data, writer->bytes->len);
    g_byte_array_set_size(writer->bytes, 0);
    writer->frames = 0;
    model_init(&writer->model, CHUNK_VERSION);
    range_writer_init(&writer->range, writer->bytes);
    return g_byte_array_free_to_bytes(whole);
}

/* ---- reading ---- */

static uint32_t read_word(const uint8_t *bytes)
{
    uint32_t little;
    memcpy(&little, bytes, sizeof little);
    return GUINT32_FROM_LE(little);
}

static bool refuse(GError **error, const char *why)
{
    g_set_error(error, VEDETTE_ERROR, VEDETTE_ERROR_INVALID, "stored tracks: %s", why);
    return false;
}

static bool check_header(const uint8_t *bytes, size_t length, GError **error)
{
    if (length < HEADER_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return refuse(error, "this is no chunk of them");
    if (bytes[sizeof magic] < FIRST_VERSION || bytes[sizeof magic] > CHUNK_VERSION)
        return refuse(error, "they are of another version of Vedette");
    if (read_word(bytes + 4) > CHUNK_FRAMES_MAX ||
        read_word(bytes + 8) != crc32c(0, bytes + HEADER_BYTES, length - HEADER_BYTES))
        return refuse(error, "the chunk is damaged");
    return true;
}

struct chunk_reader *chunk_reader_new(const void *bytes, size_t length, GError **error)
{
    if (!check_header(bytes, length, error))
        return NULL;
    struct chunk_reader *reader = g_new0(struct chunk_reader, 1);
    reader->frames = (int)read_word((const uint8_t *)bytes + 4);
    model_init(&reader->model, ((const uint8_t *)bytes)[sizeof magic]);
    range_reader_init(&reader->range, (const uint8_t *)bytes + HEADER_BYTES, length - HEADER_BYTES);
    return reader;
}

void chunk_reader_free(struct chunk_reader *reader)
{
    g_free(reader);
}

int chunk_reader_frames(const struct chunk_reader *reader)
{
    return reader->frames;
}

static bool read_tracks(struct chunk_reader *reader, const struct coder *coder)
{
    static const struct observed_track nothing;
    struct model *model = &reader->model;
    int next = 0;
    for (int index; (index = code_index(coder, 0, &next)) != INDEX_END;) {
        if (model->now_count == CHUNK_TRACKS_MAX || model->sightings + model->now_count == CHUNK_SIGHTINGS_MAX ||
            reader->range.is_past_end)
            return false;
        code_track(coder, &nothing, index);
        if (model->is_damaged)
            return false;
        reader->tracks[model->now_count - 1] = model->now[model->now_count - 1].track;
    }
    return true;
}

bool chunk_reader_next(struct chunk_reader *reader, struct observation *observation, GError **error)
{
    static const struct observation nothing;
    const struct coder coder = {&reader->model, NULL, &reader->range};
    if (reader->done == reader->frames)
        return false;
    reader->done++;
    code_frame(&coder, &nothing);
    if (!read_tracks(reader, &coder) || reader->range.is_past_end) {
        reader->done = reader->frames;
        return refuse(error, "the chunk is damaged");
    }
    *observation = reader->model.last;
    observation->tracks = reader->tracks;
    observation->track_count = reader->model.now_count;
    end_frame(&reader->model);
    return true;
}
