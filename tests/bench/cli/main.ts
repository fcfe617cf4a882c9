/**
 * `deno task bench:cli`: measures what people wait for, from the start of the program to its end. The
 * program is the bundle, as it is installed.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBundle } from "../../../deploy/image/bundle.ts";
import { UsageError } from "../../../lib/errors.ts";
import { formatBytes } from "../../../shim/local/registry/progress.ts";
import { type SampleApp, sampleWasm } from "../../support/fixtures.ts";
import { hasRegistryServer, RegistryServer } from "../../support/registry_server.ts";
import { freePort } from "../server_process.ts";
import { median, quantile } from "../statistics.ts";
import { formatNumber, formatTable } from "../table.ts";

const USAGE = `Measures commands: help, scaffold, push, pull, the start of an app, and its reload.

Usage: deno task bench:cli [--quick]`;

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const SAMPLE = join(ROOT, "deploy", "samples", "hello");

/** Bytes of the app that is pushed. */
const APP_BYTES = 12_000_000;
/** What a command must not take longer than, in milliseconds. */
const SCAFFOLD_LIMIT_MS = 80;
const PUSH_LIMIT_MS = 1_500;
const RELOAD_LIMIT_MS = 150;
const START_MS = 60_000;
/** Changes of each kind that `watch` gets, and milliseconds in between. */
const CHANGES = 10;
const BETWEEN_CHANGES_MS = 1_000;

interface Row {
  readonly what: string;
  readonly times: readonly number[];
  readonly limitMs?: number;
}

/** What is measured, and how often. */
interface Bench {
  readonly directory: string;
  readonly rounds: number;
  readonly program: Program;
}

