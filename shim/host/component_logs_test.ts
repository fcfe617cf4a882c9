import assert from "node:assert/strict";
import { join } from "node:path";
import {
  checkFollow,
  createComponentLogs,
  prepareLogDirectory,
  sanitizeFileName,
} from "./component_logs.ts";
import { type LogTarget, LogWriter, MAX_QUEUED_BYTES } from "./log_writer.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function unexpected(lines: unknown): void {
  throw new Error(`unexpected report: ${lines}`);
}

/** A target in memory that can be stopped. */
class FakeTerminal implements LogTarget {
  text = "";
  #gate: PromiseWithResolvers<void> | undefined;

  stop(): void {
    this.#gate = Promise.withResolvers();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#gate?.promise;
    this.text += decoder.decode(bytes);
  }
}

async function withDirectory(action: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await action(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("createComponentLogs() copies followed output and keeps both streams in files", async () => {
  const cases = [
    { follow: "all" as const, terminal: "out\nerr\nother\n" },
    { follow: "none" as const, terminal: "" },
    { follow: ["b"], terminal: "other\n" },
  ];
  for (const { follow, terminal } of cases) {
    await withDirectory(async (directory) => {
      const logDir = join(directory, "state", "logs");
      const screen = new FakeTerminal();
      const logs = createComponentLogs({ logDir, follow, terminal: screen, report: unexpected });
      logs.sinks("a").stdout.write(encoder.encode("out\n"));
      logs.sinks("a").stderr.write(encoder.encode("err\n"));
      logs.sinks("b").stdout.write(encoder.encode("other\n"));
      await logs.close(1_000);
      assert.equal(screen.text, terminal);
      assert.equal(await Deno.readTextFile(join(logDir, "a_stdout.txt")), "out\n");
      assert.equal(await Deno.readTextFile(join(logDir, "a_stderr.txt")), "err\n");
      assert.equal(await Deno.readTextFile(join(logDir, "b_stdout.txt")), "other\n");
    });
  }
});

Deno.test("createComponentLogs() makes a removed log directory again", async () => {
  await withDirectory(async (directory) => {
    const logDir = join(directory, "logs");
    const logs = createComponentLogs({ logDir, follow: "none", report: unexpected });
    const { stdout } = logs.sinks("a");
    stdout.write(encoder.encode("lost\n"));
    await logs.flush(1_000);
    await Deno.remove(logDir, { recursive: true });
    const path = join(logDir, "a_stdout.txt");
    // The file is looked for again after a second.
    const deadline = performance.now() + 5_000;
    let text = "";
    while (text === "" && performance.now() < deadline) {
      stdout.write(encoder.encode("again\n"));
      await logs.flush(1_000);
      await new Promise((resolve) => setTimeout(resolve, 100));
      text = await Deno.readTextFile(path).catch(() => "");
    }
    assert.match(text, /again\n/);
    await logs.close(1_000);
  });
});

Deno.test("createComponentLogs() warns once about files it cannot write", async () => {
  await withDirectory(async (directory) => {
    await Deno.writeTextFile(join(directory, "file"), "");
    const reports: string[][] = [];
    const logs = createComponentLogs({
      logDir: join(directory, "file"),
      follow: "none",
      report: (lines) => reports.push(lines),
    });
    for (let i = 0; i < 3; i++) {
      logs.sinks("a").stdout.write(encoder.encode("x\n"));
      await logs.flush(1_000);
    }
    await logs.close(1_000);
    assert.equal(reports.length, 1);
    assert.match(
      reports[0]![0]!,
      /^Warning: output of component "a" is lost: cannot write ".*a_stdout\.txt": /,
    );
  });
});

Deno.test("createComponentLogs() appends whole chunks from two writers of one file", async () => {
  await withDirectory(async (directory) => {
    const both = [0, 1].map(() =>
      createComponentLogs({ logDir: directory, follow: "none", report: unexpected })
    );
    const line = (name: number, i: number) => `${name}:${i}:${"x".repeat(100)}\n`;
    for (let i = 0; i < 200; i++) {
      both.forEach((logs, name) => logs.sinks("a").stdout.write(encoder.encode(line(name, i))));
      if (i % 20 === 0) await both[0]!.flush(1_000);
    }
    for (const logs of both) await logs.close(1_000);
    const lines = (await Deno.readTextFile(join(directory, "a_stdout.txt"))).trim().split("\n");
    for (const name of [0, 1]) {
      assert.deepEqual(
        lines.filter((text) => text.startsWith(`${name}:`)).map((text) => `${text}\n`),
        Array.from({ length: 200 }, (_, i) => line(name, i)),
      );
    }
  });
});

Deno.test("LogWriter drops whole chunks when nobody reads and says so when somebody does", async () => {
  const screen = new FakeTerminal();
  const writer = new LogWriter({ target: screen, onFailure: unexpected });
  screen.stop();
  const chunk = encoder.encode("y".repeat(MAX_QUEUED_BYTES / 4));
  for (let i = 0; i < 4; i++) writer.push(chunk, "a");
  writer.push(encoder.encode("12345"), "a");
  writer.push(encoder.encode("1234567"), "b");
  screen.resume();
  await writer.flush();
  writer.push(encoder.encode("later\n"), "a");
  await writer.flush();
  const lines = screen.text.slice(MAX_QUEUED_BYTES).split("\n");
  assert.deepEqual(lines, [
    "",
    '[spinkube] 5 bytes of output of component "a" were dropped: they came faster than they could ' +
    "be written",
    '[spinkube] 7 bytes of output of component "b" were dropped: they came faster than they could ' +
    "be written",
    "later",
    "",
  ]);
});

Deno.test("createComponentLogs() does not hang on a pipe that nobody reads", async () => {
  const module = new URL("./component_logs.ts", import.meta.url).href;
  const program = `
    import { createComponentLogs } from ${JSON.stringify(module)};
    const logs = createComponentLogs({ follow: "all", report() {} });
    const started = performance.now();
    for (let i = 0; i < 4000; i++) {
      logs.sinks("a").stdout.write(new Uint8Array(1024).fill(120));
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const writtenMs = performance.now() - started;
    await logs.close(200);
    console.log(JSON.stringify({ writtenMs, endedMs: performance.now() - started }));
    Deno.exit(0);`;
  const directory = await Deno.makeTempDir();
  const file = join(directory, "program.ts");
  await Deno.writeTextFile(file, program);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-config", file],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const guard = setTimeout(() => child.kill("SIGKILL"), 20_000);
  try {
    const out = await new Response(child.stdout).text();
    assert.ok(out !== "", "the child was stuck");
    const { writtenMs, endedMs } = JSON.parse(out);
    assert.ok(writtenMs < 5_000 && endedMs < 6_000, out);
    assert.equal((await child.status).code, 0);
  } finally {
    clearTimeout(guard);
    await child.stderr.cancel();
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("checkFollow() lists unknown and known components", () => {
  checkFollow("all", ["a"]);
  checkFollow(["a"], ["a", "b"]);
  assert.throws(() => checkFollow(["x", "a", "y"], ["a", "b"]), {
    name: "TerminalError",
    message: "The following component(s) specified in --follow do not exist in the application:\n" +
      "  - x\n  - y\nThe following components exist:\n  - a\n  - b",
  });
});

Deno.test("prepareLogDirectory() empties the logs and nothing else", async () => {
  await withDirectory(async (directory) => {
    const logDir = join(directory, "deep", "logs");
    await prepareLogDirectory(logDir, { truncate: true });
    for (const name of ["a_stdout.txt", "a_stderr.txt", "notes.txt"]) {
      await Deno.writeTextFile(join(logDir, name), "x");
    }
    await prepareLogDirectory(logDir, { truncate: false });
    assert.equal(await Deno.readTextFile(join(logDir, "a_stdout.txt")), "x");
    await prepareLogDirectory(logDir, { truncate: true });
    assert.equal(await Deno.readTextFile(join(logDir, "a_stdout.txt")), "");
    assert.equal(await Deno.readTextFile(join(logDir, "a_stderr.txt")), "");
    assert.equal(await Deno.readTextFile(join(logDir, "notes.txt")), "x");
    await assert.rejects(prepareLogDirectory(join(logDir, "notes.txt", "x"), { truncate: false }), {
      name: "TerminalError",
      message: /^Cannot use log directory ".*": /,
    });
  });
});

Deno.test("sanitizeFileName() leaves no path in a name", () => {
  const cases = [["my-component", "my-component"], ["../a/b", "..ab"], ["a:b*", "ab"], ["..", ""], [
    "con",
    "",
  ]];
  for (const [id, name] of cases) assert.equal(sanitizeFileName(id!), name);
});
