/**
 * What a dependency gets in place of interfaces that it has not inherited: functions that refuse, and
 * resources that cannot be had. Nothing of the real interfaces is loaded. The answers are those of
 * spin:crates/capabilities/deny-adapter.
 *
 * @module
 */

import { DENIED_PREFIX } from "./capabilities.ts";
import type { ImportObject } from "./component_context.ts";

type Members = Record<string, unknown>;

/** The denied ones among `wanted`, by the names under which they are imported. */
export function createDenied(wanted: readonly string[]): ImportObject {
  const offered: ImportObject = {};
  for (const name of wanted) {
    if (!name.startsWith(DENIED_PREFIX)) continue;
    const denied = parseName(name.slice(DENIED_PREFIX.length));
    const create = Object.hasOwn(DENIED, denied.name) ? DENIED[denied.name] : undefined;
    // Without one, linking says that the host does not offer it.
    if (create) offered[name] = create(denied);
  }
  return offered;
}

interface DeniedInterface {
  /** Without its version. */
  readonly name: string;
  /** Empty in version 1 of the Spin interfaces. */
  readonly version: string;
}

function parseName(name: string): DeniedInterface {
  const [base = "", version = ""] = name.split("@", 2);
  return { name: base, version };
}

const DENIED: Readonly<Record<string, (denied: DeniedInterface) => Members>> = {
  "wasi:http/outgoing-handler": (denied) => ({
    // The first snapshot has errors of its own.
    handle: denied.version === "0.2.0-rc-2023-10-18"
      ? refuse({ tag: "unexpected-error", val: notPermitted(denied) })
      : refuse({ tag: "internal-error", val: notPermitted(denied) }),
  }),
  "wasi:http/client": (denied) => ({
    send: refuse({ tag: "internal-error", val: notPermitted(denied) }),
  }),
  "wasi:sockets/tcp-create-socket": () => ({ createTcpSocket: refuse("access-denied") }),
  "wasi:sockets/udp-create-socket": () => ({ createUdpSocket: refuse("access-denied") }),
  "wasi:sockets/ip-name-lookup": ({ version }) => ({
    ResolveAddressStream: resource({}),
    resolveAddresses: refuse(version.startsWith("0.2.") ? "access-denied" : ACCESS_DENIED),
  }),
  "wasi:sockets/types": () => ({
    TcpSocket: resource({ create: refuse(ACCESS_DENIED) }),
    UdpSocket: resource({ create: refuse(ACCESS_DENIED) }),
  }),
  "wasi:cli/environment": () => ({
    getEnvironment: () => [],
    getArguments: () => [],
    initialCwd: () => undefined,
    getInitialCwd: () => undefined,
  }),
  "wasi:filesystem/preopens": () => ({ getDirectories: () => [] }),
  "wasi:config/store": (denied) => {
    const get = refuse({ tag: "io", val: notPermitted(denied) });
    return { get, getAll: get };
  },
  "wasi:keyvalue/store": () => ({ open: refuse(ACCESS_DENIED), Bucket: resource({}) }),
  "wasi:keyvalue/batch": () => refuseAll(["getMany", "setMany", "deleteMany"], ACCESS_DENIED),
  "wasi:keyvalue/atomics": () => ({
    ...refuseAll(["increment", "swap"], ACCESS_DENIED),
    Cas: resource({ "new": refuse(ACCESS_DENIED) }),
  }),
  "fermyon:spin/http": () => ({ sendRequest: refuse("destination-not-allowed") }),
  "fermyon:spin/config": (denied) => ({
    getConfig: refuse({ tag: "other", val: notPermitted(denied) }),
  }),
  "fermyon:spin/llm": () =>
    refuseAll(["infer", "generateEmbeddings"], { tag: "model-not-supported" }),
  "fermyon:spin/variables": variables,
  "spin:variables/variables": variables,
  "fermyon:spin/key-value": keyValue,
  "spin:key-value/key-value": keyValue,
  "fermyon:spin/sqlite": sqlite,
  "spin:sqlite/sqlite": sqlite,
  "fermyon:spin/redis": (denied) =>
    denied.version === "" ? refuseAll(REDIS_FUNCTIONS, "error") : connection(denied),
  "spin:redis/redis": connection,
  "fermyon:spin/mqtt": connection,
  "spin:mqtt/mqtt": connection,
  "fermyon:spin/mysql": sql,
  "spin:mysql/mysql": sql,
  "fermyon:spin/postgres": sql,
  "spin:postgres/postgres": sql,
};

const ACCESS_DENIED = Object.freeze({ tag: "access-denied" });

const REDIS_FUNCTIONS = [
  "publish",
  "get",
  "set",
  "incr",
  "del",
  "sadd",
  "smembers",
  "srem",
  "execute",
];

function variables(): Members {
  return {
    get(name: string): never {
      throw { tag: "undefined", val: name };
    },
  };
}

/** In version 1 a store is a number, which anybody can make up. */
function keyValue({ version }: DeniedInterface): Members {
  if (version !== "") return { Store: resource({ open: refuse(ACCESS_DENIED) }) };
  const names = ["open", "get", "set", "delete", "exists", "getKeys"];
  return { ...refuseAll(names, ACCESS_DENIED), close: () => {} };
}

/** In version 1 a connection is a number, which anybody can make up. */
function sqlite({ version }: DeniedInterface): Members {
  if (version === "") {
    return { ...refuseAll(["open", "execute"], ACCESS_DENIED), close: () => {} };
  }
  return { Connection: resource(refuseAll(["open", "openAsync"], ACCESS_DENIED)) };
}

function connection(denied: DeniedInterface): Members {
  const error = { tag: "other", val: notPermitted(denied) };
  return { Connection: resource(refuseAll(["open", "openAsync"], error)) };
}

function sql(denied: DeniedInterface): Members {
  if (denied.version === "") {
    return refuseAll(["query", "execute"], { tag: "other-error", val: notPermitted(denied) });
  }
  const build = refuse({ tag: "other", val: notPermitted(denied) });
  class ConnectionBuilder {
    setCaRoot(_certificate: string): void {}

    build(): never {
      return build();
    }

    buildAsync(): never {
      return build();
    }
  }
  return { ...connection(denied), ConnectionBuilder };
}

function notPermitted({ name }: DeniedInterface): string {
  return `${JSON.stringify(name)} is not permitted`;
}

/** A function that throws the error of its result. */
function refuse(error: unknown): () => never {
  return () => {
    throw error;
  };
}

function refuseAll(names: readonly string[], error: unknown): Members {
  return Object.fromEntries(names.map((name) => [name, refuse(error)]));
}

/** A resource class of which there are no instances. */
function resource(statics: Members): unknown {
  return Object.assign(class {}, statics);
}