/** The bundle in a directory. */
class Program {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  start(args: readonly string[]): Deno.ChildProcess {
    return new Deno.Command(join(this.directory, "spinkube"), {
      args: [...args],
      env: { SPINKUBE_DENO: Deno.execPath() },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async run(args: readonly string[]): Promise<void> {
    const { code } = await this.start(args).status;
    if (code !== 0) throw new Error(`spinkube ${args.join(" ")} has ended with ${code}`);
  }
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => arg !== "--quick");
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown.join(" ")}\n${USAGE}`);
  const rounds = args.includes("--quick") ? 5 : 20;
  const directory = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  try {
    const program = new Program(join(directory, "bundle"));
    await buildBundle(program.directory);
    const bench: Bench = { directory, rounds, program };
    const scaffold = ["kube", "scaffold", "--from", "ghcr.io/me/app:v1"];
    const rows = [
      await measure("--help", { rounds, run: () => program.run(["--help"]) }),
      {
        ...await measure("kube scaffold", { rounds, run: () => program.run(scaffold) }),
        limitMs: SCAFFOLD_LIMIT_MS,
      },
      ...await measureRegistry(bench),
      await measureUp(bench),
      ...await measureWatch(bench),
      ...await measureNewComponents(bench),
    ];
    console.log(formatTable(["", "median, ms", "90 %, ms", "at most, ms"], rows.map(toCells)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function toCells({ what, times, limitMs }: Row): string[] {
  return [
    what,
    formatNumber(median(times)),
    formatNumber(quantile(times, 0.9)),
    formatNumber(limitMs),
  ];
}

async function measure(
  what: string,
  { rounds, run }: { rounds: number; run: (round: number) => Promise<void> },
): Promise<Row> {
  // The first run compiles what later ones find compiled.
  await run(-1);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await run(round);
    times.push(performance.now() - start);
  }
  return { what, times };
}

async function measureRegistry({ directory, rounds, program }: Bench): Promise<Row[]> {
  if (!hasRegistryServer()) {
    console.error("docker-registry is not installed: push and pull are not measured");
    return [];
  }
  await using registry = await RegistryServer.start();
  const app = join(directory, "app");
  await Deno.mkdir(app);
  await Deno.writeTextFile(
    join(app, "spin.toml"),
    'spin_manifest_version = 2\n[application]\nname = "big"\n[[trigger.http]]\nroute = "/..."\n' +
      'component = "big"\n[component.big]\nsource = "big.wasm"\nfiles = ["data.bin"]\n',
  );
  await Deno.copyFile(join(SAMPLE, "hello.wasm"), join(app, "big.wasm"));
  const reference = (round: number) => `${registry.host}/bench/app${round + 1}:v1`;
  const pushed = await measure(`push of ${APP_BYTES / 1e6} MB`, {
    rounds,
    run: async (round) => {
      // Nothing that the registry, or the program, has seen before.
      await Deno.writeFile(join(app, "data.bin"), randomBytes(APP_BYTES));
      await program.run([
        ...["registry", "push", "-k", "-f", app, reference(round)],
        ...["--cache-dir", join(directory, "pushed")],
      ]);
    },
  });
  const pulled = await measure(`pull of ${APP_BYTES / 1e6} MB`, {
    rounds,
    run: (round) =>
      program.run([
        ...["registry", "pull", "-k", reference(round)],
        ...["--cache-dir", join(directory, `pulled${round}`)],
      ]),
  });
  return [{ ...pushed, limitMs: PUSH_LIMIT_MS }, pulled];
}

/** From the start of `up` to the first answer of an app that has been prepared. */
async function measureUp({ directory, rounds, program }: Bench): Promise<Row> {
  return await measure("up to its first answer", {
    rounds,
    run: async () => {
      const port = freePort();
      const child = program.start([
        ...["up", "-f", SAMPLE, "--listen", `127.0.0.1:${port}`, "--workers", "1", "-q"],
        ...["--cache-dir", join(directory, "cache"), "--state-dir", ""],
      ]);
      try {
        await waitForAnswer(port);
      } finally {
        child.kill("SIGKILL");
        await child.status;
      }
    },
  });
}

/** From a change in a directory that `watch` looks at to the answer that shows it. */
async function measureWatch(bench: Bench): Promise<Row[]> {
  const app = await writeWatchedApp(bench, "torture");
  const path = "/file?path=/a.txt";
  return await withWatch(bench, app, async (port) => {
    await waitForAnswer(port, { path, isRight: (text) => text === "first" });
    const ofManifest = await timeChanges(async (text) => {
      await Deno.writeTextFile(join(app, "spin.toml"), watchedManifest(text));
      await waitForAnswer(port, { path: "/fixed", isRight: (answer) => answer === text });
    });
    const ofFile = await timeChanges(async (text) => {
      await Deno.writeTextFile(join(app, "assets", "a.txt"), text);
      await waitForAnswer(port, { path, isRight: (answer) => answer === text });
    });
    return [
      {
        what: "watch: changed manifest to its answer",
        times: ofManifest,
        limitMs: RELOAD_LIMIT_MS,
      },
      { what: "watch: changed file to its answer", times: ofFile, limitMs: RELOAD_LIMIT_MS },
    ];
  });
}

/** The same for components that were never seen before, which have to be prepared. */
async function measureNewComponents(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const sample of ["torture", "tiny-js"] as const) {
    const app = await writeWatchedApp(bench, sample);
    const wasm = await Deno.readFile(sampleWasm(sample));
    const times = await withWatch(bench, app, async (port) => {
      await waitForAnswer(port, {});
      return await timeChanges(async (text) => {
        await Deno.writeFile(join(app, "a.wasm"), withSection(wasm, text));
        await Deno.writeTextFile(join(app, "spin.toml"), watchedManifest(text));
        // What answers the new route is the app with the new component.
        await waitForAnswer(port, { path: "/fixed", isRight: (answer) => answer === text });
      });
    });
    const size = formatBytes(wasm.length);
    rows.push({
      what: `watch: component never seen (${size}) to its answer`,
      times,
      limitMs: RELOAD_LIMIT_MS,
    });
  }
  return rows;
}

/** @returns Milliseconds of each. */
async function timeChanges(change: (text: string) => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number < CHANGES; number++) {
    // Nobody changes things in the moment in which the change before is seen.
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_CHANGES_MS));
    const start = performance.now();
    await change(`change ${number}`);
    times.push(performance.now() - start);
  }
  return times;
}

/** @returns Its directory. */
async function writeWatchedApp({ directory }: Bench, sample: SampleApp): Promise<string> {
  const app = await Deno.makeTempDir({ dir: directory, prefix: "watched-" });
  await Deno.mkdir(join(app, "assets"));
  await Deno.writeTextFile(join(app, "spin.toml"), watchedManifest("first"));
  await Deno.writeTextFile(join(app, "assets", "a.txt"), "first");
  await Deno.copyFile(sampleWasm(sample), join(app, "a.wasm"));
  return app;
}

async function withWatch<T>(
  { directory, program }: Bench,
  app: string,
  measureIt: (port: number) => Promise<T>,
): Promise<T> {
  const port = freePort();
  const child = program.start([
    ...["watch", "-f", app, "--skip-build", "--listen", `127.0.0.1:${port}`, "-q"],
    ...["--cache-dir", join(directory, "cache"), "--state-dir", ""],
  ]);
  try {
    return await measureIt(port);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** An app with a component, and a route that says what the manifest says. */
function watchedManifest(text: string): string {
  return `spin_manifest_version = 2
[application]
name = "watched"
[[trigger.http]]
route = "/..."
component = "a"
[[trigger.http]]
route = "/fixed"
static_response = { body = "${text}" }
[component.a]
source = "a.wasm"
files = [{ source = "assets", destination = "/" }]
`;
}

/** The same component in other bytes: with a section that means nothing. */
function withSection(wasm: Uint8Array, text: string): Uint8Array<ArrayBuffer> {
  const content = [1, "x".charCodeAt(0), ...new TextEncoder().encode(text), ...randomBytes(16)];
  const bytes = new Uint8Array(wasm.length + 2 + content.length);
  bytes.set(wasm);
  bytes.set([0, content.length, ...content], wasm.length);
  return bytes;
}

interface AnswerOptions {
  /** Default: `/`. */
  readonly path?: string;
  /** Whether this is the answer that is waited for; default: every one. */
  readonly isRight?: (text: string) => boolean;
}

/** Looks often: what is waited for is measured. */
async function waitForAnswer(port: number, options: AnswerOptions = {}): Promise<void> {
  const deadline = performance.now() + START_MS;
  while (!await answers(port, options)) {
    if (performance.now() > deadline) throw new Error("The app has not answered");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function answers(
  port: number,
  { path = "/", isRight = () => true }: AnswerOptions,
): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`);
    return isRight(await answer.text()) && answer.ok;
  } catch {
    // Nothing listens yet.
    return false;
  }
}

/** Bytes that cannot be compressed. */
function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  // More cannot be had at once.
  const part = 65_536;
  for (let at = 0; at < count; at += part) crypto.getRandomValues(bytes.subarray(at, at + part));
  return bytes;
}

try {
  await main(Deno.args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  Deno.exit(2);
}
