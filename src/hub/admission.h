/* Admission: which new cameras still take room that no measure shows, and for which there was none. Pure but for the
 * callback. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct admission;

/* So many looks a new camera without any picture keeps a place: five minutes, at a look a second. */
enum { ADMISSION_LOOKS_TO_WAIT = 300 };

/* How a camera is now. */
enum admission_state { ADMISSION_GONE = 1, ADMISSION_WAITING, ADMISSION_RUNNING };

struct admission *admission_new(void);
void admission_free(struct admission *admission);
/* A new camera is let in. What it costs is not measured before it has run for a while; until then it takes a
 * place, but for one that gives no picture for ADMISSION_LOOKS_TO_WAIT: that takes it again once it gives some. */
void admission_let_in(struct admission *admission, const char *camera_id);
/* There was no room for it: it is refused, or let in all the same. Told of until it goes or there is room. */
void admission_note_beyond(struct admission *admission, const char *camera_id);
/* Once for each measure: forgets who is gone, and who is measured by now. */
void admission_look(struct admission *admission, enum admission_state (*state)(void *data, const char *camera_id),
                    void *data);
/* Let in, and without any picture for so long that it keeps no place until it gives some. */
bool admission_is_idle(const struct admission *admission, const char *camera_id);
/* What is left of `measured` places; below 0, which is not known, stays so. */
int admission_room(const struct admission *admission, int measured);
/* There is room again: nobody is beyond it any more. */
void admission_forgive(struct admission *admission);
size_t admission_count_beyond(const struct admission *admission);
