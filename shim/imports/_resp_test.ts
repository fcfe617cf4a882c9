import assert from "node:assert/strict";
import {
  encodeCommand,
  ReplyTooLargeError,
  RespDecoder,
  RespError,
  type RespValue,
} from "./_resp.ts";

const encoder = new TextEncoder();
const bytes = (text: string): RespValue => ({ kind: "bytes", bytes: encoder.encode(text) });
const status = (text: string): RespValue => ({ kind: "status", text });
const integer = (value: bigint): RespValue => ({ kind: "integer", value });
const nil: RespValue = { kind: "nil" };

/** Decodes `text` in chunks of `chunkBytes`. */
function decode(text: string, chunkBytes = Infinity, maxReplyBytes = 1000): RespValue[] {
  const replies: RespValue[] = [];
  const decoder = new RespDecoder({ maxReplyBytes, onReply: (reply) => replies.push(reply) });
  const all = encoder.encode(text);
  for (let at = 0; at < all.length; at += chunkBytes) {
    decoder.write(all.slice(at, at + chunkBytes));
  }
  return replies;
}

Deno.test("encodeCommand() writes an array of bulk strings", () => {
  const command = encodeCommand(["SET", "naïve", new Uint8Array([0, 255]), -5n]);
  const expected = [
    ...encoder.encode("*4\r\n$3\r\nSET\r\n$6\r\nnaïve\r\n$2\r\n"),
    0,
    255,
    ...encoder.encode("\r\n$2\r\n-5\r\n"),
  ];
  assert.deepEqual([...command], expected);
});

Deno.test("RespDecoder reads every type, however the bytes are cut", () => {
  const cases: [string, RespValue[]][] = [
    ["+OK\r\n", [status("OK")]],
    ["+\r\n", [status("")]],
    ["-WRONGTYPE Not this\r\n", [{ kind: "error", code: "WRONGTYPE", message: "Not this" }]],
    ["-ERR\r\n", [{ kind: "error", code: "ERR", message: "" }]],
    [":9223372036854775807\r\n:-1\r\n", [integer(2n ** 63n - 1n), integer(-1n)]],
    ["$5\r\na\r\nbc\r\n", [bytes("a\r\nbc")]],
    ["$0\r\n\r\n$-1\r\n*-1\r\n_\r\n", [bytes(""), nil, nil, nil]],
    ["*0\r\n", [{ kind: "list", items: [] }]],
    ["*2\r\n*1\r\n:1\r\n*0\r\n", [{
      kind: "list",
      items: [{ kind: "list", items: [integer(1n)] }, { kind: "list", items: [] }],
    }]],
    ["~1\r\n#t\r\n", [{ kind: "list", items: [integer(1n)] }]],
    ["%1\r\n+k\r\n,1.5\r\n", [{ kind: "map", items: [status("k"), bytes("1.5")] }]],
    ["(123456789012345678901234567890\r\n", [bytes("123456789012345678901234567890")]],
    ["=6\r\ntxt:ab\r\n", [bytes("ab")]],
    ["!6\r\nERR no\r\n", [{ kind: "error", code: "ERR", message: "no" }]],
    [">1\r\n+x\r\n|1\r\n+a\r\n+b\r\n+y\r\n", [status("y")]],
    ["*1\r\n|1\r\n+a\r\n+b\r\n+y\r\n", [{ kind: "list", items: [status("y")] }]],
  ];
  for (const [text, expected] of cases) {
    for (const chunkBytes of [1, 2, 3, Infinity]) {
      assert.deepEqual(decode(text, chunkBytes), expected, `${text} by ${chunkBytes}`);
    }
  }
});

Deno.test("RespDecoder refuses what is not RESP", () => {
  const texts = [
    "HTTP/1.1 400 Bad Request\r\n",
    "+OK\n",
    "\r\n",
    "$1\r\nabc",
    "$x\r\n",
    "$-2\r\n",
    ":1.5\r\n",
    "*1\r\n".repeat(200),
    `+${"x".repeat(70_000)}`,
  ];
  for (const text of texts) {
    assert.throws(() => decode(text, Infinity, 1e6), RespError, text.slice(0, 20));
  }
});

Deno.test("RespDecoder refuses a reply over the limit before it has arrived", () => {
  const limit = new ReplyTooLargeError(1000);
  assert.equal(limit.message, "query result exceeds limit of 1000 bytes");
  for (
    const text of ["$1001\r\n", "*100\r\n", "*2\r\n$500\r\n" + "x".repeat(500) + "\r\n$500\r\n"]
  ) {
    assert.throws(() => decode(text), limit, text.slice(0, 20));
  }
  const two = `$900\r\n${"x".repeat(900)}\r\n`.repeat(2);
  assert.equal(decode(two).length, 2, "the limit is for each reply");
});
