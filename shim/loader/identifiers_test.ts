import assert from "node:assert/strict";
import {
  checkDependencyName,
  checkKebabId,
  checkLabel,
  checkLowerSnakeId,
  checkSnakeId,
  isSemver,
  parseDependencyPackage,
} from "./identifiers.ts";

Deno.test("checkKebabId() gives Spin's reasons", () => {
  const cases: [string, string | undefined][] = [
    ["hello", undefined],
    ["hello-WORLD2-x", undefined],
    ["", "empty"],
    ["a_b", "words must be separated with '-', not '_'"],
    ["a-1b", "'-'-separated words must start with an ASCII letter; got '1'"],
    ["a+b", "'-'-separated words may only contain alphanumeric ASCII; got '+'"],
    ["x-aB", `'-'-separated words must be all lowercase or all UPPERCASE; got "aB"`],
    ["a--b", "'-'-separated words must not be empty"],
    ["-", "'-'-separated words must not be empty"],
    ["é", "'-'-separated words must start with an ASCII letter; got 'é'"],
  ];
  for (const [id, expected] of cases) assert.equal(checkKebabId(id), expected, id);
});

Deno.test("checkSnakeId() and checkLowerSnakeId() want underscores", () => {
  assert.equal(checkSnakeId("a_B"), undefined);
  assert.equal(checkSnakeId("a-b"), "words must be separated with '_', not '-'");
  assert.equal(
    checkLowerSnakeId("a_B"),
    'Lower-case identifiers must be all lowercase; got "a_B"',
  );
});

Deno.test("checkLabel() accepts either form", () => {
  assert.equal(checkLabel("my-store"), undefined);
  assert.equal(checkLabel("my_store"), undefined);
  assert.equal(checkLabel("my store"), "expected kebab-case or snake_case");
  assert.equal(checkLabel("a-b_c"), "expected kebab-case or snake_case");
});

Deno.test("parseDependencyPackage() takes package, interface and version apart", () => {
  const cases: [string, ReturnType<typeof parseDependencyPackage>][] = [
    ["a:b", { package: "a:b", interface: undefined, version: undefined }],
    ["a:b@1.2.3", { package: "a:b", interface: undefined, version: "1.2.3" }],
    ["a:b/c", { package: "a:b", interface: "c", version: undefined }],
    ["a:b/c-d@0.1.0-rc.1", { package: "a:b", interface: "c-d", version: "0.1.0-rc.1" }],
    ["plain", undefined],
    ["a:b@1", undefined],
    ["a:b/c/d", undefined],
    ["A_:b", undefined],
  ];
  for (const [name, expected] of cases) {
    assert.deepEqual(parseDependencyPackage(name), expected, name);
  }
});

Deno.test("checkDependencyName() refuses what is neither a name nor a package", () => {
  assert.equal(checkDependencyName("plain-name"), undefined);
  assert.equal(checkDependencyName("a:b/c@1.0.0"), undefined);
  assert.match(checkDependencyName("a:b:c")!, /expected "ns:pkg/);
  assert.match(checkDependencyName("a_b")!, /words must be separated/);
});

Deno.test("isSemver() wants an exact version", () => {
  for (const text of ["1.2.3", "0.0.0", "1.2.3-rc.1+build.5"]) assert.ok(isSemver(text), text);
  for (const text of ["1", "1.2", "^1.2.3", "01.2.3", "1.2.3-", ""]) {
    assert.ok(!isSemver(text), text);
  }
});
