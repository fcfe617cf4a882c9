import assert from "node:assert/strict";
import {
  type FieldEntry,
  Fields,
  FORBIDDEN_FIELDS,
  latin1Bytes,
  latin1Text,
} from "./http_fields.ts";

function value(text: string): Uint8Array {
  return latin1Bytes(text);
}

function list(fields: Fields): [string, string][] {
  return fields.entries().map(([name, bytes]) => [name, latin1Text(bytes)]);
}

function failsWith(tag: string): (error: unknown) => boolean {
  return (error) => (error as { tag?: string }).tag === tag;
}

Deno.test("Fields compares names without case and keeps repeated ones in order", () => {
  const fields = Fields.fromList([["X-A", value("1")], ["b", value("2")], ["x-a", value("3")]]);
  assert.deepEqual(fields.get("x-A").map(latin1Text), ["1", "3"]);
  assert.equal(fields.has("X-a"), true);
  assert.equal(fields.has("c"), false);
  assert.deepEqual(fields.get("not a name"), []);
  fields.append("B", value("4"));
  assert.deepEqual(list(fields), [["x-a", "1"], ["b", "2"], ["x-a", "3"], ["b", "4"]]);
  fields.set("X-A", [value("5"), value("6")]);
  assert.deepEqual(list(fields), [["b", "2"], ["b", "4"], ["x-a", "5"], ["x-a", "6"]]);
  fields.set("b", []);
  fields.delete("X-a");
  assert.deepEqual(list(fields), []);
});

Deno.test("Fields refuses names and values that HTTP does not have", async (t) => {
  const cases: [string, string, string, string | undefined][] = [
    ["an empty name", "", "x", "invalid-syntax"],
    ["a space in a name", "a b", "x", "invalid-syntax"],
    ["a colon in a name", "a:", "x", "invalid-syntax"],
    ["a letter beyond ASCII", "é", "x", "invalid-syntax"],
    ["a line break in a value", "a", "x\r\ny: z", "invalid-syntax"],
    ["NUL in a value", "a", "x\0", "invalid-syntax"],
    ["DEL in a value", "a", "\x7f", "invalid-syntax"],
    ["an empty value", "a", "", undefined],
    ["a tab in a value", "a", "x\ty", undefined],
    ["bytes beyond ASCII in a value", "a", "caf\xe9", undefined],
    ...[...FORBIDDEN_FIELDS].map((name): [string, string, string, string] => [
      `the name ${name}`,
      name.toUpperCase(),
      "x",
      "forbidden",
    ]),
  ];
  for (const [name, field, text, tag] of cases) {
    await t.step(name, () => {
      const fields = Fields.fromList([["kept", value("1")]]);
      const operations = [
        () => void Fields.fromList([[field, value(text)]]),
        () => fields.append(field, value(text)),
        () => fields.set(field, [value("fine"), value(text)]),
      ];
      for (const operation of operations) {
        if (tag) assert.throws(operation, failsWith(tag));
        else operation();
      }
      if (tag) assert.deepEqual(list(fields), [["kept", "1"]], "a refused change changes nothing");
    });
  }
  assert.throws(() => new Fields().delete("connection"), failsWith("forbidden"));
  assert.throws(() => new Fields().delete("a b"), failsWith("invalid-syntax"));
});

Deno.test("Fields that belong to a message cannot be changed, a clone can", () => {
  const frozen = Fields.fromList([["a", value("1")]]);
  const before = frozen.clone();
  frozen.freeze();
  const received: FieldEntry[] = [["a", value("1")]];
  for (const fields of [frozen, frozen.immutableView(), new Fields(received, true)]) {
    const changes = [
      () => fields.append("b", value("2")),
      () => fields.set("a", [value("2")]),
      () => fields.delete("a"),
    ];
    for (const change of changes) assert.throws(change, failsWith("immutable"));
    const clone = fields.clone();
    clone.set("a", [value("2")]);
    assert.deepEqual(list(clone), [["a", "2"]]);
    assert.deepEqual(list(fields), [["a", "1"]]);
  }
  before.append("c", value("3"));
  assert.deepEqual(list(frozen), [["a", "1"]]);
});

Deno.test("Fields keeps copies of values", () => {
  const bytes = value("abc");
  const fields = Fields.fromList([["a", bytes]]);
  bytes.fill(0);
  assert.deepEqual(list(fields), [["a", "abc"]]);
});

Deno.test("Fields limits what one set may hold, not how often it is changed", () => {
  const fields = new Fields();
  const large = new Uint8Array(600_000).fill(0x61);
  for (let round = 0; round < 5; round++) fields.set("a", [large]);
  assert.throws(() => fields.append("a", large), /exceed 1048576 bytes/);
  fields.delete("a");
  fields.append("b", large);
});

Deno.test("latin1Text() and latin1Bytes() keep every byte", () => {
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  assert.deepEqual(latin1Bytes(latin1Text(all)), all);
});
