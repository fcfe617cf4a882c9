/**
 * Component → prepared artifact. Loads the binding generator and needs much memory for a moment, so
 * it runs in a process of its own, once per component and engine version.
 *
 * @module
 */

import { generate } from "@bytecodealliance/jco/component";
import { TerminalError } from "../../lib/errors.ts";
import { ASYNC_EXPORTS, ASYNC_IMPORTS } from "../imports/async_functions.ts";
import {
  ARTIFACT_FILES,
  type ArtifactManifest,
  type ArtifactModule,
  sha256Hex,
} from "./artifact.ts";
import { adaptBindings } from "./bindings.ts";
import { classifySource } from "./classify.ts";
import { engineVersion } from "./engine_version.ts";
import { ambiguousImports } from "./link.ts";
import { probeStart } from "./start_probe.ts";
import { readComponent } from "./wasm/component_binary.ts";
import { rewriteModules, type RewrittenModule } from "./wasm/rewrite.ts";

/** A prepared component in memory: file name → content, the manifest included. */
export type PreparedFiles = Map<string, Uint8Array>;

/**
 * Prepares a component.
 * @param source A Wasm binary: a component, or a core module with component metadata.
 * @throws {TerminalError} if it cannot run here, with the reason and the way out.
 */
export async function prepareComponent(source: Uint8Array): Promise<PreparedFiles> {
  const component = await toComponent(source);
  const { imports, exports } = readComponent(component);
  const generated = await generateBindings(component, ambiguousImports(imports));
  const files: PreparedFiles = new Map();
  const modules: ArtifactModule[] = [];
  let notResettable: string | undefined;
  let functions: Record<string, string[]> = {};
  let bindingsSource = "";
  const wasm = generated.filter(([name]) => name.endsWith(".wasm"));
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
  for (const [name, content] of generated) {
    if (name === ARTIFACT_FILES.bindings) {
      const bindings = adaptBindings(new TextDecoder().decode(content));
      functions = bindings.imports;
      bindingsSource = bindings.source;
      files.set(name, new TextEncoder().encode(bindings.source));
    }
  }
  const start = await probeStart(bindingsSource, { modules: files, functions });
  notResettable ??= start.notResettable;
  const digests: Record<string, string> = {};
  for (const [name, content] of files) digests[name] = await sha256Hex(content);
  const manifest: ArtifactManifest = {
    engine: engineVersion(),
    source: `sha256:${await sha256Hex(source)}`,
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

async function toComponent(source: Uint8Array): Promise<Uint8Array> {
  if (classifySource(source) === "component") return source;
  // Only core modules need the tools, which are slow to load.
  const { componentNew, preview1AdapterReactorPath } = await import("@bytecodealliance/jco");
  const adapter = await Deno.readFile(preview1AdapterReactorPath());
  try {
    return await componentNew(source, [["wasi_snapshot_preview1", adapter]]);
  } catch (error) {
    throw new TerminalError(
      "UnusableWasm",
      `the core module cannot be turned into a component: ${firstLine(error)}`,
      { cause: error },
    );
  }
}

/** @param versioned Imports that the bindings name with their version. */
async function generateBindings(
  component: Uint8Array,
  versioned: readonly string[],
): Promise<[string, Uint8Array][]> {
  try {
    const { files } = await generate(component, {
      name: "component",
      map: versioned.map((name) => [name, name]),
      instantiation: { tag: "async" },
      asyncMode: {
        tag: "jspi",
        val: { imports: [...ASYNC_IMPORTS], exports: [...ASYNC_EXPORTS] },
      },
      noTypescript: true,
      noNodejsCompat: true,
      base64Cutoff: 0,
      tlaCompat: false,
      validLiftingOptimization: true,
      tracing: false,
      noNamespacedExports: false,
      multiMemory: false,
    });
    return files;
  } catch (error) {
    throw new TerminalError(
      "UnusableWasm",
      `the component is invalid or uses features that this version does not run: ${
        firstLine(error)
      }`,
      { cause: error },
    );
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
}
