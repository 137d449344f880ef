#include "facts/tenant.h"

static const struct record_field org_fields[] = {
    FIELD(struct org, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE, "unique, stays for ever"),
    FIELD(struct org, name, 0, "what people call it", .max_count = 128),
    FIELD(struct org, created_at, 0, "when"),
    FIELD(struct org, deleted_at, 0, "when it was deleted: since then it is closed, and what it had is erased",
          .since = 2),
    FIELD(struct org, deleted_by, 0, "the org of the one who did it; there the audit tells of it", .since = 2),
    FIELD(struct org, erased_at, 0, "when nothing of it was left", .since = 2),
    FIELD(struct org, erased, 0, "what went: rows by table, and the digest of the last entry of its audit", .since = 2),
};
const struct record_descriptor org_descriptor =
    RECORD(struct org, "Org", 2, org_fields, "An organisation: nobody sees another's rows.", .table = "orgs");

static const struct record_field site_fields[] = {
    FIELD(struct site, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE, "whose"),
    FIELD(struct site, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE, "unique in its org"),
    FIELD(struct site, name, 0, "what people call it", .max_count = 128),
    FIELD(struct site, time_zone, 0, "IANA name; empty: UTC", .max_count = 64),
    FIELD(struct site, created_at, 0, "when"),
};
const struct record_descriptor site_descriptor =
    RECORD(struct site, "Site", 1, site_fields, "A place that an organisation watches.", .table = "sites");

static const struct record_field site_clocks_fields[] = {
    FIELD(struct site_clocks, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct site_clocks, site_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the site"),
    FIELD(struct site_clocks, until_at, RECORD_REQUIRED | RECORD_KEY, "what happened before is counted by these"),
    FIELD(struct site_clocks, time_zone, 0, "IANA name; empty: UTC", .max_count = 64),
};
const struct record_descriptor site_clocks_descriptor =
    RECORD(struct site_clocks, "SiteClocks", 1, site_clocks_fields, "Clocks that a site had.", .table = "site_clocks");

static const struct record_field camera_place_fields[] = {
    FIELD(struct camera_place, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "whose"),
    FIELD(struct camera_place, camera_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the camera"),
    FIELD(struct camera_place, site_id, RECORD_REQUIRED | RECORD_KEY, "its site then; empty: none"),
    FIELD(struct camera_place, class_id, RECORD_REQUIRED | RECORD_KEY, "its class then; empty: none"),
    FIELD(struct camera_place, until_at, RECORD_REQUIRED, "when it was said to stand elsewhere, the latest time"),
};
const struct record_descriptor camera_place_descriptor =
    RECORD(struct camera_place, "CameraPlace", 1, camera_place_fields, "Where a camera stood before.",
           .table = "camera_places");

static const struct record_field school_class_fields[] = {
    FIELD(struct school_class, org_id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE, "whose"),
    FIELD(struct school_class, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE,
          "unique in its org"),
    FIELD(struct school_class, site_id, RECORD_REQUIRED | RECORD_TEXT_ID, "where it is taught"),
    FIELD(struct school_class, name, 0, "what people call it", .max_count = 128),
    FIELD(struct school_class, created_at, 0, "when"),
};
const struct record_descriptor school_class_descriptor =
    RECORD(struct school_class, "Class", 1, school_class_fields, "A school class.", .table = "classes");
