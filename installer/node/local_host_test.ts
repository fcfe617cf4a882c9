import assert from "node:assert/strict";
import { CANNOT_ENTER } from "./host.ts";
import { createLocalHost } from "./local_host.ts";

Deno.test("createLocalHost() runs programs and tells how they end", async () => {
  const host = createLocalHost({ root: "/" });
  assert.deepEqual(await host.run(["sh", "-c", "pwd; echo no >&2; exit 3"]), {
    code: 3,
    stdout: "/\n",
    stderr: "no\n",
  });
  assert.equal((await host.run(["no-such-program-here"])).code, 127);
  const late = await host.run(["sleep", "60"], { timeoutMs: 50 });
  assert.deepEqual([late.code, late.stderr], [124, "it took longer than 50 ms"]);
});

Deno.test("createLocalHost() tells that the node cannot be entered", async () => {
  const root = await Deno.makeTempDir();
  try {
    const host = createLocalHost({ root });
    assert.equal((await host.run(["true"])).code, 127);
    await Deno.mkdir(`${root}/usr/bin`, { recursive: true });
    await Deno.writeTextFile(`${root}/usr/bin/true`, "");
    const { code, stderr } = await host.run(["true"]);
    assert.equal(code, CANNOT_ENTER);
    assert.match(stderr, /needs a privileged container/);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("createLocalHost() looks for sockets below the root", async () => {
  const root = await Deno.makeTempDir();
  try {
    assert.equal(await createLocalHost({ root }).loadedRuntimes("/run/none.sock"), undefined);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
