// What the contract's tests share: TAP, the real server in a temporary directory, and a client that holds every answer
// to the contract.
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import Ajv from "ajv";
import addFormats from "ajv-formats";

export const binary = process.argv[2];
export const contract = JSON.parse(readFileSync("committed.json", "utf8"));
export const ADMIN = { username: "admin", password: "canary-password-5f1c" };
const DEADLINE_MS = 60_000;

export async function runTests(tests) {
  let failed = false;
  let number = 0;
  for (const [name, test] of tests) {
    number++;
    try {
      await test();
      console.log(`ok ${number} - ${name}`);
    } catch (error) {
      failed = true;
      console.log(`not ok ${number} - ${name}`);
      const words = [error.stack ?? error, error.cause?.stack ?? error.cause ?? ""].join("\n");
      console.log(`# ${words.replaceAll("\n", "\n# ")}`);
    }
  }
  console.log(`1..${tests.length}`);
  process.exitCode = failed ? 1 : 0;
}

/** The words and exit status of a program. */
export function run(program, ...args) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let words = "";
    child.stdout.on("data", (data) => (words += data));
    child.stderr.on("data", (data) => (words += data));
    child.on("close", (status) => resolve({ status, words }));
  });
}

export function temporaryDirectory() {
  return mkdtempSync(join(tmpdir(), "vedette-contract-"));
}

/** Every operation of the contract: method, path, what it is. */
export function operations() {
  return Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** A schema with its references in place. */
export function resolve(schema) {
  if (schema?.$ref) return resolve(contract.components.schemas[schema.$ref.split("/").pop()]);
  if (schema?.allOf) return resolve(schema.allOf[0]);
  return schema;
}

// What an answer has and the contract does not name is a fault here, though clients should pass it over.
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== "object") return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  if (copy.type === "object" && copy.properties && copy.additionalProperties === undefined)
    copy.additionalProperties = false;
  return copy;
}

export function newValidator(document = contract) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv, ["date-time", "uri-reference", "int32", "int64", "password", "binary"]);
  ajv.addSchema({ $id: "contract", ...closed({ components: document.components }) });
  const compiled = new Map();
  return (schema, value) => {
    if (!compiled.has(schema)) {
      const text = JSON.stringify(closed(schema)).replaceAll("#/components", "contract#/components");
      compiled.set(schema, ajv.compile(JSON.parse(text)));
    }
    const validate = compiled.get(schema);
    return validate(value) ? null : ajv.errorsText(validate.errors);
  };
}

const validate = newValidator();

/** The pairs of operation and status that were seen. */
export const seen = new Set();

/** Where the first answer of each pair with such headers is noted, for answers_test.mjs; null: nowhere. */
const program = basename(process.argv[1], ".mjs");
const notes = process.env.VEDETTE_ANSWERS && program !== "answers_test" ? join(process.env.VEDETTE_ANSWERS, `${program}.ndjson`) : null;
const noted = new Set();
if (notes) {
  mkdirSync(process.env.VEDETTE_ANSWERS, { recursive: true });
  writeFileSync(notes, "");
}

function note(pair, method, target, { status, type, text, headers }) {
  const kind = `${pair} ${[...headers.keys()]}`;
  if (notes && !noted.has(kind)) appendFileSync(notes, `${JSON.stringify({ method, target, status, type, text, headers: Object.fromEntries(headers) })}\n`);
  noted.add(kind);
  seen.add(pair);
}

/** The headers of the contract that some answer had. */
export const seenHeaders = new Set();

// HTTP's own, and what is said to browsers and proxies alone, on whatever answer.
const PLAIN_HEADERS = new Set(["cache-control", "connection", "content-length", "content-security-policy", "content-type", "cross-origin-resource-policy", "date",
  "keep-alive", "referrer-policy", "strict-transport-security", "transfer-encoding", "vary", "x-accel-buffering", "x-content-type-options", "x-frame-options"]);

/** What is wrong with the headers of an answer, in words. */
function wrongHeaders(documented, headers) {
  const named = new Map(Object.entries(documented.headers ?? {}).map(([name, header]) => [name.toLowerCase(), referred(header)]));
  const wrong = [...named].filter(([name, header]) => header.required && !headers.has(name)).map(([name]) => `has no ${name}`);
  for (const [name, value] of headers) {
    if (PLAIN_HEADERS.has(name) || name.startsWith("access-control-")) continue;
    const schema = named.get(name)?.schema;
    const invalid = schema && validate(schema, schema.type === "integer" ? Number(value) : value);
    if (!schema) wrong.push(`${name} is not in the contract`);
    else if (invalid) wrong.push(`${name}: ${value}: ${invalid}`);
    seenHeaders.add(name);
  }
  return wrong;
}

function referred(part) {
  return part.$ref ? part.$ref.split("/").slice(1).reduce((place, step) => place[step], contract) : part;
}

