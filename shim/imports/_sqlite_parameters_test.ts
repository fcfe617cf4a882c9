import assert from "node:assert/strict";
import { findParameters } from "./_sqlite_parameters.ts";

Deno.test("findParameters() numbers parameters as SQLite does", () => {
  const cases: [string, (string | undefined)[]][] = [
    ["SELECT 1", []],
    ["SELECT ?, ?", [undefined, undefined]],
    ["SELECT ?3", [undefined, undefined, undefined]],
    ["SELECT ?2, ?", [undefined, undefined, undefined]],
    ["SELECT :a, ?, :a, @a", [":a", undefined, "@a"]],
    ["SELECT $a::b(c), a$b", ["$a::b(c)"]],
    ["SELECT 'it''s ?', [?], `?`, \"?\"", []],
    ["SELECT 1 -- ?\n + ? /* ? */", [undefined]],
    ["SELECT ?; SELECT ?", [undefined]],
    ["; SELECT ?", [undefined]],
    ["SELECT '?", []],
    ["SELECT a - ? / ?", [undefined, undefined]],
    ["SELECT x::text", [":text"]],
    ["SELECT ?99999999999999999999", []],
  ];
  for (const [sql, expected] of cases) assert.deepEqual(findParameters(sql), expected, sql);
});

Deno.test("findParameters() takes linear time over a long run of quotes", () => {
  const started = performance.now();
  findParameters("'".repeat(2_000_001));
  assert.ok(performance.now() - started < 1_000);
});
