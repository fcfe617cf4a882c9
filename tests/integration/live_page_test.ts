import assert from "node:assert/strict";
import { join } from "node:path";
import { Chromium, type Page, REBOUND_HOST, whyNoChromium } from "../support/chromium.ts";
import { manifest, PROGRAM_PATH, sampleWasm, writeManifest } from "../support/fixtures.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { RunningApp } from "../support/running_app.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

const MARKUP = '<script>globalThis.broken = true</script><b id="marked">bold</b>';

/** Starts `watch` of a directory with a live page. */
async function startWatch(directory: string): Promise<{ app: RunningApp; page: string }> {
  const app = await RunningApp.start({
    program: Deno.execPath(),
    args: [
      ...["run", ...DENO_FLAGS, PROGRAM_PATH, "watch", "--from", directory, "--debounce", "30"],
      ...["--listen", "127.0.0.1:0", "--format", "json", "--live-page=127.0.0.1:0"],
      ...["--cache-dir", suite.cacheDir, "--state-dir", suite.directory()],
    ],
    env: { NO_COLOR: "1", TMPDIR: suite.directory() },
  }, true);
  return { app, page: await pageOf(app) };
}

async function pageOf(app: RunningApp): Promise<string> {
  const [, page = ""] = await app.waitForStderr(/^Live page: (http:\S+)$/m);
  return page;
}

/** An app whose first component writes what it is told to, and fails to be built on demand. */
function watchedManifest(routes: readonly string[], buildCommand = "true"): string {
  return [
    manifest([
      {
        id: "script",
        route: "/script/...",
        source: sampleWasm("script-js"),
        lines: [
          "[component.script.build]",
          `command = ${JSON.stringify(buildCommand)}`,
        ],
      },
    ]),
    ...routes.map((route) =>
      `[[trigger.http]]\nroute = ${JSON.stringify(route)}\n` +
      'static_response = { status_code = 200, body = "fixed" }'
    ),
  ].join("\n");
}

