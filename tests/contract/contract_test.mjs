// Cases A1 to A4: the contract is well made, written the same each time, compiles, and is the server's own.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { named } from "./compare.mjs";
import { ADMIN, Server, binary, contract, newValidator, operations, resolve, run, runTests, temporaryDirectory } from "./world.mjs";

async function write(kind) {
  const directory = temporaryDirectory();
  const { status, words } = await run(binary, "contracts", kind, "--out", directory);
  assert.equal(status, 0, words);
  return directory;
}

async function itsArgumentsComeInAnyOrder() {
  const directory = temporaryDirectory();
  for (const words of [["--out", directory, "sql"], [`--out=${directory}`, "sql"], ["sql", `--out=${directory}`]]) {
    const { status, words: said } = await run(binary, "contracts", ...words);
    assert.equal(status, 0, said);
  }
  assert.equal((await run(binary, "contracts", "sql")).status, 2);
  assert.equal((await run(binary, "contracts", "--out", directory)).status, 2);
}

async function a1IsCleanUnderRedocly() {
  process.env.REDOCLY_TELEMETRY = "off";
  process.env.REDOCLY_SUPPRESS_UPDATE_NOTICE = "true";
  const { status, words } = await run("node_modules/.bin/redocly", "lint", "committed.json");
  assert.equal(status, 0, words);
}

async function a1IsCleanUnderSpectral() {
  for (const file of ["committed.json", "asyncapi.json"]) {
    const { status, words } = await run("node_modules/.bin/spectral", "lint", "--fail-severity=hint", file);
    assert.equal(status, 0, words);
  }
}

function a1ExamplesAreValid() {
  const validate = newValidator();
  let count = 0;
  for (const { path, operation } of operations())
    for (const part of [operation.requestBody, ...Object.values(operation.responses)])
      for (const media of Object.values(part?.content ?? {})) {
        if (media.example === undefined) continue;
        assert.equal(validate(media.schema, media.example), null, `${path}: ${JSON.stringify(media.example)}`);
        count++;
      }
  assert.ok(count > 20, `${count} examples`);
}

function a1EveryOperationIsDescribed() {
  for (const { method, path, operation } of operations()) {
    assert.ok(operation.operationId && operation.description && operation["x-role"], `${method} ${path}`);
    assert.ok(operation.responses.default, `${method} ${path} has no answer for what goes wrong`);
  }
}

/** A merge patch (RFC 7396) is what PATCH takes and nothing else; it says the same as the JSON. */
function a1APatchIsAMergePatch() {
  for (const { method, operation } of operations()) {
    const { "application/json": json, "application/merge-patch+json": patch } = operation.requestBody?.content ?? {};
    assert.deepEqual(patch, method === "PATCH" ? json : undefined, operation.operationId);
  }
}

/** What may be sent as JSON or as a form has the same fields in both, and must have the same; in a form a picture is bytes. */
function a1AFormHasThePartsThatJsonHas() {
  const both = operations().map(({ operation }) => operation.requestBody?.content ?? {}).filter((content) => content["multipart/form-data"]);
  assert.equal(both.length, 1);
  for (const content of both) {
    const [json, form] = [content["application/json"].schema, content["multipart/form-data"].schema].map(resolve);
    assert.deepEqual(Object.keys(form.properties), Object.keys(json.properties).filter((name) => name !== "schema_version"));
    assert.deepEqual(form.required, json.required);
    assert.ok(json.required.includes("frame") && !json.properties.frame.nullable);
    assert.equal(form.properties.frame.format, "binary");
    assert.equal(form.additionalProperties, false);
    assert.deepEqual(Object.keys(content["multipart/form-data"].encoding), ["enabled_features", "zones"]);
  }
}

async function a2IsWrittenTheSameEachTime() {
  for (const kind of ["openapi", "typescript", "json-schema", "asyncapi", "sql"]) {
    const [first, second] = [await write(kind), await write(kind)];
    const names = readdirSync(first);
    assert.ok(names.length > 0);
    for (const name of names)
      assert.equal(readFileSync(join(first, name), "utf8"), readFileSync(join(second, name), "utf8"), name);
  }
}

