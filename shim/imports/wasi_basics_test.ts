import assert from "node:assert/strict";
import { testContext } from "./_context_fixture.ts";
import { createWasiCli, GuestExit } from "./wasi_cli.ts";
import { createWasiClocks } from "./wasi_clocks.ts";
import { createWasiRandom } from "./wasi_random.ts";
import type { InputStream, OutputStream, Pollable } from "./wasi_io.ts";

// deno-lint-ignore no-explicit-any
type Functions = Record<string, (...args: any[]) => any>;

function functionsOf(object: Record<string, Record<string, unknown>>, name: string): Functions {
  return object[name] as Functions;
}

Deno.test("createWasiCli() gives environment, arguments and no terminal", () => {
  const cli = createWasiCli(
    testContext({ environment: [["A", "1"], ["B", ""]], arguments: ["x"] }),
  );
  const environment = functionsOf(cli, "wasi:cli/environment@0.2");
  assert.deepEqual(environment.getEnvironment!(), [["A", "1"], ["B", ""]]);
  assert.deepEqual(environment.getArguments!(), ["x"]);
  assert.equal(environment.initialCwd!(), undefined);
  for (const name of ["stdin", "stdout", "stderr"]) {
    const [get] = Object.values(functionsOf(cli, `wasi:cli/terminal-${name}@0.2`));
    assert.equal(get!(), undefined);
  }
});

Deno.test("createWasiCli() throws GuestExit with the code", () => {
  const exit = functionsOf(createWasiCli(testContext()), "wasi:cli/exit@0.2");
  const cases: [() => void, number][] = [
    [() => exit.exit!({ tag: "ok" }), 0],
    [() => exit.exit!({ tag: "err" }), 1],
    [() => exit.exitWithCode!(7), 7],
  ];
  for (const [run, code] of cases) {
    assert.throws(run, (error: unknown) => error instanceof GuestExit && error.code === code);
  }
});

Deno.test("createWasiCli() writes copies of guest output to the sinks", () => {
  const chunks: Uint8Array[] = [];
  const cli = createWasiCli(testContext({ stdout: { write: (bytes) => chunks.push(bytes) } }));
  const { getStdout } = functionsOf(cli, "wasi:cli/stdout@0.2");
  const stream: OutputStream = getStdout!();
  assert.notEqual(stream, getStdout!());
  const memory = new TextEncoder().encode("hello");
  assert.equal(stream.blockingWriteAndFlush(memory), undefined);
  memory.fill(0);
  assert.equal(new TextDecoder().decode(chunks[0]), "hello");
  const stdin: InputStream = functionsOf(cli, "wasi:cli/stdin@0.2").getStdin!();
  assert.throws(() => stdin.read(1n), { tag: "closed" });
});

Deno.test("createWasiClocks() has clocks that run", async () => {
  const clocks = createWasiClocks();
  const monotonic = functionsOf(clocks, "wasi:clocks/monotonic-clock@0.2");
  const start: bigint = monotonic.now!();
  const pollable: Pollable = monotonic.subscribeDuration!(200_000_000n);
  assert.equal(pollable.ready(), false);
  await pollable.block();
  assert.ok(monotonic.now!() - start >= 200_000_000n);
  pollable[Symbol.dispose]();
  assert.equal(monotonic.subscribeInstant!(start).ready(), true);
  const { seconds, nanoseconds } = functionsOf(clocks, "wasi:clocks/wall-clock@0.2").now!();
  assert.ok(Math.abs(Number(seconds) + nanoseconds / 1e9 - Date.now() / 1000) < 5);
});

Deno.test("createWasiClocks() leaves no timer when a pollable is dropped", () => {
  const monotonic = functionsOf(createWasiClocks(), "wasi:clocks/monotonic-clock@0.2");
  for (const duration of [3_600_000_000_000n, 2n ** 64n - 1n]) {
    const pollable: Pollable = monotonic.subscribeDuration!(duration);
    pollable.wait();
    assert.equal(pollable.ready(), false);
    // The test's own leak check fails if the timer is still there.
    pollable[Symbol.dispose]();
  }
});

Deno.test("createWasiRandom() gives as many bytes as asked for, up to its limit", () => {
  const random = createWasiRandom();
  const { getRandomBytes, getRandomU64 } = functionsOf(random, "wasi:random/random@0.2");
  for (const length of [0n, 1n, 65_536n, 200_001n]) {
    assert.equal(getRandomBytes!(length).length, Number(length));
  }
  assert.ok(getRandomBytes!(200_001n).subarray(196_608).some((byte: number) => byte !== 0));
  assert.throws(() => getRandomBytes!(2n ** 64n - 1n), RangeError);
  assert.equal(typeof getRandomU64!(), "bigint");
  const [low, high] = functionsOf(random, "wasi:random/insecure-seed@0.2").insecureSeed!();
  assert.notEqual(low, high);
});
