/**
 * What a component may call while it is instantiated and still be rewound to that moment: functions
 * whose answers are the same for every instance. Some of them give out resources (standard streams,
 * preopened directories), which a rewound instance gets anew.
 *
 * @module
 */

import type { LinkedImports } from "./link.ts";

/** The resources in the result of each constant function, in a fixed order. */
export const CONSTANT_FUNCTIONS: Readonly<Record<string, (result: unknown) => unknown[]>> = {
  "wasi:cli/environment#getEnvironment": none,
  "wasi:cli/environment#getArguments": none,
  "wasi:cli/environment#initialCwd": none,
  "wasi:cli/stdin#getStdin": single,
  "wasi:cli/stdout#getStdout": single,
  "wasi:cli/stderr#getStderr": single,
  "wasi:cli/terminal-stdin#getTerminalStdin": none,
  "wasi:cli/terminal-stdout#getTerminalStdout": none,
  "wasi:cli/terminal-stderr#getTerminalStderr": none,
  "wasi:filesystem/preopens#getDirectories": (result) =>
    (result as [unknown, string][]).map(([descriptor]) => descriptor),
  // What a dependency gets that has not inherited them: always empty.
  "denied-wasi:cli/environment#getEnvironment": none,
  "denied-wasi:cli/environment#getArguments": none,
  "denied-wasi:cli/environment#initialCwd": none,
  "denied-wasi:filesystem/preopens#getDirectories": none,
};

function none(): unknown[] {
  return [];
}

function single(result: unknown): unknown[] {
  return [result];
}

type AnyFunction = (...args: unknown[]) => unknown;

/** The interface whose answers depend on how the component is configured. */
export const ENVIRONMENT = "wasi:cli/environment";

/** Why a component that called this function while it started cannot be rewound. */
export function calledWhileStarting(name: string): string {
  return `it calls ${name} while it starts`;
}

/**
 * The imports with every function watched that is not constant. Resources need no watching: an
 * instance gets its first one from a function.
 */
export function watchCalls(imports: LinkedImports, onCall: (name: string) => void): LinkedImports {
  const watched: LinkedImports = {};
  for (const [interface_, items] of Object.entries(imports)) {
    watched[interface_] = { ...items };
    for (const [item, value] of Object.entries(items)) {
      const name = `${interface_}#${item}`;
      if (typeof value !== "function" || /^[A-Z]/.test(item) || name in CONSTANT_FUNCTIONS) {
        continue;
      }
      watched[interface_][item] = (...args: unknown[]) => {
        onCall(name);
        return value(...args);
      };
    }
  }
  return watched;
}

/** Remembers which resources an instance got while it started, and makes them anew. */
export class StartRecorder {
  /** The imports to instantiate with. */
  readonly imports: LinkedImports;
  readonly #origins = new Map<unknown, () => unknown>();
  #isRecording = true;

  constructor(imports: LinkedImports) {
    const recorded: LinkedImports = { ...imports };
    for (const [name, resourcesOf] of Object.entries(CONSTANT_FUNCTIONS)) {
      const [interface_, item] = name.split("#") as [string, string];
      const original = imports[interface_]?.[item] as AnyFunction | undefined;
      if (!original || resourcesOf === none) continue;
      recorded[interface_] = {
        ...recorded[interface_],
        [item]: () => this.#record(original, resourcesOf),
      };
    }
    this.imports = recorded;
  }

  #record(original: AnyFunction, resourcesOf: (result: unknown) => unknown[]): unknown {
    const result = original();
    if (this.#isRecording) {
      resourcesOf(result).forEach((resource, index) => {
        this.#origins.set(resource, () => resourcesOf(original())[index]);
      });
    }
    return result;
  }

  /** The instance has started. */
  finish(): void {
    this.#isRecording = false;
  }

  /** A new resource in place of one that the instance got while it started. */
  renew(resource: unknown): unknown {
    const renew = this.#origins.get(resource);
    if (!renew) throw new Error("Cannot rewind: the instance holds an unknown resource");
    return renew();
  }
}
