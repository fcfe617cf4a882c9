/**
 * Text of a `spin.toml` to a manifest, whatever its version.
 *
 * @module
 */

import type { Manifest } from "./manifest.ts";
import { Fields } from "./manifest_fields.ts";
import { ManifestReport } from "./manifest_report.ts";
import { readManifestV1 } from "./manifest_v1.ts";
import { readManifestV2 } from "./manifest_v2.ts";
import { describeType, parseTomlDocument, type TomlValue } from "./toml_document.ts";

/** A manifest as far as it could be read, and what is wrong with it so far. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  readonly report: ManifestReport;
}

/**
 * Parses a manifest. Problems beyond syntax and version are in the report, for the caller to add
 * more to and to throw.
 *
 * @param file How messages call the file.
 * @throws {ManifestError} if the text is not TOML or of an unknown version.
 */
export function parseManifest(text: string, file: string): ParsedManifest {
  const document = parseTomlDocument(text, file);
  const report = new ManifestReport(document);
  const root = new Fields(document.root, { report, path: [], owner: "manifest" });
  const key = root.has("spin_manifest_version") ? "spin_manifest_version" : "spin_version";
  const version = root.peek(key);
  if (version === 2 && key === "spin_manifest_version") {
    return { manifest: readManifestV2(root), report };
  }
  if (version === "1") return { manifest: readManifestV1(root), report };
  return report.fail(
    [key],
    version === undefined
      ? "missing field `spin_manifest_version`; add the line spin_manifest_version = 2"
      : `invalid manifest version: ${formatVersion(version)}; write spin_manifest_version = 2`,
  );
}

function formatVersion(value: TomlValue): string {
  if (typeof value === "object") return describeType(value);
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
