import assert from "node:assert/strict";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { CGROUP_V1_METRICS } from "./cgroup_v1_metrics.ts";
import { CGROUP_V2_METRICS } from "./cgroup_v2_metrics.ts";
import { CONTAINERD_METHODS } from "./containerd_api.ts";
import { MOUNT, RUNTIME_INFO } from "./containerd_types.ts";
import { BOOTSTRAP_PARAMS, BOOTSTRAP_RESULT } from "./bootstrap.ts";
import { DecodeError, decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { FORWARD_REQUEST, TASK_EVENTS } from "./events.ts";
import { CHECKPOINT_OPTIONS, RUNC_OPTIONS, RUNTIME_OPTIONS } from "./options.ts";
import {
  bool,
  bytes,
  double,
  enumeration,
  int32,
  int64,
  map,
  message,
  type MessageInit,
  type MessageType,
  nested,
  optional,
  repeated,
  string,
  uint32,
  uint64,
  UNKNOWN_FIELDS,
} from "./schema.ts";
import {
  CREATE_TASK_REQUEST,
  PIDS_RESPONSE,
  STATE_RESPONSE,
  STATS_RESPONSE,
  UPDATE_TASK_REQUEST,
} from "./task.ts";
import { REQUEST, RESPONSE } from "./ttrpc.ts";

const INNER = message("test.Inner", { id: string(1), count: int32(2) });

const ALL = message("test.All", {
  text: string(1),
  raw: bytes(2),
  flag: bool(3),
  signed: int32(4),
  unsigned: uint32(5),
  signedBig: int64(6),
  unsignedBig: uint64(7),
  real: double(8),
  color: enumeration(9, { none: 0, red: 1, blue: -1 }),
  inner: nested(10, INNER),
  maybe: optional(string(11)),
  texts: repeated(string(12)),
  numbers: repeated(uint64(13)),
  inners: repeated(nested(14, INNER)),
  labels: map(string(15)),
  innerByName: map(nested(16, INNER)),
  colors: repeated(enumeration(17, { none: 0, red: 1 })),
});

const DEFAULTS = {
  text: "",
  raw: new Uint8Array(0),
  flag: false,
  signed: 0,
  unsigned: 0,
  signedBig: 0n,
  unsignedBig: 0n,
  real: 0,
  color: "none",
  texts: [],
  numbers: [],
  inners: [],
  labels: new Map(),
  innerByName: new Map(),
  colors: [],
};

interface Case {
  readonly name: string;
  readonly value: MessageInit<typeof ALL>;
  readonly wire: string;
  /** What decoding gives, if it differs from `value`. */
  readonly decoded?: Record<string, unknown>;
}

const CASES: readonly Case[] = [
  { name: "nothing", value: {}, wire: "" },
  {
    name: "defaults, which are not sent",
    value: { ...DEFAULTS, color: 0, signedBig: 0, unsignedBig: 0 },
    wire: "",
    decoded: {},
  },
  { name: "text", value: { text: "é\u{1f600}" }, wire: "0a06 c3a9 f09f9880" },
  { name: "text with a byte order mark", value: { text: "\ufeffa" }, wire: "0a04 efbbbf 61" },
  { name: "bytes", value: { raw: Uint8Array.of(0, 255) }, wire: "1202 00ff" },
  { name: "true", value: { flag: true }, wire: "1801" },
  { name: "int32", value: { signed: 2 ** 31 - 1 }, wire: "20 ffffffff07" },
  { name: "negative int32 in ten bytes", value: { signed: -1 }, wire: "20 ffffffffffffffffff01" },
  { name: "smallest int32", value: { signed: -(2 ** 31) }, wire: "20 80808080f8ffffffff01" },
  { name: "uint32", value: { unsigned: 2 ** 32 - 1 }, wire: "28 ffffffff0f" },
  { name: "int64", value: { signedBig: 2n ** 63n - 1n }, wire: "30 ffffffffffffffff7f" },
  { name: "smallest int64", value: { signedBig: -(2n ** 63n) }, wire: "30 80808080808080808001" },
  {
    name: "int64 as a number",
    value: { signedBig: -62135596800 },
    wire: "30 8092b8c398feffffff01",
    decoded: { signedBig: -62135596800n },
  },
  { name: "uint64", value: { unsignedBig: 2n ** 64n - 1n }, wire: "38 ffffffffffffffffff01" },
  { name: "35 bits", value: { unsignedBig: 2n ** 35n }, wire: "38 808080808001" },
  { name: "double", value: { real: -1.5 }, wire: "41 000000000000f8bf" },
  { name: "minus zero", value: { real: -0 }, wire: "41 0000000000000080" },
  { name: "enum by name", value: { color: "red" }, wire: "4801" },
  { name: "negative enum", value: { color: "blue" }, wire: "48 ffffffffffffffffff01" },
  { name: "enum without a name", value: { color: 7 }, wire: "4807" },
  {
    name: "empty message",
    value: { inner: {} },
    wire: "5200",
    decoded: { inner: { id: "", count: 0 } },
  },
  { name: "message", value: { inner: { id: "a", count: 1 } }, wire: "5205 0a0161 1001" },
  { name: "optional text", value: { maybe: "a" }, wire: "5a01 61" },
  { name: "optional default", value: { maybe: "" }, wire: "5a00" },
  { name: "texts", value: { texts: ["a", "", "b"] }, wire: "620161 6200 620162" },
  { name: "numbers, packed", value: { numbers: [1n, 300n, 0n] }, wire: "6a04 01 ac02 00" },
  {
    name: "messages",
    value: { inners: [{ id: "a", count: 0 }, { id: "", count: 0 }] },
    wire: "7203 0a0161 7200",
  },
  {
    name: "map",
    value: { labels: new Map([["b", "1"], ["", ""], ["__proto__", "x"]]) },
    wire: '7a06 0a0162 120131 7a04 0a00 1200 7a0e 0a09 "__proto__" 1201 78',
  },
  {
    name: "map of messages",
    value: { innerByName: new Map([["k", { id: "v", count: 0 }]]) },
    wire: "820108 0a016b 1203 0a0176",
  },
  { name: "enums, packed", value: { colors: ["red", 5, "none"] }, wire: "8a0103 01 05 00" },
];

for (const { name, value, wire, decoded } of CASES) {
  Deno.test(`encodeMessage() and decodeMessage() take ${name}`, () => {
    assert.deepEqual(encodeMessage(ALL, value), wireBytes(wire));
    assert.deepEqual(decodeMessage(ALL, wireBytes(wire)), { ...DEFAULTS, ...decoded ?? value });
  });
}

Deno.test("encodeMessage() and decodeMessage() take a message larger than any buffer to begin with", () => {
  const value = { raw: new Uint8Array(3 << 20).fill(7), text: "x".repeat(70_000) };
  const wire = encodeMessage(ALL, value);
  assert.equal(wire.length, (3 << 20) + 70_000 + 1 + 4 + 1 + 3);
  assert.deepEqual(decodeMessage(ALL, wire), { ...DEFAULTS, ...value });
});

const READINGS = [
  { name: "the last of several values", wire: "20 05 20 06", expected: { signed: 6 } },
  {
    name: "the parts of a message, merged",
    wire: "5203 0a0161 5202 1002",
    expected: { inner: { id: "a", count: 2 } },
  },
  {
    name: "numbers of a list that are not packed",
    wire: "6801 6802",
    expected: { numbers: [1n, 2n] },
  },
  { name: "packed and other numbers", wire: "6801 6a0102", expected: { numbers: [1n, 2n] } },
  {
    name: "the last of several entries",
    wire: "7a06 0a0161 120131 7a06 0a0161 120132",
    expected: {
      labels: new Map([["a", "2"]]),
    },
  },
  {
    name: "entries without key or value",
    wire: "7a03 120131 7a00",
    expected: {
      labels: new Map([["", ""]]),
    },
  },
  {
    name: "entries with something unknown",
    wire: "7a08 0a0161 1805 120131",
    expected: {
      labels: new Map([["a", "1"]]),
    },
  },
  {
    name: "too large numbers, cut as other libraries do",
    wire: "28 8180808010",
    expected: {
      unsigned: 1,
    },
  },
  { name: "numbers in more bytes than needed", wire: "2881808000", expected: { unsigned: 1 } },
  {
    name: "any number but zero as true",
    wire: "18 80808080808080808001",
    expected: { flag: true },
  },
];

for (const { name, wire, expected } of READINGS) {
  Deno.test(`decodeMessage() reads ${name}`, () => {
    assert.deepEqual(decodeMessage(ALL, wireBytes(wire)), { ...DEFAULTS, ...expected });
  });
}

Deno.test("decodeMessage() keeps unknown fields, and encodeMessage() sends them again", () => {
  const unknown = [
    "f80601", // varint
    "f906 0102030405060708", // fixed64
    "fa0602 6162", // bytes
    "fb06 0801 fb06 fc06 fc06", // group in a group
    "fd06 01020304", // fixed32
    "0805", // known number, other wire type
  ];
  const wire = wireBytes(`0a0161 ${unknown.join(" ")}`);
  const message = decodeMessage(MOUNT, wireBytes(unknown.join(" ")));
  assert.deepEqual(message[UNKNOWN_FIELDS], wireBytes(unknown.join(" ")));
  assert.deepEqual(encodeMessage(MOUNT, { ...message, type: "a" }), wire);
  const outer = encodeMessage(CREATE_TASK_REQUEST, { rootfs: [message] });
  assert.deepEqual(
    encodeMessage(CREATE_TASK_REQUEST, decodeMessage(CREATE_TASK_REQUEST, outer)),
    outer,
  );
});

const MALFORMED = [
  { wire: "0a", why: "a number is cut off" },
  { wire: "0a05 61", why: "a field is longer than its message" },
  { wire: "0a ffffffffffffffffff01 61", why: "a field is longer than its message" },
  { wire: "20 ff", why: "a number is cut off" },
  { wire: "20 ffffffffffffffffff02", why: "a number has more than 64 bits" },
  { wire: "20 8080808080808080808000", why: "a number has more than 64 bits" },
  { wire: "41 00", why: "a field is longer than its message" },
  { wire: "0a02 c328", why: "a text is not UTF-8" },
  { wire: "0001", why: "a field's number is out of range" },
  { wire: "ffffffff7f 01", why: "a field's number is out of range" },
  { wire: "5203 0a0561", why: "a field is longer than its message" },
  { wire: "6a02 01ff", why: "a number is cut off" },
  { wire: "fe06", why: "field 111 has the impossible wire type 6" },
  { wire: "fc06", why: "field 111 has the impossible wire type 4" },
  { wire: "fb06", why: "a number is cut off" },
  { wire: "fb06 f406", why: "group 111 ends as group 110" },
  { wire: "fb06".repeat(101), why: "groups are nested too deeply" },
];

for (const { wire, why } of MALFORMED) {
  Deno.test(`decodeMessage() refuses ${wire.slice(0, 40)}: ${why}`, () => {
    assert.throws(() => decodeMessage(ALL, wireBytes(wire)), (error: Error) => {
      assert.ok(error instanceof DecodeError);
      assert.match(error.message, /^Cannot decode test\.All: .*, at byte \d+$/);
      assert.ok(error.message.includes(why), error.message);
      return true;
    });
  });
}

const WRONG_VALUES: readonly { value: Record<string, unknown>; error: string }[] = [
  { value: { text: 5 }, error: "TypeError: Cannot encode test.All.text: 5 is no text" },
  { value: { text: 0 }, error: "TypeError: Cannot encode test.All.text: 0 is no text" },
  { value: { raw: "a" }, error: "TypeError: Cannot encode test.All.raw: a is no Uint8Array" },
  { value: { flag: 1 }, error: "TypeError: Cannot encode test.All.flag: 1 is no boolean" },
  {
    value: { signed: 2 ** 31 },
    error: "RangeError: Cannot encode test.All.signed: 2147483648 is no int32",
  },
  {
    value: { unsigned: -1 },
    error: "RangeError: Cannot encode test.All.unsigned: -1 is no uint32",
  },
  {
    value: { unsigned: 1.5 },
    error: "RangeError: Cannot encode test.All.unsigned: 1.5 is no exact integer",
  },
  {
    value: { signedBig: 2 ** 53 },
    error: "RangeError: Cannot encode test.All.signedBig: 9007199254740992 is no exact integer",
  },
  {
    value: { unsignedBig: "1" },
    error: "TypeError: Cannot encode test.All.unsignedBig: 1 is no exact integer",
  },
  {
    value: { unsignedBig: -1n },
    error: "RangeError: Cannot encode test.All.unsignedBig: -1 is no uint64",
  },
  {
    value: { color: "green" },
    error: 'TypeError: Cannot encode test.All.color: "green" is none of its names',
  },
  {
    value: { color: "toString" },
    error: 'TypeError: Cannot encode test.All.color: "toString" is none of its names',
  },
  { value: { real: "1" }, error: "TypeError: Cannot encode test.All.real: 1 is no number" },
  { value: { inner: 1 }, error: "TypeError: Cannot encode test.All.inner: it is no message" },
  {
    value: { inner: { count: -2.5 } },
    error: "RangeError: Cannot encode test.Inner.count: -2.5 is no exact integer",
  },
  { value: { texts: "a" }, error: "TypeError: Cannot encode test.All.texts: it is no list" },
  { value: { labels: {} }, error: "TypeError: Cannot encode test.All.labels: it is no map" },
];

for (const { value, error } of WRONG_VALUES) {
  Deno.test(`encodeMessage() throws "${error}"`, () => {
    assert.throws(() => encodeMessage(ALL, value as MessageInit<typeof ALL>), (thrown: Error) => {
      assert.equal(`${thrown.name}: ${thrown.message}`, error);
      return true;
    });
  });
}

Deno.test("message() refuses two fields with the same number", () => {
  assert.throws(() => message("test.Twice", { a: string(1), b: bool(1) }), RangeError);
});

const FUZZED: readonly MessageType[] = [
  ALL,
  REQUEST,
  RESPONSE,
  CREATE_TASK_REQUEST,
  STATE_RESPONSE,
  PIDS_RESPONSE,
  STATS_RESPONSE,
  UPDATE_TASK_REQUEST,
  BOOTSTRAP_PARAMS,
  BOOTSTRAP_RESULT,
  RUNTIME_INFO,
  FORWARD_REQUEST,
  RUNC_OPTIONS,
  RUNTIME_OPTIONS,
  CHECKPOINT_OPTIONS,
  CGROUP_V1_METRICS,
  CGROUP_V2_METRICS,
  ...Object.values(TASK_EVENTS),
  ...Object.values(CONTAINERD_METHODS).flatMap(({ request, response }) => [request, response]),
];

/** Decoding either fails in the one way it may, or gives what is decoded from its own encoding. */
function checkStable(type: MessageType, wire: Uint8Array): boolean {
  let first;
  try {
    first = decodeMessage(type, wire);
  } catch (error) {
    assert.ok(error instanceof DecodeError, String(error));
    return false;
  }
  assert.deepEqual(
    decodeMessage(type, encodeMessage(type, first as MessageInit<MessageType>)),
    first,
  );
  return true;
}

Deno.test("decodeMessage() takes or refuses random bytes, and what it takes survives a round trip", () => {
  const random = seededRandom();
  let taken = 0;
  for (let round = 0; round < 4000; round++) {
    const type = FUZZED[random.below(FUZZED.length)]!;
    const wire = random.bytes(random.below(40));
    // Small field numbers are the interesting ones.
    if (wire.length > 0) wire[0] = wire[0]! & 0x7f;
    try {
      if (checkStable(type, wire)) taken++;
    } catch (error) {
      assert.fail(`seed ${random.seed}, round ${round}, ${type.name}, ${wire}: ${error}`);
    }
  }
  assert.ok(taken > 100, `seed ${random.seed}: only ${taken} were taken`);
});

Deno.test("decodeMessage() takes or refuses messages with changed, missing and added bytes", () => {
  const random = seededRandom();
  const originals = CASES.map(({ wire }) => wireBytes(wire));
  for (let round = 0; round < 4000; round++) {
    const parts = [0, 1, 2].flatMap(() => [...originals[random.below(originals.length)]!]);
    for (let change = random.below(4); change > 0; change--) {
      parts.splice(
        random.below(parts.length + 1),
        random.below(2),
        ...random.bytes(random.below(2)),
      );
    }
    const wire = Uint8Array.from(parts);
    try {
      checkStable(ALL, wire);
    } catch (error) {
      assert.fail(`seed ${random.seed}, round ${round}, ${wire}: ${error}`);
    }
  }
});
