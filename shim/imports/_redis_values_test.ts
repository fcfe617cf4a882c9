import assert from "node:assert/strict";
import {
  isBlockingCommand,
  isRepeatingCommand,
  isStatefulCommand,
  toBytes,
  toCommand,
  toCount,
  toInteger,
  toResults,
  toTexts,
} from "./_redis_values.ts";
import type { RespArgument, RespValue } from "./_resp.ts";

const integer = (value: bigint): RespValue => ({ kind: "integer", value });
const bytes = (...values: number[]): RespValue => ({
  kind: "bytes",
  bytes: Uint8Array.of(...values),
});
const list = (...items: RespValue[]): RespValue => ({ kind: "list", items });
const QUEUED: RespValue = { kind: "status", text: "QUEUED" };
const NIL: RespValue = { kind: "nil" };

Deno.test("toCommand() copies binary parameters and keeps integers exact", () => {
  const view = Uint8Array.of(1, 2);
  const command = toCommand("SET", [{ tag: "binary", val: view }, {
    tag: "int64",
    val: 2n ** 62n,
  }]);
  view[0] = 9;
  assert.deepEqual(command, ["SET", Uint8Array.of(1, 2), 2n ** 62n]);
});

Deno.test("typed replies are type-error when the reply is of another kind", () => {
  const cases: [(reply: RespValue) => unknown, RespValue[]][] = [
    [toBytes, [QUEUED, integer(1n), list()]],
    [toInteger, [QUEUED, NIL, bytes(49)]],
    [toCount, [QUEUED, integer(-1n), integer(2n ** 32n)]],
    [toTexts, [QUEUED, NIL, list(integer(1n)), list(bytes(0xff))]],
  ];
  for (const [read, replies] of cases) {
    for (const reply of replies) {
      assert.throws(() => read(reply), (error) => {
        assert.deepEqual(error, { tag: "type-error" });
        return true;
      }, `${read.name} of ${reply.kind}`);
    }
  }
  assert.deepEqual(toTexts(list(bytes(0xef, 0xbb, 0xbf, 0x61))), ["\ufeffa"], "nothing is dropped");
});

Deno.test("toResults() flattens lists and refuses maps and errors in them", () => {
  assert.deepEqual(toResults(list(integer(1n), list(QUEUED, list()), NIL)), [
    { tag: "int64", val: 1n },
    { tag: "status", val: "QUEUED" },
    { tag: "nil" },
  ]);
  const refused: [RespValue, string][] = [
    [{ kind: "map", items: [] }, "the reply has a map, which this interface cannot hold"],
    [{ kind: "error", code: "ERR", message: "no" }, "ERR: no"],
  ];
  for (const [item, val] of refused) {
    assert.throws(() => toResults(list(item)), (error) => {
      assert.deepEqual(error, { tag: "other", val });
      return true;
    });
  }
});

Deno.test("commands are known by name, in any case", () => {
  const cases: [RespArgument[], { stateful?: true; blocking?: true; repeating?: true }][] = [
    [["GET", "select"], {}],
    [["select", 1n], { stateful: true }],
    [["Multi"], { stateful: true }],
    [["CLIENT", "ID"], { stateful: true }],
    [["client", new TextEncoder().encode("reply")], { stateful: true, repeating: true }],
    [["blpop", "k", 0n], { blocking: true }],
    [["pSubscribe", "*"], { repeating: true }],
  ];
  for (const [command, expected] of cases) {
    const name = command.map(String).join(" ");
    assert.equal(isStatefulCommand(command), expected.stateful ?? false, name);
    assert.equal(isBlockingCommand(command), expected.blocking ?? false, name);
    assert.equal(isRepeatingCommand(command), expected.repeating ?? false, name);
  }
});
