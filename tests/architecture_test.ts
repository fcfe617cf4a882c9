/**
 * The rules of the source tree: who may import whom, how long a file may be, and what must not be
 * written into it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { DENO_FLAGS } from "../lib/self_command.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** Folders that are no source of ours. */
const SKIPPED: readonly string[] = [".git", ".spin", "coverage", "dist", "node_modules", "target"];

const MAX_LINES = 600;

/** Folder → folders it may import from, besides itself. The longest name that fits a file counts. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "lib": [],
  "lib/kube": ["lib"],
  "lib/oci": ["lib"],
  "crds": ["lib", "lib/kube"],
  "shim/loader": ["lib", "crds"],
  "shim/telemetry": ["lib", "shim/proto"],
  "shim/imports": ["lib", "crds", "shim/loader", "shim/telemetry"],
  "shim/engine": ["lib", "shim/loader", "shim/imports"],
  "shim/host": ["lib", "shim/loader", "shim/imports", "shim/engine", "shim/telemetry"],
  "shim/local": [
    "lib",
    "lib/oci",
    "crds",
    "shim/loader",
    "shim/imports",
    "shim/engine",
    "shim/host",
    "shim/store",
  ],
  "shim/ttrpc": ["lib", "shim/proto"],
  "shim/proto": ["lib"],
  "shim/store": ["lib", "crds", "shim/proto", "shim/loader", "shim/imports", "shim/engine"],
  "shim/task": ["lib", "crds", "shim/ttrpc", "shim/proto", "shim/loader", "shim/store"],
  "shim/pod": ["lib", "crds", "shim/loader", "shim/imports", "shim/host", "shim/local"],
  "controllers": ["lib", "lib/kube", "crds"],
  "controllers/spin_app": ["lib", "lib/kube", "crds", "controllers"],
  "controllers/spin_app_executor": ["lib", "lib/kube", "crds", "controllers"],
  "controllers/shim": ["lib", "lib/kube", "crds", "controllers"],
  "controllers/webhooks": ["lib", "lib/kube", "crds", "controllers"],
  "controllers/manager": [
    "lib",
    "lib/kube",
    "crds",
    "controllers",
    "controllers/shim",
    "controllers/spin_app",
    "controllers/spin_app_executor",
    "controllers/webhooks",
  ],
  "installer/containerd_config": ["lib"],
  "installer/node": ["lib", "crds", "installer/containerd_config"],
  "installer/fetch": ["lib", "installer/node"],
  "installer": [
    "lib",
    "lib/kube",
    "crds",
    "installer/containerd_config",
    "installer/node",
    "installer/fetch",
  ],
  "deploy": ["lib", "lib/kube", "crds", "shim/loader"],
  "deploy/cli": ["lib", "lib/kube", "lib/oci", "crds", "shim/loader", "shim/local"],
};

/** npm package → the only folders that may import it. Tests may import anything. */
const CONFINED: Readonly<Record<string, readonly string[]>> = {
  "@bytecodealliance/jco": ["shim/engine", "deploy/image", "deploy/samples"],
  "@bytecodealliance/jco-transpile": ["shim/engine", "deploy/image"],
  "aws4fetch": ["shim/imports"],
  "croner": ["shim/host/triggers"],
  "hono": ["shim/host", "controllers/webhooks"],
  "modern-tar": ["shim/store", "shim/local/registry", "installer/fetch"],
  "mqtt": ["shim/imports"],
  "mysql2": ["shim/imports"],
  "pg": ["shim/imports"],
  "pg-protocol": ["shim/imports"],
  "@kubernetes/client-node": ["lib/kube"],
};

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path of an imported file of ours. */
  readonly to: string | undefined;
  readonly isDynamic: boolean;
}

async function listFiles(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory && !SKIPPED.includes(entry.name)) files.push(...await listFiles(path));
    if (entry.isFile) files.push(path);
  }
  return files;
}

async function readSources(): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  for (const path of (await listFiles(ROOT)).sort()) {
    if (path.endsWith(".ts")) sources.set(relative(ROOT, path), await Deno.readTextFile(path));
  }
  return sources;
}

