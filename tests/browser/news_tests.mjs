// What the page was told live against what it read, which may be older.
import { assert, DEADLINE_MS, found, logIn, test, until } from "./world.mjs";

/** A page that is logged in, and whose first reads of the news are answered as they were begun, but not before `release`; later ones never. */
async function openWithLateReads(browser, address) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  const paths = new Set();
  let begun = 0;
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(/\/api\/v1\/(incidents|events)\?/, async (route) => {
    const isFirst = !paths.has(route.request().url());
    paths.add(route.request().url());
    if (!isFirst) return;
    const response = await route.fetch();
    begun++;
    await released;
    await route.fulfill({ response });
  });
  await page.goto(address);
  await logIn(page);
  await page.waitForSelector(".state.online");
  await found(async () => begun === 4); // events; incidents that are open, acknowledged, and the latest
  return { page, release };
}

const has = (page, selector, text) =>
  until(page, ([rows, words]) => [...document.querySelectorAll(rows)].some((row) => row.textContent.includes(words)), [selector, text]);

/** A page whose server falls silent when `silence` is called, as where the network goes away, until it connects again. */
async function openWithSilence(browser, address) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.clock.install();
  const connection = { count: 0, told: 0, isSilent: false };
  await page.routeWebSocket(/\/ws/, (socket) => {
    const number = ++connection.count;
    const server = socket.connectToServer();
    server.onMessage((message) => {
      connection.told++;
      if (!connection.isSilent || number > 1) socket.send(message);
    });
    socket.onClose(() => {}); // no goodbye comes back
  });
  await page.goto(address);
  await logIn(page);
  await page.waitForSelector(".state.online");
  await page.waitForSelector(".event");
  return { page, connection };
}

export async function testNews(browser, address, byApi) {
  const { id: camera_id } = (await byApi.get("/api/v1/cameras")).items[0];
  const incidentOf = (kind) => found(async () => (await byApi.get(`/api/v1/incidents?kind=${kind}`)).items[0]);

  await test("what was told live stays when an older read of the news comes after it", async () => {
    await byApi.sendSignal(camera_id, "alarm_before");
    await byApi.sendSignal(camera_id, "quiet_before");
    const [alarm, quiet] = [await incidentOf("alarm_before"), await incidentOf("quiet_before")];
    const { page, release } = await openWithLateReads(browser, address);
    await byApi.send("POST", `/api/v1/incidents/${alarm.id}/acknowledge`, {});
    await byApi.sendSignal(camera_id, "alarm_since");
    await has(page, ".incident.acknowledged", "Alarm before");
    await has(page, ".incident.open", "Alarm since");
    await has(page, ".event", "alarm since");
    release();
    await has(page, ".incident.open", "Quiet before"); // by the read alone
    await has(page, ".event", "quiet before");
    const rows = await page.$$eval(".incident, .event", (list) => list.map((row) => `${row.className}: ${row.textContent}`));
    const stays = (pattern) => assert(rows.some((row) => pattern.test(row)), `${pattern} went: ${rows.join("\n")}`);
    stays(/^incident open.*Alarm since/);
    stays(/^incident acknowledged.*Alarm before/);
    stays(/^event.*alarm since/);
    assert(!rows.some((row) => row.startsWith("event occupancy")), "what is never told live is shown where it was read");
    await page.context().close();
    for (const id of [alarm.id, quiet.id, (await incidentOf("alarm_since")).id]) await byApi.send("POST", `/api/v1/incidents/${id}/resolve`, {});
  });
  await test("a connection that died without a word is not called live, and is made anew", async () => {
    const { page, connection } = await openWithSilence(browser, address);
    for (let i = 0; i < 6; i++) {
      const before = connection.told;
      await found(async () => connection.told > before);
      await page.clock.runFor(10_000);
    }
    assert(connection.count === 1, "a connection that tells was given up");
    connection.isSilent = true;
    await found(async () => {
      await page.clock.runFor(1000);
      return connection.count > 1;
    });
    await page.waitForSelector(".state.online");
    await page.context().close();
  });
  await test("what is not of today says its day, and the tab how many incidents are open", async () => {
    await byApi.sendSignal(camera_id, "alarm_open");
    const { id, started_at } = await incidentOf("alarm_open");
    const page = await (await browser.newContext()).newPage();
    page.setDefaultTimeout(DEADLINE_MS);
    await page.clock.install({ time: Date.now() + 48 * 3600 * 1000 });
    await page.goto(address);
    await logIn(page);
    const day = await page.evaluate((at) => new Date(at).toLocaleDateString(undefined, { day: "numeric", month: "short" }), started_at);
    await has(page, ".incident.open time", day);
    await has(page, ".event time", day);
    await until(page, () => /^\(\d+\) Vedette$/.test(document.title));
    await page.context().close();
    await byApi.send("POST", `/api/v1/incidents/${id}/resolve`, {});
  });
}
