import assert from "node:assert/strict";
import { join } from "node:path";
import { manifest, sampleWasm } from "../support/fixtures.ts";
import { waitUntil } from "../support/wait.ts";
import { type Program, startProgram } from "./_program.ts";

/** Milliseconds without a change; short, as nobody types here. */
const DEBOUNCE = "30";

/** An app in a directory of its own, served by `watch`. */
class WatchedApp implements AsyncDisposable {
  readonly directory: string;
  readonly program: Program;

  private constructor(directory: string, program: Program) {
    this.directory = directory;
    this.program = program;
  }

  static async start(
    files: Readonly<Record<string, string>>,
    port = 0,
    args: readonly string[] = [],
  ): Promise<WatchedApp> {
    const directory = await Deno.makeTempDir({ prefix: "spinkube-watch-" });
    await Promise.all(
      Object.entries(files).map(async ([name, text]) => {
        await Deno.mkdir(join(directory, name, ".."), { recursive: true });
        await Deno.writeTextFile(join(directory, name), text);
      }),
    );
    const program = startProgram(
      [
        ...["watch", "--debounce", DEBOUNCE, "--listen", `127.0.0.1:${port}`, "--format", "json"],
        ...["--cache-dir", join(directory, ".cache"), ...args],
      ],
      { cwd: directory, env: { TMPDIR: directory } },
    );
    return new WatchedApp(directory, program);
  }

  async baseUrl(): Promise<string> {
    return (await this.program.listing()).base_url;
  }

  write(name: string, text: string): Promise<void> {
    return Deno.writeTextFile(join(this.directory, name), text);
  }

