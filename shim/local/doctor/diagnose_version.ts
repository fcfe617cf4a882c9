/**
 * Problems with the version of a manifest. Matches the diagnoses of spin:crates/doctor.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";
import type { Diagnosis } from "./diagnosis.ts";
import { upgradeManifest } from "./upgrade_manifest.ts";

/** Where the manifest is. */
export interface ManifestFile {
  readonly path: string;
  /** How messages name it. */
  readonly name: string;
  readonly text: string;
}

const KEY = "spin_manifest_version";
const OLD_KEY = "spin_version";

/** @returns the first problem; those after it depend on what is done about it. */
export function diagnoseVersion(file: ManifestFile): Diagnosis | undefined {
  const { name, path, text } = file;
  let root: Record<string, unknown>;
  try {
    root = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The loader tells it with its place.
    return undefined;
  }
  const isV2 = "application" in root || "component" in root && !Array.isArray(root.component);
  const right = isV2 ? `${KEY} = 2` : `${KEY} = "1"`;
  if (!(KEY in root)) {
    const isRenamed = OLD_KEY in root && !isV2;
    return {
      problem: isRenamed
        ? `${name}: the key ${OLD_KEY} is an old one`
        : `${name}: ${KEY} is missing`,
      treatment: {
        summary: isRenamed ? `Rename ${OLD_KEY} to ${KEY}` : `Add ${right}`,
        apply: () => write(path, `${right}\n${withoutKeys(text, [OLD_KEY])}`),
      },
    };
  }
  const version = root[KEY];
  if (version === 2 || (version === 1 || version === "1") && isV2 === false) {
    return version === 2 ? undefined : diagnoseOldManifest(file, root);
  }
  return {
    problem: `${name}: ${KEY} is ${JSON.stringify(version)}, which is no version of a manifest`,
    treatment: {
      summary: `Change it to ${right}`,
      apply: () => write(path, `${right}\n${withoutKeys(text, [KEY])}`),
    },
  };
}

function diagnoseOldManifest(
  { path, name, text }: ManifestFile,
  root: Record<string, unknown>,
): Diagnosis | undefined {
  const upgraded = upgradeManifest(root);
  if (upgraded === undefined) return undefined;
  return {
    problem: `${name}: the manifest is of version 1, which is served, but has no new features`,
    treatment: {
      summary: `Upgrade it to version 2, and keep it as ${name}.v1_backup`,
      async apply() {
        await write(`${path}.v1_backup`, text);
        await write(path, upgraded);
      },
    },
  };
}

/** Leaves out lines that set these keys before the first table. */
function withoutKeys(text: string, keys: readonly string[]): string {
  const lines = text.split("\n");
  const firstTable = lines.findIndex((line) => /^\s*\[/.test(line));
  const pattern = new RegExp(`^\\s*(?:${keys.join("|")})\\s*=`);
  return lines.filter((line, index) =>
    (firstTable >= 0 && index > firstTable) || !pattern.test(line)
  ).join("\n");
}

async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text);
}
