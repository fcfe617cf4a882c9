import assert from "node:assert/strict";
import { matchDependencies, matchesImport, type NamedDependency } from "./match_dependencies.ts";

Deno.test("matchesImport() leaves out what a name does not say", () => {
  const cases: [dependency: string, matching: string[], others: string[]][] = [
    [
      "foo:bar/baz@0.1.0",
      ["foo:bar/baz@0.1.0", "foo:bar/baz@0.1.3"],
      ["foo:bar/baz", "foo:bar/baz@0.2.0", "foo:bar/baz@0.1.0-rc", "foo:bar/bub@0.1.0"],
    ],
    [
      "foo:bar/baz",
      ["foo:bar/baz@0.1.0", "foo:bar/baz"],
      ["foo:bar/bub", "foo:bar/baz-bub", "foo-bar", "foo:bars/baz", "baz"],
    ],
    ["foo:bar", ["foo:bar/baz@0.1.0", "foo:bar/baz"], ["foo:bub/bib", "bar", "foo-bar"]],
    ["foo:bar@0.1.0", ["foo:bar/baz@0.1.0"], ["foo:bar/baz", "foo:bar/baz@1.1.0"]],
    ["foo:bar@1.0.0", ["foo:bar/baz@1.2.0"], ["foo:bar/baz@2.0.0"]],
    ["foo-bar", ["foo-bar"], ["foo", "foo:bar/foo-bar"]],
  ];
  for (const [dependency, matching, others] of cases) {
    for (const item of matching) {
      assert.ok(matchesImport(dependency, item), `${dependency} ${item}`);
    }
    for (const item of others) assert.ok(!matchesImport(dependency, item), `${dependency} ${item}`);
  }
});

function dependency(
  name: string,
  options: { export?: string; exports: string[] },
): NamedDependency {
  return { name, export: options.export ?? null, exports: options.exports };
}

Deno.test("matchDependencies() finds the export for every import", () => {
  const imports = ["a:b/c@1.0.0", "a:b/d@1.0.0", "e:f/g@0.2.0", "plain", "wasi:io/poll@0.2.0"];
  const satisfied = matchDependencies([
    dependency("a:b", { exports: ["a:b/c@1.0.0", "a:b/d@1.3.0", "other"] }),
    dependency("e:f/g", { export: "h:i/j@9.0.0", exports: ["e:f/g@0.2.0", "h:i/j@9.0.0"] }),
    dependency("plain", { exports: ["plain"] }),
  ], { component: "x", imports });
  assert.deepEqual(Object.fromEntries(satisfied), {
    "a:b/c@1.0.0": { dependency: 0, export: "a:b/c@1.0.0" },
    "a:b/d@1.0.0": { dependency: 0, export: "a:b/d@1.3.0" },
    "e:f/g@0.2.0": { dependency: 1, export: "h:i/j@9.0.0" },
    "plain": { dependency: 2, export: "plain" },
  });
});

Deno.test("matchDependencies() says everything that is wrong", () => {
  const imports = ["a:b/c@1.0.0", "a:b/d@1.0.0", "e:f/g"];
  const dependencies = [
    dependency("a:b", { exports: ["a:b/c@1.0.0"] }),
    dependency("a:b/c", { exports: [] }),
    dependency("nothing", { exports: ["nothing"] }),
    dependency("e:f/g", { export: "x", exports: ["e:f/g"] }),
  ];
  assert.throws(() => matchDependencies(dependencies, { component: "web", imports }), {
    name: "TerminalError",
    message: [
      "dependency 'nothing' doesn't match any imports of component 'web'; it imports " +
      "a:b/c@1.0.0, a:b/d@1.0.0, e:f/g",
      "component 'web' has dependency conflicts: import 'a:b/c@1.0.0' satisfied by dependencies: " +
      "'a:b, a:b/c'",
      "dependency 'a:b' doesn't export 'a:b/d@1.0.0' to satisfy import 'a:b/d@1.0.0'; it exports " +
      "a:b/c@1.0.0",
      "dependency 'e:f/g' doesn't export 'x' to satisfy import 'e:f/g'; it exports e:f/g",
    ].join("\n"),
  });
});
