import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import type { ArtifactManifest } from "./artifact.ts";
import { ambiguousImports, interfaceKey, linkImports } from "./link.ts";

function manifestOf(
  imports: string[],
  functions: Record<string, string[]>,
): ArtifactManifest {
  return {
    engine: "test",
    source: "sha256:00",
    bindings: "sync",
    files: {},
    modules: [],
    imports,
    exports: [],
    functions,
    startReadsEnvironment: false,
  };
}

Deno.test("interfaceKey() takes all patches of WASI 0.2 for one, and all of 0.3", () => {
  const cases: [string, string][] = [
    ["wasi:io/streams@0.2.0", "wasi:io/streams@0.2"],
    ["wasi:io/streams@0.2.11", "wasi:io/streams@0.2"],
    ["wasi:http/types@0.2.0-rc-2023-10-18", "wasi:http/types@0.2.0-rc-2023-10-18"],
    ["wasi:http/types@0.3.0", "wasi:http/types@0.3"],
    ["wasi:http/types@0.3.12", "wasi:http/types@0.3"],
    ["wasi:http/types@0.3.0-rc-2026-03-15", "wasi:http/types@0.3"],
    ["wasi:http/types@0.3.0-rc-2025-09-16", "wasi:http/types@0.3.0-rc-2025-09-16"],
    ["wasi:io/streams@0.20.1", "wasi:io/streams@0.20.1"],
    ["fermyon:spin/key-value@2.0.0", "fermyon:spin/key-value@2.0.0"],
    ["fermyon:spin/key-value", "fermyon:spin/key-value"],
    ["plain", "plain"],
  ];
  for (const [name, key] of cases) assert.equal(interfaceKey(name), key, name);
});

Deno.test("linkImports() picks by interface, whatever the patch", () => {
  const streams = { InputStream: class {} };
  const store = { Store: class {} };
  const linked = linkImports(
    manifestOf(["wasi:io/streams@0.2.3", "wasi:http/types@0.2.3", "fermyon:spin/key-value@2.0.0"], {
      "wasi:io/streams": ["InputStream"],
      "fermyon:spin/key-value": ["Store"],
    }),
    {
      component: "c",
      offered: { "wasi:io/streams@0.2": streams, "fermyon:spin/key-value@2.0.0": store },
    },
  );
  assert.deepEqual(linked, { "wasi:io/streams": streams, "fermyon:spin/key-value": store });
});

Deno.test("linkImports() names everything that is missing at once", () => {
  assert.throws(
    () =>
      linkImports(
        manifestOf(["a:b/c@1.0.0", "wasi:io/streams@0.2.3", "x:y/z@3.0.0", "t:t/types@1.0.0"], {
          "a:b/c": ["f"],
          "wasi:io/streams": ["InputStream", "newFunction"],
          "x:y/z": ["g"],
        }),
        {
          component: "hello",
          offered: {
            "wasi:io/streams@0.2": { InputStream: class {} },
            "x:y/z@2.0.0": {},
            "x:y/z@1.0.0": {},
          },
        },
      ),
    (error: unknown) => {
      assert.ok(error instanceof TerminalError);
      assert.equal(error.reason, "UnknownImport");
      assert.equal(
        error.message,
        'Component "hello" imports what this host does not offer:\n' +
          "  a:b/c@1.0.0\n" +
          "  wasi:io/streams@0.2.3#newFunction\n" +
          "  x:y/z@3.0.0 (offered: x:y/z@2.0.0, x:y/z@1.0.0)\n" +
          "Build it against interfaces that Spin offers, or against another version of its SDK.",
      );
      return true;
    },
  );
});

Deno.test("linkImports() keeps incompatible versions of an interface apart", () => {
  const imports = [
    "spin:postgres/postgres@3.0.0",
    "spin:postgres/postgres@4.0.0",
    "wasi:io/streams@0.2.0",
    "wasi:io/streams@0.2.3",
  ];
  const [v3, v4, streams] = [{ Connection: class {} }, { Connection: class {} }, { f() {} }];
  assert.deepEqual(ambiguousImports(imports), imports.slice(0, 2));
  const linked = linkImports(
    manifestOf(imports, {
      "spin:postgres/postgres@3.0.0": ["Connection"],
      "spin:postgres/postgres@4.0.0": ["Connection"],
      "wasi:io/streams": ["f"],
    }),
    {
      component: "c",
      offered: {
        "spin:postgres/postgres@3.0.0": v3,
        "spin:postgres/postgres@4.0.0": v4,
        "wasi:io/streams@0.2": streams,
      },
    },
  );
  assert.equal(linked["spin:postgres/postgres@3.0.0"], v3);
  assert.equal(linked["spin:postgres/postgres@4.0.0"], v4);
  assert.equal(linked["wasi:io/streams"], streams);
});
