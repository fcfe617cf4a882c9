import assert from "node:assert/strict";
import { hasTemplates, scanToml, TomlScanError, unquote } from "./toml_items.ts";

/** The lines in short: what they are, and for keys their path. */
function outline(text: string): string[] {
  return scanToml(text).map((item) => {
    if (item.kind === "entry") {
      const { path, value } = item.entry;
      return `${path.join("/")} = ${text.slice(value.start, value.end)}`;
    }
    if (item.kind === "comment") return item.text;
    return "path" in item ? `${item.kind} ${item.path.join("/")}` : item.kind;
  });
}

const LONG = 'a = """\n[b]\n""""\nc = \'\'\'\n#\'\'\'\n';
const ARRAY = "a = [ # one\n  [1, 2], # ]\n  '#',\n]\nb=1\n";

const cases: readonly [name: string, text: string, expected: string[]][] = [
  ["tables and keys", "a = 1\n[b.c]\nd.e = true\n", ["a = 1", "table b/c", "b/c/d/e = true"]],
  ["blanks in headers", "[ a . 'b c' .\"d\" ] # e\n", ["table a/b c/d"]],
  ["arrays of tables", "[[a]]\nb = 1\n", ["array a", "a/b = 1"]],
  ["comments", "  # one\n\n#two", ["# one", "blank", "#two"]],
  ["marks in strings", 'a = "# \\" ]" # c\nb = \'x\\\'\n', ['a = "# \\" ]"', "b = 'x\\'"]],
  ["long strings", LONG, ['a = """\n[b]\n""""', "c = '''\n#'''"]],
  ["arrays over lines", ARRAY, [ARRAY.slice(0, -5), "b = 1"]],
  ["dates with a blank", "a = 1979-05-27 07:32:00Z # x\n", ["a = 1979-05-27 07:32:00Z"]],
  ["inline tables", "a = { b = { c = [1] }, d = 2 }\n", ["a = { b = { c = [1] }, d = 2 }"]],
  ["Windows' line ends", "a = 1\r\n\r\n[b]\r\n", ["a = 1", "blank", "table b"]],
  ["a byte order mark", "\uFEFFa = 1\n", ["a = 1"]],
  [
    "templates on lines of their own",
    '{{ template "base" . }}\n{{- if .A }}\na = 1\n{{end}}\n',
    ["other", "other", "a = 1", "other"],
  ],
  ["templates over lines", "{{/* a\n b */}}\na = 1\n", ["other", "other", "a = 1"]],
  [
    "templates in values",
    'a = {{ .B }}\nb = "{{ .C | printf "%q" }}"\n[c."{{ $k }}"]\n',
    ["a = {{ .B }}", 'b = "{{ .C | printf "%q" }}"', "table c/xxxxxxxx"],
  ],
];
for (const [name, text, expected] of cases) {
  Deno.test(`scanToml() divides ${name}`, () => {
    assert.deepEqual(outline(text), expected);
    assert.equal(scanToml(text).map(({ start, end }) => text.slice(start, end)).join(""), text);
  });
}

Deno.test("scanToml() finds the keys of inline tables", () => {
  const item = scanToml("[t]\na.b = { c = 1, d.e = { } }\n")[1];
  assert.ok(item?.kind === "entry");
  const inner = item.entry.entries;
  assert.deepEqual(inner?.map(({ path }) => path.join("/")), ["t/a/b/c", "t/a/b/d/e"]);
  assert.deepEqual(inner?.[1]?.entries, []);
});

Deno.test("scanToml() tells that a text is no TOML", () => {
  const wrong = ["a", "a =", "= 1", "[a", "a = [1", "a = {b", 'a = "', "a = 1 2\n", "[[a]\n"];
  for (const text of wrong) assert.throws(() => scanToml(text), TomlScanError, text);
});

Deno.test("hasTemplates() does not take inline tables for templates", () => {
  assert.ok(hasTemplates('{{ template "base" . }}'));
  assert.ok(!hasTemplates("a = {b = {c = 1}}\n# {{ comment }}\n"));
});

Deno.test("unquote() reads escapes", () => {
  assert.equal(unquote('"a\\tb\\u0041\\U0001F980\\\\"'), "a\tbA🦀\\");
  assert.equal(unquote("'a\\tb'"), "a\\tb");
});
