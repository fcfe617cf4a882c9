import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import { VariableError } from "./component_context.ts";
import { createSpinVariables } from "./spin_variables.ts";
import { parseVariableFlag } from "./variable_flag.ts";
import { createVariableResolver, type VariableResolverOptions } from "./variable_resolver.ts";

const APP: LockedApp = {
  spin_lock_version: 0,
  metadata: {},
  variables: { object: { default: "teapot" }, token: { secret: true }, other: {} },
  triggers: [],
  components: [{
    id: "hello",
    source: { content_type: "application/wasm" },
    config: {
      message: "I'm a {{object}}",
      both: "{{ object }}/{{token}}",
      literal: "value",
      secret: "{{ token }}",
    },
  }],
};

function resolver(options: Partial<VariableResolverOptions> = {}) {
  return createVariableResolver({
    app: APP,
    variables: [],
    providers: [],
    environment: () => undefined,
    dotenv: {},
    ...options,
  });
}

Deno.test("createVariableResolver() asks flags, providers, environment, .env and default", () => {
  const environment = (name: string) => ({ SPIN_VARIABLE_OBJECT: "env", APP_OBJECT: "app" })[name];
  const dotenv = { SPIN_VARIABLE_OBJECT: "dotenv" };
  const fixed = { type: "static", values: { object: "static" } } as const;
  const env = { type: "env", prefix: "APP", dotenv: {} } as const;
  const file = { type: "env", prefix: "FILE", dotenv: { FILE_OBJECT: "file" } } as const;
  const cases: [Partial<VariableResolverOptions>, string][] = [
    [{}, "teapot"],
    [{ dotenv }, "dotenv"],
    [{ dotenv, environment }, "env"],
    [{ dotenv, environment, providers: [fixed] }, "static"],
    [{ environment, providers: [env, fixed] }, "app"],
    [{ providers: [file] }, "file"],
    [{ providers: [fixed], variables: [["object", "1"], ["object", "2"]] }, "2"],
    [{ variables: [["object", ""]] }, ""],
  ];
  for (const [options, expected] of cases) {
    assert.equal(resolver(options).component("hello").get("message"), `I'm a ${expected}`);
  }
});

Deno.test("createVariableResolver() reads the environment at each lookup", () => {
  let value = "1";
  const source = resolver({ environment: () => value }).component("hello");
  assert.equal(source.get("secret"), "1");
  value = "2";
  assert.equal(source.get("secret"), "2");
});

Deno.test("get() fails with the kinds and texts of Spin", () => {
  const source = resolver().component("hello");
  const cases: [string, VariableError["kind"], string][] = [
    ["literal2", "undefined", 'no variable for "hello"."literal2"'],
    ["__proto__", "invalid-name", '"__proto__": must start with a lowercase ASCII letter'],
    ["secret", "provider", 'no provider resolved required variable "token"'],
    ["", "invalid-name", '"": must not be empty'],
    [
      "invalid-name",
      "invalid-name",
      "\"invalid-name\": invalid character '-'. Variable names may contain only lower-case " +
      "letters, numbers, and underscores.",
    ],
    ["4invalidname", "invalid-name", '"4invalidname": must start with a lowercase ASCII letter'],
    ["name_", "invalid-name", '"name_": must end with a lowercase ASCII letter or digit'],
  ];
  for (const [name, kind, message] of cases) {
    assert.throws(() => source.get(name), { name: "VariableError", kind, message }, name);
  }
  assert.equal(source.get("literal"), "value");
});

Deno.test("checkRequired() names every variable without a value", () => {
  assert.throws(() => resolver().checkRequired(), {
    name: "TerminalError",
    message: 'no provider resolved required variable(s): [Key("token"), Key("other")]\n' +
      "Give a value with --variable token=VALUE, or in the environment as SPIN_VARIABLE_TOKEN.",
  });
  resolver({ variables: [["token", "x"], ["other", "y"]] }).checkRequired();
});

