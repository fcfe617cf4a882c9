/**
 * Spans of what components have the host do: stores, databases, brokers. Names and attributes are
 * Spin's.
 *
 * @module
 */

import { interfaceKey } from "../engine/link.ts";
import type { ImportObject } from "../imports/component_context.ts";
import type { SpanOptions, Tracer } from "../telemetry/tracer.ts";

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;
type AnyClass = (new (...args: never[]) => unknown) & Record<string, unknown>;

/** How calls of one interface are told. */
interface Family {
  /** First part of the spans' names: `spin_key_value`. */
  readonly prefix: string;
  readonly attributes?: SpanOptions["attributes"];
  /** Functions that have spans → what they are called if it is not their own name. */
  readonly functions: Readonly<Record<string, FunctionSpan>>;
}

/** Name of the span after the prefix; or the whole name, of the arguments behind the resource. */
type FunctionSpan = string | ((args: readonly unknown[]) => string);

const REDIS: Family = {
  prefix: "spin_outbound_redis",
  attributes: { "db.system": "redis" },
  functions: {
    open: "open_connection",
    openAsync: "open_connection",
    publish: ([channel]) => `PUBLISH ${text(channel)}`,
    get: ([key]) => `GET ${text(key)}`,
    set: ([key]) => `SET ${text(key)}`,
    incr: ([key]) => `INCRBY ${text(key)} 1`,
    del: ([keys]) => `DEL ${text(keys)}`,
    sadd: ([key]) => `SADD ${text(key)}`,
    smembers: ([key]) => `SMEMBERS ${text(key)}`,
    srem: ([key]) => `SREM ${text(key)}`,
    execute: ([command]) => text(command),
  },
};

const KEY_VALUE_FUNCTIONS = {
  open: "open",
  get: "get",
  set: "set",
  delete: "delete",
  exists: "exists",
  getKeys: "get_keys",
};

const KEY_VALUE: Family = { prefix: "spin_key_value", functions: KEY_VALUE_FUNCTIONS };

const WASI_KEY_VALUE: Family = {
  prefix: "wasi_key_value",
  functions: {
    ...KEY_VALUE_FUNCTIONS,
    listKeys: "list_keys",
    getMany: "get_many",
    setMany: "set_many",
    deleteMany: "delete_many",
    increment: "increment",
    swap: "swap",
  },
};

const VARIABLES: Family = {
  prefix: "spin_variables",
  functions: { get: "get", getConfig: "get" },
};

const LLM: Family = {
  prefix: "spin_llm",
  functions: { infer: "infer", generateEmbeddings: "generate_embeddings" },
};

const MQTT: Family = {
  prefix: "spin_outbound_mqtt",
  attributes: { "messaging.system": "mqtt" },
  functions: {
    open: "open_connection",
    openAsync: "open_connection",
    publish: ([topic]) => `${text(topic)} publish`,
  },
};

function sql(prefix: string, system: string): Family {
  const statement = ([sql]: readonly unknown[]) => text(sql);
  return {
    prefix,
    attributes: { "db.system": system },
    functions: {
      open: "open",
      openAsync: "open",
      query: statement,
      queryAsync: statement,
      execute: statement,
      executeAsync: statement,
    },
  };
}

/** Beginning of an interface's name → its family. */
const FAMILIES: Readonly<Record<string, Family>> = {
  "fermyon:spin/redis": REDIS,
  "spin:redis/redis": REDIS,
  "fermyon:spin/key-value": KEY_VALUE,
  "spin:key-value/key-value": KEY_VALUE,
  "wasi:keyvalue/": WASI_KEY_VALUE,
  "fermyon:spin/config": VARIABLES,
  "fermyon:spin/variables": VARIABLES,
  "spin:variables/variables": VARIABLES,
  "fermyon:spin/llm": LLM,
  "fermyon:spin/mqtt": MQTT,
  "spin:mqtt/mqtt": MQTT,
  "fermyon:spin/sqlite": sql("spin_sqlite", "sqlite"),
  "spin:sqlite/sqlite": sql("spin_sqlite", "sqlite"),
  "fermyon:spin/postgres": sql("spin_outbound_pg", "postgresql"),
  "spin:postgres/postgres": sql("spin_outbound_pg", "postgresql"),
  "fermyon:spin/mysql": sql("spin_outbound_mysql", "mysql"),
  "spin:mysql/mysql": sql("spin_outbound_mysql", "mysql"),
};

/** Longest text of a name. */
const MAX_TEXT = 256;

