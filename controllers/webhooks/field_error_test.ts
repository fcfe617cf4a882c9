import assert from "node:assert/strict";
import { SPIN_APPS } from "../../crds/spin_app.ts";
import {
  duplicate,
  fieldErrorText,
  invalid,
  invalidStatus,
  quote,
  required,
} from "./field_error.ts";

Deno.test("quote() writes text as Go's %q", () => {
  const cases: [string, string][] = [
    ["", '""'],
    ["plain é 日本 😀", '"plain é 日本 😀"'],
    ['say "hi" \\ there', '"say \\"hi\\" \\\\ there"'],
    ["a\nb\tc\rd\ve\ff\bg\x07", '"a\\nb\\tc\\rd\\ve\\ff\\bg\\a"'],
    ["\x00\x1b\x7f", '"\\x00\\x1b\\x7f"'],
    ["\u00a0\u200b\u{e0001}", '"\\u00a0\\u200b\\U000e0001"'],
    ["\ud800", '"\ufffd"'],
  ];
  for (const [text, expected] of cases) assert.equal(quote(text), expected);
});

Deno.test("invalid() prints values as Kubernetes' field errors do", () => {
  const cases: [unknown, string][] = [
    ["", 'f: Invalid value: "": d'],
    [0, "f: Invalid value: 0: d"],
    [true, "f: Invalid value: true: d"],
    [null, "f: Invalid value: null: d"],
    [{ b: "1", a: "<&>" }, 'f: Invalid value: {"a":"\\u003c\\u0026\\u003e","b":"1"}: d'],
  ];
  for (const [value, expected] of cases) {
    assert.equal(fieldErrorText(invalid("f", { value, detail: "d" })), expected);
  }
  assert.equal(fieldErrorText(duplicate("f", "x")), 'f: Duplicate value: "x"');
  assert.equal(fieldErrorText(required("f", "d")), "f: Required value: d");
});

Deno.test("invalidStatus() tells one problem plainly and several in brackets", () => {
  const one = invalid("spec.replicas", { value: 0, detail: "replicas must be > 0" });
  const other = invalid("spec.executor", { value: "x", detail: "no" });
  assert.deepEqual(invalidStatus(SPIN_APPS, { name: "shop", errors: [one] }), {
    kind: "Status",
    status: "Failure",
    message: 'SpinApp.core.spinkube.dev "shop" is invalid: spec.replicas: Invalid value: 0: ' +
      "replicas must be > 0",
    reason: "Invalid",
    details: {
      name: "shop",
      group: "core.spinkube.dev",
      kind: "SpinApp",
      causes: [{
        reason: "FieldValueInvalid",
        message: "Invalid value: 0: replicas must be > 0",
        field: "spec.replicas",
      }],
    },
    code: 422,
  });
  assert.equal(
    invalidStatus(SPIN_APPS, { name: "", errors: [other, one, one] }).message,
    'SpinApp.core.spinkube.dev "" is invalid: [spec.executor: Invalid value: "x": no, ' +
      "spec.replicas: Invalid value: 0: replicas must be > 0]",
  );
});
