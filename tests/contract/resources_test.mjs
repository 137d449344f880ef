// Resources as a client uses them: versions, keys that make sending again harmless, lists as wanted, events from elsewhere.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Server, operations, runTests } from "./world.mjs";

async function withServer(test, config) {
  const server = await new Server(config).start();
  try {
    await test(server);
  } finally {
    await server.stop();
  }
}

const sitesAreMadeReadChangedAndRemoved = () =>
  withServer(async (server) => {
    const made = await server.ask("createSite", { body: { id: "lyon", name: "Lyon", time_zone: "Europe/Paris" } });
    assert.equal(made.status, 201);
    assert.equal((await server.ask("createSite", { body: { id: "lyon" } })).json.code, "conflict");
    const bad = await server.ask("createSite", { body: { id: "x y", time_zone: "Mars/Base", nam: 1 } });
    assert.equal(bad.status, 400);
    assert.deepEqual(new Set(bad.json.errors.map(({ path }) => path)), new Set(["id", "time_zone", "nam"]));
    const read = await server.ask("getSite", { path: { id: "lyon" } });
    assert.equal(read.json.time_zone, "Europe/Paris");
    const etag = read.headers.get("ETag");
    const put = (match, name) => server.ask("putSite", { path: { id: "lyon" }, body: { name }, headers: { "If-Match": match } });
    assert.equal((await put(etag, "Lyon 1")).status, 200);
    const late = await put(etag, "Lyon 2");
    assert.equal(late.status, 412);
    assert.equal(late.json.code, "precondition_failed");
    assert.equal((await server.ask("deleteSite", { path: { id: "lyon" }, headers: { "If-Match": etag } })).status, 412);
    assert.equal((await server.ask("deleteSite", { path: { id: "default" } })).json.code, "conflict"); // a camera stands there
    assert.equal((await server.ask("deleteSite", { path: { id: "lyon" } })).status, 204);
    assert.equal((await server.ask("getSite", { path: { id: "lyon" } })).status, 404);
    const actions = (await server.ask("listAudit")).json.items.filter((entry) => entry.subject_id === "lyon");
    assert.deepEqual(actions.map((entry) => entry.action), ["delete", "update", "create"]);
  });

const orgsAreThePlatforms = () =>
  withServer(async (server) => {
    assert.deepEqual((await server.ask("listOrgs")).json.items.map(({ id }) => id), ["default"]);
    assert.equal((await server.ask("createOrg", { body: { id: "second" } })).status, 403);
  });

const theSameKeyGetsTheSameAnswer = () =>
  withServer(async (server) => {
    const site = () => server.ask("createSite", { body: { id: "lyon" }, headers: { "Idempotency-Key": "site" } });
    const made = await site();
    const known = await site();
    assert.equal(known.headers.get("Idempotency-Replayed"), "true");
    assert.ok(made.headers.get("ETag"));
    assert.equal(known.headers.get("ETag"), made.headers.get("ETag"));
    assert.equal(made.headers.get("Location"), "/api/v1/sites/lyon");
    assert.equal(known.headers.get("Location"), "/api/v1/sites/lyon");
    const send = (key, reason) => server.ask("createLegalHold", { body: { reason }, headers: { "Idempotency-Key": key } });
    const first = await send("a", "case 1");
    const again = await send("a", "case 1");
    assert.equal(again.status, 201);
    assert.equal(again.text, first.text);
    assert.equal(again.headers.get("Idempotency-Replayed"), "true");
    const other = await send("a", "case 2");
    assert.equal(other.status, 422);
    assert.equal(other.json.code, "idempotency_key_reused");
    assert.notEqual((await send("b", "case 1")).json.id, first.json.id);
    const together = await Promise.all(Array.from({ length: 8 }, () => send("c", "case 3")));
    assert.ok(together.every(({ status }) => status === 201 || status === 409));
    assert.equal((await server.ask("listLegalHolds")).json.items.filter(({ reason }) => reason === "case 3").length, 1);
  });

function signal(id, more = {}) {
  const payload = { id, camera_id: "door", service: "safety", kind: "intrusion", severity: "high", started_at: "2026-01-01T00:00:00Z" };
  return { id, type: "signal", camera_id: "door", occurred_at: new Date().toISOString(), payload, ...more };
}
const id = (number) => `0197a000-0000-7000-8000-${String(number).padStart(12, "0")}`;

