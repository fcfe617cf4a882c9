import assert from "node:assert/strict";
import {
  checkVariableName,
  parseTemplate,
  renderTemplate,
  templateVariables,
} from "./variables_template.ts";

Deno.test("parseTemplate() separates text and variables", () => {
  assert.deepEqual(parseTemplate("a {{ b }}-{{c}}}"), [
    { text: "a " },
    { variable: "b" },
    { text: "-" },
    { variable: "c" },
    { text: "}" },
  ]);
  assert.deepEqual(parseTemplate(""), []);
  assert.deepEqual(parseTemplate("{ not } }}"), [{ text: "{ not } }}" }]);
  assert.throws(() => parseTemplate("{{ a"), /^SyntaxError: unmatched '\{\{' in template$/);
});

Deno.test("templateVariables() names each variable once", () => {
  assert.deepEqual(templateVariables(parseTemplate("{{a}}{{b}}{{a}}")), ["a", "b"]);
});

Deno.test("renderTemplate() gives undefined when a variable has no value", () => {
  const parts = parseTemplate("http://{{host}}:{{port}}");
  assert.equal(renderTemplate(parts, (name) => name.toUpperCase()), "http://HOST:PORT");
  assert.equal(renderTemplate(parts, (name) => name === "host" ? "" : undefined), undefined);
});

Deno.test("checkVariableName() gives the reason", () => {
  const cases: [string, RegExp | undefined][] = [
    ["a", undefined],
    ["a_1_b2", undefined],
    ["", /^must not be empty$/],
    [
      "a-b",
      /^invalid character '-'\. Variable names may contain only lower-case letters, numbers, and underscores\.$/,
    ],
    ["A", /^invalid character 'A'/],
    ["1a", /^must start with a lowercase ASCII letter$/],
    ["_a", /^must start with/],
    ["a_", /^must end with a lowercase ASCII letter or digit$/],
    ["a__b", /consecutive underscores/],
  ];
  for (const [name, expected] of cases) {
    const actual = checkVariableName(name);
    if (expected === undefined) assert.equal(actual, undefined, name);
    else assert.match(actual ?? "", expected, name);
  }
});