async function a3TypescriptCompiles() {
  const { status, words } = await run("node_modules/.bin/tsc", "--strict", "--noEmit", "-p", await write("typescript"));
  assert.equal(status, 0, words);
}

/* What must compile, and what must not: a list is read as JSON, so it cannot be asked for as CSV, and its items have what
 * is asked for. */
const USES = `import { Client, type Page } from "./client.js";
async function everyPage<T>(read: (cursor?: string) => Promise<Page<T>>): Promise<void> {
  for (let cursor: string | null | undefined; cursor !== null; ) cursor = (await read(cursor)).next_cursor;
}
export async function changeOnce(client: Client): Promise<string | null> {
  const told: (string | null)[] = [];
  await client.getCamera("door", { onResponse: ({ status, headers }) => told.push(headers.get("ETag"), String(status)) });
  await client.patchCamera("door", { username: null, analyse_fps: null }, {}, { headers: { "If-Match": told[0] ?? "" } });
  // @ts-expect-error
  await client.listSites({ format: "csv" });
  const { items } = await client.listSites({ limit: 1 });
  const [some] = (await client.listSites({ fields: "id,name" })).items;
  const [any] = (await client.listSites({ fields: String(told[0]) })).items;
  const id: string | undefined = items[0]?.org_id && some?.id;
  // @ts-expect-error
  some?.org_id;
  // @ts-expect-error
  any?.org_id.length;
  // @ts-expect-error
  await client.createLegalHold({ reason: null });
  await everyPage((cursor) => client.listAudit({ cursor }));
  await everyPage((cursor) => client.listPolicyRevisions("safety", { cursor }));
  await everyPage((cursor) => client.listJobRuns("cleanup_old_data", { cursor }));
  await everyPage((cursor) => client.listTracks({ camera_id: "door", from: "", to: "", cursor }));
  return told[0] ?? id ?? null;
}
`;

async function a3TypescriptSaysWhatMayBeSent() {
  const directory = await write("typescript");
  writeFileSync(join(directory, "uses.ts"), USES);
  const { status, words } = await run("node_modules/.bin/tsc", "--strict", "-p", directory);
  assert.equal(status, 0, words);
  const { Client } = await import(join(directory, "client.js"));
  const problem = { status: 412, headers: { "Content-Type": "application/problem+json", "Retry-After": "7" } };
  const answers = [new Response("{}", { headers: { ETag: '"1"', "X-Next-Cursor": "c" } }), new Response('{"detail":"changed"}', problem)];
  const client = new Client({ baseUrl: "http://localhost/", fetch: async () => answers.shift() });
  const told = [];
  const onResponse = ({ status, headers }) => told.push(status, headers.get("ETag") ?? headers.get("Retry-After"));
  await client.getCamera("door", { onResponse });
  await assert.rejects(client.patchCamera("door", { username: null }, {}, { onResponse }), /changed/);
  assert.deepEqual(told, [200, '"1"', 412, "7"]);
  for (const baseUrl of ["https://host/cams", "https://host/cams/"]) {
    const asked = [];
    await new Client({ baseUrl, fetch: async (address) => asked.push(String(address)) && new Response("{}") }).getCamera("door");
    assert.deepEqual(asked, ["https://host/cams/api/v1/cameras/door"]);
  }
}

/* A program of Node's, as `tsc --init` sets one up, that has the built package: its types must be known there. */
const CONSUMER = `import { Client, type Page } from "vedette-client";
import type { Me } from "vedette-client/records";
const client = new Client({ baseUrl: "http://localhost/" });
const me: Me = await client.getMe();
// @ts-expect-error
const number: number = me.username;
// @ts-expect-error
me.nothing_such;
// @ts-expect-error
await client.patchCamera("door", { nothing_such: 1 });
export const all: [Page<Me> | null, number] = [null, number];
`;