const eventsComeLineByLine = () =>
  withServer(async (server) => {
    const lines = [signal(id(1)), { ...signal(id(2)), camera_id: "nobody" }, signal(id(3), { payload: {} }), signal(id(4), { org_id: "other" })];
    const body = `${lines.map((line) => JSON.stringify(line)).join("\n")}\n\nnot json\r\n`;
    const headers = { "Content-Type": "application/x-ndjson" };
    const sent = await server.ask("sendEvents", { body, headers });
    assert.equal(sent.status, 200, sent.text);
    assert.deepEqual(sent.json.results.map(({ line, status }) => `${line} ${status}`), ["1 accepted", "2 rejected", "3 rejected", "4 accepted", "6 rejected"]);
    assert.equal(sent.json.accepted, 2);
    assert.equal(sent.json.results[1].errors[0].path, "camera_id");
    assert.equal((await server.ask("sendEvents", { body: "{}" })).status, 415);
    await server.ask("sendEvents", { body, headers }); // again: the same events
    let items = [];
    const deadline = Date.now() + 30_000;
    while (items.length < 2 && Date.now() < deadline) {
      items = (await server.ask("listEvents")).json.items;
      await new Promise((done) => setTimeout(done, 20));
    }
    assert.deepEqual(items.map((item) => item.id).sort(), [id(1), id(4)]);
    assert.ok(items.every((item) => item.org_id === "default"));
    assert.equal((await server.ask("listSignals")).json.items.length, 2);
    assert.equal((await server.ask("listSignals", { query: { kind: "intrusion", severity: "high", service: "safety" } })).json.items.length, 2);
    assert.equal((await server.ask("listSignals", { query: { kind: "loitering" } })).json.items.length, 0);
    assert.equal((await server.ask("listSignals", { query: { severity: "worst" } })).status, 400);
    const one = await server.ask("getSignal", { path: { id: id(1) } });
    assert.equal(one.json.kind, "intrusion");
    const known = { "If-None-Match": one.headers.get("ETag") };
    assert.equal((await server.ask("getSignal", { path: { id: id(1) }, headers: known })).status, 304);
    assert.equal((await server.ask("getEvent", { path: { id: id(4) } })).json.payload.id, id(4));
    assert.equal((await server.ask("getSignal", { path: { id: id(9) } })).status, 404);
    for (const camera_id of ["door", "gate"])
      assert.equal((await server.ask("getSignal", { path: { id: id(1) }, query: { camera_id } })).status, camera_id === "door" ? 200 : 404);
    const page = await server.ask("listEvents", { query: { limit: 1 } });
    const next = await server.ask("listEvents", { query: { limit: 1, cursor: page.json.next_cursor } });
    assert.equal(next.json.next_cursor, null);
    const some = await server.ask("listEvents", { query: { fields: "id,type" } });
    assert.deepEqual(Object.keys(some.json.items[0]).sort(), ["id", "type"]);
    assert.equal((await server.ask("listEvents", { query: { fields: "id,nonsense" } })).json.errors[0].path, "fields");
    const csv = await server.ask("listEvents", { query: { fields: "id,type" }, headers: { Accept: "text/csv" } });
    assert.equal(csv.type, "text/csv; charset=utf-8");
    assert.equal(csv.text, `id,type\r\n"${items[0].id}","signal"\r\n"${items[1].id}","signal"\r\n`);
    assert.equal((await server.ask("listCameras", { query: { format: "csv" } })).status, 200);
  });

