/**
 * `deno task bench:cli`: measures what people wait for, from the start of the program to its end.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../../lib/errors.ts";
import { DENO_FLAGS } from "../../../lib/self_command.ts";
import { sampleWasm } from "../../support/fixtures.ts";
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
/** Changes of each kind that `watch` gets. */
const CHANGES = 10;

interface Row {
  readonly what: string;
  readonly times: readonly number[];
  readonly limitMs?: number;
}

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => arg !== "--quick");
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown.join(" ")}\n${USAGE}`);
  const rounds = args.includes("--quick") ? 5 : 20;
  const directory = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  try {
    const rows = [
      await measure("--help", { rounds, run: () => runProgram(["--help"]) }),
      {
        ...await measure("kube scaffold", {
          rounds,
          run: () => runProgram(["kube", "scaffold", "--from", "ghcr.io/me/app:v1"]),
        }),
        limitMs: SCAFFOLD_LIMIT_MS,
      },
      ...await measureRegistry(directory, rounds),
      await measureUp(directory, rounds),
      ...await measureWatch(directory),
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

async function measureRegistry(directory: string, rounds: number): Promise<Row[]> {
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
      await runProgram([
        ...["registry", "push", "-k", "-f", app, reference(round)],
        ...["--cache-dir", join(directory, "pushed")],
      ]);
    },
  });
  const pulled = await measure(`pull of ${APP_BYTES / 1e6} MB`, {
    rounds,
    run: (round) =>
      runProgram([
        ...["registry", "pull", "-k", reference(round)],
        ...["--cache-dir", join(directory, `pulled${round}`)],
      ]),
  });
  return [{ ...pushed, limitMs: PUSH_LIMIT_MS }, pulled];
}

/** From the start of `up` to the first answer of an app that has been prepared. */
async function measureUp(directory: string, rounds: number): Promise<Row> {
  return await measure("up to its first answer", {
    rounds,
    run: async () => {
      const port = freePort();
      const child = startProgram([
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
async function measureWatch(directory: string): Promise<Row[]> {
  const app = join(directory, "watched");
  await Deno.mkdir(join(app, "assets"), { recursive: true });
  const manifest = join(app, "spin.toml");
  await Deno.writeTextFile(manifest, watchedManifest("first"));
  // One shows files, the other answers everything in the same way.
  const [reader, greeter] = [await Deno.readFile(sampleWasm("torture")), await readGreeter()];
  const [file, wasm] = [join(app, "assets", "a.txt"), join(app, "a.wasm")];
  await Deno.writeTextFile(file, "first");
  await Deno.writeFile(wasm, reader);
  const port = freePort();
  const path = "/file?path=/a.txt";
  const child = startProgram([
    ...["watch", "-f", app, "--skip-build", "--listen", `127.0.0.1:${port}`, "-q"],
    ...["--cache-dir", join(directory, "cache"), "--state-dir", ""],
  ]);
  try {
    await waitForAnswer(port, { path, isRight: (text) => text === "first" });
    const ofManifest: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const start = performance.now();
      await Deno.writeTextFile(manifest, watchedManifest(`change ${change}`));
      await waitForAnswer(port, {
        path: "/fixed",
        isRight: (text) => text === `change ${change}`,
      });
      ofManifest.push(performance.now() - start);
    }
    const ofFile: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const start = performance.now();
      await Deno.writeTextFile(file, `change ${change}`);
      await waitForAnswer(port, { path, isRight: (text) => text === `change ${change}` });
      ofFile.push(performance.now() - start);
    }
    const ofComponent: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      const isReader = change % 2 === 1;
      const start = performance.now();
      await Deno.writeFile(wasm, withRandomSection(isReader ? reader : greeter));
      await waitForAnswer(port, {
        path,
        isRight: (text) => (text === `change ${CHANGES - 1}`) === isReader,
      });
      ofComponent.push(performance.now() - start);
    }
    return [
      {
        what: "watch: changed manifest to its answer",
        times: ofManifest,
        limitMs: RELOAD_LIMIT_MS,
      },
      { what: "watch: changed file to its answer", times: ofFile, limitMs: RELOAD_LIMIT_MS },
      { what: "watch: component never seen to its answer", times: ofComponent },
    ];
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

async function readGreeter(): Promise<Uint8Array> {
  return await Deno.readFile(join(SAMPLE, "hello.wasm"));
}

/** The same component in other bytes: with a section that means nothing. */
function withRandomSection(wasm: Uint8Array): Uint8Array<ArrayBuffer> {
  const content = [1, "x".charCodeAt(0), ...randomBytes(16)];
  return new Uint8Array([...wasm, 0, content.length, ...content]);
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

function startProgram(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...DENO_FLAGS, join(ROOT, "main.ts"), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function runProgram(args: readonly string[]): Promise<void> {
  const { code } = await startProgram(args).status;
  if (code !== 0) throw new Error(`spinkube ${args.join(" ")} has ended with ${code}`);
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
