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

static const struct record_field policy_file_fields[] = {
    FIELD(struct policy_file, source, RECORD_REQUIRED | RECORD_KEY | RECORD_TEXT_ID, "the server that watches it"),
    FIELD(struct policy_file, path, RECORD_REQUIRED | RECORD_KEY, "below its directory; \".\": the directory itself",
          .min_count = 1, .max_count = 4096),
    FIELD(struct policy_file, digest, 0, "SHA-256 in hex of what was taken over last; absent: nothing was",
          .max_count = 64),
    FIELD(struct policy_file, version, 0, "of the document that was made of that; 0: none was", .min = 0,
          .max = INT32_MAX),
    FIELD(struct policy_file, doubt, 0, "why what it says is not in force; absent: it is", .max_count = 1024),
};
const struct record_descriptor policy_file_descriptor =
    RECORD(struct policy_file, "PolicyFile", 1, policy_file_fields, "What a server made of a file of policies.",
           .table = "policy_files");

static const struct record_field taken_webhook_fields[] = {
    FIELD(struct taken_webhook, id, RECORD_REQUIRED | RECORD_KEY, "its sender's", .min_count = 1, .max_count = 128),
    FIELD(struct taken_webhook, expires_at, RECORD_REQUIRED | RECORD_INDEXED,
          "from then on it is too old to be taken, whether it is known or not"),
};
const struct record_descriptor taken_webhook_descriptor =
    RECORD(struct taken_webhook, "TakenWebhook", 1, taken_webhook_fields, "A webhook that changed a policy.",
           .table = "taken_webhooks");
