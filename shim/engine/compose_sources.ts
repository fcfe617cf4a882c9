/**
 * Sources → the component that runs: core modules get what makes them components, and components get
 * their dependencies.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { classifySource } from "./classify.ts";
import type { ComposedDependency } from "./compose/compose.ts";
import { DENIED_PREFIX } from "../imports/capabilities.ts";
import { newComponent } from "./component_tools.ts";
import { EXIT_INTERFACE, withExactExit } from "./exit_code.ts";
import { readComponent } from "./wasm/component_binary.ts";

/** The dependencies of a component, as they were loaded. */
export interface DependencySources {
  /** The id of the component that has them, for messages. */
  readonly component: string;
  /** Their `bytes` may also be core modules with component metadata. */
  readonly dependencies: readonly ComposedDependency[];
}

/**
 * Composes a source with its dependencies.
 * @param source A component, or a core module with component metadata.
 * @throws {TerminalError} if they do not fit together. What the types of their interfaces have to do
 * with it shows only when the result is validated; see `explainMismatch` of `compose.ts`.
 */
export async function composeSources(
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

/** The imports of a component that only this host understands, as users know them. */
export function hostOnlyImports(component: Uint8Array): string[] {
  return readComponent(component).imports.flatMap((name) => {
    if (name.startsWith(DENIED_PREFIX)) return [name.slice(DENIED_PREFIX.length)];
    return name === EXIT_INTERFACE ? [name] : [];
  });
}

/**
 * The component of a source: itself, or what a core module with component metadata becomes.
 * @throws {TerminalError} if it is neither.
 */
export async function toComponent(source: Uint8Array): Promise<Uint8Array> {
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
    return await newComponent(isCommand ? await withExactExit(source) : source, adapter);
  } catch (error) {
    throw new TerminalError(
      "UnusableWasm",
      `the core module cannot be turned into a component: ${firstLine(error)}`,
      { cause: error },
    );
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
}
