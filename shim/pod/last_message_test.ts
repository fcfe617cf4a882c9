import assert from "node:assert/strict";
import { TerminalError, UsageError } from "../../lib/errors.ts";
import { tellLastMessage } from "./last_message.ts";

Deno.test("tellLastMessage() tells both readers, with an exit code of the kind of failure", async () => {
  const log = await Deno.makeTempFile();
  const cases: [error: unknown, code: number, message: string][] = [
    [new TerminalError("NoApp", "no app"), 1, "Error: no app"],
    [new UsageError("wrong", "like this"), 2, "Error: wrong\nlike this"],
    [new Error("defect"), 70, "Error: defect"],
    ["text", 70, "Error: text"],
  ];
  try {
    for (const [error, code, message] of cases) {
      const lines: string[] = [];
      const writeError = (line: string) => void lines.push(line);
      assert.equal(tellLastMessage(error, { terminationLog: log, writeError }), code);
      assert.deepEqual(lines, [message]);
      assert.equal(await Deno.readTextFile(log), message);
    }
  } finally {
    await Deno.remove(log);
  }
});

Deno.test("tellLastMessage() writes no more than Kubernetes keeps, and makes no file", async () => {
  const directory = await Deno.makeTempDir();
  const log = `${directory}/log`;
  const error = new TerminalError("Long", "x".repeat(10_000));
  try {
    tellLastMessage(error, { terminationLog: log, writeError: () => {} });
    await assert.rejects(Deno.stat(log), Deno.errors.NotFound);
    await Deno.writeTextFile(log, "");
    tellLastMessage(error, { terminationLog: log, writeError: () => {} });
    assert.equal((await Deno.stat(log)).size, 4096);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