async function a3TypescriptIsTypedForNodesPrograms() {
  const consumer = temporaryDirectory();
  const vendored = join(consumer, "node_modules", "vedette-client");
  cpSync(await write("typescript"), vendored, { recursive: true });
  const built = await run("node_modules/.bin/tsc", "-p", vendored);
  assert.equal(built.status, 0, built.words);
  for (const name of readdirSync(vendored)) if (/^\w+\.ts$/.test(name)) rmSync(join(vendored, name)); // as it is published
  writeFileSync(join(consumer, "package.json"), '{"type":"module"}');
  writeFileSync(join(consumer, "program.ts"), CONSUMER);
  const compilerOptions = { target: "ES2022", module: "NodeNext", strict: true, skipLibCheck: true, noEmit: true, types: [] };
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.ts"] }));
  const { status, words } = await run("node_modules/.bin/tsc", "-p", consumer);
  assert.equal(status, 0, words);
}

async function a3SchemasReferToOneAnother() {
  const directory = await write("json-schema");
  const { default: Ajv2020 } = await import("ajv/dist/2020.js");
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const schemas = readdirSync(directory).map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")));
  for (const schema of schemas) ajv.addSchema(schema);
  for (const schema of schemas) ajv.getSchema(schema.$id);
  const camera = ajv.getSchema("Line.schema.json");
  assert.equal(camera({ id: "a", a: [0, 2], b: [1, 1] }), false);
}

// From the contract to the router, and back: OPTIONS tells what an address takes.
async function a4RouterAndContractAreTheSame() {
  const server = await new Server().start();
  try {
    for (const path of Object.keys(contract.paths)) {
      const filled = path.replace(/\{(\w+)\}/g, "x");
      // the name at an address may be a thing's id, too: each method is the one's that has it
      const meant = (other) => new RegExp(`^${other.replace(/\{\w+\}/g, "[^/]+")}$`).test(filled);
      const methods = Object.entries(contract.paths).filter(([other]) => meant(other)).flatMap(([, of]) => Object.keys(of));
      const answer = await server.send("OPTIONS", filled);
      const taken = answer.headers.get("Allow")?.split(", ").filter((name) => name !== "HEAD" && name !== "OPTIONS");
      assert.deepEqual(new Set(taken), new Set(methods.map((name) => name.toUpperCase())), path);
    }
    const served = JSON.parse((await server.send("GET", "/openapi.json")).text);
    assert.deepEqual(served, contract);
    const table = readFileSync("api.md", "utf8").match(/^\| `[A-Z]+ \/\S*`/gm).map((row) => row.slice(3, -1));
    assert.deepEqual(table.sort(), operations().map(({ method, path }) => `${method} ${path}`).sort());
  } finally {
    await server.stop();
  }
}

// What a browser's login by cookie may not do without the token is what the contract has the token at.
async function a4CsrfTokensAreAskedForWhereWritten() {
  const server = await new Server().start();
  try {
    const body = JSON.stringify({ ...ADMIN, client: "browser" });
    const login = await server.send("POST", "/auth/login", { body, headers: { Authorization: "" } });
    const cookie = login.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
    for (const { method, path, operation } of operations()) {
      if (operation["x-role"] === "platform") continue; // more than the administrator may
      const answer = await server.send(method, path.replace(/\{(\w+)\}/g, "x"), { headers: { Authorization: "", Cookie: cookie } });
      const isAskedFor = answer.status === 403 && JSON.parse(answer.text).code === "csrf";
      assert.equal(isAskedFor, operation.parameters.some(({ $ref }) => $ref?.endsWith("/X-CSRF-Token")), `${method} ${path}: ${answer.status}`);
    }
  } finally {
    await server.stop();
  }
}

const SECRET = Buffer.alloc(32, 7).toString("base64");

/** What signs a text by Standard Webhooks. */
function signature(id, timestamp, text) {
  return `v1,${createHmac("sha256", Buffer.from(SECRET, "base64")).update(`${id}.${timestamp}.${text}`).digest("base64")}`;
}

/** The names of the headers that an operation takes, or must have. */
function headersOf(operationId, isWanted = () => true) {
  const { operation } = operations().find((found) => found.operation.operationId === operationId);
  const parameters = operation.parameters.map((parameter) => named(parameter, contract));
  return parameters.filter((parameter) => parameter.in === "header" && isWanted(parameter)).map(({ name }) => name);
}

