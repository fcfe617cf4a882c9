/**
 * Which functions of the host the sample apps have called in this run of the tests.
 *
 * @module
 */

import { sampleOf } from "./fixtures.ts";

/** Every test file of a run is in one process; this is how they find each other's records. */
const DIRECTORY = "SPINKUBE_TEST_CALLS";

/** Sample app → the language of its guest. */
const LANGUAGES: Readonly<Record<string, string>> = {
  "go-hello": "Go",
  "rust-api": "Rust",
  "rust-async": "Rust",
  "rust-stores": "Rust",
  "rust-snapshots": "Rust",
  "middleware": "Rust",
  "python": "Python",
  "script-js": "JavaScript",
  "script-otel": "JavaScript",
  "tiny-js": "JavaScript",
  "torture": "C",
  "wagi": "C",
};

/** The environment that makes a program record what a sample app calls; none for other apps. */
export function recordCalls(from: string): Record<string, string> {
  const sample = sampleOf(from);
  if (sample === undefined || !(sample in LANGUAGES)) return {};
  return { SPINKUBE_RECORD_CALLS: `${callsDirectory()}/${sample}` };
}

function callsDirectory(): string {
  const found = Deno.env.get(DIRECTORY);
  if (found !== undefined) return found;
  const directory = Deno.makeTempDirSync({ prefix: "spinkube-calls-" });
  Deno.env.set(DIRECTORY, directory);
  return directory;
}

/** Whether a test has started a sample app. */
export function hasCalls(): boolean {
  return Deno.env.has(DIRECTORY);
}

/** `<interface>#<function>` → the languages of the guests that called it. Empties the records. */
export function takeRecordedCalls(): Map<string, Set<string>> {
  const calls = new Map<string, Set<string>>();
  const directory = Deno.env.get(DIRECTORY);
  if (directory === undefined) return calls;
  for (const { name: sample } of Deno.readDirSync(directory)) {
    for (const line of Deno.readTextFileSync(`${directory}/${sample}`).trimEnd().split("\n")) {
      const name = line.slice(line.indexOf(" ") + 1);
      calls.set(name, (calls.get(name) ?? new Set()).add(LANGUAGES[sample]!));
    }
  }
  Deno.removeSync(directory, { recursive: true });
  Deno.env.delete(DIRECTORY);
  return calls;
}
