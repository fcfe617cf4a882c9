/**
 * The guest that runs the JavaScript it is sent, with every interface of Spin and WASI 0.2 in reach.
 * Tests of an interface are one line of guest code this way, and go through its bindings.
 *
 * @module
 */

import assert from "node:assert/strict";
import { samplePath } from "./fixtures.ts";
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

/** Starts the guest. The caller disposes it, or closes the suite. */
export function startScriptApp(
  suite: TestSuite,
  options: Omit<UpOptions, "from"> = {},
): Promise<RunningApp> {
  return suite.start({ from: samplePath("script-js"), ...options });
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
