// How long a person waits: from starting `vedette run --demo` to the first picture on the page, logged in. The browser
// stands open before. Needs the browser tests' packages: run the tests of BUILD once.
//   node tools/time-first-picture.mjs BUILD [RUNS]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const build = resolve(process.argv[2] ?? "build");
const runs = Number(process.argv[3] ?? 3);
const { chromium } = createRequire(join(build, "tests/browser/work/package.json"))("playwright-core");
const PASSWORD = "a password for this measurement";

async function addressOf(server) {
  for await (const line of createInterface({ input: server.stdout })) {
    const match = /http:\/\/[0-9.]+:\d+/.exec(line);
    if (match) return match[0];
  }
  throw new Error("vedette ended without printing its address");
}

async function measure(page) {
  const data = mkdtempSync(join(tmpdir(), "vedette-first-"));
  const start = performance.now();
  const server = spawn(join(build, "vedette"), ["run", "--demo", "--http-port", "0"], {
    env: { PATH: process.env.PATH, VEDETTE_DATA_DIR: data, VEDETTE_ADMIN_PASSWORD: PASSWORD },
    stdio: ["ignore", "pipe", "ignore"],
  });
  try {
    await page.goto(await addressOf(server));
    await page.fill("input[name=password]", PASSWORD);
    await page.click("button");
    await page.waitForSelector("canvas[data-frame]");
    return (performance.now() - start) / 1000;
  } finally {
    server.kill("SIGTERM");
    await once(server, "exit");
    rmSync(data, { recursive: true, force: true });
  }
}

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
for (let run = 0; run < runs; run++) {
  const context = await browser.newContext();
  console.log(`${(await measure(await context.newPage())).toFixed(2)} s to the first picture on the page`);
  await context.close();
}
await browser.close();
