// Where the page goes when its login is over, and where it does not.
import { assert, DEADLINE_MS, found, logIn, test, until } from "./world.mjs";

const ASKED = /\/(api|auth)\//;
const isForm = () => document.querySelector(".login") !== null;
const isDashboard = () => document.querySelectorAll(".camera").length >= 4 && !document.querySelector(".error.banner");

/** A page of its own, whose clock can be put forward; `asked` has what it asks the server, as "POST /auth/refresh". */
async function openPage(browser, address) {
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  await page.clock.install();
  const asked = [];
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (ASKED.test(pathname)) asked.push(`${request.method()} ${pathname}`);
  });
  await page.goto(address);
  return { page, asked };
}

async function openDashboard(browser, address) {
  const opened = await openPage(browser, address);
  await logIn(opened.page);
  await until(opened.page, isDashboard);
  return opened;
}

/** Puts the page's clock forward, second by second; what is asked in one is answered before the next. */
async function pass(page, seconds) {
  for (let i = 0; i < seconds; i++) {
    await page.clock.runFor(1000);
    await page.evaluate(() => fetch("./vedette.svg").then((response) => response.text()));
  }
}

function fail(page, pattern, status) {
  const body = JSON.stringify({ title: "Unavailable", status, detail: `answered ${status} by the test` });
  return page.route(pattern, (route) => (status ? route.fulfill({ status, contentType: "application/problem+json", body }) : route.abort()));
}

/** Keeps back what the server answers a request of this kind, or this status, until `release` is called; `kept`: there is one. */
async function holdBack(page, pattern, status) {
  const held = { kept: false };
  const released = new Promise((resolve) => (held.release = resolve));
  await page.route(pattern, async (route) => {
    const answer = status ? { status, contentType: "application/problem+json", body: "{}" } : { response: await route.fetch() };
    held.kept = true;
    await released;
    await route.fulfill(answer);
  });
  return held;
}

/** As when somebody comes back to the tab. */
function comeBack(page) {
  return page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
}

async function logOut(page) {
  await page.click("text=Log out");
  await until(page, isForm);
}

