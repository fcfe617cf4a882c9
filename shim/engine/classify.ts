/**
 * What kind of Wasm a component's source is, and what to do about kinds that cannot run.
 * Follows spin:crates/componentize/src/lib.rs.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { KIND, readModule } from "./wasm/module_info.ts";
import { binaryKind, readCustomSection, readSections, SECTION } from "./wasm/reader.ts";

/** A component; or a core module that becomes one with the preview 1 reactor adapter. */
export type SourceKind = "component" | "adaptable-module";

/**
 * Classifies a binary.
 * @param bytes The source, a Wasm binary.
 * @throws {TerminalError} for everything that cannot run, with what to build instead.
 */
export function classifySource(bytes: Uint8Array): SourceKind {
  if (bytes.length === 0) throw unusable("the file is empty; build the component first");
  switch (binaryKind(bytes)) {
    case "component":
      checkSections(bytes);
      return "component";
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

function classifyModule(bytes: Uint8Array): SourceKind {
  let exports: Set<string>;
  try {
    exports = new Set(
      readModule(bytes).exports.filter((item) => item.kind === KIND.function)
        .map((item) => item.name),
    );
  } catch (error) {
    throw unusable(
      `the Wasm module is malformed: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  const hasMetadata = readSections(bytes).some((section) =>
    section.id === SECTION.custom &&
    readCustomSection(bytes, section).name.startsWith("component-type")
  );
  if (hasMetadata && exports.has("_start")) {
    throw unusable(
      "it is a command (it exports `_start`), which the HTTP trigger cannot run; build a component " +
        "that exports wasi:http/incoming-handler@0.2",
    );
  }
  if (hasMetadata) return "adaptable-module";
  if (exports.has("handle-http-request") || exports.has("handle-redis-message")) {
    throw unusable(
      "it is a core module of Spin's first ABI (SDKs before Spin 2), which this version does not " +
        "run; rebuild it with a current Spin SDK, whose components export " +
        "wasi:http/incoming-handler@0.2",
    );
  }
  if (exports.has("_start")) {
    throw unusable(
      "it is a WASI command (it exports `_start`), which needs the WAGI executor that this version " +
        "does not have; build a component that exports wasi:http/incoming-handler@0.2",
    );
  }
  throw unusable(
    "it is a core module without a `component-type` section, so nobody can tell what it imports " +
      "and exports; build it with a Spin SDK or turn it into a component with `wasm-tools " +
      "component new`",
  );
}
