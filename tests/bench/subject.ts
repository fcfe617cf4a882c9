/**
 * The servers that are compared.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DENO_FLAGS } from "../../lib/self_command.ts";
import type { Guest } from "./guest.ts";

/** A way to serve a guest. */
export interface Subject {
  readonly name: string;
  /** The column that shows how many times as fast as this one the others are; none if undefined. */
  readonly reference?: string;
  /** Whether a failure to start it is a failure of the benchmark. */
  readonly isOurs: boolean;
  /** The command that serves on `port`, with `isolates` in parallel where that can be said. */
  command(options: { readonly port: number; readonly isolates: number }): readonly string[];
}

/** What is there to compare with. */
export interface Surroundings {
  /** The program's main module or compiled binary. */
  readonly program: string;
  /** Store of prepared components. */
  readonly storeDir: string;
  readonly hasWasmtime: boolean;
  readonly hasSpin: boolean;
}

/** Milliseconds Wasmtime may take to compile a guest beforehand. */
const COMPILE_TIMEOUT_MS = 120_000;

/** How the program itself is started, up to its mode. */
export function programCommand(program: string): string[] {
  if (!/\.m?[jt]s$/.test(program)) return [program];
  return [Deno.execPath(), "run", ...DENO_FLAGS, program];
}

/** The subjects for one guest. Compiles the guest for Wasmtime, so that its starts are prepared too. */
export async function createSubjects(
  guest: Guest,
  surroundings: Surroundings,
): Promise<Subject[]> {
  const subjects = [honoSubject(guest), ...ourSubjects(guest, surroundings)];
  if (surroundings.hasWasmtime) subjects.push(await wasmtimeSubject(guest));
  if (surroundings.hasSpin) subjects.push(spinSubject(guest));
  return subjects;
}

function honoSubject(guest: Guest): Subject {
  const script = fileURLToPath(new URL("./hono_server.ts", import.meta.url));
  return {
    name: "bare Hono",
    reference: "Hono",
    isOurs: true,
    command: ({ port, isolates }) => [
      ...[Deno.execPath(), "run", "-A", "--quiet", "--unstable-net", script],
      ...[String(port), String(isolates), guest.body],
    ],
  };
}

function ourSubjects(guest: Guest, { program, storeDir }: Surroundings): Subject[] {
  function up(port: number, isolates: number): string[] {
    return [
      ...programCommand(program),
      ...["up", "--from", guest.appDir, "--listen", `127.0.0.1:${port}`],
      ...["--cache-dir", storeDir, "--workers", String(isolates), "--quiet"],
    ];
  }
  return [
    { name: "spinkube", isOurs: true, command: ({ port, isolates }) => up(port, isolates) },
    {
      name: "spinkube, fresh instances",
      reference: "fresh",
      isOurs: true,
      command: ({ port, isolates }) => [...up(port, isolates), "--instances", "fresh"],
    },
  ];
}

async function wasmtimeSubject(guest: Guest): Promise<Subject> {
  const compiled = `${guest.wasm}.cwasm`;
  const { code, stderr } = await new Deno.Command("wasmtime", {
    args: ["compile", "-o", compiled, guest.wasm],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(COMPILE_TIMEOUT_MS),
  }).output();
  if (code !== 0) {
    throw new Error(`wasmtime compile ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  }
  return {
    name: "wasmtime serve",
    reference: "wasmtime",
    isOurs: false,
    command: ({ port }) => [
      ...["wasmtime", "serve", "-Scli", "--addr", `127.0.0.1:${port}`],
      ...["--allow-precompiled", compiled],
    ],
  };
}

function spinSubject(guest: Guest): Subject {
  return {
    name: "spin up",
    reference: "spin",
    isOurs: false,
    command: ({ port }) => [
      ...["spin", "up", "--from", join(guest.appDir, "spin.toml")],
      ...["--listen", `127.0.0.1:${port}`, "--quiet"],
    ],
  };
}