export async function testLogins(browser, address, byApi) {
  await test("a login that is ended elsewhere leads to the form once, with a word, and the server is left alone", async () => {
    const { page, asked } = await openDashboard(browser, address);
    const { items } = await byApi.get("/auth/sessions");
    asked.length = 0;
    await byApi.send("DELETE", `/auth/sessions/${items.find((session) => session.client === "browser").id}`);
    await until(page, isForm);
    assert(/session has ended/.test(await page.textContent("form")), "no word of the session that ended");
    await until(page, () => document.activeElement?.name === "password");
    await pass(page, 5); // what was on its way is answered
    const refreshes = asked.filter((one) => one === "POST /auth/refresh").length;
    assert(refreshes === 1, `the login was renewed ${refreshes} times`);
    asked.length = 0;
    await pass(page, 60);
    assert(asked.length === 0, `asked on: ${asked.join(", ")}`);
    await logIn(page);
    await until(page, isDashboard);
    asked.length = 0;
    await comeBack(page);
    await found(async () => asked.includes("GET /auth/me"));
    await logOut(page);
    assert(!/session has ended/.test(await page.textContent("form")), "who logged out is told that the session ended");
    await page.context().close();
  });
  await test("a password that someone else chose is changed, or logged out from; one's own is changed from the dashboard", async () => {
    await byApi.send("POST", "/api/v1/users", { username: "eve", role: "viewer", password: "chosen by another" });
    const { page } = await openPage(browser, address);
    const isAsked = () => document.querySelector("input[name=next]") !== null;
    const isTold = (words) => until(page, (known) => document.querySelector("[role=alert]")?.textContent.includes(known), words);
    const change = async (current, next, again = next) => {
      for (const [name, value] of Object.entries({ current, next, again })) await page.fill(`input[name=${name}]`, value);
      await page.click("form button:text('Change password')");
    };
    await logIn(page, "eve", "chosen by another");
    await until(page, isAsked);
    await page.click("text=Log out");
    await until(page, () => document.querySelector("input[name=username]") !== null);
    await logIn(page, "eve", "chosen by another");
    await until(page, isAsked);
    await change("chosen by another", "my own for today");
    await until(page, isDashboard);
    await page.click("text=Change password");
    await page.click("text=Back");
    await until(page, isDashboard);
    await page.click("text=Change password");
    await change("not this one", "my own for tomorrow");
    await isTold("the current password is wrong");
    await change("my own for today", "my own for tomorrow", "my own for tomorow");
    await isTold("not typed the same twice");
    await change("my own for today", "my own for tomorrow");
    await until(page, isDashboard);
    await logOut(page);
    await logIn(page, "eve", "my own for tomorrow");
    await until(page, isDashboard);
    await page.context().close();
  });
  await test("who may come in by the issuer has a link to it, and is told at the form when that came to nothing", async () => {
    const { page } = await openPage(browser, address);
    await until(page, isForm);
    await pass(page, 1);
    assert(!(await page.locator("form a").count()), "a link to an issuer that there is not");
    const body = JSON.stringify({ schema_version: 1, has_issuer: true });
    await page.route(/\/auth\/ways$/, (route) => route.fulfill({ contentType: "application/json", body }));
    for (const [outcome, word] of [["refused", /not let in/], ["later", /Try again/]]) {
      await page.goto("about:blank");
      await page.goto(`${address}/#login=${outcome}`); // as the server sends it there
      await until(page, () => document.querySelector("form [role=alert]") && document.querySelector("form a"));
      assert(word.test(await page.textContent("form [role=alert]")), `no word of a login that was answered ${outcome}`);
      assert((await page.locator("form a").evaluate((link) => link.href)) === `${address}/auth/oidc/login`, "the link leads elsewhere");
      await page.reload();
      await until(page, isForm);
      assert(!(await page.locator("form [role=alert]").count()), "the word stays over a reload");
    }
    await page.context().close();
  });
  await test("an answer to who one is that comes after the logout leaves the form as it is", async () => {
    const { page, asked } = await openDashboard(browser, address);
    const held = await holdBack(page, /\/auth\/me$/);
    await comeBack(page);
    await found(async () => held.kept);
    await logOut(page);
    await pass(page, 1);
    asked.length = 0;
    held.release();
    await pass(page, 5);
    assert(asked.length === 0, `asked on after the logout: ${asked.join(", ")}`);
    assert(!/session has ended/.test(await page.textContent("form")), "who logged out is told that the session ended");
    await page.context().close();
  });
  await test("a renewal of before a login that is refused after it does not end it", async () => {
    const { page } = await openDashboard(browser, address);
    await logOut(page);
    const held = await holdBack(page, /\/auth\/refresh$/, 401);
    await comeBack(page);
    await found(async () => held.kept);
    await logIn(page);
    await until(page, isDashboard);
    held.release();
    await pass(page, 5);
    assert(await page.evaluate(isDashboard), "who is logged in is asked to log in");
    await page.context().close();
  });
  await test("coming back to the form finds a login of another tab, and else leaves what is typed", async () => {
    const { page, asked } = await openDashboard(browser, address);
    await logOut(page);
    await page.fill("input[name=username]", "somebody");
    asked.length = 0;
    await comeBack(page);
    await found(async () => asked.includes("GET /auth/me"));
    await pass(page, 5);
    assert((await page.inputValue("input[name=username]")) === "somebody", "what was typed is gone");
    const other = await page.context().newPage();
    await other.goto(address);
    await logIn(other);
    await until(other, isDashboard);
    await comeBack(page);
    await until(page, isDashboard);
    await page.context().close();
  });
  for (const [name, status] of [["a server that answers 503", 503], ["a failed connection", 0]])
    await test(`${name} while a login is renewed is a banner and no end of it, and is tried less and less often`, async () => {
      const { page, asked } = await openDashboard(browser, address);
      await fail(page, /\/api\//, 401);
      await fail(page, /\/auth\//, status);
      await until(page, () => /trying again/.test(document.querySelector(".error.banner")?.textContent ?? ""));
      await pass(page, 20); // the pauses grow
      asked.length = 0;
      await pass(page, 40);
      const cards = await page.locator(".camera").count();
      assert(cards >= 4, "the cameras are gone");
      const most = 2 * (cards + 2) * 9; // each try is a request and a renewal; the longest pause is between 5 and 10 s
      assert(asked.length > 0 && asked.length <= most, `${asked.length} requests in 40 s, more than ${most}`);
      await page.unroute(/\/api\//);
      await page.unroute(/\/auth\//);
      await until(page, isDashboard);
      await page.context().close();
    });
  for (const [name, status] of [["answers 503", 503], ["cannot be reached", 0]])
    await test(`a page that is loaded while the server ${name} shows a banner and no form, and goes on by itself`, async () => {
      const { page } = await openDashboard(browser, address);
      await fail(page, /\/auth\/me$/, status);
      await page.reload();
      await found(async () => /trying again/.test(await page.textContent("body")));
      await pass(page, 5);
      assert(!(await page.evaluate(isForm)), "who is logged in is asked to log in");
      await page.unroute(/\/auth\/me$/);
      await until(page, isDashboard);
      await page.context().close();
    });
}