Deno.test({
  name: "the live page of watch shows in Chromium what goes on",
  ignore: whyNoChromium() !== undefined,
  async fn(t) {
    const directory = suite.directory();
    writeManifest(directory, watchedManifest(["/one", "/two/..."]));
    const { app, page: url } = await startWatch(directory);
    await using _app = app;
    await using browser = await Chromium.start();
    const page = await browser.open(url);

    await t.step("routes, with links to the app", async () => {
      await page.waitForText("#app-name", /^made-by-test$/);
      await page.waitForText("#status", /^Serving/);
      assert.equal(await page.evaluate("document.title"), "made-by-test – spinkube");
      const rows = await page.evaluate(
        "[...document.querySelectorAll('#triggers tr')].map((row) => " +
          "[...row.cells].map((cell) => cell.innerText).concat(row.querySelector('a').href))",
      );
      assert.deepEqual(rows, [
        ["http", "script", "/script/...", `${app.baseUrl}/script`],
        ["http", "http-trigger1", "/one", `${app.baseUrl}/one`],
        ["http", "http-trigger2", "/two/...", `${app.baseUrl}/two`],
      ]);
    });

    await t.step("a request as it is made", async () => {
      assert.equal((await app.get("/one?word=live")).status, 200);
      const row = await page.waitForText("#request-rows tr", /word=live/);
      assert.match(row, /^[\d:.]+\tGET\t\/one\?word=live\t\t200\t[\d.]+ ms\t/);
    });

    await t.step("markup in logs and paths as text", async () => {
      const script = `
        const write = (stream, line) => stream.blockingWriteAndFlush(bytes(line + "\\n"));
        write(i.stdout.getStdout(), ${JSON.stringify(MARKUP)});
        write(i.stderr.getStderr(), "second");
        return 1`;
      for (const _ of [1, 2]) {
        assert.equal(
          (await app.get("/script/" + encodeURIComponent(MARKUP), { method: "POST", body: script }))
            .status,
          200,
        );
      }
      const lines = await page.waitForText("#lines", /second/);
      assert.ok(lines.includes(MARKUP), lines);
      assert.match(lines, /script\s*stdout\s*<script>/);
      assert.match(lines, /script\s*stderr\s*second/);
      assert.equal(await page.evaluate("globalThis.broken === undefined"), true);
      assert.equal(await page.evaluate("document.querySelector('#marked')"), null);
    });

    await t.step("instances and memory", async () => {
      const row = await page.waitForText("#components tr", /^script\t\S+\t[1-9]/);
      assert.match(
        row,
        /^script\t(?:copy|copy-on-write|fresh)\t\d+\t\d+\t\d+\t\d+\t\d+\t[\d.]+ [KM]iB$/,
      );
      assert.match(await page.text("#resident"), /^\d+\.\d (?:MiB|GiB)$/);
      assert.match(await page.text("#instance-memory"), /^\d+\.\d [KM]iB$/);
      await page.waitForText("#request-count", /^3$/);
      assert.match(
        await page.text("#request-rows"),
        /POST\t.*\tscript\t200\t.* ms\t\d+ B\t(?:reused|new)/,
      );
    });

    await t.step("a filter, and a pause", async () => {
      await page.evaluate(
        "filter.value = 'WORD=live'; filter.dispatchEvent(new Event('input'))",
      );
      assert.equal((await page.text("#request-rows")).split("\n").length, 1);
      await page.evaluate("filter.value = ''; filter.dispatchEvent(new Event('input'))");
      await page.evaluate("document.getElementById('pause').click()");
      await app.get("/one?while=paused");
      await page.waitForText("#request-count", /^4$/);
      assert.doesNotMatch(await page.text("#request-rows"), /paused/);
      await page.evaluate("document.getElementById('pause').click()");
      await page.waitForText("#request-rows", /paused/);
    });

    await t.step("a reload", async () => {
      writeManifest(directory, watchedManifest(["/other"]));
      await page.waitForText("#triggers", /other/);
      assert.match(await page.waitForText("#status", /^Serving/), /reloaded in [\d.]+ m?s$/);
      assert.equal(await page.text("#reloads"), "1");
    });

    await t.step("what a build that fails has written", async () => {
      writeManifest(
        directory,
        watchedManifest(["/other"], "echo 'no <b>such</b> thing' >&2; exit 3"),
      );
      await page.waitForText("#status", /^Failed – the app that worked last goes on$/);
      const problem = await page.text("#problem");
      assert.match(problem, /no <b>such<\/b> thing/);
      assert.match(problem, /Build command for component script failed with status Exited\(3\)/);
      assert.equal((await app.get("/other")).status, 200);
      writeManifest(directory, watchedManifest(["/mended"]));
      await page.waitForText("#triggers", /mended/);
      assert.equal(await page.text("#problem-section"), "");
    });

    await t.step("dark where the system is, and reached by the keyboard", async () => {
      const colour = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
      const light = await colour();
      const features = [{ name: "prefers-color-scheme", value: "dark" }];
      await page.command("Emulation.setEmulatedMedia", { features });
      assert.notEqual(await colour(), light);
      assert.deepEqual(await tabStops(page, 7), [
        "a.skip",
        "a",
        "a",
        "input#filter",
        "button#pause",
        "div.scroll",
        "ol#lines",
      ]);
    });

    await t.step("nothing that the console or its policy complains of", () => {
      assert.deepEqual(page.problems, []);
      const foreign = page.requested.filter((address) =>
        !address.startsWith(url) && !address.startsWith("data:")
      );
      assert.deepEqual(foreign, []);
    });

    await t.step("nothing under another name of this machine", async () => {
      const rebound = await browser.open(url.replace("127.0.0.1", REBOUND_HOST));
      assert.equal(rebound.status, 403);
      assert.match(await rebound.text("body"), /served for this machine only/);
    });

    await t.step("nothing to pages of the app", async () => {
      const other = await browser.open(`${app.baseUrl}/mended`);
      const read = await other.evaluate(
        `fetch(${JSON.stringify(url + "state")}).then(() => "read", (error) => String(error))`,
      );
      assert.match(String(read), /TypeError/);
      const blind = await other.evaluate(
        `fetch(${JSON.stringify(url + "state")}, { mode: "no-cors" })` +
          `.then(() => "got it", (error) => String(error))`,
      );
      assert.match(String(blind), /TypeError/);
    });

    await t.step("that the program has ended", async () => {
      app.signal("SIGINT");
      assert.equal((await app.status).code, 130);
      await page.waitForText("#status", /^Not running/);
    });
  },
});

