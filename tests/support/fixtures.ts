/**
 * The sample apps, and apps made of them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** Names of the sample apps. */
export type SampleApp =
  | "torture"
  | "tiny-js"
  | "script-js"
  | "script-otel"
  | "rust-api"
  | "rust-async"
  | "rust-stores"
  | "rust-snapshots"
  | "go-hello"
  | "python"
  | "wagi";

/** The path of a file of a sample app. */
export function samplePath(app: SampleApp, file = "spin.toml"): string {
  return fileURLToPath(new URL(`../fixtures/apps/${app}/${file}`, import.meta.url));
}

/** The sample app that a path belongs to, if any. */
export function sampleOf(path: string): string | undefined {
  const samples = fileURLToPath(new URL("../fixtures/apps/", import.meta.url));
  return path.startsWith(samples) ? path.slice(samples.length).split("/", 1)[0] : undefined;
}

/** The manifest of a sample of the triggers beside HTTP. */
export function triggerSample(
  name: "cron-tick" | "job" | "mqtt-log" | "redis-sub" | "sqs-log",
): string {
  return fileURLToPath(new URL(`../fixtures/apps/triggers/${name}/spin.toml`, import.meta.url));
}

/** The built Wasm of a sample app. */
export function sampleWasm(app: SampleApp): string {
  return samplePath(app, `dist/${app}.wasm`);
}

/** The built Wasm of a middleware, or of the handler behind it. */
export function middlewareWasm(name: "echo" | "header-adder" | "kv-stasher"): string {
  return fileURLToPath(new URL(`../fixtures/apps/middleware/dist/${name}.wasm`, import.meta.url));
}

/** The program's main module. */
export const PROGRAM_PATH = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Copies the C sample's files into `<directory>/assets`. */
export function copyAssets(directory: string): void {
  Deno.mkdirSync(`${directory}/assets/sub`, { recursive: true });
  for (const file of ["hello.txt", "sub/deep.txt"]) {
    Deno.copyFileSync(samplePath("torture", `assets/${file}`), `${directory}/assets/${file}`);
  }
}

/** Writes `spin.toml` into a directory and returns its path. */
export function writeManifest(directory: string, text: string): string {
  const path = `${directory}/spin.toml`;
  Deno.writeTextFileSync(path, text);
  return path;
}

/** A component of {@link manifest}. */
export interface ComponentSpec {
  readonly id: string;
  /** `/a/...`; undefined: private. */
  readonly route?: string;
  /** Path of the Wasm; default: torture. */
  readonly source?: string;
  readonly allowedOutboundHosts?: readonly string[];
  /** Further lines of the component's table. */
  readonly lines?: readonly string[];
}

/** The text of a manifest with an HTTP trigger for each component. */
export function manifest(
  components: readonly ComponentSpec[],
  options: { before?: string; after?: string } = {},
): string {
  const parts = components.map((component) =>
    [
      "[[trigger.http]]",
      `route = ${
        component.route === undefined ? "{ private = true }" : JSON.stringify(component.route)
      }`,
      `component = "${component.id}"`,
      `[component.${component.id}]`,
      `source = ${JSON.stringify(component.source ?? sampleWasm("torture"))}`,
      `allowed_outbound_hosts = ${JSON.stringify(component.allowedOutboundHosts ?? [])}`,
      ...component.lines ?? [],
    ].join("\n")
  );
  return [
    'spin_manifest_version = 2\n[application]\nname = "made-by-test"\nversion = "1.2.3"',
    options.before ?? "",
    ...parts,
    options.after ?? "",
  ].join("\n\n");
}

/** Writes the manifest of an app that is the C sample alone, and returns its path. */
export function tortureManifest(directory: string): string {
  return writeManifest(directory, manifest([{ id: "torture", route: "/..." }]));
}
