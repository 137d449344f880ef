// Case A7: whatever is sent, within the contract or outside of it, no answer is 5xx, nothing invalid is taken, and every
// answer is as documented. A8: what is created is read, changed and deleted as a simple model says.
import assert from "node:assert/strict";
import fc from "fast-check";
import { named } from "./compare.mjs";
import { Server, check, contract, newValidator, operations, resolve, runTests, seen } from "./world.mjs";

const RUNS = Number(process.env.VEDETTE_PROPERTY_RUNS ?? 12);
const SEED = Number(process.env.VEDETTE_PROPERTY_SEED ?? Date.now() & 0x7fffffff);
const validate = newValidator();

/* What may be 503 without a fault: there is no picture, and no camera to ask. */
const MAY_BE_AWAY = new Set(["getPreview", "testCamera"]);
/* They end the login that the others need: it is made anew after each. */
const ENDS_THE_LOGIN = new Set(["logout"]);

/** Values that a schema takes. */
function valid(raw, depth = 0) {
  const schema = resolve(raw);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one) => valid(one, depth)));
  if (schema.nullable) return fc.oneof({ weight: 4, arbitrary: valid({ ...schema, nullable: false }, depth) }, fc.constant(null));
  switch (schema.type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: schema.minimum ?? -1000, max: Math.min(schema.maximum ?? 1000, 2 ** 31 - 1) });
    case "number":
      return fc.double({ min: schema.minimum ?? -1e6, max: schema.maximum ?? 1e6, noNaN: true });
    case "string":
      if (schema.format === "date-time") return fc.date({ min: new Date("1980-01-01"), max: new Date("2090-01-01"), noInvalidDate: true }).map((date) => date.toISOString());
      if (schema.pattern) return fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/);
      return fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40), unit: "grapheme-ascii" });
    case "array":
      return fc.array(valid(schema.items, depth + 1), { minLength: schema.minItems ?? 0, maxLength: Math.min(schema.maxItems ?? 3, Math.max(schema.minItems ?? 0, depth > 2 ? 0 : 3)) });
    case "object": {
      const members = Object.entries(schema.properties ?? {}).map(([name, member]) => [name, valid(member, depth + 1)]);
      return fc.record(Object.fromEntries(members), { requiredKeys: schema.required ?? [] });
    }
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const strange = fc.constantFrom(null, true, -1, 1e308, 2 ** 60, "", "\u0000", "\ud83d\ude00".repeat(3), "x".repeat(5000), [], {}, [[]], { a: { b: [] } }, "../../etc/passwd", "' OR 1=1 --");

/** Values just beyond what a schema bounds. */
function beyond(raw) {
  const schema = resolve(raw);
  const values = [];
  if (schema.enum) values.push("none of these");
  if (schema.maximum !== undefined) values.push(schema.maximum + Math.max(1, schema.maximum * 1e-9));
  if (schema.minimum !== undefined) values.push(schema.minimum - Math.max(1, Math.abs(schema.minimum) * 1e-9));
  if (schema.maxLength !== undefined && schema.maxLength < 100_000) values.push("x".repeat(schema.maxLength + 1));
  if (schema.minLength) values.push("x".repeat(schema.minLength - 1));
  if (schema.pattern) values.push(" / ");
  if (schema.maxItems !== undefined && schema.maxItems < 1000) values.push(Array(schema.maxItems + 1).fill("x"));
  if (schema.minItems) values.push([]);
  return values;
}

/** One thing about a valid body made strange: a member replaced, put beyond its bounds, taken away or added. */
function spoiled(raw) {
  const properties = resolve(raw).properties ?? { x: {} };
  const bounded = Object.entries(properties).flatMap(([name, schema]) => beyond(schema).map((value) => ({ how: "replace", name, value })));
  const anyhow = fc.record({ how: fc.constantFrom("replace", "remove", "add", "whole"), name: fc.constantFrom(...Object.keys(properties)), value: strange });
  const change = bounded.length ? fc.oneof(anyhow, fc.constantFrom(...bounded)) : anyhow;
  return fc.tuple(valid(raw), change).map(([body, { how, name, value }]) => {
    const copy = typeof body === "object" && body !== null ? structuredClone(body) : {};
    if (how === "whole") return value;
    if (how === "remove") delete copy[name];
    if (how === "replace") copy[name] = value;
    if (how === "add") copy[`${name}_`] = value;
    return copy;
  });
}

/* ---- bodies of each media type ---- */

const noJson = fc.constantFrom("", "{", "[1,", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "[".repeat(100));
const BOUNDARY = "the-boundary";