/** What the next presses of Tab reach. */
async function tabStops(page: Page, count: number): Promise<string[]> {
  await page.evaluate("document.activeElement.blur(); document.body.focus(); scrollTo(0, 0)");
  const stops: string[] = [];
  for (let press = 0; press < count; press++) {
    for (const type of ["keyDown", "keyUp"]) {
      const key = { key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 };
      await page.command("Input.dispatchKeyEvent", { type, ...key });
    }
    stops.push(String(
      await page.evaluate(
        "((e) => e.localName + (e.id ? '#' + e.id : e.className ? '.' + e.className : ''))" +
          "(document.activeElement)",
      ),
    ));
  }
  return stops;
}

interface State {
  readonly requests: { readonly path: string; readonly status: string }[];
  readonly lines: { readonly component: string; readonly stream: string; readonly text: string }[];
  readonly requestCount: number;
  readonly isolates: number;
  readonly components: { readonly id: string; readonly live: number }[];
}

async function state(page: string): Promise<State> {
  return await (await fetch(`${page}state`)).json();
}

Deno.test("up --live-page tells of the requests and logs of all isolates", async () => {
  const directory = suite.directory();
  writeManifest(directory, manifest([{ id: "torture", route: "/..." }]));
  const args = ["--live-page=127.0.0.1:0", "--workers", "3", "--quiet"];
  await using app = await suite.start({ from: directory, args });
  const page = await pageOf(app);
  await waitUntil(async () => (await state(page)).isolates === 3, { what: "three isolates" });
  // Which isolate gets a connection is the system's choice.
  for (let i = 0; i < 60; i++) {
    await (await app.fetch(`/log?${i}`, { headers: { connection: "close" } })).text();
  }
  await (await app.fetch("/trap")).text();
  const known = await waitUntil(async () => {
    const now = await state(page);
    return now.lines.length > 120 ? now : undefined;
  }, { what: "all lines" });
  assert.equal(known.requestCount, 61);
  assert.equal(known.requests.filter(({ status }) => status === "200").length, 60);
  assert.equal(known.requests.filter(({ path }) => path === "/trap")[0]?.status, "500");
  const texts = known.lines.map(({ component, stream, text }) => `${component} ${stream} ${text}`);
  for (let i = 0; i < 60; i++) {
    assert.ok(texts.includes(`torture stdout to standard output ${i}`), `${i}`);
    assert.ok(texts.includes(`torture stderr to standard error ${i}`), `${i}`);
  }
  assert.match(texts.join("\n"), /^ host Error processing request: GET \/trap: /m);
  // The one that trapped is gone.
  assert.ok(known.components[0]!.live >= 2);
});

Deno.test("up without --live-page, and with another machine's address, has no live page", async () => {
  const directory = suite.directory();
  writeManifest(
    directory,
    watchedManifest(["/one"]).replace(/\[component\.script\.build\]\n.*\n/, ""),
  );
  await using app = await suite.start({ from: directory, args: ["--live-page=off"] });
  assert.equal((await app.get("/one")).status, 200);
  assert.doesNotMatch(app.stderr, /Live page/);
  const { code, stderr } = await suite.refuse({ from: directory, args: ["--live-page=0.0.0.0:0"] });
  assert.equal(code, 2);
  assert.match(stderr, /--live-page.*only this machine reaches/s);
});

Deno.test("watch serves without a live page if its ports are taken", async () => {
  const taken: Deno.Listener[] = [];
  try {
    for (let port = 3080; port < 3090; port++) {
      try {
        taken.push(Deno.listen({ hostname: "127.0.0.1", port }));
      } catch (error) {
        // Somebody else has it, which is as good.
        if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      }
    }
    const directory = suite.directory();
    writeManifest(directory, watchedManifest(["/one"]));
    await using app = await RunningApp.start({
      program: Deno.execPath(),
      args: [
        ...["run", ...DENO_FLAGS, PROGRAM_PATH, "watch", "--from", directory],
        ...["--listen", "127.0.0.1:0", "--format", "json", "--cache-dir", suite.cacheDir],
        ...["--state-dir", join(directory, "state")],
      ],
      env: { NO_COLOR: "1", TMPDIR: suite.directory() },
    }, true);
    assert.equal((await app.get("/one")).status, 200);
    await app.waitForStderr(/^Note: There is no live page\. Cannot serve the live page on /m);
  } finally {
    taken.forEach((listener) => listener.close());
  }
});
