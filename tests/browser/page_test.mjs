// The page in a real browser, as a person uses it: log in, see four cameras live with boxes, counts and events.
// Prints TAP. Arguments: VEDETTE_BINARY SCREENSHOT.png, and where the page was built; Chromium is Debian's.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { testLogins } from "./login_tests.mjs";
import { testNews } from "./news_tests.mjs";
import { apiOf, assert, DEADLINE_MS, finish, logIn, noteAnswers, startServer, test, until } from "./world.mjs";

const [binary, screenshot, webWork] = process.argv.slice(2);
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

/** Serves a directory's files, as another web server would serve the page. */
async function serveElsewhere(directory) {
  const http = createServer((request, response) => {
    const path = join(directory, normalize(request.url === "/" ? "/index.html" : request.url));
    if (!existsSync(path)) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" }).end(readFileSync(path));
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  return { origin: `http://127.0.0.1:${http.address().port}`, close: () => http.close() };
}

/** The page that is built for a server elsewhere. */
function buildPageFor(address, out) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, VEDETTE_UI_API_URL: address, VEDETTE_UI_WS_URL: `${address.replace("http", "ws")}/ws` };
  execFileSync("node_modules/.bin/vite", ["build", "--outDir", out, "--emptyOutDir", "--logLevel", "error"], { cwd: webWork, env });
}

