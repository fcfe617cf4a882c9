import assert from "node:assert/strict";
import { parse } from "yaml";
import { formatYaml, formatYamlString, LinesOfText, PlainText, QuotedText } from "./yaml_text.ts";

const PLAIN: readonly string[] = [
  "x",
  "hello world",
  "a:b",
  "http://example.com/a?b=c#d",
  "redis://user@host:6379",
  "-x",
  "?x",
  ":x",
  "a,b",
  "v1.2.3",
  "100m",
  "truely",
  "a'b",
  'a"b',
  "é",
  "1.2.3",
  "+",
];

const QUOTED: readonly string[] = [
  "",
  " ",
  " x",
  "x ",
  "true",
  "True",
  "yes",
  "NO",
  "on",
  "y",
  "null",
  "~",
  "1",
  "-1",
  "+1",
  "0755",
  "0x1F",
  "0b1",
  "0o7",
  "1_000",
  "1.5",
  ".5",
  ".",
  "1e3",
  "1.e+3",
  ".inf",
  "-.INF",
  ".nan",
  "12:30",
  "190:20:30.15",
  "2001-12-14",
  "2001-12-14t21:59:43.10-05:00",
  "x: y",
  "x:",
  "x #y",
  "#x",
  "@x",
  "`x",
  "*x",
  "&x",
  "!x",
  "|",
  ">",
  "%x",
  "[x",
  "{x",
  "]",
  "}",
  ",x",
  "'x'",
  '"x"',
  "- x",
  "-",
  "? x",
  ": x",
  "---",
  "...",
  "<<",
  "=",
  "a\nb",
  "a\tb",
  "\u0000",
  "\u0085",
  "\u2028",
  "\ufeffx",
  "-----BEGIN KEY-----\nMIIB\n",
];

for (const text of [...PLAIN, ...QUOTED]) {
  const isPlain = PLAIN.includes(text);
  Deno.test(`formatYamlString() ${isPlain ? "leaves" : "quotes"} ${JSON.stringify(text)}`, () => {
    const written = formatYamlString(text);
    assert.equal(written === text, isPlain);
    for (const version of ["1.1", "1.2"] as const) {
      assert.deepEqual(parse(`value: ${written}\n`, { version, merge: true }), { value: text });
    }
  });
}

Deno.test("formatYaml() starts sequences in the column of their key, but those it is told to indent", () => {
  const value = {
    spec: {
      image: new QuotedText("a/b:1"),
      skipped: undefined,
      variables: [{ name: "a", value: "1" }, { name: "b", deep: [["x", "z"]] }],
      components: ["hello"],
      cpu: new PlainText("1"),
      imagePullSecrets: [{ name: "s1" }],
      none: [],
      checks: {},
      replicas: 0,
      isOn: true,
    },
  };
  const text = formatYaml(value, { indentedSequences: ["imagePullSecrets"] });
  assert.equal(
    text,
    `spec:
  image: "a/b:1"
  variables:
  - name: a
    value: "1"
  - name: b
    deep:
    - - x
      - z
  components:
  - hello
  cpu: 1
  imagePullSecrets:
    - name: s1
  none: []
  checks: {}
  replicas: 0
  isOn: true
`,
  );
  const { cpu, ...others } = JSON.parse(JSON.stringify(value)).spec;
  assert.deepEqual(parse(text), { spec: { ...others, cpu: Number(cpu) } });
});

const BLOCKS: readonly (readonly [text: string, isBlock: boolean])[] = [
  ["a = 1\n\n[b]\n  c = true\n", true],
  ["a: # b\n", true],
  ["a", false],
  ["a\n\n", false],
  ["  a\nb\n", false],
  ["a\r\nb\n", false],
  ["\n", false],
];

for (const [text, isBlock] of BLOCKS) {
  Deno.test(`formatYaml() writes ${JSON.stringify(text)} ${isBlock ? "as lines" : "in quotes"}`, () => {
    const written = formatYaml({ data: { text: new LinesOfText(text) }, after: "x" });
    assert.equal(written.includes("|"), isBlock);
    assert.deepEqual(parse(written), { data: { text }, after: "x" });
  });
}
