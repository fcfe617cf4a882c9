/**
 * Component → prepared artifact. Loads the binding generator and needs much memory for a moment, so
 * it runs in a process of its own, once per component and engine version.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import {
  ARTIFACT_FILES,
  type ArtifactManifest,
  type ArtifactModule,
  sha256Hex,
} from "./artifact.ts";
import { classifySource } from "./classify.ts";
import type { SplitComposition } from "./compose/split_composition.ts";
import { composeSources, type DependencySources, toComponent } from "./compose_sources.ts";
import { engineVersion } from "./engine_version.ts";
import { generateBindings } from "./generate_bindings.ts";
import { ambiguousImports } from "./link.ts";
import { probeStart } from "./start_probe.ts";
import { isComposition, readComponent } from "./wasm/component_binary.ts";
import { rewriteModules, type RewrittenModule } from "./wasm/rewrite.ts";

/**
 * A prepared component in memory: file name → content, the manifest included. Names of files of
 * middleware begin with its directory: `middleware-1/manifest.json`.
 */
export type PreparedFiles = Map<string, Uint8Array>;

/**
 * Prepares a component.
 * @param source A Wasm binary: a component, or a core module with component metadata.
 * @param dependencies Are composed with it; see `compose.ts`.
 * @throws {TerminalError} if it cannot run here, with the reason and the way out.
 */
export async function prepareComponent(
  source: Uint8Array,
  dependencies?: DependencySources,
): Promise<PreparedFiles> {
  const { kind: sourceKind, warnings } = classifySource(source);
  if (!dependencies && (sourceKind === "command" || sourceKind === "spin-module")) {
    return await prepareCoreModule(source, { kind: sourceKind, warnings });
  }
  const whole = dependencies
    ? await composeSources(source, dependencies)
    : await toComponent(source);
  const digest = `sha256:${await sha256Hex(source)}`;
  const { middleware: before, component } = await splitMiddleware(whole);
  const files: PreparedFiles = new Map();
  const middleware: string[] = [];
  for (const part of before) {
    const directory = `middleware-${middleware.length + 1}`;
    const prepared = await prepareWhole(part, { source: digest });
    for (const [name, content] of prepared) files.set(`${directory}/${name}`, content);
    middleware.push(directory);
  }
  const prepared = await prepareWhole(component, { source: digest, middleware })
    .catch((error) => explain(error, dependencies));
  return new Map([...files, ...prepared]);
}

/** Only what was composed has anything to be split. */
async function splitMiddleware(component: Uint8Array): Promise<SplitComposition> {
  const split = isComposition(component)
    ? (await import("./compose/split_composition.ts")).splitComposition(component)
    : undefined;
  return split ?? { middleware: [], component };
}

/** Prepares a component that runs as one. */
async function prepareWhole(
  component: Uint8Array,
  { source, middleware = [] }: { source: string; middleware?: readonly string[] },
): Promise<PreparedFiles> {
  const { imports, exports } = readComponent(component);
  const { kind, bindings, modules: wasm } = await generateBindings(
    component,
    ambiguousImports(imports),
  );
  const files: PreparedFiles = new Map();
  const modules: ArtifactModule[] = [];
  let notResettable: string | undefined;
  rewriteAll(wasm.map(([, content]) => content)).forEach((rewritten, index) => {
    const file = wasm[index]![0];
    notResettable ??= rewritten.notResettable;
    modules.push({
      file,
      isInterruptible: rewritten.isInterruptible,
      isShrinkable: rewritten.isShrinkable,
    });
    files.set(file, rewritten.bytes);
  });
  files.set(ARTIFACT_FILES.bindings, new TextEncoder().encode(bindings.source));
  const functions = bindings.imports;
  const start = kind === "async"
    ? { notResettable: "its instances serve several calls", readsEnvironment: false }
    : await probeStart(bindings.source, { modules: files, functions });
  notResettable ??= start.notResettable;
  const digests: Record<string, string> = {};
  for (const [name, content] of files) digests[name] = await sha256Hex(content);
  const manifest: ArtifactManifest = {
    engine: engineVersion(),
    source,
    bindings: kind,
    files: digests,
    modules,
    imports,
    exports,
    functions,
    startReadsEnvironment: start.readsEnvironment,
    ...(notResettable === undefined ? {} : { notResettable }),
    ...(middleware.length === 0 ? {} : { middleware }),
  };
  files.set(ARTIFACT_FILES.manifest, new TextEncoder().encode(JSON.stringify(manifest, null, 2)));
  return files;
}

async function explain(error: unknown, sources: DependencySources | undefined): Promise<never> {
  if (!sources) throw error;
  const { explainMismatch } = await import("./compose/compose.ts");
  throw explainMismatch(error, sources.dependencies);
}

/** A module that is not understood cannot be preempted, so it is not run. */
function rewriteAll(modules: readonly Uint8Array[]): RewrittenModule[] {
  try {
    return rewriteModules(modules);
  } catch (error) {
    throw new TerminalError(
      "UnusableWasm",
      `a core module in it uses WebAssembly that this version does not know: ${firstLine(error)}`,
      { cause: error },
    );
  }
}

/** A core module that runs as it is, with bindings of the engine. */
async function prepareCoreModule(
  source: Uint8Array,
  options: { kind: "command" | "spin-module"; warnings: readonly string[] },
): Promise<PreparedFiles> {
  const { CORE_MODULE, createCoreModuleBindings, describeCoreModule } = await import(
    "./core_module/mod.ts"
  );
  checkModule(source);
  const [rewritten] = rewriteAll([source]);
  const files: PreparedFiles = new Map([[CORE_MODULE, rewritten!.bytes]]);
  const { imports, exports, functions } = describeCoreModule(source, options.kind);
  const start = await probeStart(createCoreModuleBindings(), { modules: files, functions });
  const notResettable = rewritten!.notResettable ?? start.notResettable;
  const manifest: ArtifactManifest = {
    engine: engineVersion(),
    source: `sha256:${await sha256Hex(source)}`,
    bindings: "core",
    files: { [CORE_MODULE]: await sha256Hex(rewritten!.bytes) },
    modules: [{
      file: CORE_MODULE,
      isInterruptible: rewritten!.isInterruptible,
      isShrinkable: rewritten!.isShrinkable,
    }],
    imports,
    exports,
    functions,
    startReadsEnvironment: start.readsEnvironment,
    ...(notResettable === undefined ? {} : { notResettable }),
    ...(options.warnings.length === 0 ? {} : { warnings: options.warnings }),
  };
  files.set(ARTIFACT_FILES.manifest, new TextEncoder().encode(JSON.stringify(manifest, null, 2)));
  return files;
}

/** @throws {TerminalError} if the module is not valid; nobody else looks at it before it runs. */
function checkModule(source: Uint8Array): void {
  try {
    new WebAssembly.Module(source as BufferSource);
  } catch (error) {
    const detail = firstLine(error).replace(/^WebAssembly\.Module\(\): /, "");
    throw new TerminalError("UnusableWasm", `the Wasm module is invalid: ${detail}`, {
      cause: error,
    });
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
}
