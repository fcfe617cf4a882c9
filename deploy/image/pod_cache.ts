/**
 * Compiled code for pods, in `cache/pod` of an install directory.
 *
 * Deno keeps compiled code in databases that it writes while it runs. In pods the directory is
 * read-only and shared by all of them, so that nothing in one pod can reach another. Therefore the
 * databases are complete before they get there: the host is run once with a sample app, and its
 * entries, which bear the URLs of modules, get those that the modules have in pods.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { POD_PATHS, STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { toFileUrl } from "../../lib/file_url.ts";
import { INSTALL_DIR, installedCommand, installedEnvironment } from "../../lib/install_dir.ts";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import { findAppSource, loadApp } from "../../shim/loader/mod.ts";

const SAMPLE = fileURLToPath(new URL("../samples/hello/spin.toml", import.meta.url));

/** Deno's databases and their tables with a column `specifier`. */
const TABLES = {
  v8_code_cache_v2: "codecache",
  dep_analysis_cache_v2: "moduleinfocache",
  node_analysis_cache_v2: "cjsanalysiscache",
} as const;

/** The first run has all to compile, and the next one finds what the first could not keep yet. */
const RUNS = 2;

/** Milliseconds until the sample app has to serve. */
const START_MS = 60_000;

/**
 * Makes `cache/pod` of an install directory, which may be moved afterwards.
 * @throws {Error} if the sample app does not run from there.
 */
export async function buildPodCache(directory: string): Promise<void> {
  const cache = join(directory, INSTALL_DIR.podCache);
  const temporary = await Deno.makeTempDir({ prefix: "spinkube-pod-cache-" });
  try {
    await storeSample(directory, temporary);
    await Deno.mkdir(cache, { recursive: true });
    for (let run = 0; run < RUNS; run++) await serveSample(directory, temporary);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
  // Deno makes directories for what it may be asked to install, with a link to itself in one.
  for await (const { name } of Deno.readDir(cache)) {
    const isDatabase = Object.keys(TABLES).some((file) => name.startsWith(file));
    if (!isDatabase) await Deno.remove(join(cache, name), { recursive: true });
  }
  for (const [file, table] of Object.entries(TABLES)) {
    await finishDatabase(join(cache, file), { table, directory });
  }
}

/** As the store of a node has apps. */
async function storeSample(directory: string, target: string): Promise<void> {
  const { app } = await loadApp(await findAppSource(SAMPLE, dirname(SAMPLE)), {
    workingDir: target,
    cacheDir: target,
    cwd: dirname(SAMPLE),
  });
  const prepared: Record<string, string> = {};
  for (const { id, source } of app.components) {
    const entry = join(target, STORED_APP.prepared, id);
    await run(directory, ["prepare", fileURLToPath(source.source!), entry]);
    prepared[id] = id;
  }
  const stored: StoredApp = { format: 1, lockedApp: app, prepared };
  await Deno.writeTextFile(join(target, STORED_APP.app), JSON.stringify(stored));
}

async function run(directory: string, args: readonly string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(
    join(directory, INSTALL_DIR.launcher),
    {
      args: [...args],
    },
  ).output();
  if (success) return;
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim()).join(" ");
  throw new Error(`"${args.join(" ")}" fails: ${text}`);
}

/** Runs the host as pods do, until it has answered. */
async function serveSample(directory: string, app: string): Promise<void> {
  const [program, ...args] = installedCommand(directory, {
    denoFlags: DENO_FLAGS,
    args: ["host", "--app", app, "--", "/", "--state-dir", app],
  });
  const child = new Deno.Command(program!, {
    args,
    clearEnv: true,
    env: {
      ...installedEnvironment(directory, INSTALL_DIR.podCache),
      SPIN_HTTP_LISTEN_ADDR: "127.0.0.1:0",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    signal: AbortSignal.timeout(START_MS),
  }).spawn();
  try {
    const url = await findUrl(child.stdout);
    const response = await fetch(url);
    await response.body?.cancel();
    if (!response.ok) throw new Error(`The sample app answers ${response.status}`);
  } finally {
    child.kill("SIGTERM");
    await child.status;
  }
}

/** The first thing that the host prints is where it serves. */
async function findUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const url = /^Serving (http:\S+)$/m.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`The sample app does not serve: ${text}`);
}

/**
 * Gives entries the URLs that modules have in pods, and leaves the database in the state in which
 * SQLite reads it from a directory that it cannot write to: it wants to see the two files that it
 * makes beside an open one.
 *
 * @param options.directory The install directory whose modules the entries are about; those of other
 * files are removed.
 */
export async function finishDatabase(
  path: string,
  { table, directory }: { table: string; directory: string },
): Promise<void> {
  const from = toFileUrl(directory).href;
  const to = toFileUrl(POD_PATHS.runtime).href;
  const database = new DatabaseSync(path);
  try {
    database.prepare(
      `DELETE FROM ${table} WHERE specifier LIKE 'file:%' AND substr(specifier, 1, ?) <> ?`,
    ).run(from.length + 1, `${from}/`);
    database.prepare(
      `UPDATE ${table} SET specifier = ? || substr(specifier, ?) WHERE specifier LIKE 'file:%'`,
    ).run(to, from.length + 1);
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    // Closing removes them.
    for (const end of ["-wal", "-shm"]) await Deno.copyFile(path + end, `${path}${end}.kept`);
  } finally {
    database.close();
  }
  for (const end of ["-wal", "-shm"]) await Deno.rename(`${path}${end}.kept`, path + end);
}
