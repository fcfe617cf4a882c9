/**
 * The permissions that a dependency can inherit, and the interfaces that each is about. Matches the
 * sets of spin:crates/capabilities; where those forget an interface (version 1 of the Spin
 * interfaces, `wasi:config`, other versions of WASI), it is in the set of its successor.
 *
 * @module
 */

/** What a dependency inherits; an empty list is nothing. */
export type InheritedSets = "All" | readonly string[];

/** What a composed component's import begins with if it must be refused. */
export const DENIED_PREFIX = "denied-";

/** Spin has databases on the network in the set of SQLite; both names give them. */
const DATABASES = ["allowed_outbound_hosts", "sqlite_databases"];
const OUTBOUND = ["allowed_outbound_hosts"];
const KEY_VALUE = ["key_value_stores"];
const VARIABLES = ["variables"];

/** Interface, without its version → the sets that give it. A key that ends with `/` is a package. */
const SETS: Readonly<Record<string, readonly string[]>> = {
  "fermyon:spin/llm": ["ai_models"],
  "wasi:http/outgoing-handler": OUTBOUND,
  "wasi:http/client": OUTBOUND,
  "wasi:sockets/tcp-create-socket": OUTBOUND,
  "wasi:sockets/udp-create-socket": OUTBOUND,
  "wasi:sockets/ip-name-lookup": OUTBOUND,
  "fermyon:spin/http": OUTBOUND,
  "fermyon:spin/redis": OUTBOUND,
  "spin:redis/redis": OUTBOUND,
  "fermyon:spin/mqtt": OUTBOUND,
  "spin:mqtt/mqtt": OUTBOUND,
  "fermyon:spin/mysql": DATABASES,
  "spin:mysql/mysql": DATABASES,
  "fermyon:spin/postgres": DATABASES,
  "spin:postgres/postgres": DATABASES,
  "wasi:cli/environment": ["environment"],
  "wasi:filesystem/preopens": ["files"],
  "fermyon:spin/key-value": KEY_VALUE,
  "spin:key-value/key-value": KEY_VALUE,
  // All of it: the others take the buckets that the store gives.
  "wasi:keyvalue/": KEY_VALUE,
  "fermyon:spin/sqlite": ["sqlite_databases"],
  "spin:sqlite/sqlite": ["sqlite_databases"],
  "fermyon:spin/config": VARIABLES,
  "fermyon:spin/variables": VARIABLES,
  "spin:variables/variables": VARIABLES,
  "wasi:config/store": VARIABLES,
};

/** In WASI 0.3 the types make sockets themselves. */
const SOCKET_TYPES = /^wasi:sockets\/types@0\.3\./;

/** Whether what `inherit` gives includes an interface, or the interface needs no permission. */
export function isInherited(name: string, inherit: InheritedSets): boolean {
  if (inherit === "All") return true;
  const sets = SOCKET_TYPES.test(name) ? OUTBOUND : findSets(name);
  return !sets || sets.some((set) => inherit.includes(set));
}

function findSets(name: string): readonly string[] | undefined {
  const [interface_ = ""] = name.split("@", 1);
  const [package_] = interface_.split("/", 1);
  return own(interface_) ?? own(`${package_}/`);
}

function own(key: string): readonly string[] | undefined {
  return Object.hasOwn(SETS, key) ? SETS[key] : undefined;
}
