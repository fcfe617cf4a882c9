/**
 * Bindings for core modules that run without a component around them: modules of Spin's first ABI,
 * and commands of WASI preview 1. They take and give the same as the generated bindings of a
 * component (see `component.ts`), so that everything else is the same for both: instances are
 * pooled, rewound, preempted and limited.
 *
 * @module
 */

import type { Bindings } from "../component.ts";
import type { LinkedImports } from "../link.ts";
import { type CoreValue, load, storeList } from "./abi.ts";
import {
  buildCaller,
  buildGate,
  CALLER_CALL,
  CALLER_PARAMETER,
  CALLER_RESULT,
  GATE_HOST,
  GATE_WAIT,
  type GatedFunction,
  PENDING,
} from "./gate.ts";
import { GuestMemory, type MemoryExports } from "./guest_memory.ts";
import { createOldImport, gatedForm } from "./old_imports.ts";
import { MESSAGE_RESULT, METHODS, PAIR, RESPONSE } from "./old_interfaces.ts";
import { createPreview1, PREVIEW1, PREVIEW1_WAITS } from "./preview1/preview1.ts";
import type { WasiHost } from "./preview1/wasi_host.ts";

/** The export of modules of the first ABI that serve HTTP. */
export const INBOUND_HTTP = "fermyon:spin/inbound-http";
/** The export of modules of the first ABI that take messages of Redis. */
export const INBOUND_REDIS = "fermyon:spin/inbound-redis";
/** The export of commands, as with an adapter of WASI 0.2. */
export const COMMAND_RUN = "wasi:cli/run@0.2.0";

/** The only core module of such an artifact, by file name. */
export const CORE_MODULE = "module.wasm";

/** What the engine gives to all bindings. */
interface BindingsHost {
  guard<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result;
  suspendable(fn: unknown): (...args: unknown[]) => Promise<unknown>;
  suspending(fn: () => Promise<unknown>): WebAssembly.ImportValue;
}

/** The record `request` of `fermyon:spin/http-types`. */
export interface InboundRequest {
  readonly method: (typeof METHODS)[number];
  readonly uri: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly params: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
}

/** The record `response` of `fermyon:spin/http-types`. */
export interface InboundResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[] | undefined;
  readonly body: Uint8Array | undefined;
}

/** An instance under construction. */
interface Parts {
  readonly memory: GuestMemory;
  readonly host: BindingsHost;
  readonly exports: WebAssembly.Exports;
  readonly modules: HelperModules;
}

/** Bindings for one core module. Keeps the helper modules that its instances share. */
export function createCoreModuleBindings(): Bindings {
  const modules = new HelperModules();
  return {
    // deno-lint-ignore require-await -- the generated bindings of components are asynchronous
    async instantiate(getCoreModule, imports, instantiateCore) {
      const module = getCoreModule(CORE_MODULE);
      const host = imports.$host as BindingsHost;
      const memory = new GuestMemory();
      const preview1 = createPreview1(memory, imports as unknown as WasiHost);
      const calls = collectImports(module, {
        memory,
        imports: imports as LinkedImports,
        preview1: preview1.functions,
      });
      const { exports } = instantiateCore(module, linkCore(calls, { host, modules }));
      memory.attach(memoryExports(exports, host));
      // Constructors of global objects run here, as when an adapter makes a component of it.
      if (typeof exports._initialize === "function") exports._initialize();
      return Object.assign(presentExports({ memory, host, exports, modules }), {
        $save: () => ({ isInitial: preview1.isInitial() }),
        $restore(saved: { isInitial?: unknown }) {
          // What it got at its start is made anew when it is first asked for.
          if (!saved.isInitial) throw new Error("The start has changed the file descriptors");
        },
        $clear: () => preview1.clear(),
      });
    },
  };
}

/** The helpers of one module: compiled once, since they are the same for all its instances. */
class HelperModules {
  #gate: WebAssembly.Module | undefined;
  readonly #callers = new Map<number, WebAssembly.Module>();

  gate(functions: ReadonlyMap<string, GatedFunction>): WebAssembly.Module {
    return this.#gate ??= new WebAssembly.Module(buildGate(functions) as BufferSource);
  }

  caller(count: number): WebAssembly.Module {
    const known = this.#callers.get(count);
    if (known) return known;
    const caller = new WebAssembly.Module(buildCaller(count) as BufferSource);
    this.#callers.set(count, caller);
    return caller;
  }
}

/** An import of the module: what to call, and its form if it may have to wait. */
interface ImportedCall {
  readonly module: string;
  readonly name: string;
  readonly call: (...args: never[]) => number | Promise<number>;
  readonly gated: GatedFunction | undefined;
}

function collectImports(
  module: WebAssembly.Module,
  host: {
    memory: GuestMemory;
    imports: LinkedImports;
    preview1: Readonly<Record<string, ImportedCall["call"]>>;
  },
): ImportedCall[] {
  return WebAssembly.Module.imports(module).map(({ module, name }) =>
    module === PREVIEW1
      ? { module, name, call: host.preview1[name]!, gated: PREVIEW1_WAITS[name] }
      : {
        module,
        name,
        call: createOldImport({ module, name }, host) as ImportedCall["call"],
        gated: gatedForm({ module, name }),
      }
  );
}

