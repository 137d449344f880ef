// A5: the answers that all other tests are given are what the contract says of them. Each program of tests/api,
// tests/end_to_end, tests/browser and this directory notes what it is answered in the directory that VEDETTE_ANSWERS
// names, and begins anew when it runs. Those that did not run since the binary was built are left out, unless all were to run.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { binary, check, contract, operations, runTests, seen, seenHeaders } from "./world.mjs";

const programs = process.argv.slice(3);
const areAllThere = process.env.VEDETTE_ALL_TESTS === "1";

/** What a program noted; null: it has not run with this binary. */
function answersOf(program) {
  const file = join(process.env.VEDETTE_ANSWERS, `${program}.ndjson`);
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat || stat.mtimeMs < statSync(binary).mtimeMs) return null;
  return readFileSync(file, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

const templates = operations().map((found) => ({ ...found, pattern: new RegExp(`^${found.path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`) }));

/** The operation of a request; as in OpenAPI, a path without braces comes first. */
function operationOf(method, path) {
  const fitting = templates.filter((found) => found.method === (method === "HEAD" ? "GET" : method) && found.pattern.test(path));
  return fitting.find((found) => !found.path.includes("{")) ?? fitting[0];
}

/** Each once, however often it came. */
const known = new Set();

function hold(answers) {
  const wrong = [];
  let held = 0;
  for (const answer of answers) {
    const words = JSON.stringify({ ...answer, headers: Object.keys(answer.headers).sort() });
    if (known.has(words)) continue;
    known.add(words);
    const [path, query] = answer.target.split("?");
    const found = operationOf(answer.method, path);
    if (!found || answer.method === "HEAD") continue;
    try {
      check(found, { ...answer, headers: new Headers(answer.headers) }, /(^|&)fields=/.test(query ?? ""));
      held++;
    } catch (error) {
      wrong.push(`${answer.target}: ${error.message}`);
    }
  }
  assert.deepEqual([...new Set(wrong)].slice(0, 10), []);
  return held;
}

/** An answer that the contract does not know is noticed. */
async function aWrongAnswerIsSeen() {
  const headers = { "content-type": "application/json", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const good = { method: "GET", target: "/api/v1/sites", status: 200, type: "application/json", text: '{"items":[],"next_cursor":null}', headers };
  const busy = { ...good, status: 429, type: "application/problem+json", text: '{"type":"about:blank","title":"t","status":429,"code":"c","detail":"d","errors":[]}' };
  assert.equal(hold([good]), 1);
  assert.equal(hold([{ ...busy, headers: { ...headers, "retry-after": "3" } }]), 1);
  assert.throws(() => hold([{ ...busy, headers: { ...headers, "retry-after": "soon", date: "now" } }]));
  assert.throws(() => hold([{ ...good, headers: { ...headers, "x-more": "1" } }]));
  const { "content-type": plain, ...bare } = headers;
  const refused = { ...busy, method: "POST", target: "/auth/login", status: 401, headers: { ...headers, "content-type": "application/problem+json" } };
  const counted = { ratelimit: "r", "ratelimit-policy": "p" };
  assert.equal(hold([{ ...refused, headers: { ...refused.headers, ...counted } }]), 1);
  assert.throws(() => hold([refused])); // without RateLimit
  assert.throws(() => hold([{ ...refused, headers: { ...refused.headers, ...counted, "set-cookie": "a=b" } }]));
  assert.throws(() => hold([{ ...refused, target: "/auth/refresh", headers: { ...refused.headers, ...counted } }]));
  const ended = { ...good, method: "POST", target: "/auth/logout", status: 204, type: null, text: "", headers: bare };
  assert.equal(hold([{ ...ended, headers: { ...bare, "set-cookie": "a=" } }]), 1);
  assert.throws(() => hold([ended])); // without Set-Cookie
  assert.throws(() => hold([busy])); // without Retry-After
  assert.throws(() => hold([{ ...good, target: "/auth/oidc/login", status: 302, type: null, text: "" }])); // without Location
  const event = { schema_version: 1, id: "e", type: "zone_hit", camera_id: "door", occurred_at: "2026-01-01T00:00:00.000Z", priority: 5 };
  const hit = { id: "e", camera_id: "door", zone_id: "till", track_id: 1, event: "enter", at: event.occurred_at, box: [0, 0, 1, 1] };
  const carries = (payload) => ({ ...good, target: "/api/v1/events", text: JSON.stringify({ items: [{ ...event, payload }], next_cursor: null }) });
  assert.equal(hold([carries(hit)]), 1);
  for (const payload of [{}, { ...hit, more: 1 }, { ...hit, zone_id: undefined }]) assert.throws(() => hold([carries(payload)]));
  assert.throws(() => hold([{ ...good, status: 299 }]));
  assert.throws(() => hold([{ ...good, text: '{"items":[],"next_cursor":null,"more":1}' }]));
  assert.throws(() => hold([{ ...good, type: "text/html" }]));
}

async function muchOfTheContractIsSeen() {
  const documented = operations().flatMap(({ operation }) => Object.keys(operation.responses).filter((status) => status !== "default").map((status) => `${operation.operationId} ${status}`));
  const unseen = documented.filter((pair) => !seen.has(pair));
  const statuses = [...new Set(documented.map((pair) => pair.split(" ")[1]))].sort();
  for (const status of statuses) {
    const [all, missing] = [documented, unseen].map((pairs) => pairs.filter((pair) => pair.endsWith(` ${status}`)).map((pair) => pair.split(" ")[0]));
    console.log(`# ${status}: ${all.length - missing.length} of ${all.length}${missing.length ? `; not ${missing.join(" ")}` : ""}`);
  }
  const share = 1 - unseen.length / documented.length;
  console.log(`# ${(share * 100).toFixed(1)} % of ${documented.length} pairs of operation and status were seen`);
  assert.ok(share > 0.97 || !areAllThere, unseen.join(", "));
}

/** A header that nobody sends is none. */
async function everyHeaderIsSeen() {
  const unseen = Object.keys(contract.components.headers).filter((name) => !seenHeaders.has(name.toLowerCase()));
  console.log(`# headers not seen: ${unseen.join(" ") || "none"}`);
  assert.ok(!areAllThere || unseen.length === 0);
}

const noted = programs.map((program) => [program, answersOf(program)]);
const absent = noted.filter(([, answers]) => !answers).map(([program]) => program);
const tests = noted.filter(([, answers]) => answers).map(([program, answers]) => [`a05 answers of ${program}`, async () => {
  console.log(`# ${program}: ${hold(answers)} of ${answers.length} were held to the contract`);
}]);

async function allHaveNotedTheirs() {
  console.log(`# not run with this binary: ${absent.join(" ") || "none"}`);
  assert.ok(!areAllThere || absent.length === 0);
}

await runTests([["a05 a wrong answer is seen", aWrongAnswerIsSeen], ...tests, ["a05 all have noted theirs", allHaveNotedTheirs],
  ["a05 much of the contract is seen", muchOfTheContractIsSeen], ["a05 every header is seen", everyHeaderIsSeen]]);