const signalsAreIncidents = () =>
  withServer(async (server) => {
    const kind = (number, name) => {
      const line = signal(id(number));
      return JSON.stringify({ ...line, payload: { ...line.payload, kind: name, started_at: line.occurred_at } });
    };
    const body = [kind(1, "intrusion"), kind(2, "intrusion"), kind(3, "restricted_zone")].join("\n");
    await server.ask("sendEvents", { body, headers: { "Content-Type": "application/x-ndjson" } });
    let items = [];
    const deadline = Date.now() + 30_000;
    while (items.length < 2 && Date.now() < deadline) {
      items = (await server.ask("listIncidents")).json.items;
      await new Promise((done) => setTimeout(done, 20));
    }
    assert.deepEqual(items.map((item) => `${item.kind} ${item.signal_count}`).sort(), ["intrusion 2", "restricted_zone 1"]);
    const one = (await server.ask("listIncidents", { query: { kind: "intrusion", status: "open" } })).json.items[0];
    assert.equal((await server.ask("listIncidents", { query: { kind: "intrusion", status: "resolved" } })).json.items.length, 0);
    const path = { id: one.id };
    const read = await server.ask("getIncident", { path });
    const etag = read.headers.get("ETag");
    const acknowledged = await server.ask("acknowledgeIncident", { path, body: { note: "on my way" }, headers: { "If-Match": etag } });
    assert.equal(acknowledged.json.status, "acknowledged");
    assert.equal(acknowledged.json.notes[0].text, "on my way");
    assert.equal((await server.ask("resolveIncident", { path, body: {}, headers: { "If-Match": etag } })).status, 412);
    assert.equal((await server.ask("acknowledgeIncident", { path, body: {} })).json.code, "conflict");
    assert.equal((await server.ask("assignIncident", { path, body: { assignee: "nobody" } })).json.errors[0].path, "assignee");
    const me = (await server.ask("listUsers")).json.items[0].id;
    assert.equal((await server.ask("assignIncident", { path, body: { assignee: me } })).json.assignee, me);
    assert.equal((await server.ask("listIncidents", { query: { assignee: me } })).json.items.length, 1);
    assert.equal((await server.ask("assignIncident", { path, body: {} })).json.assignee, undefined);
    assert.equal((await server.ask("noteIncident", { path, body: {} })).status, 400);
    const send = () => server.ask("noteIncident", { path, body: { note: "a cat" }, headers: { "Idempotency-Key": "note-1" } });
    assert.equal((await send()).json.notes.length, 2);
    assert.equal((await send()).headers.get("Idempotency-Replayed"), "true");
    assert.equal((await server.ask("dismissIncident", { path, body: {} })).json.status, "dismissed");
    assert.equal((await server.ask("reopenIncident", { path, body: {} })).json.notes.length, 2);
    assert.equal((await server.ask("getIncident", { path: { id: "none" } })).status, 404);
    const actions = (await server.ask("listAudit")).json.items.filter((entry) => entry.subject_kind === "incident");
    assert.deepEqual(actions.map((entry) => entry.action), ["reopen", "dismiss", "note", "assign", "assign", "acknowledge"]);
    const [violation] = (await server.ask("listViolations", { query: { kind: "restricted_zone", camera_id: "door" } })).json.items;
    assert.equal(violation.signal_id, id(3));
    const decided = await server.ask("patchViolation", { path: { id: violation.id }, body: { status: "confirmed" } });
    assert.equal(decided.json.decided_by, me);
    assert.equal((await server.ask("getViolation", { path: { id: violation.id } })).json.status, "confirmed");
    assert.equal((await server.ask("patchViolation", { path: { id: violation.id }, body: { status: "fine" } })).status, 400);
    assert.equal((await server.ask("resolveIncident", { path, body: {} })).json.status, "resolved");
    assert.equal((await server.ask("listIncidents", { query: { format: "csv", fields: "kind" } })).type, "text/csv; charset=utf-8");
  });

const linesAndZonesAreListed = () =>
  withServer(async (server) => {
    const lines = (await server.ask("listLines")).json.items;
    assert.deepEqual(lines.map(({ camera_id, id }) => `${camera_id} ${id}`), ["door in"]);
    assert.deepEqual((await server.ask("listZones")).json.items, []);
    assert.deepEqual((await server.ask("listLines", { query: { camera_id: "other" } })).json.items, []);
  });

async function runToItsEnd(server, job) {
  const deadline = Date.now() + 30_000;
  const ended = async () => (await server.ask("listJobRuns", { path: job })).json.items.filter(({ ended_at }) => ended_at).length;
  const before = await ended();
  for (let status = 409; status === 409; ) status = (await server.ask("runJob", { path: job })).status;
  while ((await ended()) === before) {
    assert.ok(Date.now() < deadline, "the job does not end");
    await new Promise((done) => setTimeout(done, 20));
  }
}

/* One of each kind, and waits until they are stored. */
async function storeSignals(server, kinds) {
  const lines = kinds.map((kind, i) => {
    const one = signal(id(i + 1));
    return JSON.stringify({ ...one, payload: { ...one.payload, kind } });
  });
  const sent = await server.ask("sendEvents", { body: lines.join("\n"), headers: { "Content-Type": "application/x-ndjson" } });
  assert.equal(sent.json.accepted, kinds.length, sent.text);
  for (let stored = 0, deadline = Date.now() + 30_000; stored < kinds.length; ) {
    assert.ok(Date.now() < deadline, `${stored} signals are stored`);
    stored = (await server.ask("listSignals")).json.items.length;
    await new Promise((done) => setTimeout(done, 20));
  }
}

