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

function parameter(document, wanted) {
  return document.paths["/api/v1/events"].get.parameters.find(({ name }) => name === wanted);
}

/* Each a change that would break someone, made to the contract (or undone in what it was) and found. */
const BREAKS = {
  "an operation goes": (is) => delete is.paths["/api/v1/events"].get,
  "a role rises": (is) => (is.paths["/api/v1/events"].get["x-role"] = "platform"),
  "a parameter goes": (is) => is.paths["/api/v1/events"].get.parameters.shift(),
  "a parameter must be given": (is) => is.paths["/api/v1/events"].get.parameters.push({ name: "new", in: "query", required: true, schema: { type: "string" } }),
  "a parameter's value is no longer taken": (is) => parameter(is, "type").schema.enum.shift(),
  "a bound is narrower": (is) => (parameter(is, "limit").schema.maximum = 10),
  "a field must be sent": (is) => is.components.schemas.LegalHoldRequest.required.push("camera_id"),
  "a field goes from answers": (is) => delete is.components.schemas.AnalyticsEvent.properties.occurred_at,
  "a field of answers may be left out": (is) => is.components.schemas.AnalyticsEvent.required.splice(0, 1),
  "a type changes": (is) => (is.components.schemas.AnalyticsEvent.properties.priority.type = "string"),
  "answers have a new word": (is) => is.components.schemas.Status.properties.status.enum.push("asleep"),
  "a parameter takes some words alone": (is) => (parameter(is, "camera_id").schema.enum = ["door"]),
  "a parameter must look otherwise": (is) => (parameter(is, "limit").schema.pattern = "^[1-9]$"),
  "a field that is sent may be null no longer": (is) => (is.components.schemas.LegalHoldRequest.properties.camera_id.nullable = false),
  "a field of answers may be null": (is) => (is.components.schemas.AnalyticsEvent.properties.id.nullable = true),
  "a word of answers may be any": (is) => delete is.components.schemas.Status.properties.status.enum,
  "a status changes": (is) => delete is.paths["/api/v1/legal-holds"].post.responses["201"],
  "every refusal of a kind goes": (is) => {
    for (const methods of Object.values(is.paths)) for (const { responses } of Object.values(methods)) delete responses["409"];
  },
  "what is not modified is told no longer": (is, was) => (was.paths["/api/v1/events"].get.responses["304"] = { description: "as it was" }),
  "a parameter that might be left out must be given": (is) => (parameter(is, "camera_id").required = true),
  "a parameter of many operations is no longer taken": (is) => is.paths["/api/v1/events"].get.parameters.pop(),
  "a header that requests have must be sent": (is) => (is.components.parameters["If-Match"].required = true),
  "a header of requests is no longer taken": (is) => is.paths["/api/v1/events/stream"].get.parameters.pop(),
  "a body might be left out and must be sent": (is, was) => (was.paths["/api/v1/legal-holds"].post.requestBody.required = false),
  "a body must be sent where there was none": (is, was) => delete was.paths["/api/v1/legal-holds"].post.requestBody,
  "a list of answers may hold anything": (is) => delete is.components.schemas.Incident.properties.notes.items,
  "a list that is sent must hold some items": (is, was) => {
    was.components.schemas.LegalHoldRequest.properties.more = { type: "array" };
    is.components.schemas.LegalHoldRequest.properties.more = { type: "array", items: { type: "string" } };
  },
  "values under any name are others": (is) => (is.components.schemas.Health.properties.components.additionalProperties = { type: "string" }),
  "values under any name may be anything": (is) => (is.components.schemas.Health.properties.components.additionalProperties = true),
  "other fields are no longer taken": (is, was) => (was.components.schemas.LegalHoldRequest.additionalProperties = true),
  "a format of answers goes": (is) => delete is.components.schemas.AnalyticsEvent.properties.occurred_at.format,
  "what is sent must have a format": (is) => (parameter(is, "camera_id").schema.format = "uuid"),
  "a way to be let in goes": (is) => is.paths["/api/v1/events"].get.security.pop(),
  "nobody is let in without a login": (is) => (is.paths["/health"].get.security = [{ bearer: [] }]),
  "a login is another": (is) => (is.components.securitySchemes.bearer.scheme = "basic"),
  "a default changes": (is) => (parameter(is, "limit").schema.default = 10),
  "a default goes": (is) => delete parameter(is, "limit").schema.default,
  "a bound of answers goes": (is) => delete is.components.schemas.AnalyticsEvent.properties.priority.maximum,
  "a bound of answers is wider": (is) => (is.components.schemas.AnalyticsEvent.properties.priority.maximum = 1000),
  "a header of answers goes": (is) => delete is.paths["/api/v1/sites"].post.responses["201"].headers.ETag,
  "a header of answers may be left out": (is) => (is.components.headers.Location.required = false),
  "a header of answers looks otherwise": (is) => (is.components.headers["X-Captured-At"].schema.format = "date"),
  "a field goes from ZoneHit": (is) => delete is.components.schemas.ZoneHit.properties.direction,
  "an event carries something new": (is) => is.components.schemas.AnalyticsEvent.properties.payload.anyOf.push({ $ref: "#/components/schemas/Incident" }),
  "an event may carry anything": (is) => delete is.components.schemas.AnalyticsEvent.properties.payload.anyOf,
  "of an event all payloads but one schema are new": (is, was) => (was.components.schemas.AnalyticsEvent.properties.payload = { $ref: "#/components/schemas/Signal" }),
  "an event that is sent may carry less": (is) => is.components.schemas.AnalyticsEventInput.properties.payload.anyOf.pop(),
  "a field must be sent in what an event carries": (is) => is.components.schemas.ZoneHitInput.required.push("direction"),
  "of a schema that becomes two the second is another": (is, was) => {
    const { IncidentNote, Incident } = is.components.schemas;
    was.components.schemas.Incident.properties.latest_note = { $ref: "#/components/schemas/IncidentNote" };
    Incident.properties.latest_note = { $ref: "#/components/schemas/OtherNote" };
    is.components.schemas.OtherNote = { ...IncidentNote, properties: {} };
  },
};
const HARMLESS = {
  "a parameter more": (is) => is.paths["/api/v1/events"].get.parameters.push({ name: "new", in: "query", schema: { type: "string" } }),
  "a field more in answers": (is) => (is.components.schemas.AnalyticsEvent.properties.more = { type: "string" }),
  "a way more to be let in": (is) => is.paths["/api/v1/events"].get.security.push({ other: [] }),
  "a wider bound of what is sent": (is) => (parameter(is, "limit").schema.maximum = 10_000),
  "a parameter that may be left out now": (is, was) => (parameter(was, "camera_id").required = true),
  "an operation that refuses less": (is) => delete is.paths["/api/v1/legal-holds"].post.responses["409"],
  "a later version of a record": (is) => (is.components.schemas.Incident.properties.schema_version.maximum += 1),
  "what an event carries was not told": (is, was) => delete was.components.schemas.AnalyticsEvent.properties.payload.anyOf,
  "what is sent in an event was not told": (is, was) => delete was.components.schemas.AnalyticsEventInput.properties.payload.anyOf,
  "an event carries one thing less": (is) => is.components.schemas.AnalyticsEvent.properties.payload.anyOf.shift(),
  "one thing more may be sent in an event": (is) => is.components.schemas.AnalyticsEventInput.properties.payload.anyOf.push({ type: "object" }),
  "what is sent in an event may be anything": (is) => delete is.components.schemas.AnalyticsEventInput.properties.payload.anyOf,
  "of one that was told several are taken": (is, was) => (was.components.schemas.AnalyticsEventInput.properties.payload = { $ref: "#/components/schemas/SignalInput" }),
  "what an event carries is called otherwise": (is) => {
    is.components.schemas.Hit = is.components.schemas.ZoneHit;
    is.components.schemas.AnalyticsEvent.properties.payload.anyOf[1].$ref = "#/components/schemas/Hit";
  },
  "an operation more": (is) => (is.paths["/api/v2/events"] = is.paths["/api/v1/events"]),
};

function changesBy(change) {
  const [was, is] = [structuredClone(contract), structuredClone(contract)];
  change(is, was);
  return breakingChanges(was, is);
}

function breaksAreFound() {
  for (const [name, change] of Object.entries(BREAKS)) assert.notDeepEqual(changesBy(change), [], name);
  for (const [name, change] of Object.entries(HARMLESS)) assert.deepEqual(changesBy(change), [], name);
}

await runTests([
  ["a06_nothing_is_broken", nothingIsBroken],
  ["a06_what_would_break_is_found", breaksAreFound],
]);
