/**
 * Builds the JavaScript guest as a user of Spin's JavaScript SDK would: a bundle by esbuild, made a
 * component by the SDK's `j2w`. Everything comes from npm, in pinned versions, and is kept.
 *
 * @module
 */

import { join } from "node:path";
import { sha256Hex } from "../../shim/engine/artifact.ts";

const PACKAGE = {
  name: "bench-js-guest",
  version: "0.0.0",
  private: true,
  type: "module",
  dependencies: {
    "@spinframework/build-tools": "1.0.7",
    "@spinframework/wasi-http-proxy": "1.0.1",
    esbuild: "0.25.8",
  },
  // The SDK asks for a range; another version would be another guest.
  overrides: { "@bytecodealliance/componentize-js": "0.19.3" },
};

const SOURCE = `addEventListener("fetch", (event) => {
  event.respondWith(
    new Response("Hello, Spin!\\n", { headers: { "content-type": "text/plain" } }),
  );
});
`;

/** Runs under Node.js, for which the SDK's tools are made. */
const BUILD = `import { execFileSync } from "node:child_process";
import { build } from "esbuild";
import { SpinEsbuildPlugin } from "@spinframework/build-tools/plugins/esbuild/index.js";

await build({
  entryPoints: ["index.js"],
  outfile: "bundle.js",
  bundle: true,
  format: "esm",
  platform: "node",
  plugins: [await SpinEsbuildPlugin()],
});
const j2w = "node_modules/@spinframework/build-tools/dist/index.js";
execFileSync(process.execPath, [j2w, "-i", "bundle.js", "-o", "hello.wasm"], { stdio: "inherit" });
`;

/** Milliseconds for each of the two steps. */
const STEP_TIMEOUT_MS = 300_000;

/** Options of {@link buildJsGuest}. */
export interface JsGuestOptions {
  /** The built guest is kept here. */
  readonly cacheDir: string;
  /** Told before something that takes time. */
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * The path of the built guest; built now if it is not in the cache.
 * @throws {Error} if npm or Node.js is missing, packages cannot be had, or the build fails.
 */
export async function buildJsGuest(options: JsGuestOptions): Promise<string> {
  const recipe = new TextEncoder().encode(JSON.stringify([PACKAGE, SOURCE, BUILD]));
  const key = (await sha256Hex(recipe)).slice(0, 16);
  const wasm = join(options.cacheDir, `js-guest-${key}.wasm`);
  if (await exists(wasm)) return wasm;
  await Deno.mkdir(options.cacheDir, { recursive: true });
  const directory = await Deno.makeTempDir({ dir: options.cacheDir, prefix: ".js-guest-" });
  try {
    await Deno.writeTextFile(join(directory, "package.json"), JSON.stringify(PACKAGE));
    await Deno.writeTextFile(join(directory, "index.js"), SOURCE);
    await Deno.writeTextFile(join(directory, "build.js"), BUILD);
    options.report(
      "Building the JavaScript guest with packages from npm, once; this takes a minute",
    );
    const npm = Deno.build.os === "windows" ? "npm.cmd" : "npm";
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run([npm, "install", ...quiet], { directory, signal: options.signal });
    await run(["node", "build.js"], { directory, signal: options.signal });
    await Deno.rename(join(directory, "hello.wasm"), wasm);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  return wasm;
}

async function run(
  [program, ...args]: readonly string[],
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<void> {
  const timeout = AbortSignal.timeout(STEP_TIMEOUT_MS);
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    cwd: directory,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.any([signal, timeout]),
  }).output();
  signal.throwIfAborted();
  if (code === 0) return;
  const decoder = new TextDecoder();
  const reason = timeout.aborted
    ? `took more than ${STEP_TIMEOUT_MS / 1_000} s`
    : `ended with ${code}`;
  const output = (decoder.decode(stdout) + decoder.decode(stderr)).trim().slice(-1_000);
  throw new Error(`"${[program, ...args].join(" ")}" ${reason}: ${output}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
