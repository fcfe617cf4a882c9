/**
 * Built-in modules of Node that cost milliseconds to load, loaded when they are first needed: a cold
 * start pays for nothing that the app does not use.
 *
 * @module
 */

/** The part of Node's `process` that is used; touching the global loads it. */
interface NodeProcess {
  getBuiltinModule(name: string): unknown;
}

function builtin(name: string): unknown {
  return (globalThis as unknown as { process: NodeProcess }).process.getBuiltinModule(name);
}

/** `node:fs`. */
export function fs(): typeof import("node:fs") {
  return builtin("node:fs") as typeof import("node:fs");
}

/** `node:net`. */
export function net(): typeof import("node:net") {
  return builtin("node:net") as typeof import("node:net");
}

/** `node:path`. */
export function nodePath(): typeof import("node:path") {
  return builtin("node:path") as typeof import("node:path");
}

/** `node:util`. */
export function util(): typeof import("node:util") {
  return builtin("node:util") as typeof import("node:util");
}

/** `node:crypto`. */
export function nodeCrypto(): typeof import("node:crypto") {
  return builtin("node:crypto") as typeof import("node:crypto");
}

/** `node:tls`. */
export function tls(): typeof import("node:tls") {
  return builtin("node:tls") as typeof import("node:tls");
}

/** `node:https`. */
export function https(): typeof import("node:https") {
  return builtin("node:https") as typeof import("node:https");
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** 4 or 6 if `text` is a literal address of that version, without brackets; else 0. */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (IPV4.test(text)) return 4;
  return text.includes(":") && net().isIPv6(text) ? 6 : 0;
}