// Whoever sends what the contract asks for is let in, and whoever leaves out what it requires is not.
async function a4WhatRequestsNeedIsWritten() {
  const server = await new Server(`policies: {webhook_secrets: 'whsec_${SECRET}'}\ncameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false}]\n`).start();
  try {
    const body = JSON.stringify({ org_id: "default", policy_type: "safety", config: {} });
    const timestamp = String(Math.floor(Date.now() / 1000));
    const values = { "webhook-id": "a", "webhook-timestamp": timestamp, "webhook-signature": signature("a", timestamp, body) };
    const needed = headersOf("changePolicyByWebhook", ({ required }) => required);
    assert.deepEqual(needed, Object.keys(values));
    for (const left of needed) {
      const headers = Object.fromEntries(needed.filter((name) => name !== left).map((name) => [name, values[name]]));
      assert.equal((await server.ask("changePolicyByWebhook", { body, headers })).status, 401, left);
    }
    const done = await server.ask("changePolicyByWebhook", { body, headers: values });
    assert.equal(done.status, 200, done.text);
    assert.ok(headersOf("putPolicy").includes("If-None-Match"));
    const put = () => server.ask("putPolicy", { path: { type: "antitheft" }, body: {}, headers: { "If-None-Match": "*" } });
    assert.deepEqual([(await put()).status, (await put()).status], [200, 412]);
    assert.ok(headersOf("streamEvents").includes("Last-Event-ID"));
  } finally {
    await server.stop();
  }
}

// Once this is answered, the server tells whatever happens from then on.
function listen(server, path) {
  const headers = { Authorization: `Bearer ${server.token}` };
  return fetch(server.address + path, { headers, signal: AbortSignal.timeout(60_000) });
}

const asyncapi = JSON.parse(readFileSync("asyncapi.json", "utf8"));

// One message of each kind that is wanted, as server-sent events bring them, held to asyncapi.json.
async function hear(response, wanted) {
  const validate = newValidator(asyncapi);
  let text = "";
  const heard = {};
  for await (const bytes of response.body) {
    text += Buffer.from(bytes).toString();
    for (const line of text.split("\n").slice(0, -1)) {
      if (!line.startsWith("data: ")) continue;
      const message = JSON.parse(line.slice("data: ".length));
      assert.equal(validate(asyncapi.components.messages[message.type].payload, message), null, line);
      heard[message.type] = message.data;
    }
    if (wanted.every((kind) => heard[kind])) return heard;
  }
  throw new Error(`it ended without all of ${wanted}: ${text}`);
}

async function a1LiveMessagesAreAsWritten() {
  const server = await new Server("cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s'}]\n").start();
  try {
    const stream = await listen(server, "/api/v1/events/stream");
    const id = "0197a000-0000-7000-8000-000000000001";
    const payload = { id, camera_id: "door", service: "safety", kind: "intrusion", severity: "high", started_at: "2026-01-01T00:00:00Z" };
    const sent = { id, type: "signal", camera_id: "door", occurred_at: new Date(), payload };
    const headers = { "Content-Type": "application/x-ndjson" };
    const taken = await server.ask("sendEvents", { body: JSON.stringify(sent), headers });
    assert.equal(taken.json.accepted, 1, taken.text);
    const misspelt = { ...sent, payload: { ...payload, knid: "intrusion" } };
    assert.match((await server.ask("sendEvents", { body: JSON.stringify(misspelt), headers })).text, /knid.*kind/);
    const { event } = await hear(stream, ["event", "health"]);
    assert.deepEqual([event.id, event.payload.kind], [id, "intrusion"]);
    for (const payload of [{ ...event.payload, more: 1 }, { ...event.payload, track_ids: "all" }, {}])
      assert.notEqual(newValidator(asyncapi)(asyncapi.components.messages.event.payload, { type: "event", data: { ...event, payload } }), null);
    await hear(await listen(server, `/api/v1/events/stream?resume_from=${event.id}`), ["resumed"]);
  } finally {
    await server.stop();
  }
}

