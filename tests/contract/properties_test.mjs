// Case A7: whatever is sent, within the contract or outside of it, no answer is 5xx, nothing invalid is taken, and every
// answer is as documented. A8: what is created is read, changed and deleted as a simple model says.
import assert from "node:assert/strict";
import fc from "fast-check";
import { Server, check, newValidator, operations, resolve, runTests, seen } from "./world.mjs";

const RUNS = Number(process.env.VEDETTE_PROPERTY_RUNS ?? 12);
const SEED = Number(process.env.VEDETTE_PROPERTY_SEED ?? Date.now() & 0x7fffffff);
const validate = newValidator();

/* What may be 503 without a fault: there is no picture, and no camera to ask. */
const MAY_BE_AWAY = new Set(["getPreview", "testCamera"]);
/* They end the login that the others need, open what is no HTTP, or go on for ever. */
const LEFT_OUT = new Set(["logout", "openWebSocket", "streamEvents", "login"]);

/** Values that a schema takes. */
function valid(raw, depth = 0) {
  const schema = resolve(raw);
  if (schema.enum) return fc.constantFrom(...schema.enum);
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

/** One thing about a valid body made strange: a member replaced, taken away or added. */
function spoiled(raw) {
  const names = Object.keys(resolve(raw).properties ?? { x: 1 });
  return fc.tuple(valid(raw), fc.constantFrom("replace", "remove", "add", "whole"), fc.constantFrom(...names), strange).map(([body, how, name, value]) => {
    const copy = typeof body === "object" && body !== null ? structuredClone(body) : {};
    if (how === "whole") return value;
    if (how === "remove") delete copy[name];
    if (how === "replace") copy[name] = value;
    if (how === "add") copy[`${name}_`] = value;
    return copy;
  });
}

const text = fc.oneof(fc.string({ unit: "grapheme-ascii", maxLength: 20 }), fc.constantFrom("0", "-1", "1e9", "%00", "\u0000", "\u202e", "..", "x".repeat(3000), "2026-13-45T00:00:00Z"));

function parameterText(parameter, isStrange) {
  const good = valid(parameter.schema).map((value) => String(value));
  return isStrange ? fc.oneof(good, text) : good;
}

function requestOf({ operation }, isStrange) {
  const named = (place) => (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  const record = (parameters) =>
    fc.record(Object.fromEntries(parameters.map((parameter) => [parameter.name, parameterText(parameter, isStrange)])), {
      requiredKeys: parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    });
  const media = operation.requestBody?.content?.["application/json"];
  const body = media ? (isStrange ? fc.oneof(spoiled(media.schema), fc.constantFrom("", "{", "[1,", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "[".repeat(100))) : valid(media.schema)) : fc.constant(undefined);
  return fc.record({ path: record(named("path")), query: record(named("query")), body });
}

function isValid({ operation }, { path, query, body }) {
  for (const parameter of operation.parameters ?? []) {
    const value = { path, query }[parameter.in]?.[parameter.name];
    if (value === undefined) continue;
    const type = resolve(parameter.schema).type;
    const typed = type === "integer" || type === "number" ? Number(value) : type === "boolean" ? value === "true" : value;
    if (validate(parameter.schema, typed)) return false;
  }
  const media = operation.requestBody?.content?.["application/json"];
  return !media || (typeof body !== "string" && validate(media.schema, body) === null);
}

async function tryOperation(server, found, isStrange) {
  await fc.assert(
    fc.asyncProperty(requestOf(found, isStrange), async (request) => {
      const { path, query, body } = request;
      const filled = found.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name]));
      const search = new URLSearchParams(query).toString();
      const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const answer = await server.send(found.method, filled + (search ? `?${search}` : ""), { body: sent });
      const isAway = answer.status === 503 && MAY_BE_AWAY.has(found.operation.operationId);
      // An empty or climbing segment is another address.
      const isOfMidair = filled.slice(1).split("/").some((part) => part === "" || part === "." || part === "..") || filled.length > 8000;
      assert.ok(answer.status < 500 || isAway, `${answer.status}: ${answer.text}`);
      if (!isOfMidair) check(found, answer, "fields" in query);
      if (answer.status < 300 && !isOfMidair) assert.ok(isValid(found, request), `taken though it is invalid: ${answer.status}`);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
}

async function a7(isStrange) {
  const server = await new Server().start();
  console.log(`# seed ${SEED}`);
  try {
    for (const found of operations()) {
      if (LEFT_OUT.has(found.operation.operationId)) continue;
      try {
        await tryOperation(server, found, isStrange);
      } catch (error) {
        throw new Error(`${found.method} ${found.path}: ${error.message}`);
      }
    }
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

/* Each operation once as it is meant, so that the good answers are seen and held to the contract too. */
async function a5GoodAnswersAreSeen() {
  const missing = operations()
    .filter(({ operation }) => !LEFT_OUT.has(operation.operationId))
    .filter(({ operation }) => ![...seen].some((pair) => pair.startsWith(`${operation.operationId} `)));
  assert.deepEqual(missing.map(({ operation }) => operation.operationId), []);
  const documented = operations().flatMap(({ operation }) => Object.keys(operation.responses).filter((status) => status !== "default").map((status) => `${operation.operationId} ${status}`));
  console.log(`# ${seen.size} of ${documented.length} documented pairs of operation and status were answered and held to the contract`);
}

await runTests([
  ["a07_what_the_contract_allows", () => a7(false)],
  ["a07_what_it_does_not_allow", () => a7(true)],
  ["a08_legal_holds_are_as_the_model_says", a8HoldsAreAsTheModelSays],
  ["a05_answers_were_held_to_the_contract", a5GoodAnswersAreSeen],
]);