async function main() {
  if (!CHROMIUM) {
    console.log("1..0 # SKIP Debian's chromium is not installed");
    return;
  }
  const data = mkdtempSync(join(tmpdir(), "vedette-browser-"));
  const elsewhere = await serveElsewhere(join(data, "page"));
  const { server, address, log } = await startServer(binary, data, elsewhere.origin);
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync"],
  });
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
  page.setDefaultTimeout(DEADLINE_MS);
  const pageErrors = [];
  const foreignRequests = [];
  page.on("pageerror", (error) => pageErrors.push(error.message));
  page.on("request", (request) => {
    if (!/^(blob:|data:)/.test(request.url()) && new URL(request.url()).host !== new URL(address).host)
      foreignRequests.push(request.url());
  });

  noteAnswers(page, address);
  await test("a wrong password is told, and nothing is shown", async () => {
    await page.goto(address);
    await logIn(page, "admin", "wrong");
    await page.waitForSelector("[role=alert]");
    assert((await page.locator(".camera").count()) === 0, "cameras are shown without a login");
  });
  await test("after the login the four demo cameras are there", async () => {
    await logIn(page);
    await until(page, () => document.querySelectorAll(".camera").length === 4);
  });
  await test("each camera shows a live picture that moves on", async () => {
    await until(page, () => document.querySelectorAll("canvas[data-frame]").length === 4);
    const before = await page.$$eval("canvas", (list) => list.map((canvas) => Number(canvas.dataset.frame)));
    await until(
      page,
      (old) => [...document.querySelectorAll("canvas")].every((canvas, i) => Number(canvas.dataset.frame) > old[i]),
      before,
    );
  });
  await test("the picture is not one flat colour", async () => {
    const levels = await page.$eval("canvas", (canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(data.filter((_, i) => i % 4 === 1)).size;
    });
    assert(levels > 16, `only ${levels} levels of green`);
  });
  await test("the live connection stands", async () => {
    await page.waitForSelector(".state.online");
  });
  await test("lines count and events come", async () => {
    await until(page, () =>
      [...document.querySelectorAll(".counts b.in, .counts b.out")].some((cell) => Number(cell.textContent) > 0),
    );
    await until(page, () => document.querySelectorAll(".event").length > 2);
  });
  const byApi = await apiOf(address);
  mkdirSync(dirname(screenshot), { recursive: true });
  await test("an incident is there as it happens, open ones first, and an operator acknowledges and closes it", async () => {
    const camera = await page.$eval(".camera", (card) => card.dataset.camera);
    await byApi.sendSignal(camera, "fall");
    await until(page, () => [...document.querySelectorAll(".incident.open")].some((row) => /fall/i.test(row.textContent)));
    assert(/open/.test(await page.textContent(".incidents h2")), "the heading counts no open incident");
    const id = await page.evaluate(() => [...document.querySelectorAll(".incident.open")].find((row) => /fall/i.test(row.textContent)).dataset.id);
    await page.focus(`.incident[data-id="${id}"] button:text("Acknowledge")`);
    await page.keyboard.press("Enter");
    await until(page, (known) => document.querySelector(`.incident[data-id="${known}"]`).classList.contains("acknowledged"), id);
    assert((await byApi.get(`/api/v1/incidents/${id}`)).status === "acknowledged", "the server does not know it");
    await until(page, (known) => document.activeElement?.closest(".incident")?.dataset.id === known, id); // by the keyboard, too
    await byApi.sendSignal(camera, "spill"); // another one: open, so it stands before it
    await until(page, (known) => {
      const rows = [...document.querySelectorAll(".incident")];
      const spill = rows.findIndex((row) => /spill/i.test(row.textContent));
      return spill >= 0 && spill < rows.findIndex((row) => row.dataset.id === known);
    }, id);
    await page.click(`.incident[data-id="${id}"] button:text("Close")`);
    await until(page, (known) => document.querySelector(`.incident[data-id="${known}"]`).classList.contains("resolved"), id);
    assert((await page.locator(`.incident[data-id="${id}"] button`).count()) === 0, "a closed incident has buttons");
  });
  await test("nothing was fetched from elsewhere and no script failed", async () => {
    assert(foreignRequests.length === 0, foreignRequests.join(" "));
    assert(pageErrors.length === 0, pageErrors.join("; "));
  });
  await page.screenshot({ path: screenshot });
  await test("a narrow window shows everything in one column", async () => {
    for (const width of [420, 320]) {
      await page.setViewportSize({ width, height: 900 });
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert(overflow <= 0, `the page is ${overflow} px wider than a window of ${width}`);
      assert(await page.isVisible(".to-incidents"), "nothing leads to what is open, far below");
    }
  });
  await test("the login cookie cannot be read by scripts", async () => {
    assert((await page.evaluate(() => document.cookie)) === "", "document.cookie is not empty");
  });
  await test("the page stays logged in over a reload, and when its access token is over", async () => {
    await page.reload();
    await until(page, () => document.querySelectorAll(".camera").length === 4);
    const kept = (await page.context().cookies()).filter((cookie) => cookie.name !== "vedette_session");
    await page.context().clearCookies();
    await page.context().addCookies(kept);
    await page.reload();
    await until(page, () => document.querySelectorAll(".camera").length === 4);
  });
  await testNews(browser, address, byApi);
  await testLogins(browser, address, byApi);
  await test("an administrator tries a source, is told why it does not work, and adds a camera", async () => {
    await page.click(".add-camera summary");
    await page.fill(".add-camera input[name=name]", "Yard");
    const isTold = (pattern) => until(page, (words) => new RegExp(words).test(document.querySelector(".add-camera [role=status].error")?.textContent ?? ""), pattern);
    for (const [source, why] of [["192.168.1.20:554/stream1", "source: .*write rtsp://"], ["ftp://192.168.1.20/x", "source: .*'ftp' is not allowed"]])
      for (const action of ["try", "add"]) {
        await page.fill(".add-camera input[name=source]", source);
        await page.click(`.add-camera button[value=${action}]`);
        await isTold(why);
      }
    await page.fill(".add-camera input[name=source]", "");
    await page.click(".add-camera button[value=try]");
    await isTold("source: is empty");
    await page.fill(".add-camera input[name=source]", "rtsp://127.0.0.1:1/x");
    await page.click(".add-camera button[value=try]");
    await isTold("refused");
    await page.click(".add-camera button[value=add]");
    await until(page, () => document.querySelectorAll(".camera").length === 5);
    await until(page, () => document.querySelectorAll('.counts [data-zone="picture"]').length === 1); // what is added counts
    await page.click(".add-camera button[value=add]"); /* the form is empty again: the browser asks for a name */
    assert((await page.locator(".add-camera input[name=name]").inputValue()) === "", "the form was not emptied");
  });
  await test("who added a camera removes it, and cannot remove what the settings say", async () => {
    await until(page, () => document.querySelectorAll(".camera footer button").length === 1);
    page.once("dialog", (dialog) => dialog.accept());
    await page.click(".camera footer button");
    await until(page, () => document.querySelectorAll(".camera").length === 4);
  });
  await test("a page that is served elsewhere uses the API and the WebSocket of the server it was built for", async () => {
    buildPageFor(address, join(data, "page"));
    const other = await (await browser.newContext()).newPage();
    await other.goto(elsewhere.origin);
    await logIn(other);
    await until(other, () => document.querySelectorAll(".camera").length >= 4 && !document.querySelector(".error.banner"));
    await until(other, () => document.querySelector(".state.online"));
    await until(other, () => document.querySelectorAll("canvas[data-frame]").length >= 4);
    await other.context().close();
  });
  await test("after logging out the page asks for a login again", async () => {
    await page.click("text=Log out");
    await page.waitForSelector("input[name=password]");
  });
  await browser.close();
  elsewhere.close();
  await test("a stop signal ends the server cleanly", async () => {
    server.kill("SIGTERM");
    const [code] = await once(server, "exit");
    assert(code === 0, `exit status ${code}: ${log.slice(-5).join("\n")}`);
  });
  rmSync(data, { recursive: true, force: true });
  finish();
}

main().catch((error) => {
  console.log(`Bail out! ${error.stack}`);
  process.exit(1);
});