/** Receives webhooks: what came, and a wait for the first whose type begins so. */
async function receiver() {
  const came = [];
  const http = createServer((request, response) => {
    let text = "";
    request.on("data", (bytes) => (text += bytes));
    request.on("end", () => {
      came.push({ headers: request.headers, text, body: JSON.parse(text) });
      response.writeHead(204).end();
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const first = async (type) => {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const found = came.find(({ body }) => body.type.startsWith(type));
      if (found) return found;
      assert.ok(Date.now() < deadline, `no ${type} came: ${JSON.stringify(came)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  return { url: `http://127.0.0.1:${http.address().port}/`, first, close: () => http.close() };
}

// What a receiver of webhooks is sent, with its headers and its signature, held to asyncapi.json.
async function a1WebhooksAreAsWritten() {
  const validate = newValidator(asyncapi);
  const hook = await receiver();
  const server = await new Server(`notify: {allowed_networks: 127.0.0.0/8, webhooks: [{id: till, url: '${hook.url}', secret: 'whsec_${SECRET}'}]}\n` +
    "cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false}]\n").start();
  try {
    const id = "0197a000-0000-7000-8000-000000000001";
    const now = new Date().toISOString();
    const payload = { id, camera_id: "door", service: "safety", kind: "intrusion", severity: "high", started_at: now };
    const body = JSON.stringify({ id, type: "signal", camera_id: "door", occurred_at: now, payload });
    const taken = await server.ask("sendEvents", { body, headers: { "Content-Type": "application/x-ndjson" } });
    assert.equal(taken.json.accepted, 1, taken.text);
    for (const [name, type] of [["webhookSignal", "signal.intrusion"], ["webhookIncident", "incident.opened"]]) {
      const message = asyncapi.components.messages[name];
      const came = await hook.first(type);
      assert.equal(validate(message.payload, came.body), null, came.text);
      assert.notEqual(validate(message.payload, { ...came.body, type: "other" }), null);
      assert.notEqual(validate(message.payload, { ...came.body, data: { id: 1 } }), null);
      for (const header of message.headers.required) assert.equal(typeof came.headers[header], "string", header);
      assert.equal(came.headers["webhook-signature"], signature(came.headers["webhook-id"], came.headers["webhook-timestamp"], came.text));
    }
  } finally {
    await server.stop();
    hook.close();
  }
}

async function docsNeedNoNetwork() {
  const server = await new Server().start();
  try {
    const page = (await server.send("GET", "/docs")).text;
    assert.doesNotMatch(page, /(src|href)="(https?:)?\/\//);
    assert.doesNotMatch(page, /<script/);
    for (const { operation } of operations()) assert.ok(page.includes(`id="${operation.operationId}"`));
    for (const [, target] of page.matchAll(/href="#(\w+)"/g)) assert.ok(page.includes(`id="${target}"`), target);
  } finally {
    await server.stop();
  }
}

assert.ok(resolve({ $ref: "#/components/schemas/Problem" }).properties.code);
await runTests([
  ["a01_redocly", a1IsCleanUnderRedocly],
  ["a01_spectral", a1IsCleanUnderSpectral],
  ["a01_examples_are_valid", a1ExamplesAreValid],
  ["a01_every_operation_is_described", a1EveryOperationIsDescribed],
  ["a01_a_patch_is_a_merge_patch", a1APatchIsAMergePatch],
  ["a01_a_form_has_the_parts_that_json_has", a1AFormHasThePartsThatJsonHas],
  ["a02_written_the_same_each_time", a2IsWrittenTheSameEachTime],
  ["a03_arguments_come_in_any_order", itsArgumentsComeInAnyOrder],
  ["a03_typescript_compiles", a3TypescriptCompiles],
  ["a03_typescript_says_what_may_be_sent", a3TypescriptSaysWhatMayBeSent],
  ["a03_typescript_is_typed_for_nodes_programs", a3TypescriptIsTypedForNodesPrograms],
  ["a03_schemas_refer_to_one_another", a3SchemasReferToOneAnother],
  ["a04_router_and_contract_are_the_same", a4RouterAndContractAreTheSame],
  ["a04_csrf_tokens_are_asked_for_where_written", a4CsrfTokensAreAskedForWhereWritten],
  ["a04_what_requests_need_is_written", a4WhatRequestsNeedIsWritten],
  ["a01_live_messages_are_as_written", a1LiveMessagesAreAsWritten],
  ["a01_webhooks_are_as_written", a1WebhooksAreAsWritten],
  ["docs_need_no_network", docsNeedNoNetwork],
]);
