import assert from "node:assert/strict";
import { lockSockets } from "./socket_lock.ts";

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    await work(`${root}/s`);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("lockSockets() lets one in after the other, and leaves no file", async () => {
  await inDirectory(async (directory) => {
    let inside = 0;
    let most = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
      using _ = await lockSockets(directory);
      most = Math.max(most, ++inside);
      await new Promise((resolve) => setTimeout(resolve, 3));
      inside--;
    }));
    assert.equal(most, 1);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
    assert.equal(Deno.statSync(directory).mode! & 0o777, 0o700);
  });
});

Deno.test("lockSockets() names the directory when it is not free in time", async () => {
  await inDirectory(async (directory) => {
    using _ = await lockSockets(directory);
    await assert.rejects(
      lockSockets(directory, { waitMs: 20 }),
      (error: Error) => error.message.includes(`locked "${directory}" for 0.02 s`),
    );
  });
});

Deno.test("lockSockets() is free again when the process that holds it is killed", async () => {
  await inDirectory(async (directory) => {
    const program = `
      import { lockSockets } from ${JSON.stringify(import.meta.resolve("./socket_lock.ts"))};
      await lockSockets(${JSON.stringify(directory)});
      console.log("locked");
      setTimeout(() => {}, 60_000);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", program],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    await assert.rejects(lockSockets(directory, { waitMs: 10 }));
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    using _ = await lockSockets(directory, { waitMs: 5_000 });
  });
});
