import assert from "node:assert/strict";
import { posix } from "node:path";
import * as path from "./path.ts";

const PARTS = [
  "",
  "/",
  "//",
  "///",
  ".",
  "..",
  "a",
  "b.c",
  ".hidden",
  "..two",
  "a.",
  "/a",
  "b/",
  "ü\\x",
];

Deno.test({
  name: "lib/path.ts treats paths as Node does",
  ignore: Deno.build.os === "windows",
  fn() {
    for (const first of PARTS) {
      for (const second of PARTS) {
        for (const third of PARTS) {
          const given = `${first}/${second}/${third}`;
          for (const text of [given, first + second + third, first]) {
            for (
              const name of ["normalize", "dirname", "basename", "extname", "isAbsolute"] as const
            ) {
              assert.equal(path[name](text), posix[name](text), `${name}(${JSON.stringify(text)})`);
            }
          }
          for (const name of ["join", "resolve"] as const) {
            const parts = [first, second, third];
            assert.equal(path[name](...parts), posix[name](...parts), `${name}(${parts})`);
          }
          assert.equal(path.relative(first + second, third), posix.relative(first + second, third));
        }
      }
    }
    assert.equal(path.join(), posix.join());
    assert.equal(path.resolve(), posix.resolve());
    assert.equal(path.relative("/a/bc", "/a/b"), "../b");
    assert.equal(path.SEPARATOR, posix.sep);
  },
});
