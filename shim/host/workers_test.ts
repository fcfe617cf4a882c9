import assert from "node:assert/strict";
import { Workers } from "./workers.ts";
import type { WorkerInit } from "./worker_main.ts";

async function until(isTrue: () => boolean, message: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, message);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Workers that run `code` (with `parentPort` and `workerData`) instead of the program. */
async function withWorkers(
  code: string,
  test: (workers: Workers, state: { lines: string[]; directory: string }) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "spinkube-test-" });
  try {
    const path = `${directory}/worker.js`;
    await Deno.writeTextFile(
      path,
      `import { parentPort, workerData } from "node:worker_threads";
       function note(text) { Deno.writeTextFileSync(workerData + "/notes", text, { append: true }); }
       ${code}`,
    );
    const lines: string[] = [];
    const workers = new Workers(directory as unknown as WorkerInit, {
      report: (line) => lines.push(line),
      module: new URL(`file://${path}`),
    });
    await test(workers, { lines, directory });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function notes(directory: string): string {
  try {
    return Deno.readTextFileSync(`${directory}/notes`);
  } catch {
    // No worker has come that far.
    return "";
  }
}

const SERVE = `parentPort.postMessage({ type: "ready" }); note("+");
  parentPort.once("message", ({ type, graceMs }) => {
    note(type + graceMs); parentPort.postMessage({ type: "stopped" }); });`;

Deno.test("Workers start, and stop when they are told", async () => {
  await withWorkers(SERVE, async (workers, { lines, directory }) => {
    workers.start(2);
    await until(() => notes(directory) === "++", "both are ready");
    // The message that says so may still be on its way.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await workers.stop(123);
    assert.equal(notes(directory), "++stop123stop123");
    assert.deepEqual(lines, []);
  });
});

Deno.test("Workers are replaced when they die", async (t) => {
  const deaths: Record<string, string> = {
    "by an error": `setTimeout(() => { throw new Error("broken"); }, 20); ${SERVE}`,
    "by returning": `note("+"); parentPort.postMessage({ type: "ready" });`,
  };
  for (const [name, code] of Object.entries(deaths)) {
    await t.step(name, async () => {
      await withWorkers(code, async (workers, { lines, directory }) => {
        workers.start(1);
        await until(() => notes(directory).length >= 3, "it is started again and again");
        await workers.stop(0);
        assert.match(
          lines[0]!,
          /^A worker ended: (broken|it returned)\. Starting another one\.$/,
        );
        const count = notes(directory).length;
        await new Promise((resolve) => setTimeout(resolve, 150));
        assert.equal(notes(directory).length, count, "none is started after the stop");
      });
    });
  }
});

Deno.test("Workers that die at start are tried ever more slowly", async () => {
  await withWorkers(`note("+");`, async (workers, { lines }) => {
    const before = performance.now();
    workers.start(1);
    await until(() => lines.length >= 3, "it dies three times");
    // 50 and 100 milliseconds lie between the three.
    assert.ok(performance.now() - before > 140);
    await workers.stop(0);
  });
});

Deno.test("Workers.stop() does not wait for a worker that is still starting", async () => {
  await withWorkers(
    `note("+"); await new Promise((resolve) => setTimeout(resolve, 60_000));`,
    async (workers, { directory }) => {
      workers.start(1);
      await until(() => notes(directory) === "+", "it starts");
      const before = performance.now();
      await workers.stop(30_000);
      assert.ok(performance.now() - before < 5_000);
    },
  );
});

Deno.test("Workers.stop() ends a worker that does not answer", async () => {
  await withWorkers(
    `parentPort.postMessage({ type: "ready" }); note("+");
     parentPort.on("message", () => { note("busy"); for (;;); });`,
    async (workers, { directory }) => {
      workers.start(1);
      await until(() => notes(directory) === "+", "it is ready");
      await new Promise((resolve) => setTimeout(resolve, 50));
      await workers.stop(0);
      assert.equal(notes(directory), "+busy");
    },
  );
});

Deno.test("Workers are asked for the live page one by one; one that dies gives no answer", async () => {
  const code = `parentPort.postMessage({ type: "ready" });
    parentPort.on("message", ({ type, question, graceMs }) => {
      if (type === "stop") return parentPort.postMessage({ type: "stopped" });
      if (question > 0) throw new Error("broken");
      parentPort.postMessage({ type: "live", question: question + 1, report: { inFlight: 1 } });
      parentPort.postMessage({ type: "live", question, report: { inFlight: 5 } });
    });`;
  await withWorkers(code, async (workers) => {
    assert.deepEqual(workers.liveSources(), []);
    workers.start(1);
    await until(() => workers.liveSources().length === 1, "it is ready");
    const source = workers.liveSources()[0]!;
    assert.equal(workers.liveSources()[0], source);
    assert.equal((await source.take())?.inFlight, 5);
    assert.equal(await source.take(), undefined);
    await workers.stop(0);
  });
});
