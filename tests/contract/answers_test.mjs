// A5: the answers that the API's tests in C and Python are given are what the contract says of them. They note what they
// are answered where VEDETTE_ANSWERS says; any test of tests/api and tests/end_to_end can be run so.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary, check, operations, runTests, seen, temporaryDirectory } from "./world.mjs";

const build = dirname(binary);
const PROGRAMS = ["auth", "breakers", "cameras", "matrix", "observe", "orgs", "policies", "resources"];
const SCRIPTS = ["test_detect.py"];
const AT_ONCE = 2;

/** Runs a program of the tests, which must succeed; its answers, line by line. */
function answersOf(program, ...args) {
  const file = join(temporaryDirectory(), "answers.ndjson");
  return new Promise((resolve, reject) => {
    const env = { ...process.env, VEDETTE_ANSWERS: file, VEDETTE_BINARY: binary };
    execFile(program, args, { env, maxBuffer: 1 << 28 }, (error, out) => {
      if (error) return reject(new Error(`${program}: ${error.message}: ${out.slice(-2000)}`));
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
      resolve(lines.map((line) => JSON.parse(line)));
    });
  });
}

const templates = operations().map((found) => ({ ...found, pattern: new RegExp(`^${found.path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+")}$`) }));

/** The operation of a request; as in OpenAPI, a path without braces comes first. */
function operationOf(method, path) {
  const fitting = templates.filter((found) => found.method === (method === "HEAD" ? "GET" : method) && found.pattern.test(path));
  return fitting.find((found) => !found.path.includes("{")) ?? fitting[0];
}

function hold(answers) {
  const wrong = [];
  let held = 0;
  for (const answer of answers) {
    const [path, query] = answer.target.split("?");
    const found = operationOf(answer.method, path);
    if (!found || answer.method === "HEAD" || answer.status === 304) continue;
    try {
      check(found, answer, /(^|&)fields=/.test(query ?? ""));
      held++;
    } catch (error) {
      wrong.push(`${answer.target}: ${error.message}`);
    }
  }
  assert.deepEqual([...new Set(wrong)].slice(0, 10), []);
  return held;
}

// A few at once: each waits for the one so many places before it.
const started = [];
function start(...command) {
  const before = started[started.length - AT_ONCE] ?? Promise.resolve();
  const answers = before.catch(() => null).then(() => answersOf(...command));
  answers.catch(() => null); // its test tells
  started.push(answers);
  return async () => {
    const held = hold(await answers);
    assert.ok(held > 3, `it noted ${held} answers alone`);
  };
}

const scripts = SCRIPTS.map((name) => [`a05 answers of tests/end_to_end/${name}`, start("python3", join(process.env.VEDETTE_SOURCE, "tests/end_to_end", name))]);
const programs = PROGRAMS.map((name) => [`a05 answers of tests/api/test_${name}.c`, start(join(build, "tests/api", `test_${name}`), "--tap")]);

/** An answer that the contract does not know is noticed. */
async function aWrongAnswerIsSeen() {
  const good = { method: "GET", target: "/api/v1/sites", status: 200, type: "application/json", text: '{"items":[]}' };
  assert.equal(hold([good]), 1);
  assert.throws(() => hold([{ ...good, status: 299 }]));
  assert.throws(() => hold([{ ...good, text: '{"items":[],"more":1}' }]));
  assert.throws(() => hold([{ ...good, type: "text/html" }]));
}

async function mostOfTheContractIsSeen() {
  const documented = operations().flatMap(({ operation }) => Object.keys(operation.responses).filter((status) => status !== "default").map((status) => `${operation.operationId} ${status}`));
  const share = documented.filter((pair) => seen.has(pair)).length / documented.length;
  console.log(`# ${Math.round(share * 100)} % of ${documented.length} pairs of operation and status were seen`);
  assert.ok(share > 0.3);
}

await runTests([["a05 a wrong answer is seen", aWrongAnswerIsSeen], ...scripts, ...programs, ["a05 much of the contract is seen", mostOfTheContractIsSeen]]);
