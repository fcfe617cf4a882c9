import assert from "node:assert/strict";
import type { LockedApp } from "../loader/locked_app.ts";
import {
  type Environment,
  optionEnvironment,
  retainComponents,
  variablesByName,
} from "./pod_environment.ts";

function environment(values: Record<string, string>): Environment {
  return (name) => values[name];
}

function appWith(variables: string[]): LockedApp {
  return {
    spin_lock_version: 0,
    metadata: {},
    variables: Object.fromEntries(variables.map((name) => [name, {}])),
    triggers: ["a", "b"].map((id) => ({
      id,
      trigger_type: "http",
      trigger_config: { component: id, route: `/${id}` },
    })),
    components: ["a", "b"].map((id) => ({ id, source: { content_type: "application/wasm" } })),
  };
}

Deno.test("optionEnvironment() has the defaults and names of pods", () => {
  const cases: [name: string, values: Record<string, string>, expected: string | undefined][] = [
    ["SPIN_HTTP_LISTEN_ADDR", {}, "0.0.0.0:80"],
    ["SPIN_HTTP_LISTEN_ADDR", { SPIN_HTTP_LISTEN_ADDR: "" }, "0.0.0.0:80"],
    ["SPIN_HTTP_LISTEN_ADDR", { SPIN_HTTP_LISTEN_ADDR: "[::]:8080" }, "[::]:8080"],
    ["RUNTIME_CONFIG_FILE", { SPIN_RUNTIME_CONFIG_FILE: "/a" }, "/a"],
    ["RUNTIME_CONFIG_FILE", { RUNTIME_CONFIG_FILE: "/b", SPIN_RUNTIME_CONFIG_FILE: "/a" }, "/b"],
    ["SPIN_ALWAYS_BUILD", { SPIN_ALWAYS_BUILD: "1" }, undefined],
    ["SPIN_LOG_DIR", { SPIN_LOG_DIR: "" }, ""],
    ["SPIN_LOG_DIR", {}, undefined],
  ];
  for (const [name, values, expected] of cases) {
    assert.equal(optionEnvironment(environment(values))(name), expected, JSON.stringify(values));
  }
});

Deno.test("variablesByName() copies only declared variables in capitals", () => {
  const app = appWith(["name", "other_name", "unset"]);
  const values = { NAME: "1", OTHER_NAME: "", other_name: "2", HOME: "/", unset: "3" };
  assert.deepEqual(variablesByName(app, environment(values)), [
    ["SPIN_VARIABLE_NAME", "1"],
    ["SPIN_VARIABLE_OTHER_NAME", ""],
  ]);
});

Deno.test("retainComponents() keeps components and their triggers, and all without names", () => {
  const app = appWith([]);
  const cases: [text: string | undefined, expected: string[]][] = [
    [undefined, ["a", "b"]],
    ["", ["a", "b"]],
    [",", ["a", "b"]],
    [",b", ["b"]],
    ["b,a", ["a", "b"]],
  ];
  for (const [text, expected] of cases) {
    const values = text === undefined ? {} : { SPIN_COMPONENTS_TO_RETAIN: text };
    const kept = retainComponents(app, environment(values));
    assert.deepEqual(kept.components.map(({ id }) => id), expected, text ?? "unset");
    assert.deepEqual(kept.triggers.map(({ id }) => id), expected, text ?? "unset");
  }
});