/** The imports of one file. Specifiers are always literal here, and statements begin a line. */
export function findImports(from: string, text: string): Import[] {
  const patterns = [
    { isDynamic: false, pattern: /^(?:import|export)\s[^;"']*?\bfrom\s+"([^"]+)"/gm },
    { isDynamic: false, pattern: /^import\s+"([^"]+)"/gm },
    { isDynamic: true, pattern: /^(?![ ]*(?:\*|\/\/)).*\bimport\(\s*"([^"]+)"/gm },
  ];
  return patterns.flatMap(({ isDynamic, pattern }) =>
    [...text.matchAll(pattern)].map(([, specifier = ""]) => ({
      from,
      specifier,
      to: specifier.startsWith(".") ? join(dirname(from), specifier) : undefined,
      isDynamic,
    }))
  );
}

function folderOf(path: string): string | undefined {
  const candidates = Object.keys(MAY_IMPORT).filter((folder) => path.startsWith(`${folder}/`));
  return candidates.sort((a, b) => b.length - a.length)[0];
}

function isTest(path: string): boolean {
  return path.startsWith("tests/") || path.endsWith("_test.ts");
}

/** The edges of `imports` that the table forbids, as `a.ts → b.ts: why`. */
export function forbiddenEdges(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to, isDynamic, specifier }) => {
    if (to === undefined || from.startsWith("tests/")) return [];
    const target = folderOf(to);
    if (from === "main.ts") {
      const isAllowed = isDynamic || target === "lib";
      return isAllowed ? [] : [`${from} → ${to}: modes are loaded by a dynamic import`];
    }
    const source = folderOf(from);
    if (source === undefined) return [`${from}: the folder is not in the table of this test`];
    // A test may use shared fixtures.
    if (isTest(from) && to.startsWith("tests/")) return [];
    if (target === source || (target && MAY_IMPORT[source]!.includes(target))) return [];
    return [`${from} → ${specifier}: ${source} may not import ${target ?? dirname(to)}`];
  });
}

/** One cycle between folders as `a → b → a`, or undefined. */
export function findCycle(imports: readonly Import[]): string | undefined {
  const edges = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    const [source, target] = [folderOf(from), to === undefined ? undefined : folderOf(to)];
    if (!source || !target || source === target) continue;
    edges.set(source, (edges.get(source) ?? new Set()).add(target));
  }
  function visit(folder: string, path: readonly string[]): string | undefined {
    if (path.includes(folder)) return [...path.slice(path.indexOf(folder)), folder].join(" → ");
    for (const next of edges.get(folder) ?? []) {
      const cycle = visit(next, [...path, folder]);
      if (cycle) return cycle;
    }
    return undefined;
  }
  for (const folder of edges.keys()) {
    const cycle = visit(folder, []);
    if (cycle) return cycle;
  }
  return undefined;
}

function packageOf(specifier: string): string {
  const name = specifier.replace(/^npm:\/?/, "");
  return name.split("/", name.startsWith("@") ? 2 : 1).join("/").replace(/(.)@.*$/, "$1");
}

Deno.test("imports follow the table of folders", async () => {
  const imports = [...await readSources()].flatMap(([path, text]) => findImports(path, text));
  assert.deepEqual(forbiddenEdges(imports), []);
  assert.equal(findCycle(imports), undefined);
});

Deno.test("files that begin with _ are used in their folder only", async () => {
  const wrong = [...await readSources()]
    .filter(([path]) => !isTest(path) && !path.endsWith("_fixture.ts"))
    .flatMap(([path, text]) => findImports(path, text))
    .filter(({ from, to }) => {
      const private_ = to?.lastIndexOf("/_") ?? -1;
      return private_ >= 0 && !from.startsWith(`${to!.slice(0, private_)}/`);
    })
    .map(({ from, to }) => `${from} → ${to}`);
  assert.deepEqual(wrong, []);
});