function text(value: unknown): string {
  const whole = Array.isArray(value) ? value.join(" ") : String(value);
  return whole.length > MAX_TEXT ? `${whole.slice(0, MAX_TEXT)}…` : whole;
}

/** Makes spans of the calls of one isolate. */
export class HostSpans {
  readonly #tracer: Tracer;
  /** Classes whose methods are traced already: some are shared by components. */
  readonly #traced = new WeakSet<object>();

  constructor(tracer: Tracer) {
    this.#tracer = tracer;
  }

  /**
   * What a component is offered, with spans for its calls. Methods of resources are traced in the
   * classes themselves, of which an isolate has its own.
   * @param wanted The interfaces that it imports, with their versions.
   */
  trace(offered: ImportObject, wanted: readonly string[]): ImportObject {
    const traced: ImportObject = { ...offered };
    for (const key of new Set(wanted.map(interfaceKey))) {
      const name = Object.keys(FAMILIES).find((prefix) =>
        prefix.endsWith("/") ? key.startsWith(prefix) : key.split("@", 1)[0] === prefix
      );
      const items = offered[key];
      if (name === undefined || !items) continue;
      const family = FAMILIES[name]!;
      // Version 1 has functions with an address or a handle first.
      const skip = key.includes("@") || Object.keys(items).some(isClass) ? 0 : 1;
      traced[key] = Object.fromEntries(
        Object.entries(items).map((
          [item, value],
        ) => [item, this.#wrap(item, value, { family, skip })]),
      );
    }
    return traced;
  }

  #wrap(name: string, value: unknown, options: { family: Family; skip: number }): unknown {
    if (typeof value !== "function") return value;
    const { family, skip } = options;
    if (!isClass(name)) return this.#function(name, value as AnyFunction, { family, skip });
    this.#traceMethods(value as AnyClass, family);
    return this.#statics(value as AnyClass, family);
  }

  /** Instances stay instances of the class itself. */
  #statics(type: AnyClass, family: Family): AnyClass {
    return new Proxy(type, {
      get: (target, property, receiver) => {
        const value = Reflect.get(target, property, receiver);
        if (typeof value !== "function" || typeof property !== "string") return value;
        if (!Object.hasOwn(family.functions, property)) return value;
        return this.#function(property, (value as AnyFunction).bind(target), { family, skip: 0 });
      },
    });
  }

  #traceMethods({ prototype }: AnyClass, family: Family): void {
    const methods = prototype as Record<string, unknown>;
    if (this.#traced.has(methods)) return;
    this.#traced.add(methods);
    for (const name of Object.getOwnPropertyNames(methods)) {
      const descriptor = Object.getOwnPropertyDescriptor(methods, name)!;
      if (typeof descriptor.value !== "function") continue;
      const value = this.#function(name, descriptor.value as AnyFunction, { family, skip: 0 });
      Object.defineProperty(methods, name, { ...descriptor, value });
    }
  }

  #function(
    name: string,
    call: AnyFunction,
    { family, skip }: { family: Family; skip: number },
  ): AnyFunction {
    if (!Object.hasOwn(family.functions, name)) return call;
    const span = family.functions[name]!;
    const begin = (args: readonly unknown[]) =>
      typeof span === "string" ? `${family.prefix}.${span}` : span(args.slice(skip));
    const tracer = this.#tracer;
    const options: SpanOptions = { kind: "client", attributes: family.attributes ?? {} };
    return function (this: unknown, ...args: unknown[]): unknown {
      // Outside of requests, as while a component starts, there is no trace to belong to.
      if (!tracer.current) return call.apply(this, args);
      return traceCall(tracer, { name: begin(args), options, call: () => call.apply(this, args) });
    };
  }
}

function isClass(name: string): boolean {
  return /^[A-Z]/.test(name);
}

/** What is there at once stays so: a guest is not suspended for a span. */
function traceCall(
  tracer: Tracer,
  { name, options, call }: { name: string; options: SpanOptions; call: () => unknown },
): unknown {
  const span = tracer.start(name, options);
  function failed(error: unknown): never {
    span.fail(describe(error));
    span.end();
    throw error;
  }
  let result: unknown;
  try {
    result = tracer.within(span.context, call);
  } catch (error) {
    return failed(error);
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  return result.then((value) => {
    span.end();
    return value;
  }, failed);
}

/** Errors of interfaces are values: a name, or a variant. */
function describe(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error !== "object" || error === null) return String(error);
  const { tag, val } = error as { tag?: unknown; val?: unknown };
  return typeof val === "string" ? `${tag}: ${val}` : String(tag);
}
