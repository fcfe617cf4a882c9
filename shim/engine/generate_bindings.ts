/**
 * Bindings between a component and the host, as text: chooses the generator, and has its output
 * adapted.
 *
 * @module
 */

import { generate, type GenerateOptions } from "@bytecodealliance/jco/component";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { ASYNC_EXPORTS, ASYNC_IMPORTS } from "../imports/async_functions.ts";
import { ARTIFACT_FILES, type ArtifactManifest } from "./artifact.ts";
import { adaptAsyncBindings } from "./async_bindings.ts";
import { adaptBindings, type AdaptedBindings } from "./bindings.ts";
import { fillModules, hollowComponent } from "./wasm/hollow_modules.ts";

/** Adapted bindings, and the core modules that they ask for. */
export interface GeneratedBindings {
  readonly kind: ArtifactManifest["bindings"];
  readonly bindings: AdaptedBindings;
  /** File name → content. */
  readonly modules: readonly [string, Uint8Array][];
}

/** What the lean generator says of a component that uses the asynchronous component model. */
const NOT_SYNCHRONOUS = "failed to extract interface information from component";

/**
 * Generates the bindings of a component, with the generator that it needs: the lean one unless that
 * says it cannot.
 * @param versioned Imports that the bindings name with their version.
 * @throws {TerminalError} if neither can.
 */
export async function generateBindings(
  component: Uint8Array,
  versioned: readonly string[],
): Promise<GeneratedBindings> {
  return await generateHollow(component, versioned) ?? await generateWhole(component, versioned);
}

/** @returns undefined if the generator has to look at the whole component, or has to say what is wrong. */
async function generateHollow(
  component: Uint8Array,
  versioned: readonly string[],
): Promise<GeneratedBindings | undefined> {
  try {
    const hollow = hollowComponent(component);
    // What the generator does not see is validated here.
    if (!hollow.modules.every(({ original }) => WebAssembly.validate(original as BufferSource))) {
      return undefined;
    }
    const generated = await generateWhole(hollow.bytes, versioned);
    const modules = fillModules(generated.modules, hollow);
    return modules && { ...generated, modules };
  } catch (error) {
    if (error instanceof RangeError || error instanceof TerminalError) return undefined;
    throw error;
  }
}

async function generateWhole(
  component: Uint8Array,
  versioned: readonly string[],
): Promise<GeneratedBindings> {
  const options: GenerateOptions = {
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
  };
  try {
    return adapted("sync", (await generate(component, options)).files);
  } catch (error) {
    if (!errorLine(error).includes(NOT_SYNCHRONOUS)) throw unusable(error);
  }
  // Large, slow to load, and needed by few.
  const { $init, generate: generateAsync } = await import(
    "@bytecodealliance/jco-transpile/component"
  );
  await $init;
  try {
    const { files } = generateAsync(component, { ...options, noComponentErrorWrapping: false });
    return adapted("async", files);
  } catch (error) {
    throw unusable(error);
  }
}

function unusable(error: unknown): TerminalError {
  return new TerminalError(
    "UnusableWasm",
    `the component is invalid or uses features that this version does not run: ${errorLine(error)}`,
    { cause: error },
  );
}

function adapted(
  kind: GeneratedBindings["kind"],
  files: readonly [string, Uint8Array][],
): GeneratedBindings {
  const [, source] = files.find(([name]) => name === ARTIFACT_FILES.bindings)!;
  const adapt = kind === "async" ? adaptAsyncBindings : adaptBindings;
  return {
    kind,
    bindings: adapt(new TextDecoder().decode(source)),
    modules: files.filter(([name]) => name.endsWith(".wasm")),
  };
}

function errorLine(error: unknown): string {
  return errorText(error).split("\n", 1)[0]!;
}
