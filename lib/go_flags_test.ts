import assert from "node:assert/strict";
import { readGoFlags } from "./go_flags.ts";

const NAMES = { texts: ["name", "n"], switches: ["on"] } as const;

Deno.test("readGoFlags() reads what Go's flag package reads", () => {
  const cases: [
    args: string[],
    texts: [string, string][],
    on: boolean | undefined,
    words: string[],
  ][] = [
    [[], [], undefined, []],
    [["-name", "a"], [["name", "a"]], undefined, []],
    [["--name=a", "-n", "-x"], [["name", "a"], ["n", "-x"]], undefined, []],
    [["-name=a=b", "-name", "c"], [["name", "c"]], undefined, []],
    [["-on", "word", "-n"], [], true, ["word", "-n"]],
    [["-on=false", "--", "-n"], [], false, ["-n"]],
    [["-on=T", "-"], [], true, ["-"]],
  ];
  for (const [args, texts, on, words] of cases) {
    const flags = readGoFlags(args, NAMES);
    assert.deepEqual([...flags.texts], texts, args.join(" "));
    assert.equal(flags.switches.get("on"), on, args.join(" "));
    assert.deepEqual(flags.words, words, args.join(" "));
    assert.deepEqual(flags.problems, [], args.join(" "));
  }
});

Deno.test("readGoFlags() tells every problem, or ignores what a later version may have", () => {
  const args = ["-new", "value", "-on=maybe", "---", "-name"];
  assert.deepEqual(readGoFlags(["-x", "-on=maybe", "---", "-name"], NAMES).problems, [
    "flag provided but not defined: -x",
    '"maybe" is no boolean value for -on',
    "bad flag syntax: ---",
    "flag needs an argument: -name",
  ]);
  const lenient = readGoFlags(args.slice(0, 2).concat("start"), {
    ...NAMES,
    ignoreUnknownBefore: ["start"],
  });
  assert.deepEqual([lenient.words, lenient.problems], [["start"], []]);
  assert.deepEqual(
    readGoFlags(["-new", "start"], { ...NAMES, ignoreUnknownBefore: ["start"] }).words,
    ["start"],
  );
});
