// Case A6: those who listen and are notified find what the last release promised them. What is broken on purpose is promised
// anew by copying docs/reference/asyncapi.json to tests/contract/released_asyncapi.json, with the release that breaks it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { breakingMessages } from "./compare_messages.mjs";
import { runTests } from "./world.mjs";

const [released, contract] = ["released_asyncapi.json", "asyncapi.json"].map((name) => JSON.parse(readFileSync(name, "utf8")));

function nothingIsBroken() {
  assert.deepEqual(breakingMessages(released, contract), []);
}

/* Each a change that would break someone, made to the contract (or undone in what it was) and found. */
const BREAKS = {
  "a channel goes": (is) => delete is.channels.stream,
  "a topic is another": (is) => (is.channels.mqttSignal.address = "{topic_prefix}/{org_id}/{camera_id}"),
  "a message goes from a channel": (is) => delete is.channels.webhooks.messages.webhookSignal,
  "an operation goes": (is) => delete is.operations.tellWebhooks,
  "a message is told no longer": (is) => is.operations.hearOverWebSocket.messages.pop(),
  "what was received is sent": (is) => (is.operations.subscribe.action = "send"),
  "what was told here is told there": (is) => (is.operations.hearOverStream.channel.$ref = "#/channels/ws"),
  "a message may get lost on its way": (is) => (is.operations.publish_mqttSignal.bindings.mqtt.qos = 0),
  "a message is no longer kept by the broker": (is) => (is.operations.publish_mqttAvailability.bindings.mqtt.retain = false),
  "webhooks are no longer posted": (is) => (is.operations.tellWebhooks.bindings.http.method = "PUT"),
  "a protocol is no longer told": (is) => delete is.operations.tellWebhooks.bindings,
  "a message is of another type": (is) => (is.components.messages.mqttAvailability.contentType = "application/json"),
  "whatever names no type is of another": (is, was) => {
    delete was.components.messages.tracks.contentType;
    delete is.components.messages.tracks.contentType;
    is.defaultContentType = "application/cbor";
  },
  "a header goes": (is) => delete is.components.messages.webhookSignal.headers.properties["webhook-id"],
  "a header may be left out": (is) => is.components.messages.webhookIncident.headers.required.pop(),
  "all headers go": (is) => delete is.components.messages.webhookSignal.headers,
  "a header must be sent": (is) => (is.components.messages.subscription.headers = { type: "object", required: ["more"], properties: { more: { type: "string" } } }),
  "a field goes from what is told": (is) => delete is.components.schemas.Signal.properties.kind,
  "a field of what is told may be left out": (is) => is.components.schemas.Notification.required.shift(),
  "a field of what is told is of another type": (is) => (is.components.schemas.AnalyticsEvent.properties.priority.type = "string"),
  "a field of what is told may be null": (is) => (is.components.schemas.AnalyticsEvent.properties.id.type = ["string", "null"]),
  "what is told has a new word": (is) => is.components.messages.mqttAvailability.payload.enum.push("asleep"),
  "a type of notification is called otherwise": (is) => (is.components.messages.webhookSignal.payload.allOf[1].properties.type.pattern = "^alarm\\."),
  "a live message is called otherwise": (is) => (is.components.messages.tracks.payload.properties.type.const = "boxes"),
  "what is told of is another record": (is) => (is.components.messages.event.payload.properties.data.$ref = "#/components/schemas/Incident"),
  "a field goes from ZoneHit": (is) => delete is.components.schemas.ZoneHit.properties.direction,
  "a field of OccupancyLog is of another type": (is) => (is.components.schemas.OccupancyLog.properties.count.type = "string"),
  "an event carries something new": (is) => is.components.schemas.AnalyticsEvent.properties.payload.anyOf.push({ $ref: "#/components/schemas/CameraHealth" }),
  "an event may carry anything": (is) => delete is.components.schemas.AnalyticsEvent.properties.payload.anyOf,
  "a field must be asked for": (is) => (is.components.schemas.LiveSubscriptionInput.required = ["types"]),
  "a field that is asked for may be null no longer": (is) => (is.components.schemas.LiveSubscriptionInput.properties.types.type = "array"),
  "fewer may be asked for": (is) => (is.components.schemas.LiveSubscriptionInput.properties.types.maxItems = 1),
};
const HARMLESS = {
  "a channel more": (is) => (is.channels.other = is.channels.stream),
  "a message more": (is) => {
    is.channels.ws.messages.other = { $ref: "#/components/messages/tracks" };
    is.operations.hearOverWebSocket.messages.push({ $ref: "#/channels/ws/messages/other" });
  },
  "an operation more": (is) => (is.operations.other = is.operations.subscribe),
  "a header more": (is) => (is.components.messages.webhookSignal.headers.properties.more = { type: "string" }),
  "a field more in what is told": (is) => (is.components.schemas.Signal.properties.more = { type: "string" }),
  "more may be asked for": (is) => (is.components.schemas.LiveSubscriptionInput.properties.types.maxItems = 1000),
  "what is asked for may be null now": (is, was) => (was.components.schemas.LiveSubscriptionInput.properties.types.type = "array"),
  "a later version of how a protocol is told": (is) => (is.operations.tellWebhooks.bindings.http.bindingVersion = "1.0.0"),
  "what an event carries was not told": (is, was) => delete was.components.schemas.AnalyticsEvent.properties.payload.anyOf,
  "an event carries one thing less": (is) => is.components.schemas.AnalyticsEvent.properties.payload.anyOf.pop(),
  "other words": (is) => (is.components.messages.webhookSignal.summary = "other words"),
};

function changesBy(change) {
  const [was, is] = [structuredClone(contract), structuredClone(contract)];
  change(is, was);
  return breakingMessages(was, is);
}

function breaksAreFound() {
  for (const [name, change] of Object.entries(BREAKS)) assert.notDeepEqual(changesBy(change), [], name);
  for (const [name, change] of Object.entries(HARMLESS)) assert.deepEqual(changesBy(change), [], name);
}

await runTests([
  ["a06_no_message_is_broken", nothingIsBroken],
  ["a06_what_would_break_messages_is_found", breaksAreFound],
]);