/* Every list that takes a cursor, one item a page, is what it is in one piece; of a cursor that is none the path is told. */
const listsComeInPages = () =>
  withServer(async (server) => {
    for (const name of ["lyon", "oslo", "rome"]) await server.ask("createSite", { body: { id: name, time_zone: "Europe/Paris" } });
    for (const username of ["ada", "bob"]) assert.equal((await server.ask("createUser", { body: { username, role: "viewer" } })).status, 201);
    for (const name of ["till", "gate"]) assert.equal((await server.ask("createToken", { body: { name, role: "viewer" } })).status, 201);
    for (const reason of ["one", "two"]) await server.ask("createLegalHold", { body: { reason } });
    for (const zone of ["a", "b"]) {
      const polygon = [[0, 0], [1, 0], [1, 1]];
      await server.ask("createCamera", { body: { name: zone, source: "rtsp://192.0.2.1/s", enabled: false, zones: [{ id: "floor", polygon }] } });
    }
    const policy = { type: "safety" };
    for (const loitering_seconds of [5, 6, 7]) await server.ask("putPolicy", { path: policy, body: { loitering_seconds } });
    const job = { id: "cleanup_old_data" };
    for (let i = 0; i < 2; i++) await runToItsEnd(server, job);
    await storeSignals(server, ["intrusion", "loitering"]); // the report has a line of each
    const paths = { listCameraZones: { id: "door" }, listCameraLines: { id: "door" }, listPolicyRevisions: policy, listJobRuns: job };
    const queries = { getReport: { site_id: "default", period: "month" } };
    const paged = operations().filter(({ method, operation }) => method === "GET" && operation.parameters?.some(({ name }) => name === "cursor"));
    const long = [];
    for (const { operation } of paged) {
      if (operation.operationId === "listTracks") continue; // of a camera and a time: tests/end_to_end has them
      const [path, query] = [paths[operation.operationId] ?? {}, queries[operation.operationId] ?? {}];
      const whole = (await server.ask(operation.operationId, { path, query })).json;
      const found = [];
      for (let cursor; cursor !== null; ) {
        const page = (await server.ask(operation.operationId, { path, query: { ...query, limit: 1, ...(cursor ? { cursor } : {}) } })).json;
        assert.ok(page.items.length <= 1, operation.operationId);
        found.push(...page.items);
        cursor = page.next_cursor;
        assert.ok(found.length <= whole.items.length, operation.operationId);
      }
      const key = ({ camera_id, id, sequence, revision, scheduled_at, section, table, name }) => [camera_id, id, sequence, revision, scheduled_at, section, table, name].join(" ");
      assert.deepEqual(found.map(key), whole.items.map(key), operation.operationId);
      if (whole.items.length > 1) long.push(operation.operationId);
      const bad = await server.ask(operation.operationId, { path, query: { ...query, cursor: "nothing-there" } });
      assert.equal(bad.status, 400, operation.operationId);
      assert.equal(bad.json.errors[0].path, "cursor", bad.text);
    }
    for (const name of ["listSites", "listUsers", "listTokens", "listLegalHolds", "listCameras", "listZones", "listPolicyRevisions", "listJobRuns", "getReport"])
      assert.ok(long.includes(name), `${name} had one page: ${long}`);
    const some = (await server.ask("listUsers", { query: { limit: 2, fields: "username" } })).json;
    assert.deepEqual(some.items, [{ username: "ada" }, { username: "admin" }]);
    const csv = await server.ask("listUsers", { query: { limit: 1, fields: "username", format: "csv" } });
    assert.equal(csv.text, 'username\r\n"ada"\r\n');
    assert.ok(csv.headers.get("X-Next-Cursor"));
  });

