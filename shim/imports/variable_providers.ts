/**
 * The `[[variables_provider]]` entries of a runtime configuration.
 *
 * @module
 */

import { isAbsolute, join } from "node:path";
import { parseEnv } from "node:util";
import { errorText } from "../../lib/errors.ts";
import { suggest } from "../../lib/nearest.ts";
import type { TomlTable } from "../loader/toml_document.ts";
import type { ConfigReader } from "./_config_reader.ts";

/** Where values of app variables come from; plain data. */
export type VariableProviderConfig =
  | { readonly type: "static"; readonly values: Readonly<Record<string, string>> }
  | {
    readonly type: "env";
    /** Variable `x` is read from `<prefix>_X`. */
    readonly prefix: string;
    /** Content of the `dotenv_path`, read once; the process environment wins over it. */
    readonly dotenv: Readonly<Record<string, string>>;
  };

/** The prefix of the environment provider unless configured otherwise. */
export const DEFAULT_ENV_PREFIX = "SPIN_VARIABLE";

const SUPPORTED = ["static", "env"];
const UNSUPPORTED = ["vault", "azure_key_vault"];

/** Where a `dotenv_path` is looked up. */
export interface ProviderFiles {
  readonly cwd: string;
  readonly readTextFile?: (path: string) => string;
}

/** Reads all providers in file order; problems go to `reader`. */
export function readVariableProviders(
  reader: ConfigReader,
  root: TomlTable,
  files: ProviderFiles,
): VariableProviderConfig[] {
  if (root.variables_provider !== undefined && root.config_provider !== undefined) {
    reader.problem(
      ["config_provider"],
      "config_provider is the old name of variables_provider; use only one of them",
    );
  }
  return ["variables_provider", "config_provider"].flatMap((key) =>
    reader.array([key], root[key]).flatMap((value, i) => {
      const path = [key, i];
      const table = reader.table(path, value);
      return (table && readProvider(reader, { path, table, files })) ?? [];
    })
  );
}

interface ProviderEntry {
  readonly path: (string | number)[];
  readonly table: TomlTable;
  readonly files: ProviderFiles;
}

function readProvider(
  reader: ConfigReader,
  entry: ProviderEntry,
): VariableProviderConfig | undefined {
  const { path, table } = entry;
  const type = reader.requiredString(path, table, "type");
  if (type === "static") return readStatic(reader, entry);
  if (type === "env") return readEnv(reader, entry);
  if (type === undefined) return undefined;
  reader.problem(
    [...path, "type"],
    UNSUPPORTED.includes(type)
      ? `the variables provider "${type}" is not supported yet by this version`
      : `unknown variables provider "${type}"; ${suggest(type, [...SUPPORTED, ...UNSUPPORTED])}`,
  );
  return undefined;
}

function readStatic(reader: ConfigReader, { path, table }: ProviderEntry): VariableProviderConfig {
  reader.unknownKeys(path, table, ["type", "values"]);
  const at = [...path, "values"];
  if (table.values === undefined) {
    reader.problem(path, 'the variables provider "static" needs the key "values"');
    return { type: "static", values: {} };
  }
  const values = reader.table(at, table.values) ?? {};
  for (const name of Object.keys(values)) reader.string(at, values, name);
  return { type: "static", values: { ...values } as Record<string, string> };
}

function readEnv(
  reader: ConfigReader,
  { path, table, files }: ProviderEntry,
): VariableProviderConfig {
  reader.unknownKeys(path, table, ["type", "prefix", "dotenv_path"]);
  const prefix = reader.string(path, table, "prefix") ?? DEFAULT_ENV_PREFIX;
  const dotenvPath = reader.string(path, table, "dotenv_path");
  if (dotenvPath === undefined) return { type: "env", prefix, dotenv: {} };
  const file = isAbsolute(dotenvPath) ? dotenvPath : join(files.cwd, dotenvPath);
  try {
    const text = (files.readTextFile ?? Deno.readTextFileSync)(file);
    return { type: "env", prefix, dotenv: parseDotenv(text) };
  } catch (error) {
    // As in Spin: one configuration serves machines with and without the file.
    if (!(error instanceof Deno.errors.NotFound)) {
      reader.problem([...path, "dotenv_path"], `Cannot read "${file}": ${errorText(error)}`);
    }
    return { type: "env", prefix, dotenv: {} };
  }
}

/** The values of a `.env` file. Lines that are no assignment are skipped. */
export function parseDotenv(text: string): Record<string, string> {
  return { ...parseEnv(text) } as Record<string, string>;
}
