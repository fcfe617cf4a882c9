import assert from "node:assert/strict";
import type { Schema } from "./openapi.ts";
import { schemaProblems } from "./schema_problems.ts";

const SCHEMA: Schema = {
  type: "object",
  required: ["a"],
  properties: {
    a: { type: "string", pattern: "^x", maxLength: 3 },
    n: { type: "integer", format: "int32", minimum: 0 },
    on: { type: "boolean" },
    size: {
      anyOf: [{ type: "integer" }, { type: "string" }],
      pattern: "^[0-9]+$",
      "x-kubernetes-int-or-string": true,
    },
    list: { type: "array", minItems: 1, items: { type: "string", enum: ["b", "c"] } },
    map: { type: "object", additionalProperties: { type: "string" } },
    none: { type: "string", nullable: true },
    open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

const CASES: readonly (readonly [unknown, ...string[]])[] = [
  [{ a: "x" }],
  [{ a: "x", n: 1, on: false, size: "5", list: ["b"], map: { any: "t" }, open: { z: 1 } }],
  [{ a: "x", size: 5 }],
  [{ a: "x", none: null }],
  [{}, "a: is required"],
  [{ a: null }, "a: must be a string, is null"],
  [{ a: "yyyy" }, "a: may have at most 3 characters", "a: must match ^x"],
  [{ a: "x", n: -1 }, "n: must be at least 0"],
  [{ a: "x", n: 2 ** 31 }, "n: may be at most 2147483647"],
  [{ a: "x", n: 0.5 }, "n: must be a whole number, is number 0.5"],
  [{ a: "x", on: "yes" }, 'on: must be true or false, is string "yes"'],
  [{ a: "x", size: 0.1 }, "size: must be a whole number or a string, is number 0.1"],
  [{ a: "x", size: "much" }, "size: must match ^[0-9]+$"],
  [{ a: "x", list: [] }, "list: needs at least 1 items"],
  [{ a: "x", list: ["d"] }, "list[0]: must be one of b,c"],
  [{ a: "x", list: {} }, "list: must be a list, is object {}"],
  [{ a: "x", map: { k: 1 } }, "map.k: must be a string, is number 1"],
  [{ a: "x", other: 1 }, "other: is unknown"],
  [[], "value: must be an object, is a list"],
];

Deno.test("schemaProblems() tells every problem with its place", () => {
  for (const [value, ...problems] of CASES) {
    const path = Array.isArray(value) ? "value" : "";
    assert.deepEqual(schemaProblems(value, SCHEMA, path), problems, JSON.stringify(value));
  }
});
