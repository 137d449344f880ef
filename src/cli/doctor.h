/* Doctor: what hinders running here, what was found and what Vedette makes of it. One table of checks
 * (doctor_checks.c); the end-to-end proof is in doctor_proof.c. Main thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "base/machine.h"
#include "cli/control_client.h"
#include "facts/settings.h"

enum doctor_verdict { DOCTOR_OK = 1, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
    const char *name;
    enum doctor_verdict verdict;
    GString *found;  /* what is there, and what was chosen for it */
    GString *advice; /* what to do; empty when nothing need be done */
};

struct doctor {
    const struct settings *settings;
    const char *data_dir;
    struct machine machine;
};

/* Runs every check; the findings are the caller's, freed with the array. */
GPtrArray *doctor_examine(const struct doctor *doctor);
/* ---- doctor_proof.c ---- */

/* Has a record go the whole way: in the server that has `data_dir` open, or else in one that is started in a temporary
 * directory and ends with the proof. False when the answer did not come to its end; what it says is the caller's to
 * judge. */
bool doctor_prove(const char *data_dir, control_line_fn line, void *data, GError **error);

/* The process that has the data directory open, whatever its store is; 0: none, -1: one that is not known. */
pid_t doctor_server_pid(const char *data_dir);
