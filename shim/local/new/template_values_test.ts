import assert from "node:assert/strict";
import { TerminalError, UsageError } from "../../../lib/errors.ts";
import { checkValues, completeValues, parseValuesFile } from "./template_values.ts";
import { TEMPLATES } from "./templates.ts";

const STATIC = TEMPLATES.find(({ id }) => id === "static-fileserver")!;

Deno.test("parseValuesFile() reads texts", () => {
  assert.deepEqual([...parseValuesFile("", "v.toml")], []);
  assert.deepEqual([...parseValuesFile("a-b = 'x'\nc = \"y\"", "v.toml")], [["a-b", "x"], [
    "c",
    "y",
  ]]);
});

for (
  const [text, problem] of [
    ["key_1 = 1\nkey_2 = true", /key_1 is 1, but has to be a text[^]*key_2 is true/],
    ["key_1", /^Failed to deserialize values file v\.toml: /],
  ] as const
) {
  Deno.test(`parseValuesFile() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parseValuesFile(text, "v.toml"),
      (error: unknown) => error instanceof TerminalError && problem.test(error.message),
    );
  });
}

Deno.test("checkValues() tells everything that is wrong", () => {
  const given = new Map([
    ["http-pth", "/"],
    ["http-path", "no slash"],
    ["files-path", "../up"],
    ["project-description", "two\nlines"],
  ]);
  assert.throws(() => checkValues(STATIC, given), (error: unknown) => {
    assert.ok(error instanceof UsageError);
    assert.deepEqual(error.message.split("\n"), [
      "The following provided value(s) are invalid according to the template:",
      `- Template does not contain a parameter named 'http-pth'; did you mean "http-path"?`,
      "- http-path: Input 'no slash' does not match pattern '^/\\S*$'",
      "- files-path: '../up' is not a directory inside the app; give a relative path without ..",
      "- project-description: it must be one line",
    ]);
    return true;
  });
});

Deno.test("completeValues() asks for what is missing until the answer is right", async () => {
  const questions: string[] = [];
  const told: string[] = [];
  const answers = ["path", "/api/...", ""];
  const values = await completeValues(STATIC, new Map([["project-description", "given"]]), {
    ask: (question) => {
      questions.push(question);
      return Promise.resolve(answers.shift()!);
    },
    tell: (line) => told.push(line),
  });
  assert.deepEqual(Object.fromEntries(values), {
    "project-description": "given",
    "http-path": "/api/...",
    "files-path": "assets",
  });
  assert.deepEqual(questions, [
    "HTTP path [/...]: ",
    "HTTP path [/...]: ",
    "Directory containing the files to serve [assets]: ",
  ]);
  assert.deepEqual(told, ["Invalid value: Input 'path' does not match pattern '^/\\S*$'"]);
});
