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
import type { ComposedDependency } from "./compose/compose.ts";
import { newComponent } from "./component_tools.ts";
import { engineVersion } from "./engine_version.ts";
import { generateBindings } from "./generate_bindings.ts";
import { ambiguousImports } from "./link.ts";
import { probeStart } from "./start_probe.ts";
import { readComponent } from "./wasm/component_binary.ts";
import { rewriteModules, type RewrittenModule } from "./wasm/rewrite.ts";

/** A prepared component in memory: file name → content, the manifest included. */
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
  const component = dependencies ? await compose(source, dependencies) : await toComponent(source);
  const { imports, exports } = readComponent(component);
  const { kind, bindings, modules: wasm } = await generateBindings(
    component,
    ambiguousImports(imports),
  ).catch((error) => explain(error, dependencies));
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
    source: `sha256:${await sha256Hex(source)}`,
    bindings: kind,
    files: digests,
    modules,
    imports,
    exports,
    functions,
    startReadsEnvironment: start.readsEnvironment,
    ...(notResettable === undefined ? {} : { notResettable }),
  };
  files.set(ARTIFACT_FILES.manifest, new TextEncoder().encode(JSON.stringify(manifest, null, 2)));
  return files;
}

/** The dependencies of a component, as they were loaded. */
export interface DependencySources {
  /** The id of the component that has them, for messages. */
  readonly component: string;
  /** Their `bytes` may also be core modules with component metadata. */
  readonly dependencies: readonly ComposedDependency[];
}

async function compose(
  source: Uint8Array,
  { component, dependencies }: DependencySources,
): Promise<Uint8Array> {
  const { composeComponent } = await import("./compose/compose.ts");
  const components: ComposedDependency[] = [];
  for (const dependency of dependencies) {
    try {
      components.push({ ...dependency, bytes: await toComponent(dependency.bytes) });
    } catch (error) {
      if (!(error instanceof TerminalError)) throw error;
      const message = `its dependency '${dependency.name}': ${error.message}`;
      throw new TerminalError(error.reason, message, { cause: error });
    }
  }
  return composeComponent(await toComponent(source), { component, dependencies: components });
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

async function toComponent(source: Uint8Array): Promise<Uint8Array> {
  const { kind } = classifySource(source);
  if (kind === "component") return source;
  if (kind === "command" || kind === "spin-module") {
    throw new TerminalError(
      "UnusableWasm",
      "a core module without component metadata cannot be composed with others; build it as a " +
        "component",
    );
  }
  // Only core modules need the tools, which are slow to load.
  const { preview1AdapterCommandPath, preview1AdapterReactorPath } = await import(
    "@bytecodealliance/jco"
  );
  const isCommand = kind === "adaptable-command";
  const path = isCommand ? preview1AdapterCommandPath() : preview1AdapterReactorPath();
  const adapter = await Deno.readFile(path);
  try {
    return await newComponent(isCommand ? await exactExit(source) : source, adapter);
  } catch (error) {
    throw new TerminalError(
      "UnusableWasm",
      `the core module cannot be turned into a component: ${firstLine(error)}`,
      { cause: error },
    );
  }
}

async function exactExit(source: Uint8Array): Promise<Uint8Array> {
  const { withExactExit } = await import("./exit_code.ts");
  return await withExactExit(source);
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
}
