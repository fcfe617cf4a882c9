import assert from "node:assert/strict";
import {
  parseGoDuration,
  parseInt32,
  parseKeySource,
  parseList,
  parsePairs,
} from "./flag_values.ts";

const PAIRS: readonly (readonly [text: string, pairs: readonly (readonly [string, string])[]])[] = [
  ["a=1", [["a", "1"]]],
  ["a=", [["a", ""]]],
  ["a=x,y", [["a", "x,y"]]],
  ['"a=x,y"', [["a", "x,y"]]],
  ["a=1,b=2", [["a", "1"], ["b", "2"]]],
  ['"a=x,y",b=2', [["a", "x,y"], ["b", "2"]]],
  ["a=b=c", [["a", "b=c"]]],
  ["a=k=v,w", [["a", "k=v,w"]]],
  ['"a=say ""hi"", b=2"', [["a", 'say "hi", b=2']]],
];

for (const [text, pairs] of PAIRS) {
  Deno.test(`parsePairs() reads ${text}`, () => assert.deepEqual(parsePairs(text), pairs));
}

for (const text of ["", "a", "=x", 'a=b="c"']) {
  Deno.test(`parsePairs() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parsePairs(text), SyntaxError);
  });
}

Deno.test("parseList() splits at commas outside of quotes", () => {
  assert.deepEqual(parseList("a,b"), ["a", "b"]);
  assert.deepEqual(parseList('"a,b",c'), ["a,b", "c"]);
  assert.deepEqual(parseList(""), []);
  assert.throws(() => parseList('a"b'), SyntaxError);
});

Deno.test("parseInt32() takes whole numbers of 32 bits", () => {
  assert.deepEqual(["0", "-1", "+7", "2147483647"].map(parseInt32), [0, -1, 7, 2147483647]);
  for (const text of ["", "x", "1.5", "2147483648", "1e3"]) {
    assert.throws(() => parseInt32(text), SyntaxError);
  }
});

Deno.test("parseKeySource() takes keys of Secrets and ConfigMaps", () => {
  assert.deepEqual(parseKeySource("secret:db/password"), {
    kind: "secret",
    name: "db",
    key: "password",
  });
  assert.deepEqual(parseKeySource("configmap:c/a/b"), { kind: "configmap", name: "c", key: "a/b" });
  for (const text of ["db/password", "secret:db", "secret:/x", "file:a/b"]) {
    assert.throws(() => parseKeySource(text), SyntaxError);
  }
});

Deno.test("parseGoDuration() reads what Go writes", () => {
  for (
    const [text, ms] of [
      ["0", 0],
      ["20s", 20_000],
      ["1h30m", 5_400_000],
      ["1m0s", 60_000],
      [
        "1.5s",
        1500,
      ],
      ["250ms", 250],
      ["3", 3000],
    ] as const
  ) assert.equal(parseGoDuration(text), ms);
  for (const text of ["", "x", "5d", "-1s", "s"]) {
    assert.throws(() => parseGoDuration(text), SyntaxError);
  }
});
