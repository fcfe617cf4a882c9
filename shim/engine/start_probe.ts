/**
 * Whether a component's instances may be rewound to the moment they were made: found out by making
 * one, at preparation, with imports that only watch. What cannot be proven gets a new instance for
 * every request.
 *
 * @module
 */

import { CaptureTable } from "./capture_table.ts";
import { evaluateBindings } from "./evaluate_bindings.ts";
import { calledWhileStarting, CONSTANT_FUNCTIONS, ENVIRONMENT } from "./start_constants.ts";
import { GuestWaits } from "./guest_waits.ts";
import { compileInterruptHelper, Preemption, TurnQueue } from "./preemption.ts";

/** What {@link probeStart} found. */
export interface StartProbe {
  /** Why instances cannot be rewound, or undefined if they can. */
  readonly notResettable: string | undefined;
  /** The component may start in another way where its environment is not empty. */
  readonly readsEnvironment: boolean;
}

/** Milliseconds a component may use to start. */
const START_LIMIT_MS = 10_000;

/** The component called a host function while it started. */
class CalledHost extends Error {
  override readonly name = "CalledHost";
}

/** Bindings, as far as instances are made by them. */
export interface ProbedBindings {
  instantiate(
    getCoreModule: (name: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
    instantiateCore: (
      module: WebAssembly.Module,
      imports: WebAssembly.Imports,
    ) => WebAssembly.Instance,
  ): Promise<unknown>;
}

/**
 * Instantiates a component once.
 * @param bindings The adapted bindings, or their source.
 * @param options.functions Version-less interface → names that the bindings take from it.
 */
export async function probeStart(
  bindings: string | ProbedBindings,
  options: {
    modules: ReadonlyMap<string, Uint8Array>;
    functions: Readonly<Record<string, readonly string[]>>;
  },
): Promise<StartProbe> {
  let called: string | undefined;
  let readsEnvironment = false;
  const imports = watchingImports(options.functions, (name) => called ??= name);
  for (const [item, answer] of Object.entries(imports[ENVIRONMENT] ?? {})) {
    imports[ENVIRONMENT]![item] = () => {
      readsEnvironment = true;
      return (answer as () => unknown)();
    };
  }
  const preemption = new Preemption({
    helper: compileInterruptHelper(),
    turns: new TurnQueue(),
    cpuLimitMs: START_LIMIT_MS,
  });
  const waits = new GuestWaits();
  imports.$host = {
    guard: preemption.guard.bind(preemption),
    suspendable: (fn: unknown) => fn,
    suspending: waits.suspending.bind(waits),
    CaptureTable,
  };
  try {
    const { instantiate } = typeof bindings === "string"
      ? evaluateBindings<ProbedBindings>(bindings, "probe:bindings")
      : bindings;
    await instantiate(
      (name: string) => new WebAssembly.Module(options.modules.get(name) as BufferSource),
      imports,
      (module: WebAssembly.Module, given: WebAssembly.Imports) => {
        const instance = new WebAssembly.Instance(module, given);
        preemption.attach(instance.exports);
        return instance;
      },
    );
  } catch (error) {
    // With real imports it may well start; if not, the host says so when it tries.
    const detail = error instanceof Error ? error.message : error;
    return {
      notResettable: called === undefined
        ? `it does not start on its own: ${detail}`
        : calledWhileStarting(called),
      readsEnvironment,
    };
  }
  return {
    notResettable: called === undefined ? undefined : calledWhileStarting(called),
    readsEnvironment,
  };
}

type Watched = Record<string, Record<string, unknown>>;

function watchingImports(
  functions: Readonly<Record<string, readonly string[]>>,
  onCall: (name: string) => void,
): Watched {
  const imports: Watched = {};
  for (const [name, items] of Object.entries(functions)) {
    imports[name] = Object.fromEntries(
      items.map((item) => [item, watching(`${name}#${item}`, onCall)]),
    );
  }
  for (const [name, items] of Object.entries(imports)) {
    for (const item of Object.keys(items)) {
      const constant = constantAnswer(`${name}#${item}`, imports);
      if (constant) items[item] = constant;
    }
  }
  return imports;
}

/**
 * Resource classes begin with a capital in the bindings. They have hardly any methods here, so that
 * a component that calls one while it starts fails to start.
 */
function watching(name: string, onCall: (name: string) => void): unknown {
  if (!/#[A-Z]/.test(name)) {
    return () => {
      onCall(name);
      throw new CalledHost(name);
    };
  }
  return name === "wasi:filesystem/types#Descriptor" ? PreopenedDirectory : class {};
}

/** A preopened directory answers these two the same way for every instance. */
class PreopenedDirectory {
  getType(): string {
    return "directory";
  }

  getFlags(): Record<string, boolean> {
    return { read: true };
  }
}

function constantAnswer(name: string, imports: Watched): (() => unknown) | undefined {
  function resource(interface_: string, className: string): unknown {
    const Class = imports[interface_]?.[className] as new () => unknown;
    return new Class();
  }
  switch (name) {
    case "wasi:cli/stdin#getStdin":
      return () => resource("wasi:io/streams", "InputStream");
    case "wasi:cli/stdout#getStdout":
    case "wasi:cli/stderr#getStderr":
      return () => resource("wasi:io/streams", "OutputStream");
    case "wasi:filesystem/preopens#getDirectories":
      return () => [[resource("wasi:filesystem/types", "Descriptor"), "/"]];
    case "wasi:cli/environment#getEnvironment":
    case "wasi:cli/environment#getArguments":
    case "denied-wasi:cli/environment#getEnvironment":
    case "denied-wasi:cli/environment#getArguments":
    case "denied-wasi:filesystem/preopens#getDirectories":
      return () => [];
    default:
      return name in CONSTANT_FUNCTIONS ? () => undefined : undefined;
  }
}
