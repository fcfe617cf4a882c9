import assert from "node:assert/strict";
import { openLibc } from "./libc.ts";
import { ShimLog } from "./shim_log.ts";

/** Bundles whose logs are plain files. */
async function withBundles(
  ids: readonly string[],
  work: (log: ShimLog, bundle: (id: string) => string) => void,
): Promise<Record<string, string[]>> {
  const root = await Deno.makeTempDir();
  const log = new ShimLog(openLibc(), { isDebug: false });
  try {
    for (const id of ids) {
      await Deno.mkdir(`${root}/${id}`);
      await Deno.writeTextFile(`${root}/${id}/log`, "");
    }
    work(log, (id) => `${root}/${id}`);
    return Object.fromEntries(ids.map((id) => [id, linesOf(`${root}/${id}/log`)]));
  } finally {
    log.close();
    await Deno.remove(root, { recursive: true });
  }
}

function linesOf(file: string): string[] {
  return Deno.readTextFileSync(file).split("\n").filter((line) => line !== "")
    .map((line) => line.replace(/^time="[^"]+" /, ""));
}

Deno.test("ShimLog writes what is about a container to its own bundle, and the rest to the last", async () => {
  const lines = await withBundles(["a", "b"], (log, bundle) => {
    log.use(bundle("a"));
    log.use(bundle("b"));
    log.write("info", "of a", { bundle: bundle("a") });
    log.write("warning", "of nobody");
    log.forget(bundle("b"));
    log.write("error", "of b, which is gone", { bundle: bundle("b") });
    log.write("debug", "not wanted");
  });
  assert.deepEqual(lines, {
    a: ['level=info id=a msg="of a"', 'level=error id=b msg="of b, which is gone"'],
    b: ['level=warning msg="of nobody"'],
  });
});

Deno.test("ShimLog loses lines that there is no log for", async () => {
  const lines = await withBundles(["a"], (log, bundle) => {
    log.write("error", "before");
    log.use(bundle("absent"));
    log.write("error", "to nowhere");
    log.use(bundle("a"));
    log.use(bundle("a"));
    log.write("error", "x".repeat(10_000));
    log.close();
    log.write("error", "after");
  });
  assert.equal(lines.a!.length, 1);
  assert.ok(lines.a![0]!.length < 1_100);
});
