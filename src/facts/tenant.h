/* Facts: whose things are: an organisation has sites, a site has cameras and, in schools, classes. */
#pragma once

#include "record/record.h"

struct org {
    char *id, *name;
    struct record_time created_at;
    /* What stays of an org that was deleted. */
    struct record_time deleted_at; /* from then on it is closed, and what is its own is erased */
    char *deleted_by;              /* the org of the one who did it */
    struct record_time erased_at;  /* nothing of it was left */
    struct record_json erased;     /* rows by table, and where its audit ended */
};
extern const struct record_descriptor org_descriptor;

struct site {
    char *org_id, *id, *name;
    char *time_zone;
    struct record_time created_at;
};
extern const struct record_descriptor site_descriptor;

/* By which clocks a site counted until a moment: it has had others since, or is gone. */
struct site_clocks {
    char *org_id, *site_id;
    struct record_time until_at;
    char *time_zone;
};
extern const struct record_descriptor site_clocks_descriptor;

/* Where a camera stood and stands no more: what a legal hold of there keeps, it keeps of it too. */
struct camera_place {
    char *org_id, *camera_id, *site_id, *class_id; /* the last two: "" for none */
    struct record_time until_at;
};
extern const struct record_descriptor camera_place_descriptor;

struct school_class {
    char *org_id, *id, *site_id, *name;
    struct record_time created_at;
};
extern const struct record_descriptor school_class_descriptor;
