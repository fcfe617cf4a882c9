import assert from "node:assert/strict";
import { check } from "../support/cases.ts";
import { samplePath, tortureManifest } from "../support/fixtures.ts";
import { RawConnection } from "../support/raw_http.ts";
import { TestSuite } from "../support/test_suite.ts";
import { waitUntil, within } from "../support/wait.ts";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

Deno.test("up outlives a shortage of file descriptors", async () => {
  await using app = await suite.start({
    from: tortureManifest(suite.directory()),
    shell: "ulimit -n 64",
    args: ["--workers", "1"],
  });
  await check(app, { request: "/", answer: "hello from C\n" });
  // Some are accepted, some wait in the kernel's queue, some are reset.
  const tries = await Promise.allSettled(
    Array.from({ length: 100 }, () => RawConnection.open(app.port)),
  );
  const connections = tries.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : []
  );
  await app.waitForStderr(/^Cannot accept connections: .*Trying again\.$/m);
  for (const connection of connections) connection[Symbol.dispose]();
  await waitUntil(
    async () => (await app.get("/").catch(() => undefined))?.body === "hello from C\n",
    { what: "the app to answer again", explain: () => app.stderr },
  );
  assert.ok(app.isUp);
  const lines = app.stderr.match(/^Cannot accept connections/gm)!;
  assert.ok(lines.length <= 20, `${lines.length} lines about the same trouble`);
  assert.doesNotMatch(app.stderr, /^\s+at /m);
});

Deno.test("up prepares elsewhere if its store cannot be written", async () => {
  const blocker = `${suite.directory()}/file`;
  Deno.writeTextFileSync(blocker, "not a directory");
  await using app = await suite.start({
    from: tortureManifest(suite.directory()),
    cacheDir: `${blocker}/cache`,
  });
  await check(app, { request: "/", answer: "hello from C\n" });
  await app.waitForStderr(/^Cannot write to ".*\/file\/cache": .*--cache-dir\.$/m);
});

Deno.test("up mends a damaged store", async () => {
  const cacheDir = suite.directory();
  const from = tortureManifest(suite.directory());
  {
    await using app = await suite.start({ from, cacheDir });
    await check(app, { request: "/", answer: "hello from C\n" });
  }
  for (const entry of Deno.readDirSync(`${cacheDir}/prepared`)) {
    for (const file of Deno.readDirSync(`${cacheDir}/prepared/${entry.name}`)) {
      if (!file.name.endsWith(".wasm")) continue;
      Deno.writeTextFileSync(`${cacheDir}/prepared/${entry.name}/${file.name}`, "damaged");
    }
  }
  await using app = await suite.start({ from, cacheDir });
  await check(app, { request: "/", answer: "hello from C\n" });
});

Deno.test("up shares its store with a process that starts at the same time", async () => {
  const cacheDir = suite.directory();
  const from = tortureManifest(suite.directory());
  const apps = await Promise.all([1, 2].map(() => suite.start({ from, cacheDir })));
  await using _first = apps[0]!;
  await using _second = apps[1]!;
  for (const app of apps) await check(app, { request: "/", answer: "hello from C\n" });
  const names = [...Deno.readDirSync(`${cacheDir}/prepared`)].map(({ name }) => name);
  assert.equal(names.length, 1, names.join(", "));
});

Deno.test("up shares its key-value file with another process", async () => {
  const stateDir = suite.directory();
  const from = samplePath("tiny-js");
  const apps = await Promise.all([1, 2].map(() => suite.start({ from, stateDir })));
  await using _first = apps[0]!;
  await using _second = apps[1]!;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => apps[index % 2]!.get("/count")),
  );
  for (const { status, body } of answers) assert.equal(status, 200, body);
});

Deno.test("up answers although nobody reads its stderr", async () => {
  const app = await suite.start({
    from: tortureManifest(suite.directory()),
    readsStderr: false,
    args: ["--workers", "1"],
  });
  await using _app = app;
  const line = "x".repeat(3_000);
  // A pipe holds 64 KiB: this is ten times as much.
  for (let i = 0; i < 200; i++) {
    const answer = within(app.get(`/log?${line}`), { what: `answer ${i}`, timeoutMs: 5_000 });
    assert.equal((await answer).body, "logged\n");
  }
  for (let i = 0; i < 50; i++) {
    const answer = within(app.get("/trap"), { what: `failure ${i}`, timeoutMs: 5_000 });
    assert.equal((await answer).status, 500);
  }
  await check(app, { request: "/", answer: "hello from C\n" });
});

Deno.test("up goes on if its log directory is removed", async () => {
  const stateDir = suite.directory();
  await using app = await suite.start({ from: tortureManifest(suite.directory()), stateDir });
  const file = `${stateDir}/logs/torture_stdout.txt`;
  await check(app, { request: "/log?first", answer: "logged\n" });
  await waitUntil(() => fileText(file).includes("first"), { what: "the first line in the log" });
  Deno.removeSync(`${stateDir}/logs`, { recursive: true });
  for (let i = 0; i < 5; i++) await check(app, { request: "/log?later", answer: "logged\n" });
  // An open file is trusted for a second before its path is looked at again.
  await waitUntil(async () => {
    await check(app, { request: "/log?again", answer: "logged\n" });
    return fileText(file).includes("again");
  }, { what: "the log to be written again", explain: () => app.stderr });
});

function fileText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

Deno.test("up goes on without logs if their directory cannot be made", async () => {
  const stateDir = suite.directory();
  Deno.writeTextFileSync(`${stateDir}/logs`, "not a directory");
  const from = tortureManifest(suite.directory());
  const outcome = await suite.start({ from, stateDir }).catch((error: Error) => error);
  if (outcome instanceof Error) {
    // Refusing is fine too, if it says what is in the way.
    assert.match(outcome.message, /Error: .*\/logs/);
    assert.doesNotMatch(outcome.message, /^\s+at .*\.ts:/m);
    return;
  }
  await using app = outcome;
  await check(app, { request: "/log?x", answer: "logged\n" });
});
