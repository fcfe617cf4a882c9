import assert from "node:assert/strict";
import { TerminalError } from "../../../lib/errors.ts";
import { type Connection, keepConnected } from "./backoff.ts";

/** Connections of a test, made by what it says one after another; the last one stays. */
function connecting(attempts: readonly (string | Error)[]) {
  const stop = new AbortController();
  const reports: string[] = [];
  let count = 0;
  const connect = (): Promise<Connection> => {
    const attempt = attempts[count++];
    if (attempt instanceof Error) return Promise.reject(attempt);
    if (attempt !== undefined) {
      return Promise.resolve({ closed: Promise.resolve(attempt), close() {} });
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    stop.abort();
    return Promise.resolve({ closed: promise, close: () => resolve("closed") });
  };
  const run = keepConnected({
    what: "test server",
    report: (lines) => reports.push(...lines),
    signal: stop.signal,
    connect,
  });
  return { run, reports, attempts: () => count };
}

const LOST = "Warning: no connection to the test server: ";
const AGAIN = "Connected to the test server again";

Deno.test("keepConnected() tells a failure once, and when there is a connection again", async () => {
  const cases: Record<string, [attempts: (string | Error)[], reports: string[]]> = {
    "at the start": [[new Error("refused"), new Error("refused")], [`${LOST}refused`, AGAIN]],
    "another reason": [
      [new Error("refused"), new Error("timeout")],
      [`${LOST}refused`, `${LOST}timeout`, AGAIN],
    ],
    "a loss": [["gone"], [`${LOST}gone`, AGAIN]],
    // What accepts connections and ends them is no server.
    "again and again": [
      ["nonsense", "nonsense", "nonsense"],
      [`${LOST}nonsense`, AGAIN, `${LOST}nonsense`],
    ],
  };
  for (const [name, [attempts, expected]] of Object.entries(cases)) {
    const { run, reports } = connecting(attempts);
    await run;
    assert.deepEqual(reports, expected, name);
  }
});

Deno.test("keepConnected() gives up where going on is useless", async () => {
  const refused = new TerminalError("LoginRefused", "wrong password");
  const { run, attempts } = connecting([refused]);
  await assert.rejects(run, refused);
  assert.equal(attempts(), 1);
  const later = keepConnected({
    what: "test server",
    report: () => {},
    signal: new AbortController().signal,
    connect: () => Promise.resolve({ closed: Promise.reject(refused), close() {} }),
  });
  await assert.rejects(later, refused);
});
