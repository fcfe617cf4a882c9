/**
 * What kind of Wasm a component's source is, and what to do about kinds that cannot run.
 * Follows spin:crates/componentize/src/lib.rs.
 *
 * @module
 */

import { KIND, readModule, type WasmModuleInfo } from "./wasm/module_info.ts";
import { readProducers } from "./wasm/producers.ts";
import { binaryKind, readCustomSection, readSections, SECTION, WasmReader } from "./wasm/reader.ts";
import { TerminalError } from "../../lib/errors.ts";

/**
 * How a source is run:
 *
 * - `component`: as it is;
 * - `adaptable-module`: a core module with component metadata, made a component with the preview 1
 *   reactor adapter;
 * - `adaptable-command`: the same with the command adapter, since `_start` is all that it exports;
 * - `command`: a core module of WASI preview 1 with `_start`, run as it is;
 * - `spin-module`: a core module of Spin's first ABI, run as it is.
 */
export type SourceKind =
  | "component"
  | "adaptable-module"
  | "adaptable-command"
  | "command"
  | "spin-module";

/** A source that can run. */
export interface ClassifiedSource {
  readonly kind: SourceKind;
  /** What its author should know of it, as sentences. */
  readonly warnings: readonly string[];
}

/** Exports of Spin's first ABI. */
const SPIN_EXPORTS = ["handle-http-request", "handle-redis-message"];

/** Where the defect of early C libraries is explained. */
const LIBC_BUG_URL = "https://github.com/spinframework/spin/issues/2552";

/** The first version of clang that came with a C library without the defect. */
const FIRST_SAFE_CLANG = [15, 0, 7] as const;

/**
 * Classifies a binary.
 * @param bytes The source, a Wasm binary.
 * @throws {TerminalError} for everything that cannot run, with what to build instead.
 */
export function classifySource(bytes: Uint8Array): ClassifiedSource {
  if (bytes.length === 0) throw unusable("the file is empty; build the component first");
  switch (binaryKind(bytes)) {
    case "component":
      checkSections(bytes);
      return { kind: "component", warnings: [] };
    case "module":
      checkSections(bytes);
      return classifyModule(bytes);
    case "unknown":
      throw unusable(
        "unable to determine wasm binary encoding: it does not begin as a Wasm module or " +
          "component does; check that `source` names the build's output",
      );
  }
}

function unusable(detail: string, cause?: unknown): TerminalError {
  return new TerminalError("UnusableWasm", detail, { cause });
}

function checkSections(bytes: Uint8Array): void {
  try {
    readSections(bytes);
  } catch (error) {
    throw unusable(
      `the Wasm binary is truncated or damaged (${bytes.length} bytes): ${
        error instanceof Error ? error.message : error
      }; build or copy it again`,
      error,
    );
  }
}

function classifyModule(bytes: Uint8Array): ClassifiedSource {
  const exports = functionExports(readChecked(bytes));
  const metadata = componentTypes(bytes);
  if (metadata.length > 0) {
    checkBindgenVersion(metadata);
    // Functions of an interface are exported as `package:name/interface#function`. A program that
    // has none of them would be a component that nobody can call.
    const isCommand = exports.has("_start") && ![...exports].some((name) => name.includes("#"));
    return { kind: isCommand ? "adaptable-command" : "adaptable-module", warnings: [] };
  }
  const hasRealloc = exports.has("cabi_realloc") || exports.has("canonical_abi_realloc");
  if (exports.has("_start") && !hasRealloc) {
    return { kind: "command", warnings: checkClangVersion(bytes) };
  }
  if (SPIN_EXPORTS.some((name) => exports.has(name))) return { kind: "spin-module", warnings: [] };
  throw unusable(
    "it is a core module without a `component-type` section, so nobody can tell what it imports " +
      "and exports; build it with a Spin SDK or turn it into a component with `wasm-tools " +
      "component new`",
  );
}

