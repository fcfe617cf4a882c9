/**
 * The guest that runs the JavaScript it is sent, with every interface of Spin and WASI 0.2 in reach.
 * Tests of an interface are one line of guest code this way, and go through its bindings.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { samplePath, sampleWasm } from "./fixtures.ts";
import { recordCalls } from "./recorded_calls.ts";
import type { RunningApp } from "./running_app.ts";
import type { TestSuite, UpOptions } from "./test_suite.ts";

/** A script, and what it has to return or throw. */
export interface ScriptCase {
  /** The body of a function of `i` (the interfaces), `bytes` and `text` (UTF-8). */
  readonly script: string;
  /** What it returns, as JSON; lists of bytes are `{bytes: "text"}`. */
  readonly returns?: unknown;
  /** What an interface throws, the variant as `{tag, val}` or the name of an enum. */
  readonly throws?: unknown;
  /** A pattern of what it throws, where that is not always the same. */
  readonly throwsMatching?: RegExp;
}

/**
 * Starts the guest. The caller disposes it, or closes the suite.
 * @param options.versions Imports that the guest is given under another version of the same length:
 * its tools merge versions that are compatible, so it cannot import both.
 */
export function startScriptApp(
  suite: TestSuite,
  { versions, ...options }: Omit<UpOptions, "from"> & {
    versions?: Readonly<Record<string, string>>;
  } = {},
): Promise<RunningApp> {
  if (!versions) return suite.start({ from: samplePath("script-js"), ...options });
  const directory = suite.directory();
  Deno.mkdirSync(`${directory}/dist`);
  Deno.mkdirSync(`${directory}/files`);
  Deno.copyFileSync(samplePath("script-js"), `${directory}/spin.toml`);
  const wasm = renameImports(Deno.readFileSync(sampleWasm("script-js")), versions);
  Deno.writeFileSync(`${directory}/dist/script-js.wasm`, wasm);
  const env = { ...recordCalls(samplePath("script-js")), ...options.env };
  return suite.start({ from: `${directory}/spin.toml`, ...options, env });
}

function renameImports(
  wasm: Uint8Array,
  versions: Readonly<Record<string, string>>,
): Uint8Array {
  // Every byte is one character, so that positions stay.
  let binary = Buffer.from(wasm).toString("latin1");
  for (const [from, to] of Object.entries(versions)) {
    assert.equal(from.length, to.length);
    assert.ok(binary.includes(from), `${from} is not in the guest`);
    binary = binary.replaceAll(from, to);
  }
  return new Uint8Array(Buffer.from(binary, "latin1"));
}

/** Runs a script in the guest. @returns Status and answer, which is JSON. */
export async function runScript(
  app: RunningApp,
  script: string,
): Promise<{ status: number; answer: string }> {
  const { status, body } = await app.get("/", { method: "POST", body: script });
  return { status, answer: body };
}

/** Runs a case and checks what comes of it. */
export async function checkScript(app: RunningApp, expected: ScriptCase): Promise<void> {
  const { status, answer } = await runScript(app, expected.script);
  const isGood = expected.throws === undefined && !expected.throwsMatching;
  assert.equal(status, isGood ? 200 : 500, `${expected.script}\n→ ${status} ${answer}`);
  if (expected.throwsMatching) return assert.match(answer, expected.throwsMatching);
  assert.deepEqual(
    JSON.parse(answer),
    isGood ? expected.returns ?? null : { error: expected.throws },
    expected.script,
  );
}
