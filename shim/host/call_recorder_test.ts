import assert from "node:assert/strict";
import { CallRecorder } from "./call_recorder.ts";

class Connection {
  static async open(): Promise<Connection> {
    await Promise.resolve();
    return new Connection();
  }

  query(): string {
    return this.lastRow();
  }

  lastRow(): string {
    return "row";
  }
}

Deno.test("CallRecorder writes each function that a component calls once", async () => {
  const file = await Deno.makeTempFile({ prefix: "spinkube-test-" });
  try {
    const recorder = new CallRecorder(file);
    const offered = recorder.watch(
      {
        "wasi:random/random@0.2": { getRandomU64: () => 1n },
        "spin:sqlite/sqlite@3.0.0": { Connection },
        "spin:sqlite/sqlite@3.1.0": { Connection },
      },
      {
        component: "hello",
        wanted: [
          "wasi:random/random@0.2.3",
          "spin:sqlite/sqlite@3.0.0",
          "spin:sqlite/sqlite@3.1.0",
        ],
      },
    );
    const random = offered["wasi:random/random@0.2"]!.getRandomU64 as () => bigint;
    assert.equal(random(), 1n);
    random();
    const Late = offered["spin:sqlite/sqlite@3.1.0"]!.Connection as typeof Connection;
    const connection = await Late.open();
    assert.ok(connection instanceof Connection && connection instanceof Late);
    assert.equal(connection.query(), "row");
    assert.equal(
      await Deno.readTextFile(file),
      [
        "hello wasi:random/random@0.2#get-random-u64",
        "hello spin:sqlite/sqlite@3.1.0#[static]connection.open",
        // The method that query() itself calls is not the component's doing.
        "hello spin:sqlite/sqlite@3.1.0#[method]connection.query",
        "",
      ].join("\n"),
    );
  } finally {
    await Deno.remove(file);
  }
});
