import assert from "node:assert/strict";
import { releaseWhenIdle } from "./idle_memory.ts";

const FIRST_LOOK_MS = 10;

/** Looks at a process whose work until each look is given; the last is repeated. */
async function watch(
  work: readonly (number | undefined)[],
  { forMs }: { forMs: number },
): Promise<{ looks: number; released: number }> {
  let looks = 0;
  let released = 0;
  using _ = releaseWhenIdle({
    workedMs: () => work[Math.min(looks++, work.length - 1)],
    release: () => void released++,
    firstLookMs: FIRST_LOOK_MS,
  });
  await new Promise((resolve) => setTimeout(resolve, forMs));
  return { looks, released };
}

Deno.test("releaseWhenIdle() releases once when nothing was done", async () => {
  assert.deepEqual(await watch([100, 105], { forMs: 200 }), { looks: 2, released: 1 });
});

Deno.test("releaseWhenIdle() waits longer each time while there is work", async () => {
  assert.deepEqual(await watch([0, 500, 900, 901], { forMs: 300 }), { looks: 4, released: 1 });
});

Deno.test("releaseWhenIdle() gives up a process that is always busy", async () => {
  let total = 0;
  let released = 0;
  let looks = 0;
  using _ = releaseWhenIdle({
    workedMs: () => (looks++, total += 1_000),
    release: () => void released++,
    firstLookMs: 1,
  });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.deepEqual({ looks, released }, { looks: 7, released: 0 });
});

Deno.test("releaseWhenIdle() does nothing where work is not counted", async () => {
  assert.deepEqual(await watch([undefined], { forMs: 50 }), { looks: 1, released: 0 });
});

Deno.test("releaseWhenIdle() begins again after worked()", async () => {
  let released = 0;
  using memory = releaseWhenIdle({
    workedMs: () => 0,
    release: () => void released++,
    firstLookMs: FIRST_LOOK_MS,
  });
  for (let round = 1; round <= 2; round++) {
    const deadline = performance.now() + 5_000;
    while (released < round && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(released, round);
    memory.worked();
  }
});

Deno.test("releaseWhenIdle() stops when it is disposed", async () => {
  let released = 0;
  releaseWhenIdle({ workedMs: () => 0, release: () => void released++, firstLookMs: 5 })
    [Symbol.dispose]();
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(released, 0);
});

Deno.test("releaseWhenIdle() makes a process smaller that has left garbage behind", async () => {
  const program = `
    import { releaseWhenIdle } from ${JSON.stringify(import.meta.resolve("./idle_memory.ts"))};
    let garbage = [];
    for (let index = 0; index < 200_000; index++) garbage.push({ index, text: "x" + index });
    garbage = undefined;
    const size = () => Deno.memoryUsage().heapTotal;
    const before = size();
    using _ = releaseWhenIdle();
    const deadline = performance.now() + 20_000;
    while (size() > before / 2 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    console.log(size() <= before / 2);
  `;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--expose-gc", program],
    stdout: "piped",
  }).output();
  assert.equal(new TextDecoder().decode(stdout).trim(), "true");
});