/** The import object of the core module, with a gate before what may have to wait. */
function linkCore(
  calls: readonly ImportedCall[],
  { host, modules }: { host: BindingsHost; modules: HelperModules },
): WebAssembly.Imports {
  const gated = calls.filter((call) => call.gated !== undefined);
  const gate = gated.length === 0 ? {} : instantiateGate(gated, { host, modules });
  const linked: WebAssembly.Imports = {};
  for (const { module, name, call, gated } of calls) {
    linked[module] ??= {};
    linked[module][name] = gated ? gate[gateName({ module, name })]! : call;
  }
  return linked;
}

function gateName({ module, name }: { module: string; name: string }): string {
  return `${module} ${name}`;
}

function instantiateGate(
  gated: readonly ImportedCall[],
  { host, modules }: { host: BindingsHost; modules: HelperModules },
): WebAssembly.Exports {
  let pending: Promise<number> | undefined;
  const hostPart: Record<string, WebAssembly.ImportValue> = {};
  for (const item of gated) {
    const call = item.call as (...args: CoreValue[]) => number | Promise<number>;
    hostPart[gateName(item)] = (...args: CoreValue[]) => {
      const answer = call(...args);
      if (typeof answer === "number") return answer;
      pending = answer;
      return PENDING;
    };
  }
  const module = modules.gate(new Map(gated.map((item) => [gateName(item), item.gated!])));
  return new WebAssembly.Instance(module, {
    [GATE_HOST]: hostPart,
    [GATE_WAIT.module]: { [GATE_WAIT.name]: host.suspending(() => pending!) },
  }).exports;
}

function memoryExports(exports: WebAssembly.Exports, host: BindingsHost): MemoryExports {
  const realloc = exports.canonical_abi_realloc ?? exports.cabi_realloc;
  return {
    memory: exports.memory as WebAssembly.Memory,
    realloc: typeof realloc === "function"
      ? host.guard(realloc as (...args: number[]) => number)
      : undefined,
  };
}

type Presented = Record<string, Record<string, (...args: never[]) => Promise<unknown>>>;

function presentExports(parts: Parts): Presented {
  const { exports } = parts;
  return {
    ...("handle-http-request" in exports ? { [INBOUND_HTTP]: presentHttp(parts) } : {}),
    ...("handle-redis-message" in exports ? { [INBOUND_REDIS]: presentRedis(parts) } : {}),
    ...("_start" in exports ? { [COMMAND_RUN]: presentCommand(parts) } : {}),
  };
}

/** A function of i32 parameters that gives an i32, on the stack of the calls before. */
function presentFunction(
  name: string,
  { count, parts }: { count: number; parts: Parts },
): (parameters: readonly number[]) => Promise<number> {
  const caller = new WebAssembly.Instance(parts.modules.caller(count), {
    [GATE_HOST]: { f: parts.exports[name]! },
  }).exports as Record<string, WebAssembly.Global>;
  const call = parts.host.suspendable(caller[CALLER_CALL]);
  return async (parameters) => {
    parameters.forEach((value, index) => caller[CALLER_PARAMETER + index]!.value = value);
    await call(0, 0);
    return caller[CALLER_RESULT]!.value >>> 0;
  };
}

function presentHttp(parts: Parts): Presented[string] {
  const { memory } = parts;
  const call = presentFunction("handle-http-request", { count: 10, parts });
  return {
    async handleRequest(request: InboundRequest): Promise<InboundResponse> {
      const { body } = request;
      const pointer = await call([
        METHODS.indexOf(request.method),
        ...memory.allocateText(request.uri),
        ...storeList(memory, PAIR, request.headers),
        ...storeList(memory, PAIR, request.params),
        ...(body ? [1, ...memory.allocateBytes(body)] : [0, 0, 0]),
      ]);
      const response = load(memory, RESPONSE, pointer) as InboundResponse;
      return { ...response, body: response.body?.slice() };
    },
  };
}

/** The handler failed, as its type declares. In the form that generated bindings throw. */
class DeclaredError extends Error {
  override readonly name = "DeclaredError";
  readonly payload: unknown;

  constructor(payload: unknown) {
    super(`The handler returned the error ${payload}`);
    this.payload = payload;
  }
}

/** Results up to this one are no addresses: 0 is success, and the other one failure. */
const LAST_CODE = 1;

function presentRedis(parts: Parts): Presented[string] {
  const { memory } = parts;
  const call = presentFunction("handle-redis-message", { count: 2, parts });
  return {
    async handleMessage(payload: Uint8Array): Promise<void> {
      const result = await call(memory.allocateBytes(payload));
      // A pointer to the result; modules written by hand may give the code itself.
      const { tag, val } = result > LAST_CODE
        ? load(memory, MESSAGE_RESULT, result) as { tag: string; val?: unknown }
        : { tag: result === 0 ? "ok" : "err", val: "error" };
      if (tag === "err") throw new DeclaredError(val);
    },
  };
}

function presentCommand({ exports, host }: Parts): Presented[string] {
  const start = host.suspendable(exports._start);
  return {
    async run(): Promise<void> {
      await start();
    },
  };
}
