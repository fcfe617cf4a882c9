/**
 * The installer's own configuration file: `rcm.yaml`, `rcm.json` or `rcm.toml`, here or in `/etc`,
 * for what is given neither on the command line nor in the environment.
 *
 * @module
 */

import { join } from "node:path";
import { errorText, TerminalError } from "../lib/errors.ts";
import { parseYaml } from "../lib/parse_yaml.ts";

const NAMES: readonly string[] = ["rcm.yaml", "rcm.yml", "rcm.json", "rcm.toml"];

/** Settings by their names in the file: `host_root`. */
export type FileSettings = ReadonlyMap<string, string>;

/**
 * Reads the first file that exists; none is no settings.
 * @throws {TerminalError} if it cannot be read.
 */
export async function readConfigFile(directories: readonly string[]): Promise<FileSettings> {
  for (const directory of directories) {
    for (const name of NAMES) {
      const path = join(directory, name);
      let text: string;
      try {
        text = await Deno.readTextFile(path);
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) continue;
        throw broken(path, error);
      }
      try {
        return settingsOf(await parseAs(name, text));
      } catch (error) {
        throw broken(path, error);
      }
    }
  }
  return new Map();
}

function broken(path: string, error: unknown): TerminalError {
  return new TerminalError(
    "InvalidConfiguration",
    `"${path}" cannot be read: ${errorText(error)}`,
    {
      cause: error,
    },
  );
}

async function parseAs(name: string, text: string): Promise<unknown> {
  if (name.endsWith(".json")) return JSON.parse(text);
  if (name.endsWith(".toml")) return (await import("smol-toml")).parse(text);
  return await parseYaml(text);
}

function settingsOf(value: unknown): FileSettings {
  if (value === null || value === undefined) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw new SyntaxError("it is no table");
  return new Map(
    Object.entries(value).filter(([, setting]) =>
      ["string", "number", "boolean"].includes(typeof setting)
    ).map(([key, setting]) => [key.toLowerCase(), String(setting)]),
  );
}

/** Looks a variable up in the environment, then as `RCM_HOST_ROOT` → `host_root` in the file. */
export function withFileSettings(
  environment: (name: string) => string | undefined,
  settings: FileSettings,
): (name: string) => string | undefined {
  return (name) => {
    const value = environment(name);
    if (value !== undefined && value !== "") return value;
    return name.startsWith("RCM_") ? settings.get(name.slice(4).toLowerCase()) : undefined;
  };
}