function textOf(value) {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** A body's own name in each part, as forms have it. */
function partsOf(body) {
  const fields = typeof body === "object" && body !== null ? Object.entries(body) : [];
  const parts = fields.map(([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${encodeURIComponent(name)}"\r\n\r\n${textOf(value)}\r\n`);
  return `${parts.join("")}--${BOUNDARY}--\r\n`;
}

/* By media type: what is sent (`text`, of the type `type`) and what it says (`said`, which the schema speaks of; text
 * that is no JSON says nothing). */
const BODIES = {
  "application/json": (schema, isStrange, type = "application/json") =>
    (isStrange ? fc.oneof(spoiled(schema).map((said) => ({ said })), noJson.map((text) => ({ text }))) : valid(schema).map((said) => ({ said }))).map(({ said, text }) => ({
      type, said, text: text ?? JSON.stringify(said) })),
  "application/merge-patch+json": (schema, isStrange) => BODIES["application/json"](schema, isStrange, "application/merge-patch+json"),
  "application/x-www-form-urlencoded": (schema, isStrange) =>
    (isStrange ? spoiled(schema) : valid(schema)).map((said) => {
      const fields = typeof said === "object" && said !== null ? Object.entries(said).map(([name, value]) => [name, textOf(value)]) : [];
      return { type: "application/x-www-form-urlencoded", said: Object.fromEntries(fields), text: new URLSearchParams(fields).toString() };
    }),
  "application/x-ndjson": (schema, isStrange) =>
    fc.array(isStrange ? fc.oneof(spoiled(schema).map((said) => ({ said, text: JSON.stringify(said) })), noJson.filter(Boolean).map((text) => ({ text }))) : valid(schema).map((said) => ({ said, text: JSON.stringify(said) })), { minLength: 1, maxLength: 4 }).map((lines) => ({
      type: "application/x-ndjson", lines: lines.map(({ said }) => said), text: lines.map(({ text }) => text).join("\n") })),
  "multipart/form-data": (schema, isStrange) =>
    (isStrange ? fc.oneof(spoiled(schema).map(partsOf), noJson, fc.constantFrom(`--${BOUNDARY}`, `--${BOUNDARY}\r\n\r\n`, "\u0000")) : valid(schema).map(partsOf)).map((text) => ({
      type: `multipart/form-data; boundary=${BOUNDARY}`, text })),
};

function bodyOf(operation, isStrange) {
  const content = Object.entries(operation.requestBody?.content ?? {});
  if (!content.length) return fc.constant(undefined);
  return fc.oneof(...content.map(([type, media]) => BODIES[type](media.schema, isStrange)));
}

const text = fc.oneof(fc.string({ unit: "grapheme-ascii", maxLength: 20 }), fc.constantFrom("0", "-1", "1e9", "%00", "\u0000", "\u202e", "..", "x".repeat(3000), "2026-13-45T00:00:00Z"));

function parameterText(parameter, isStrange) {
  const good = valid(parameter.schema).map((value) => String(value));
  return isStrange ? fc.oneof(good, text) : good;
}

/** What an operation takes in a place, also what stands in the contract once for many. */
function parametersIn(operation, place) {
  return (operation.parameters ?? []).map((parameter) => named(parameter, contract)).filter((parameter) => parameter.in === place);
}

/* Few requests have headers that may be left out: most of them keep what is asked from being done. Their values are
 * such as HTTP itself lets through. */
function headersOf(operation) {
  const value = ({ schema }) => fc.stringMatching(/^[!-~]([ -~]*[!-~])?$/, { maxLength: Math.min(schema.maxLength, 40) });
  const record = (parameters) => fc.record(Object.fromEntries(parameters.map((parameter) => [parameter.name, value(parameter)])));
  const all = parametersIn(operation, "header");
  return fc.oneof({ weight: 3, arbitrary: record(all.filter(({ required }) => required)) }, record(all));
}

function requestOf({ operation }, isStrange) {
  const record = (parameters) =>
    fc.record(Object.fromEntries(parameters.map((parameter) => [parameter.name, parameterText(parameter, isStrange)])), {
      requiredKeys: parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    });
  return fc.record({ path: record(parametersIn(operation, "path")), query: record(parametersIn(operation, "query")), headers: headersOf(operation), body: bodyOf(operation, isStrange) });
}

function isValid({ operation }, { path, query, body }) {
  for (const parameter of [...parametersIn(operation, "path"), ...parametersIn(operation, "query")]) {
    const value = { path, query }[parameter.in]?.[parameter.name];
    if (value === undefined) continue;
    const type = resolve(parameter.schema).type;
    const typed = type === "integer" || type === "number" ? Number(value) : type === "boolean" ? value === "true" : value;
    if (validate(parameter.schema, typed)) return false;
  }
  if (!body || body.lines) return true; // lines are answered one by one
  const media = operation.requestBody.content[body.type];
  return body.said !== undefined && validate(media.schema, body.said) === null;
}

/** Of lines, each that is not valid is refused. */
function checkLines({ operation }, { body }, answer) {
  const { schema } = operation.requestBody.content[body.type];
  const results = new Map(JSON.parse(answer.text).results.map((result) => [result.line, result]));
  body.lines.forEach((said, index) => {
    const isLineValid = said !== undefined && validate(schema, said) === null;
    assert.ok(isLineValid || results.get(index + 1)?.status !== "accepted", `taken though it is invalid: ${JSON.stringify(said)}`);
  });
}

async function tryOperation(server, found, isStrange) {
  await fc.assert(
    fc.asyncProperty(requestOf(found, isStrange), async (request) => {
      const { path, query, body } = request;
      const filled = found.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name]));
      const search = new URLSearchParams(query).toString();
      const headers = { ...request.headers, ...(body ? { "Content-Type": body.type } : {}) };
      const answer = await server.send(found.method, filled + (search ? `?${search}` : ""), { body: body?.text, headers });
      const isAway = answer.status === 503 && MAY_BE_AWAY.has(found.operation.operationId);
      // An empty or climbing segment is another address.
      const isOfMidair = filled.slice(1).split("/").some((part) => part === "" || part === "." || part === "..") || filled.length > 8000;
      assert.ok(answer.status < 500 || isAway, `${answer.status}: ${answer.text}`);
      if (!isOfMidair) check(found, answer, "fields" in query);
      if (answer.status < 300 && !isOfMidair) assert.ok(isValid(found, request), `taken though it is invalid: ${answer.status}`);
      if (answer.status === 200 && body?.lines) checkLines(found, request, answer);
      if (ENDS_THE_LOGIN.has(found.operation.operationId)) await server.login();
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
}

async function a7(isStrange) {
  const server = await new Server().start();
  console.log(`# seed ${SEED}`);
  try {
    for (const found of operations()) {
      try {
        await tryOperation(server, found, isStrange);
      } catch (error) {
        throw new Error(`${found.method} ${found.path}: ${error.message}`);
      }
    }
    assert.equal(server.child.exitCode, null, `the server ended: ${server.words.slice(-2000)}`);
  } finally {
    await server.stop();
  }
}

/* A small model of what is there, and the same done to the server. */
async function a8HoldsAreAsTheModelSays() {
  const server = await new Server().start();
  try {
    const step = fc.oneof(
      fc.record({ do: fc.constant("create"), reason: fc.string({ minLength: 1, maxLength: 30, unit: "grapheme-ascii" }) }),
      fc.record({ do: fc.constant("release"), index: fc.nat(4) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const before = (await server.ask("listLegalHolds")).json.items.length;
        const model = [];
        for (const each of steps) {
          if (each.do === "create") {
            const made = await server.ask("createLegalHold", { body: { reason: each.reason } });
            assert.equal(made.status, 201);
            model.push({ id: made.json.id, reason: each.reason, stands: true });
          } else if (model[each.index]) {
            const gone = await server.ask("releaseLegalHold", { path: { id: model[each.index].id } });
            assert.equal(gone.status, model[each.index].stands ? 204 : 404);
            model[each.index].stands = false;
          }
        }
        const items = (await server.ask("listLegalHolds")).json.items;
        assert.equal(items.length, before + model.length);
        for (const { id, reason, stands } of model) {
          const found = items.find((item) => item.id === id);
          assert.equal(found.reason, reason);
          assert.equal(found.released_at === undefined, stands);
        }
      }),
      { numRuns: 8, seed: SEED, endOnFailure: true },
    );
  } finally {
    await server.stop();
  }
}

/* ---- two orgs beside each other ---- */

/** A server with two orgs, and the token of an administrator of each. */
async function twoOrgs() {
  const server = await new Server().start();
  await server.halt();
  await server.command("user", "role", "admin", "platform", "looks after all orgs");
  await server.start();
  assert.equal((await server.ask("createOrg", { body: { id: "second" } })).status, 201);
  await server.halt();
  const password = /password: (\S+)/.exec(await server.command("user", "add", "other", "admin", "looks after the second", "--org", "second"))[1];
  await server.start();
  const own = server.token;
  await server.login("second/other", password);
  assert.equal((await server.ask("changePassword", { body: { current_password: password, new_password: "another-password-7d2e" } })).status, 204);
  return { server, tokens: [own, server.token] };
}

/* What is kept alike: each with the names of its operations, and a body by number. */
const KEPT = [
  { one: "Site", body: (n) => ({ id: `site-${n}`, name: `n${n}` }), change: (n) => ({ name: `changed ${n}` }) },
  { one: "Employee", body: (n) => ({ external_id: `e${n}`, name: `n${n}` }), change: (n) => ({ external_id: `e${n}`, name: `changed ${n}` }) },
  { one: "Shift", body: (n) => ({ name: `n${n}`, start_time: "08:00", end_time: "16:30" }), change: (n) => ({ name: `changed ${n}`, start_time: "22:00", end_time: "06:00" }) },
  { one: "Vehicle", body: (n) => ({ plate: `AB${n}`, list: "visitor" }), change: (n) => ({ plate: `AB${n}`, list: "blocked" }) },
];

/** What the answer has of what was sent. */
function partOf(answer, sent) {
  return Object.fromEntries(Object.keys(sent).map((name) => [name, answer[name]]));
}

/* Each org has what its model has, and of the other's nothing is there: not to read, to change or to remove. */
async function keptIsAsTheModelSays(server, tokens, { one, body, change }, steps) {
  const models = [new Map(), new Map()];
  const as = (tenant, operation, request) => ((server.token = tokens[tenant]), server.ask(`${operation}${one}`, request));
  for (const { do: step, tenant, index, isForeign } of steps) {
    if (step === "create") {
      const sent = body(keptIsAsTheModelSays.number++);
      const made = await as(tenant, "create", { body: sent });
      assert.equal(made.status, 201, made.text);
      assert.deepEqual(partOf(made.json, sent), sent);
      models[tenant].set(made.json.id, sent);
      continue;
    }
    const owner = models[isForeign ? 1 - tenant : tenant];
    const id = [...owner.keys()][index];
    if (!id) continue;
    const sent = change(keptIsAsTheModelSays.number++);
    const asked = await as(tenant, { read: "get", change: "put", remove: "delete" }[step], { path: { id }, ...(step === "change" ? { body: sent } : {}) });
    assert.equal(asked.status, isForeign ? 404 : step === "remove" ? 204 : 200, `${step} ${one}: ${asked.text}`);
    if (isForeign) continue;
    if (step === "remove") owner.delete(id);
    if (step === "change") owner.set(id, { ...owner.get(id), ...sent });
    if (step === "read") assert.deepEqual(partOf(asked.json, owner.get(id)), owner.get(id));
  }
  for (const tenant of [0, 1]) {
    server.token = tokens[tenant];
    const ids = (await server.ask(`list${one}s`, { query: { limit: 500 } })).json.items.map(({ id }) => id);
    for (const id of models[tenant].keys()) assert.ok(ids.includes(id), `${one} ${id} is not listed`);
    for (const id of models[1 - tenant].keys()) assert.ok(!ids.includes(id), `${one} ${id} is the other's`);
  }
}
keptIsAsTheModelSays.number = 1;

async function a8TwoOrgsAreAsTheirModelsSay() {
  const { server, tokens } = await twoOrgs();
  const step = fc.record({ do: fc.constantFrom("create", "create", "read", "change", "remove"), tenant: fc.nat(1), index: fc.nat(3), isForeign: fc.boolean() });
  try {
    for (const kept of KEPT)
      await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 16 }), (steps) => keptIsAsTheModelSays(server, tokens, kept, steps)),
        { numRuns: 6, seed: SEED, endOnFailure: true });
  } finally {
    await server.stop();
  }
}

