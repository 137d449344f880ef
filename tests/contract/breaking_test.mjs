// Case A6: the contract breaks nothing that the last release promised. What is broken on purpose is promised anew by
// copying docs/reference/openapi.json to tests/contract/released.json, with the release that breaks it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { breakingChanges } from "./compare.mjs";
import { contract, runTests } from "./world.mjs";

const released = JSON.parse(readFileSync("released.json", "utf8"));

function nothingIsBroken() {
  assert.deepEqual(breakingChanges(released, contract), []);
}

/* Each a change that would break someone, made to the contract and found. */
const BREAKS = {
  "an operation goes": (is) => delete is.paths["/api/v1/events"].get,
  "a role rises": (is) => (is.paths["/api/v1/events"].get["x-role"] = "platform"),
  "a parameter goes": (is) => is.paths["/api/v1/events"].get.parameters.shift(),
  "a parameter must be given": (is) => is.paths["/api/v1/events"].get.parameters.push({ name: "new", in: "query", required: true, schema: { type: "string" } }),
  "a parameter's value is no longer taken": (is) => is.paths["/api/v1/events"].get.parameters.find(({ name }) => name === "type").schema.enum.shift(),
  "a bound is narrower": (is) => (is.paths["/api/v1/events"].get.parameters.find(({ name }) => name === "limit").schema.maximum = 10),
  "a field must be sent": (is) => is.components.schemas.LegalHoldRequest.required.push("camera_id"),
  "a field goes from answers": (is) => delete is.components.schemas.AnalyticsEvent.properties.occurred_at,
  "a field of answers may be left out": (is) => is.components.schemas.AnalyticsEvent.required.splice(0, 1),
  "a type changes": (is) => (is.components.schemas.AnalyticsEvent.properties.priority.type = "string"),
  "answers have a new word": (is) => is.components.schemas.Status.properties.status.enum.push("asleep"),
  "a parameter takes some words alone": (is) => (is.paths["/api/v1/events"].get.parameters.find(({ name }) => name === "camera_id").schema.enum = ["door"]),
  "a parameter must look otherwise": (is) => (is.paths["/api/v1/events"].get.parameters.find(({ name }) => name === "limit").schema.pattern = "^[1-9]$"),
  "a field that is sent may be null no longer": (is) => (is.components.schemas.LegalHoldRequest.properties.camera_id.nullable = false),
  "a field of answers may be null": (is) => (is.components.schemas.AnalyticsEvent.properties.id.nullable = true),
  "a word of answers may be any": (is) => delete is.components.schemas.Status.properties.status.enum,
  "a status changes": (is) => delete is.paths["/api/v1/legal-holds"].post.responses["201"],
};
const HARMLESS = {
  "a parameter more": (is) => is.paths["/api/v1/events"].get.parameters.push({ name: "new", in: "query", schema: { type: "string" } }),
  "a field more in answers": (is) => (is.components.schemas.AnalyticsEvent.properties.more = { type: "string" }),
  "an operation more": (is) => (is.paths["/api/v2/events"] = is.paths["/api/v1/events"]),
};

function breaksAreFound() {
  for (const [name, change] of Object.entries(BREAKS)) {
    const changed = structuredClone(contract);
    change(changed);
    assert.notDeepEqual(breakingChanges(contract, changed), [], name);
  }
  for (const [name, change] of Object.entries(HARMLESS)) {
    const changed = structuredClone(contract);
    change(changed);
    assert.deepEqual(breakingChanges(contract, changed), [], name);
  }
}

await runTests([
  ["a06_nothing_is_broken", nothingIsBroken],
  ["a06_what_would_break_is_found", breaksAreFound],
]);