Deno.test("npm packages stay in their folders", async () => {
  const wrong = [...await readSources()].filter(([path]) => !isTest(path)).flatMap((
    [path, text],
  ) =>
    findImports(path, text).filter(({ specifier }) => {
      const folders = CONFINED[packageOf(specifier)];
      return folders && !folders.some((folder) => path.startsWith(`${folder}/`));
    }).map(({ specifier }) => `${path} → ${specifier}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("names of CommonJS packages are imported by statements", async () => {
  // Of these the bundler's chunk for a dynamic import has the default export alone.
  const wrong = [...await readSources()].filter(([path]) => !isTest(path))
    .flatMap(([path, text]) => findImports(path, text))
    .filter(({ isDynamic, specifier }) => isDynamic && specifier === "yaml")
    .map(({ from }) => from);
  assert.deepEqual(wrong, []);
});

/** What is loaded at the start of each pod, in the shim and in the container. */
const POD_STARTS: readonly string[] = [
  "main.ts",
  "shim/task/main.ts",
  "shim/task/start.ts",
  "shim/task/serve.ts",
  "shim/pod/host_main.ts",
];

Deno.test("pods start without Node's modules, which take milliseconds and megabytes", async () => {
  const sources = await readSources();
  const loaded = new Set<string>(POD_STARTS);
  const found: string[] = [];
  for (const path of loaded) {
    const text = sources.get(path)!.replace(/^(?:import|export) type [^;]*;/gm, "");
    for (const { to, specifier, isDynamic } of findImports(path, text)) {
      if (isDynamic) continue;
      if (to !== undefined) loaded.add(to);
      // Deno's own; it loads nothing else.
      else if (specifier.startsWith("node:") && specifier !== "node:sqlite") {
        found.push(`${path} → ${specifier}`);
      }
    }
  }
  assert.ok(loaded.size > POD_STARTS.length + 50, "the imports are followed");
  assert.deepEqual(found, []);
});

Deno.test("the shim runs without Node's timers, which take as much (lib/timer.ts)", async () => {
  const sources = await readSources();
  const loaded = new Set(POD_STARTS.filter((path) => path.startsWith("shim/task/")));
  const found: string[] = [];
  for (const path of loaded) {
    const text = sources.get(path)!;
    if (/\bset(?:Timeout|Interval)\(/.test(text)) found.push(path);
    for (const { to, isDynamic } of findImports(path, text)) {
      if (to !== undefined && !isDynamic) loaded.add(to);
    }
  }
  assert.ok(loaded.size > 40, `the imports are followed: ${loaded.size}`);
  assert.deepEqual(found, []);
});

Deno.test("files have at most 600 lines", async () => {
  const long = [...await readSources()].map(([path, text]) => ({
    path,
    lines: text.split("\n").length - 1,
  })).filter(({ lines }) => lines > MAX_LINES);
  assert.deepEqual(long, []);
});

Deno.test("no file names this machine or its package mirrors", async () => {
  const forbidden = [ROOT.replace(/\/$/, ""), ...mirrorHosts()];
  const found: string[] = [];
  for (const path of await listFiles(ROOT)) {
    if (/\.(?:wasm|png|db)$/.test(path)) continue;
    const text = await Deno.readTextFile(path);
    for (const word of forbidden) {
      if (text.includes(word)) found.push(`${relative(ROOT, path)}: ${word}`);
    }
  }
  assert.deepEqual(found, []);
});

/** Hosts that this machine's settings send package managers to. */
function mirrorHosts(): string[] {
  const names = ["NPM_CONFIG_REGISTRY", "npm_config_registry", "PIP_INDEX_URL", "GOPROXY"];
  return names.flatMap((name) => (Deno.env.get(name) ?? "").split(","))
    .filter((text) => URL.canParse(text))
    .map((text) => new URL(text).host)
    .filter((host) => host !== "");
}

Deno.test("tasks start the program with the flags that it starts itself with", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const start = `deno run ${DENO_FLAGS.join(" ")} main.ts`;
  assert.equal(tasks.spinkube.command, start);
  assert.equal(tasks.up.command, `${start} up --default-app deploy/samples/hello`);
  assert.equal(tasks.test.command, `deno test ${DENO_FLAGS.join(" ")}`);
});

Deno.test("findImports() finds every form of import and nothing in comments", () => {
  const text = [
    'import { a } from "./a.ts";',
    'import {\n  b,\n} from "../b.ts";',
    'import type { C } from "npm:c@1";',
    'export * from "./d.ts";',
    'import "./e.ts";',
    'const f = await import("./f.ts");',
    ' * import("./not.ts")',
    '// import("./not.ts")',
  ].join("\n");
  assert.deepEqual(
    findImports("lib/x.ts", text).map(({ specifier }) => specifier),
    ["./a.ts", "../b.ts", "npm:c@1", "./d.ts", "./e.ts", "./f.ts"],
  );
});

Deno.test("forbiddenEdges() names the edge", () => {
  const imports = findImports("lib/x.ts", 'import { a } from "../shim/host/mod.ts";');
  assert.deepEqual(forbiddenEdges(imports), [
    "lib/x.ts → ../shim/host/mod.ts: lib may not import shim/host",
  ]);
});

Deno.test("forbiddenEdges() wants modes to be loaded dynamically by main.ts", () => {
  assert.equal(
    forbiddenEdges(findImports("main.ts", 'import { a } from "./shim/host/mod.ts";')).length,
    1,
  );
  assert.deepEqual(
    forbiddenEdges(findImports("main.ts", 'await import("./shim/host/mod.ts");')),
    [],
  );
});

Deno.test("findCycle() finds a cycle between folders", () => {
  const imports = [
    ...findImports("shim/host/a.ts", 'import "../engine/a.ts";'),
    ...findImports("shim/engine/a.ts", 'import "../host/a.ts";'),
  ];
  assert.equal(findCycle(imports), "shim/host → shim/engine → shim/host");
});
