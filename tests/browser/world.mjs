// What the browser tests share: TAP, a server of their own, and the same server as a program asks it.
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

export const PASSWORD = "a password for this test only";
export const DEADLINE_MS = 30_000;

let number = 0;
let failures = 0;

/** The plan, and the exit status. */
export function finish() {
  console.log(`1..${number}`);
  process.exitCode = failures ? 1 : 0;
}
function report(ok, name, why = "") {
  number++;
  if (!ok) failures++;
  console.log(`${ok ? "ok" : "not ok"} ${number} - ${name}`);
  if (why) console.log(`# ${String(why).split("\n").join("\n# ")}`);
}
export async function test(name, body) {
  try {
    await body();
    report(true, name);
  } catch (error) {
    report(false, name, error.stack);
  }
}
export function assert(condition, message) {
  if (!condition) throw new Error(message);
}

/** Polls the page until `condition` holds in it. Playwright's own waitForFunction needs eval, which the page's policy forbids. */
export async function until(page, condition, argument) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await page.evaluate(condition, argument))) {
    assert(Date.now() < deadline, `never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Polls until `ask` resolves to something, and resolves to it. */
export async function found(ask) {
  const deadline = Date.now() + DEADLINE_MS;
  for (let answer; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
    if ((answer = await ask())) return answer;
    assert(Date.now() < deadline, `never came: ${ask}`);
  }
}

export async function logIn(page, username = "admin", password = PASSWORD) {
  await page.fill("input[name=username]", username);
  await page.fill("input[name=password]", password);
  await page.click("button");
}

/** Starts the demo on a free port; resolves to its address. */
export async function startServer(binary, dataDirectory, corsOrigins) {
  const server = spawn(binary, ["run", "--demo", "--http-port", "0", "--http-cors-origins", corsOrigins], {
    env: { PATH: process.env.PATH, VEDETTE_DATA_DIR: dataDirectory, VEDETTE_ADMIN_PASSWORD: PASSWORD },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const log = [];
  createInterface({ input: server.stderr }).on("line", (line) => log.push(line));
  const address = await new Promise((resolve, reject) => {
    createInterface({ input: server.stdout }).on("line", (line) => {
      const match = /http:\/\/[0-9.]+:\d+/.exec(line);
      if (match) resolve(match[0]);
    });
    server.once("exit", () => reject(new Error(`the server ended: ${log.join("\n")}`)));
    setTimeout(() => reject(new Error(`no address was printed: ${log.join("\n")}`)), DEADLINE_MS).unref();
  });
  return { server, address, log };
}

/** Notes what the page is answered where VEDETTE_ANSWERS says: tests/contract holds it to the contract. */
const answers = process.env.VEDETTE_ANSWERS && join(process.env.VEDETTE_ANSWERS, "page_test.mjs.ndjson");
if (answers) {
  mkdirSync(dirname(answers), { recursive: true });
  writeFileSync(answers, ""); // that it ran is noted also where there is no browser
}
export function noteAnswers(page, address) {
  if (!answers) return;
  page.on("response", async (response) => {
    if (!response.url().startsWith(address)) return;
    const headers = await response.allHeaders().catch(() => null); // Set-Cookie too; null: the page went on meanwhile
    if (!headers) return;
    if (headers["set-cookie"]) headers["set-cookie"] = headers["set-cookie"].replace(/=[^]*/, "="); // one line, and no secret
    const type = headers["content-type"] ?? null;
    const isText = !/^(image|text\/event-stream)/.test(type ?? "");
    const text = isText ? await response.text().catch(() => null) : "";
    const line = { method: response.request().method(), target: response.url().slice(address.length), status: response.status(), type, text, headers };
    if (text !== null) appendFileSync(answers, `${JSON.stringify(line)}\n`);
  });
}

/** The server as a program asks it. */
export async function apiOf(address) {
  const ask = async (path, init) => {
    const answer = await fetch(address + path, init);
    assert(answer.ok, `${path}: ${answer.status}`);
    return answer.status === 204 ? null : answer.json();
  };
  const login = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ username: "admin", password: PASSWORD }) };
  const headers = { Authorization: `Bearer ${(await ask("/auth/login", login)).access_token}` };
  const send = (method, path, body) => ask(path, { method, headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return {
    get: (path) => ask(path, { headers }),
    send,
    sendSignal: async (camera_id, kind) => {
      const now = new Date().toISOString();
      const payload = { id: crypto.randomUUID(), camera_id, service: "safety", kind, severity: "high", started_at: now };
      const body = JSON.stringify({ id: payload.id, type: "signal", camera_id, occurred_at: now, payload });
      const told = await ask("/api/v1/events", { method: "POST", headers: { ...headers, "Content-Type": "application/x-ndjson" }, body });
      assert(told.accepted === 1, JSON.stringify(told));
    },
  };
}