/** P6: what a server wrote holds no password, token or key, whatever it was asked. */
export function checkWords(words) {
  const secret = words.includes(ADMIN.password) ? ADMIN.password : /\b(v[kr]_[\w-]{20,}|eyJ[\w-]+\.[\w-]+\.[\w-]*|whsec_[\w+/=]+)/.exec(words)?.[0];
  if (secret) throw new Error(`p06 what the server writes has a secret: ${secret}`);
}

/** Holds one answer to what the contract says of its operation; `isPartial`: of records with fields left out. */
export function check({ method, path, operation }, answer, isPartial) {
  const status = String(answer.status);
  const part = operation.responses[status] ?? (answer.status >= 400 ? operation.responses.default : null);
  if (!part) throw new Error(`${method} ${path}: ${status} is not in the contract: ${answer.text}`);
  const documented = referred(part);
  if (operation.responses[status]) note(`${operation.operationId} ${status}`, method, isPartial ? `${path}?fields=` : path, answer);
  const wrongOnes = wrongHeaders(documented, answer.headers);
  if (wrongOnes.length) throw new Error(`${method} ${path}: ${status}: ${wrongOnes.join("; ")}`);
  const media = documented.content;
  const type = answer.type?.split(";")[0];
  if (!media || (!type && !answer.text)) return;
  if (!media[type]) throw new Error(`${method} ${path}: ${status} as ${type} is not in the contract`);
  if (!/json$/.test(type) || isPartial) return;
  const wrong = media[type].schema && validate(media[type].schema, JSON.parse(answer.text));
  if (wrong) throw new Error(`${method} ${path}: ${status}: ${wrong}: ${answer.text.slice(0, 2000)}`);
}

export class Server {
  constructor(config = "cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false, lines: [{id: in, a: [0, 0], b: [1, 1]}]}]\n") {
    this.directory = temporaryDirectory();
    writeFileSync(join(this.directory, "vedette.yml"), config);
  }

  async start() {
    const env = { PATH: process.env.PATH, HOME: this.directory, VEDETTE_ADMIN_PASSWORD: ADMIN.password,
      VEDETTE_DATA_DIR: join(this.directory, "data") };
    const options = ["run", "--config", "vedette.yml", "--http-port", "0", "--http-login-attempts-per-minute", "10000"];
    this.child = spawn(binary, options, { cwd: this.directory, env, stdio: ["ignore", "pipe", "pipe"] });
    this.words = "";
    this.child.stderr.on("data", (data) => (this.words += data));
    this.ended = new Promise((done) => this.child.on("close", done));
    this.address = await new Promise((found, failed) => {
      const timer = setTimeout(() => failed(new Error(`no address: ${this.words}`)), DEADLINE_MS);
      this.child.stdout.on("data", (data) => {
        const match = /http:\/\/\S+/.exec((this.words += data));
        if (match) found((clearTimeout(timer), match[0]));
      });
      this.child.on("close", () => failed(new Error(`it ended: ${this.words}`)));
    });
    await this.login();
    return this;
  }

  async login(username = ADMIN.username, password = ADMIN.password) {
    const body = JSON.stringify({ username, password });
    const answer = await this.send("POST", "/auth/login", { body, headers: { Authorization: "" } });
    check(operations().find(({ operation }) => operation.operationId === "login"), answer);
    this.token = JSON.parse(answer.text).access_token;
    return this.token;
  }

  /** What is there stays, and may be started again. */
  async halt() {
    this.child.kill("SIGTERM");
    await this.ended;
    checkWords(this.words);
  }

  /** What `vedette ARGUMENTS` does to the data of a server that does not run. */
  async command(...args) {
    const { status, words } = await run(binary, ...args, "--data-dir", join(this.directory, "data"));
    if (status !== 0) throw new Error(`vedette ${args.join(" ")}: ${words}`);
    return words;
  }

  async stop() {
    await this.halt();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async send(method, path, { body, headers = {} } = {}) {
    const all = { Authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers };
    const response = await fetch(this.address + path, { method, body, headers: all, redirect: "manual", signal: AbortSignal.timeout(DEADLINE_MS) });
    const type = response.headers.get("Content-Type");
    const goesOn = type?.startsWith("text/event-stream");
    if (goesOn) await response.body.cancel();
    return { status: response.status, type, text: goesOn ? "" : await response.text(), headers: response.headers };
  }

  /** Sends to an operation of the contract and holds the answer to it. */
  async ask(operationId, { path = {}, query = {}, body, headers } = {}) {
    const found = operations().find(({ operation }) => operation.operationId === operationId);
    const filled = found.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(path[name]));
    const search = new URLSearchParams(query).toString();
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await this.send(found.method, filled + (search ? `?${search}` : ""), { body: text, headers });
    check(found, answer, "fields" in query);
    return { ...answer, json: /json$/.test(answer.type?.split(";")[0] ?? "") && answer.text ? JSON.parse(answer.text) : null };
  }
}
