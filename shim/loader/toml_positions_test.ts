import assert from "node:assert/strict";
import { parse, type TomlValue } from "smol-toml";
import { indexTomlPositions, type KeyPath } from "./toml_positions.ts";

const TEXT = `# comment with [brackets] and = signs
spin_manifest_version = 2
application = { name = "a", authors = ["x", "y"], trigger.http = { base = "/" } }

[variables]
"quoted key" = { default = "[not.a.header]" }
'literal' . dotted.key = 1 # trailing

[[trigger.http]]
route = """
[fake]
key = 1
"""
component = "a"

[[trigger.http]] # second
route = '''
[[trigger.http]]''''
  component = { source = "b.wasm", files = [
    "one", # comment ]
    { source = "s", destination = "d" },
  ] }
[trigger.http.executor]
type = "wagi"

[component."with.dot"]
source = "c.wasm"
"esc\\u0061ped" = true

[ component . spaced . build ]
command = ["a", "b"]
inf = -inf
`;

const PLACES: [path: KeyPath, line: number, column: number][] = [
  [[], 1, 1],
  [["missing"], 1, 1],
  [["spin_manifest_version"], 2, 1],
  [["application"], 3, 1],
  [["application", "name"], 3, 17],
  [["application", "authors", 1], 3, 45],
  [["application", "trigger", "http", "base"], 3, 68],
  [["application", "missing"], 3, 1],
  [["variables", "quoted key", "default"], 6, 18],
  [["variables", "literal", "dotted", "key"], 7, 20],
  [["trigger", "http", 0], 9, 1],
  [["trigger", "http", 0, "route"], 10, 1],
  [["trigger", "http", 0, "component"], 14, 1],
  [["trigger", "http", 0, "missing"], 9, 1],
  [["trigger", "http", 1, "component"], 19, 3],
  [["trigger", "http", 1, "component", "files", 0], 20, 5],
  [["trigger", "http", 1, "component", "files", 1, "destination"], 21, 21],
  [["trigger", "http", 1, "executor"], 23, 1],
  [["trigger", "http", 1, "executor", "type"], 24, 1],
  [["trigger"], 9, 1],
  [["component", "with.dot", "source"], 27, 1],
  [["component", "with.dot", "escaped"], 28, 1],
  [["component", "spaced"], 30, 1],
  [["component", "spaced", "build", "command", 1], 31, 17],
  [["component", "spaced", "build", "inf"], 32, 1],
];

Deno.test("indexTomlPositions() finds keys, elements and headers", () => {
  parse(TEXT);
  const positions = indexTomlPositions(TEXT);
  for (const [path, line, column] of PLACES) {
    assert.deepEqual(positions.find(path), { line, column }, JSON.stringify(path));
  }
});

/** A small generator (mulberry32) whose runs can be repeated. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

Deno.test("indexTomlPositions() ends without an error when the text is garbage", () => {
  const seed = Date.now() | 0;
  const random = seededRandom(seed);
  const pieces = ["[", "]", "[[", "]]", "{", "}", '"', "'", '"""', "'''", "=", ".", ",", "\n", "#"]
    .concat(["a", "b.c", "\\", "\\u00", " ", "1", "\r\n", "\u{1f600}", "\ufeff", "-", "= ["]);
  for (let run = 0; run < 500; run++) {
    const length = Math.floor(random() * 60);
    const text = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join(
      "",
    );
    try {
      const place = indexTomlPositions(text).find(["a", "b", 0]);
      assert.ok(place.line >= 1 && place.column >= 1);
    } catch (error) {
      throw new Error(`Seed ${seed}, run ${run}: ${JSON.stringify(text)}`, { cause: error });
    }
  }
  indexTomlPositions("a = " + "[".repeat(100_000));
});

function randomKey(random: () => number): string {
  const keys = ["a", "b-1", "C_2", '"q k"', "'l.t'", "a.b", "x . y"];
  return keys[Math.floor(random() * keys.length)]!;
}

function randomValue(random: () => number, depth = 0): string {
  const kind = Math.floor(random() * (depth > 2 ? 5 : 7));
  const inner = () => randomValue(random, depth + 1);
  return [
    () => '"te\\"xt = [#"',
    () => "'lit'",
    () => "12",
    () => '"""\nmany\n[lines]\n"""',
    () => "1979-05-27 07:32:00",
    () => `[ ${inner()}, # c\n ${inner()}, ]`,
    () => `{ k = ${inner()}, "m n" = ${inner()} }`,
  ][kind]!();
}

function* leafPaths(value: TomlValue, path: KeyPath = []): Generator<KeyPath> {
  if (typeof value !== "object" || value.constructor?.name === "TomlDate") {
    yield path;
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    yield* leafPaths(inner as TomlValue, [...path, Array.isArray(value) ? Number(key) : key]);
  }
}

Deno.test("indexTomlPositions() knows a place of its own for every value of a document", () => {
  const seed = Date.now() | 0;
  const random = seededRandom(seed);
  let valid = 0;
  for (let run = 0; run < 400; run++) {
    const lines = Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
      const roll = random();
      if (roll < 0.2) return `[${randomKey(random)}]`;
      if (roll < 0.4) return `[[${randomKey(random)}]]`;
      return `${randomKey(random)} = ${randomValue(random)}`;
    });
    const text = lines.join("\n");
    let root: TomlValue;
    try {
      root = parse(text);
    } catch {
      // Keys defined twice and the like: not a document.
      continue;
    }
    valid++;
    const positions = indexTomlPositions(text);
    const keys = new Set<string>();
    for (const path of leafPaths(root)) {
      const { line, column } = positions.find(path);
      const rest = text.split("\n")[line - 1]!.slice(column - 1);
      const name = path.at(-1);
      const isAtKey = typeof name === "number" || rest.includes(name!);
      assert.ok(isAtKey, `seed ${seed}: ${JSON.stringify(path)} in\n${text}`);
      keys.add(`${line}:${column}`);
    }
    assert.equal(keys.size, [...leafPaths(root)].length, `seed ${seed}:\n${text}`);
  }
  assert.ok(valid > 50, `seed ${seed}: only ${valid} valid documents`);
});