  read(name: string): Promise<string> {
    return Deno.readTextFile(join(this.directory, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** An app that answers without a component. */
function fixedAnswer(body: string): string {
  return `spin_manifest_version = 2
[application]
name = "fixed"
[[trigger.http]]
route = "/..."
static_response = { status_code = 200, body = "${body}" }
`;
}

/** An app with a component that is "built" by a shell. */
function builtApp(command: string): string {
  return `spin_manifest_version = 2
[application]
name = "built"
[[trigger.http]]
route = "/..."
component = "a"
[component.a]
source = "app.wasm"
[component.a.build]
command = ${JSON.stringify(command)}
watch = ["src/**/*", "gen/*"]
`;
}

async function text(url: string, init?: RequestInit): Promise<string> {
  return await (await fetch(url, init)).text();
}

async function waitForAnswer(url: string, expected: RegExp, init?: RequestInit): Promise<void> {
  async function isAnswered(): Promise<true | undefined> {
    try {
      return expected.test(await text(url, init)) ? true : undefined;
    } catch {
      // It does not listen yet.
      return undefined;
    }
  }
  await waitUntil(isAnswered, {
    what: `${url} to answer ${expected}`,
    timeoutMs: 30_000,
  });
}

Deno.test("watch serves a changed manifest on the same port", async () => {
  await using app = await WatchedApp.start({ "spin.toml": fixedAnswer("one") });
  const url = await app.baseUrl();
  assert.equal(await text(url), "one");
  await app.write("spin.toml", fixedAnswer("two"));
  await waitForAnswer(url, /^two$/);
  await app.write("spin.toml", 'spin_manifest_version = 2\n[application\nname = "<b>"');
  await waitForAnswer(url, /spin\.toml:2/, { headers: { accept: "text/html" } });
  assert.equal(await text(url), "two");
  await app.write("spin.toml", fixedAnswer("three"));
  await waitForAnswer(url, /^three$/, { headers: { accept: "text/html" } });
  app.program.kill("SIGINT");
  const { code, stderr } = await app.program.outcome();
  assert.equal(code, 130, stderr);
  assert.match(stderr, /Reloaded in \d+ ms/);
  assert.deepEqual(
    [...Deno.readDirSync(app.directory)].map(({ name }) => name).filter((name) =>
      name.startsWith("spin") && name !== "spin.toml"
    ),
    [],
  );
});

Deno.test("watch builds again when sources change, and not for what builds write", async () => {
  const wasm = sampleWasm("torture");
  await using app = await WatchedApp.start({
    "spin.toml": builtApp(
      `echo x >> builds.txt; cp ${wasm} app.wasm; date +%N > gen/made; ` +
        "date +%N > src/stamp; grep -q good src/input; code=$?; echo x >> ended.txt; exit $code",
    ),
    "src/input": "good",
    "src/stamp": "old",
    "gen/keep": "",
  });
  const url = await app.baseUrl();
  assert.equal((await fetch(`${url}/`)).status > 0, true);
  // What was there before and is written by the build counts once.
  await waitUntil(async () => (await app.read("ended.txt")).length >= 4 ? true : undefined, {
    what: "the end of the second build",
    timeoutMs: 20_000,
  });
  await app.write("src/input", "bad");
  await waitForAnswer(`${url}/`, /Build command for component a failed with status Exited\(1\)/, {
    headers: { accept: "text/html" },
  });
  assert.equal((await app.read("builds.txt")).split("\n").length - 1, 3);
  await app.write("src/input", "good again");
  await waitUntil(async () => (await app.read("builds.txt")).length >= 8 ? true : undefined, {
    what: "the fourth build",
    timeoutMs: 20_000,
  });
  app.program.kill("SIGTERM");
  const { code, stderr } = await app.program.outcome();
  assert.equal(code, 0, stderr);
  assert.equal((await app.read("builds.txt")).split("\n").length - 1, 4, stderr);
});

Deno.test("watch lets the app before a reload end what it has begun", async () => {
  const text = (name: string) =>
    manifest([{ id: "torture", route: `/${name}/...` }, { id: "more", route: "/..." }]);
  await using app = await WatchedApp.start({ "spin.toml": text("a") });
  const url = await app.baseUrl();
  const drip = await fetch(`${url}/drip?n=40&ms=50`);
  await app.write("spin.toml", fixedAnswer("new"));
  await waitForAnswer(`${url}/drip`, /^new$/);
  assert.match(await drip.text(), /drop 0\n[^]*drop 39\n$/);
});

Deno.test("watch serves changed files, of copies and of whole directories", async () => {
  await using app = await WatchedApp.start({
    "spin.toml": manifest([{
      id: "torture",
      route: "/...",
      lines: ['files = ["one/*.txt", { source = "all", destination = "/all" }]'],
    }]),
    "one/a.txt": "first",
    "all/b.txt": "first",
  });
  const url = await app.baseUrl();
  await waitForAnswer(`${url}/file?path=/one/a.txt`, /^first/);
  await app.write("one/a.txt", "second");
  await waitForAnswer(`${url}/file?path=/one/a.txt`, /^second/);
  await app.write("all/c.txt", "third");
  await waitForAnswer(`${url}/file?path=/all/c.txt`, /^third/);
});

Deno.test("watch begins with an app that does not work yet", async () => {
  const port = freePort();
  await using app = await WatchedApp.start({ "spin.toml": "spin_manifest_version = 2\n" }, port);
  const url = `http://127.0.0.1:${port}`;
  await waitForAnswer(url, /application/);
  assert.equal((await fetch(url, { method: "HEAD" })).status, 503);
  await app.write("spin.toml", fixedAnswer("works"));
  await waitForAnswer(url, /^works$/);
});

Deno.test("watch loads what somebody else built with --skip-build", async () => {
  const port = freePort();
  await using app = await WatchedApp.start(
    { "spin.toml": builtApp("exit 1"), "app.wasm": "no wasm" },
    port,
    ["--skip-build"],
  );
  const url = `http://127.0.0.1:${port}/hello`;
  await waitForAnswer(url, /not a valid|no Wasm|wasm/i);
  await Deno.copyFile(sampleWasm("torture"), join(app.directory, "app.wasm"));
  await waitUntil(async () => {
    const response = await fetch(url);
    await response.body?.cancel();
    return response.status === 503 ? undefined : true;
  }, { what: "the app", timeoutMs: 60_000 });
});

Deno.test({
  name: "watch prepares new components in a process that is ready, and leaves none behind",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using app = await WatchedApp.start({
      "spin.toml": manifest([{ id: "a", route: "/...", source: "a.wasm" }]),
      "a.wasm": "",
    });
    const wasm = join(app.directory, "a.wasm");
    await Deno.copyFile(sampleWasm("torture"), wasm);
    const first = await waitUntil(() => findPreparer(app.directory), {
      what: "the process that prepares",
      timeoutMs: 60_000,
    });
    const url = await app.baseUrl();
    await Deno.copyFile(sampleWasm("rust-api"), wasm);
    await waitForAnswer(`${url}/variable/none`, /^undefined/);
    assert.equal(findPreparer(app.directory), first);
    // Somebody kills it: another one does the work.
    Deno.kill(first, "SIGKILL");
    await Deno.copyFile(sampleWasm("torture"), wasm);
    await Deno.writeFile(wasm, new Uint8Array([0, 2, 1, 0]), { append: true });
    await waitUntil(() => {
      const next = findPreparer(app.directory);
      return next !== undefined && next !== first ? true : undefined;
    }, { what: "the next process", timeoutMs: 60_000 });
    app.program.kill("SIGTERM");
    assert.equal((await app.program.outcome()).code, 0);
    await waitUntil(() => findPreparer(app.directory) === undefined ? true : undefined, {
      what: "the end of the process",
    });
  },
});

/** Pid of the process that prepares components for the program that was started in the directory. */
function findPreparer(directory: string): number | undefined {
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const isPreparer = words.includes("prepare") && words.includes("--serve");
      if (isPreparer && Deno.readLinkSync(`/proc/${name}/cwd`) === directory) return Number(name);
    } catch {
      // It has ended.
    }
  }
  return undefined;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