Deno.test("component() refuses templates that are wrong, all at once", () => {
  const app: LockedApp = {
    ...APP,
    components: [{ ...APP.components[0]!, config: { a: "{{ nope }}", b: "{{ object", c: "x" } }],
  };
  assert.throws(() => resolver({ app }).component("hello"), {
    name: "TerminalError",
    message: 'Component "hello", variable "a": invalid template: unknown variable "nope"\n' +
      'Component "hello", variable "b": invalid template: unmatched \'{{\' in template',
  });
});

Deno.test("createSpinVariables() maps the kinds of both interfaces", () => {
  const imports = createSpinVariables(
    testContext({ variables: resolver().component("hello") }),
  );
  // deno-lint-ignore no-explicit-any
  const v1 = imports["fermyon:spin/config"]!.getConfig as any;
  // deno-lint-ignore no-explicit-any
  const v2 = imports["fermyon:spin/variables@2.0.0"]!.get as any;
  const thrown = (action: () => unknown) => {
    try {
      action();
    } catch (error) {
      return (error as { tag: string }).tag;
    }
  };
  assert.equal(v2("literal"), "value");
  assert.equal(v1("message"), "I'm a teapot");
  assert.deepEqual(["nope", "secret", "no-way"].map((name) => thrown(() => v2(name))), [
    "undefined",
    "provider",
    "invalid-name",
  ]);
  assert.deepEqual(["nope", "secret", "no-way"].map((name) => thrown(() => v1(name))), [
    "provider",
    "provider",
    "invalid-key",
  ]);
});

Deno.test("parseVariableFlag() reads all forms", () => {
  const files: Record<string, string> = {
    "v.txt": "text\n",
    "v.json": '{"a": "1", "b": "=2"}',
    "v.toml": 'a = "1"\n',
  };
  const readFile = (path: string) => {
    if (path in files) return files[path]!;
    throw new Deno.errors.NotFound("no such file");
  };
  const cases: [string, [string, string][]][] = [
    ["k=v", [["k", "v"]]],
    ["k=", [["k", ""]]],
    ["k=a=b", [["k", "a=b"]]],
    ["k=@v.txt", [["k", "text\n"]]],
    ["@v.json", [["a", "1"], ["b", "=2"]]],
    ["@v.toml", [["a", "1"]]],
  ];
  for (const [flag, expected] of cases) {
    assert.deepEqual(parseVariableFlag(flag, readFile), expected);
  }
});

Deno.test("parseVariableFlag() explains what is wrong without a value", () => {
  const files: Record<string, string> = {
    "bad.json": '{"a": "hunter2',
    "bad.toml": 'a = "hunter2',
    "number.json": '{"a": 1, "b": "hunter2", "c": []}',
    "list.json": '["hunter2"]',
    "name.json": '{"A-b": "hunter2"}',
  };
  const readFile = (path: string) => {
    if (path in files) return files[path]!;
    throw new Deno.errors.NotFound("no such file");
  };
  const cases: [string, string, string][] = [
    ["hunter2", "UsageError", "variables must be in the form 'key=value' or '@file'"],
    ["@v.txt", "UsageError", "variable files must end in .json or .toml"],
    ["@json", "UsageError", "variable files must end in .json or .toml"],
    ["@gone.json", "TerminalError", 'Failed to read "gone.json".'],
    ["k=@gone", "TerminalError", 'Failed to read "gone".'],
    ["@bad.json", "TerminalError", 'Failed to parse JSON from "bad.json".'],
    ["@bad.toml", "TerminalError", 'Failed to parse TOML from "bad.toml".'],
    [
      "@number.json",
      "TerminalError",
      'Failed to parse JSON from "number.json": every value must be a string; these are not: a, c',
    ],
    [
      "@list.json",
      "TerminalError",
      'Failed to parse JSON from "list.json". It must hold one flat table.',
    ],
    [
      "@name.json",
      "UsageError",
      "invalid variable name: \"A-b\": invalid character 'A'. Variable names may contain only " +
      "lower-case letters, numbers, and underscores.",
    ],
  ];
  for (const [flag, name, message] of cases) {
    assert.throws(() => parseVariableFlag(flag, readFile), { name, message }, flag);
  }
});