function readChecked(bytes: Uint8Array): WasmModuleInfo {
  try {
    return readModule(bytes);
  } catch (error) {
    throw unusable(
      `the Wasm module is malformed: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
}

function functionExports(module: WasmModuleInfo): Set<string> {
  return new Set(
    module.exports.filter((item) => item.kind === KIND.function).map((item) => item.name),
  );
}

/**
 * The component metadata of a core module. Unlike in the original, the section's content counts,
 * and not what follows `component-type` in its name: that differs from tool to tool.
 */
function componentTypes(bytes: Uint8Array): Uint8Array[] {
  return readSections(bytes)
    .filter(({ id }) => id === SECTION.custom)
    .map((section) => readCustomSection(bytes, section))
    .filter(({ name }) => name.startsWith("component-type"))
    .flatMap(({ payload }) => embeddedComponent(payload) ?? []);
}

/** The types as a component. Before it, early tools put a version, an encoding and a world's name. */
function embeddedComponent(payload: Uint8Array): Uint8Array | undefined {
  if (binaryKind(payload) === "component") return payload;
  const reader = new WasmReader(payload);
  try {
    reader.skip(2);
    reader.name();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const rest = payload.subarray(reader.position);
  return binaryKind(rest) === "component" ? rest : undefined;
}

/** @throws {TerminalError} for versions whose calling convention nobody adapts. */
function checkBindgenVersion(metadata: readonly Uint8Array[]): void {
  const versions = metadata.flatMap((payload) => [
    ...readProducers(payload)?.get("processed-by") ?? [],
  ]).filter(([tool]) => tool.startsWith("wit-bindgen")).map(([, version]) => version);
  const [version] = versions;
  // A tool that is not wit-bindgen writes today's metadata.
  if (version === undefined || isAdaptable(version)) return;
  throw unusable(
    `cannot adapt modules created with wit-bindgen version ${version}; build it with a Spin SDK ` +
      "that uses wit-bindgen 0.5 or later (before 1.0)",
  );
}

/** Versions 0.5 to 0.x, in two or three parts. */
function isAdaptable(version: string): boolean {
  const parts = version.split(".");
  const [major, minor] = parts.map((part) => /^\d{1,3}$/.test(part) ? Number(part) : undefined);
  return parts.length <= 3 && major === 0 && minor !== undefined && minor >= 5;
}

/**
 * Programs of early versions of the WASI SDK overwrite their own memory (wasi-libc issue 377). The
 * version of clang tells which those are.
 * @returns a warning if the version cannot be read.
 * @throws {TerminalError}
 */
function checkClangVersion(bytes: Uint8Array): string[] {
  const version = readProducers(bytes)?.get("processed-by")?.get("clang");
  if (version === undefined) return [];
  const numbers = parseClangVersion(version);
  if (!numbers) {
    return [
      `Unexpected producers.processed-by.clang version "${version}": cannot tell whether the module ` +
      `has the memory safety bug of early WASI SDKs. For more information, see: ${LIBC_BUG_URL}`,
    ];
  }
  if (compare(numbers, FIRST_SAFE_CLANG) >= 0) return [];
  throw unusable(
    "This Wasm module appears to have been compiled with wasi-sdk version <19 which contains a " +
      `critical memory safety bug. For more information, see: ${LIBC_BUG_URL}`,
  );
}

/** The first three numbers of `15.0.7`, `15.0.7-wasi-sdk` or `15.0.7 (https://…)`. */
function parseClangVersion(version: string): number[] | undefined {
  const parts = version.split(" ", 1)[0]!.replace(/-wasi-sdk$/, "").split(".");
  const numbers = parts.slice(0, 3);
  const isNumeric = numbers.length === 3 &&
    numbers.every((part) => /^\d{1,5}$/.test(part) && Number(part) < 1 << 16);
  return isNumeric ? numbers.map(Number) : undefined;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const index = a.findIndex((part, position) => part !== b[position]);
  return index < 0 ? 0 : a[index]! - b[index]!;
}