/* What is answered when all is well is no HTTP any more: tests/api/test_websocket.c has it. */
const SPEAKS_NO_HTTP = new Set(["openWebSocket"]);

/* Each operation once as it is meant, so that the good answers are seen and held to the contract too. */
async function a5GoodAnswersAreSeen() {
  const missing = operations()
    .filter(({ operation }) => !SPEAKS_NO_HTTP.has(operation.operationId))
    .filter(({ operation }) => ![...seen].some((pair) => pair.startsWith(`${operation.operationId} `)));
  assert.deepEqual(missing.map(({ operation }) => operation.operationId), []);
  const documented = operations().flatMap(({ operation }) => Object.keys(operation.responses).filter((status) => status !== "default").map((status) => `${operation.operationId} ${status}`));
  console.log(`# ${seen.size} of ${documented.length} documented pairs of operation and status were answered and held to the contract`);
}

await runTests([
  ["a07_what_the_contract_allows", () => a7(false)],
  ["a07_what_it_does_not_allow", () => a7(true)],
  ["a08_legal_holds_are_as_the_model_says", a8HoldsAreAsTheModelSays],
  ["a08_two_orgs_are_as_their_models_say", a8TwoOrgsAreAsTheirModelsSay],
  ["a05_answers_were_held_to_the_contract", a5GoodAnswersAreSeen],
]);
