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
  const options = optionsFor(versioned);
  try {
    const files = await generateHollow(component, options) ??
      (await generate(component, options)).files;
    return adapted("sync", files);
  } catch (error) {
    if (!isAsynchronous(error)) throw unusable(error);
  }
  // Large, slow to load, and needed by few. It looks at what functions do.
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

/**
 * What the lean generator writes, without having to look at all of the component.
 * @returns undefined if it has to, or if it has to say what is wrong.
 */
async function generateHollow(
  component: Uint8Array,
  options: GenerateOptions,
): Promise<[string, Uint8Array][] | undefined> {
  try {
    const hollow = hollowComponent(component);
    // What the generator does not see is validated here.
    if (!hollow.modules.every(({ original }) => WebAssembly.validate(original as BufferSource))) {
      return undefined;
    }
    return fillModules((await generate(hollow.bytes, options)).files, hollow);
  } catch (error) {
    if (isAsynchronous(error)) throw error;
    // Offsets and names in the message are those of the whole component, which says it again.
    return undefined;
  }
}

function isAsynchronous(error: unknown): boolean {
  return errorLine(error).includes(NOT_SYNCHRONOUS);
}

function optionsFor(versioned: readonly string[]): GenerateOptions {
  return {
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
