import assert from "node:assert/strict";
import {
  dateOfDays,
  datetimeOfMicros,
  daysOfDate,
  microsOfDatetime,
  microsOfUnixSeconds,
  type PgDate,
  type PgDatetime,
} from "./_pg_calendar.ts";
import { debugText } from "./_pg_errors.ts";
import { decodeNumeric, encodeNumeric } from "./_pg_numeric.ts";
import { type PgMessage, PgMessageReader, PgMessageTooLong } from "./_pg_wire.ts";

Deno.test("dateOfDays() and daysOfDate() are each other's inverse", () => {
  const cases: [number, PgDate][] = [
    [0, [2000, 1, 1]],
    [59, [2000, 2, 29]],
    [-1, [1999, 12, 31]],
    [-10_957, [1970, 1, 1]],
    [-730_119, [1, 1, 1]],
    [-730_120, [0, 12, 31]],
    [-2_451_545, [-4713, 11, 24]],
    [2_145_031_948, [5_874_897, 12, 31]],
  ];
  for (const [days, date] of cases) {
    assert.deepEqual(dateOfDays(days), date);
    assert.equal(daysOfDate(date), days);
  }
  for (let days = -200_000; days < 200_000; days += 97) {
    const date = dateOfDays(days);
    assert.equal(daysOfDate(date), days);
    assert.deepEqual(date, ofDate(new Date(Date.UTC(2000, 0, 1 + days))));
  }
});

function ofDate(date: Date): PgDate {
  return [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
}

Deno.test("daysOfDate() refuses days that do not exist", () => {
  const dates: PgDate[] = [[2023, 2, 29], [1900, 2, 29], [2023, 13, 1], [2023, 0, 1], [
    2023,
    4,
    31,
  ]];
  for (const date of dates) assert.throws(() => daysOfDate(date), { name: "PgConversionError" });
  assert.throws(() => dateOfDays(0x7fff_ffff), /infinite/);
});

Deno.test("datetimeOfMicros() counts before and after the year 2000", () => {
  const cases: [bigint, PgDatetime][] = [
    [0n, [2000, 1, 1, 0, 0, 0, 0]],
    [-1n, [1999, 12, 31, 23, 59, 59, 999_999_000]],
    [86_399_000_001n, [2000, 1, 1, 23, 59, 59, 1_000]],
  ];
  for (const [micros, datetime] of cases) {
    assert.deepEqual(datetimeOfMicros(micros), datetime);
    assert.equal(microsOfDatetime(datetime), micros);
  }
  assert.equal(microsOfUnixSeconds(946_684_800n), 0n);
  assert.throws(() => datetimeOfMicros(2n ** 63n - 1n), /infinite/);
  assert.throws(() => microsOfUnixSeconds(2n ** 60n), /out of range/);
});

Deno.test("encodeNumeric() and decodeNumeric() keep every digit", () => {
  const cases: [string, string?][] = [
    ["0"],
    ["0.00"],
    ["1"],
    ["-1"],
    ["10000"],
    ["99999999"],
    ["0.0001"],
    ["0.00010"],
    ["0.00000001"],
    ["1234567.89"],
    ["-12345678901234567890123456789012345678.123456789012345678901"],
    ["10000.0001"],
    ["+5", "5"],
    ["007", "7"],
    [".5", "0.5"],
    ["5.", "5"],
    ["-0", "0"],
  ];
  for (const [text, expected = text] of cases) {
    assert.equal(decodeNumeric(encodeNumeric(text)), expected, text);
  }
  for (const text of ["", ".", "1e5", "NaN", "1,5", " 1", "0x1", "1".repeat(131_073)]) {
    assert.throws(() => encodeNumeric(text), { name: "PgConversionError" }, text);
  }
});

Deno.test("decodeNumeric() names what is no number", () => {
  for (const [sign, text] of [[0xc0, "NaN"], [0xd0, "Infinity"], [0xf0, "-Infinity"]] as const) {
    assert.equal(decodeNumeric(Uint8Array.of(0, 0, 0, 0, sign, 0, 0, 0)), text);
  }
});

Deno.test("PgMessageReader finds the messages, however the bytes are cut", () => {
  const bytes = Uint8Array.of(90, 0, 0, 0, 5, 73, 49, 0, 0, 0, 4, 67, 0, 0, 0, 7, 1, 2, 3);
  const expected = [["Z", [73]], ["1", []], ["C", [1, 2, 3]]];
  for (let size = 1; size <= bytes.length; size++) {
    const reader = new PgMessageReader(100);
    const found: PgMessage[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      found.push(...reader.read(bytes.subarray(at, at + size)));
    }
    assert.deepEqual(found.map(({ type, body }) => [type, [...body]]), expected, `${size}`);
  }
  assert.throws(
    () => [...new PgMessageReader(100).read(Uint8Array.of(68, 0, 0, 1, 0))],
    new PgMessageTooLong(256, "D"),
  );
  assert.throws(
    () => [...new PgMessageReader(100).read(Uint8Array.of(68, 0, 0, 0, 3))],
    RangeError,
  );
});

Deno.test("debugText() is what Spin's client prints", () => {
  const fields = new Map([
    ["S", "ERROR"],
    ["V", "ERROR"],
    ["C", "42P01"],
    ["M", 'relation "x" does not exist'],
    ["P", "15"],
    ["F", "parse_relation.c"],
    ["L", "1392"],
    ["R", "parserOpenTable"],
  ]);
  assert.equal(
    debugText(fields),
    'Error { kind: Db, cause: Some(DbError { severity: "ERROR", parsed_severity: Some(Error), ' +
      'code: SqlState(E42P01), message: "relation \\"x\\" does not exist", detail: None, hint: None, ' +
      "position: Some(Original(15)), where_: None, schema: None, table: None, column: None, " +
      'datatype: None, constraint: None, file: Some("parse_relation.c"), line: Some(1392), ' +
      'routine: Some("parserOpenTable") }) }',
  );
});
