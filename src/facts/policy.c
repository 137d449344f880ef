#include "facts/policy.h"

static const struct record_field service_policy_fields[] = {
    FIELD(struct service_policy, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID | RECORD_IMMUTABLE, "UUIDv7"),
    FIELD(struct service_policy, org_id, RECORD_TEXT_ID | RECORD_IMMUTABLE, "whose; absent: everyone's default"),
    FIELD(struct service_policy, site_id, RECORD_TEXT_ID, "of this site alone"),
    FIELD(struct service_policy, class_id, RECORD_TEXT_ID, "of this school class alone"),
    FIELD(struct service_policy, camera_id, RECORD_TEXT_ID, "of this camera alone"),
    FIELD(struct service_policy, service_name, RECORD_REQUIRED | RECORD_TEXT_ID, "the service it steers"),
    FIELD(struct service_policy, policy_type, RECORD_REQUIRED | RECORD_TEXT_ID, "which of its documents"),
    FIELD(struct service_policy, config, RECORD_REQUIRED, "the document"),
    FIELD(struct service_policy, version, RECORD_REQUIRED, "counts its changes", .min = 1, .max = INT32_MAX,
          .default_text = "1"),
    FIELD(struct service_policy, revision, 0, "of the change it is from, counted over all policies", .min = 0,
          .max = 0x1p53),
    FIELD(struct service_policy, created_at, 0, "when"),
    FIELD(struct service_policy, updated_at, 0, "when last changed"),
    FIELD(struct service_policy, updated_by, 0, "who changed it last", .max_count = 128),
};
const struct record_descriptor service_policy_descriptor =
    RECORD(struct service_policy, "ServicePolicy", 1, service_policy_fields, "A policy at one level.",
           .table = "service_policies");

static const struct record_field policy_revision_fields[] = {
    FIELD(struct policy_revision, id, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "UUIDv7"),
    FIELD(struct policy_revision, org_id, RECORD_TEXT_ID, "whose; absent: everyone's default"),
    FIELD(struct policy_revision, policy_id, RECORD_REQUIRED | RECORD_TEXT_ID, "the policy"),
    FIELD(struct policy_revision, version, RECORD_REQUIRED, "of the policy from here on", .min = 1, .max = INT32_MAX),
    FIELD(struct policy_revision, revision, 0, "counted over all policies", .min = 0, .max = 0x1p53),
    FIELD(struct policy_revision, config, 0, "the document from here on; absent: the policy was deleted"),
    FIELD(struct policy_revision, diff, 0, "what changed"),
    FIELD(struct policy_revision, reason, 0, "why", .max_count = 1024),
    FIELD(struct policy_revision, changed_by, 0, "who", .max_count = 128),
    FIELD(struct policy_revision, changed_at, RECORD_REQUIRED, "when"),
};
const struct record_descriptor policy_revision_descriptor =
    RECORD(struct policy_revision, "PolicyRevision", 1, policy_revision_fields, "One change of a policy.",
           .table = "policy_revisions");