/* Somebody who takes nothing: what could not be delivered is listed, the newest first, a page at a time. */
async function deadLettersComeInPages() {
  const http = createServer((request, response) => request.resume().on("end", () => response.writeHead(400).end()));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
  const server = await new Server(`notify: {allowed_networks: 127.0.0.0/8, retry_seconds: '0.01', webhooks: [{id: till, about: signals, url: 'http://127.0.0.1:${http.address().port}/', secret: '${secret}'}]}\n` +
    "cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false}]\n").start();
  try {
    const deadline = Date.now() + 60_000;
    const ids = [id(1), id(2), id(3)];
    for (const [index, each] of ids.entries()) {
      await server.ask("sendEvents", { body: JSON.stringify(signal(each)), headers: { "Content-Type": "application/x-ndjson" } });
      while ((await server.ask("listDeadLetters")).json.items.length <= index) {
        assert.ok(Date.now() < deadline, "no dead letter came");
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    const found = [];
    for (let cursor; cursor !== null && found.length < 9; ) {
      const page = (await server.ask("listDeadLetters", { query: { limit: 1, ...(cursor ? { cursor } : {}) } })).json;
      found.push(...page.items);
      cursor = page.next_cursor;
    }
    assert.deepEqual(found.map((letter) => letter.id), ids.reverse());
    assert.equal((await server.ask("listDeadLetters", { query: { cursor: "webhook/till/none" } })).json.errors[0].path, "cursor");
    assert.equal((await server.ask("retryDeadLetter", { path: { id: ids[0] } })).status, 204);
    assert.equal((await server.ask("listNotifyEndpoints")).json.items[0].id, "till");
    assert.equal((await server.ask("enableWebhook", { path: { id: "till" } })).status, 204);
  } finally {
    await server.stop();
    http.close();
  }
}

const whatTheServerHasIsTold = () =>
  withServer(async (server) => {
    assert.deepEqual((await server.ask("listModels")).json, { items: [], next_cursor: null });
    assert.equal((await server.ask("getModel", { path: { id: "none" } })).status, 404);
    const models = join(server.directory, "data", "models");
    mkdirSync(models);
    writeFileSync(join(models, "people.onnx"), "x".repeat(10));
    writeFileSync(join(models, "people.card.json"), JSON.stringify({ name: "People", family: "yolox", input_width_px: 416, input_height_px: 416, labels: ["person"], licence: "Apache-2.0" }));
    writeFileSync(join(models, "stray.onnx"), "");
    const { items } = (await server.ask("listModels")).json;
    assert.deepEqual(items.map(({ id, name, error }) => [id, name ?? error]), [["people", "People"], ["stray", "it has no card"]]);
    const one = await server.ask("getModel", { path: { id: "people" } });
    assert.deepEqual([one.json.family, one.json.size_bytes, one.json.used_for, one.json.labels], ["yolox", 10, [], ["person"]]);
    assert.equal((await server.ask("getModel", { path: { id: "people" }, headers: { "If-None-Match": one.headers.get("ETag") } })).status, 304);
    assert.ok(!one.text.includes(server.directory));
    assert.equal((await server.ask("getQueue")).json.total_queued, 0);
    assert.equal((await server.ask("getCameraHealth", { path: { id: "door" } })).json.state, "disabled");
    assert.equal((await server.ask("getCameraHealth", { path: { id: "none" } })).status, 404);
    assert.equal((await server.ask("getOrg", { path: { id: "default" } })).json.id, "default");
    assert.equal((await server.ask("getOrg", { path: { id: "other" } })).status, 404);
  });

/** What a key that is held to cameras began it can look at, and no other. */
const aHeldKeyLooksAtItsBacktests = () =>
  withServer(async (server) => {
    const own = server.token;
    const held = async (name, cameras) => {
      server.token = own;
      server.token = (await server.ask("createToken", { body: { name, role: "admin", cameras } })).json.token;
    };
    const query = { from: "2026-01-01T00:00:00Z", to: "2026-01-01T01:00:00Z" };
    const start = (camera_id) => server.ask("startBacktest", { path: { type: "safety" }, query: { ...query, ...camera_id }, body: {} });
    await held("door", ["door"]);
    assert.equal((await start({})).status, 403);
    const begun = await start({ camera_id: "door" });
    assert.equal(begun.status, 202, begun.text);
    assert.equal(begun.headers.get("Location"), `/api/v1/backtests/${begun.json.id}`);
    const look = () => server.ask("getBacktest", { path: { id: begun.json.id } });
    assert.equal((await look()).json.id, begun.json.id);
    await held("gate", ["gate"]);
    assert.equal((await look()).status, 404);
  }, "cameras: [{id: door, source: 'rtsp://127.0.0.1:1/s', enabled: false}, {id: gate, source: 'rtsp://127.0.0.1:1/s', enabled: false}]\n");

await runTests([
  ["sites are made, read, changed and removed", sitesAreMadeReadChangedAndRemoved],
  ["orgs are the platform's", orgsAreThePlatforms],
  ["the same key gets the same answer", theSameKeyGetsTheSameAnswer],
  ["events come line by line", eventsComeLineByLine],
  ["signals are incidents", signalsAreIncidents],
  ["lines and zones are listed", linesAndZonesAreListed],
  ["lists come in pages", listsComeInPages],
  ["a key that is held to cameras looks at its backtests", aHeldKeyLooksAtItsBacktests],
  ["dead letters come in pages", deadLettersComeInPages],
  ["what the server has is told", whatTheServerHasIsTold],
]);
