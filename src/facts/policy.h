/* Facts: policies as they are stored: a document for a service, at a level of camera, class, site, org or everyone. */
#pragma once

#include "record/record.h"

struct service_policy {
    char *id;
    char *org_id; /* NULL: everyone's default */
    char *site_id, *class_id, *camera_id;
    char *service_name, *policy_type;
    struct record_json config;
    int32_t version;
    int64_t revision; /* of the change it is from, counted over all policies */
    struct record_time created_at, updated_at;
    char *updated_by;
};
extern const struct record_descriptor service_policy_descriptor;

/* The key of a document that stands where one cannot be opened: why. No type has such a key. */
#define POLICY_UNOPENABLE "unopenable"

/* What a policy was before and after one change. Only ever added to. */
struct policy_revision {
    char *id, *org_id, *policy_id;
    int32_t version;
    int64_t revision;          /* counted over all policies */
    struct record_json config; /* as it is from this revision on; NULL: the policy was deleted */
    struct record_json diff;
    char *reason, *changed_by;
    struct record_time changed_at;
};
extern const struct record_descriptor policy_revision_descriptor;

/* What a server made of a file of its policies.directory. */
struct policy_file {
    char *source;    /* the server that watches it */
    char *path;      /* below the directory; ".": the directory itself, which can be in doubt alone */
    char *digest;    /* SHA-256 in hex of what was taken over last; NULL: nothing was */
    int32_t version; /* of the document that was made of that; 0: none was */
    char *doubt;     /* why what it says is not in force; NULL: it is */
};
extern const struct record_descriptor policy_file_descriptor;

/* A webhook that changed a policy, and so is not taken again. */
struct taken_webhook {
    char *id;
    struct record_time expires_at;
};
extern const struct record_descriptor taken_webhook_descriptor;
