import assert from "node:assert/strict";
import { createCgroup } from "./cgroup.ts";
import { openLibc } from "./libc.ts";
import { watchOom } from "./oom_watch.ts";

/** The cgroup of a container below that of its pod, as files. */
class FakeCgroup implements Disposable {
  readonly pod = Deno.makeTempDirSync();
  readonly own = `${this.pod}/container`;

  constructor() {
    Deno.mkdirSync(this.own);
  }

  write(directory: string, kills: number): void {
    Deno.writeTextFileSync(`${directory}/memory.oom_control`, `under_oom 0\noom_kill ${kills}\n`);
    Deno.writeTextFileSync(`${directory}/memory.events`, `oom 1\noom_kill ${kills}\n`);
  }

  removeOwn(): void {
    Deno.removeSync(this.own, { recursive: true });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.pod, { recursive: true });
  }
}

Deno.test("wasOutOfMemory() tells each time that the kernel has killed since the last", () => {
  for (const version of [1, 2] as const) {
    using files = new FakeCgroup();
    files.write(files.own, 3);
    const cgroup = createCgroup({
      version,
      directories: new Map([[version === 1 ? "memory" : "", files.own]]),
    });
    assert.equal(cgroup.wasOutOfMemory(), false);
    files.write(files.own, 4);
    assert.equal(cgroup.wasOutOfMemory(), true);
    assert.equal(cgroup.wasOutOfMemory(), false);
    cgroup.close();
  }
});

Deno.test("endedOutOfMemory() knows it of a cgroup of version 1 that systemd has removed", async () => {
  const cases: [events: number[], isSuspicious: boolean, expected: boolean][] = [
    // The removal alone is one event.
    [[0, 0], false, false],
    [[1, 1], false, false],
    [[1, 1], true, false],
    [[2, 2], true, true],
    // The removal is told later than it is seen.
    [[1, 2], true, true],
    [[0, 1], true, false],
  ];
  for (const [events, isSuspicious, expected] of cases) {
    using files = new FakeCgroup();
    files.write(files.own, 0);
    const counts = [...events];
    let isClosed = false;
    const cgroup = createCgroup({ version: 1, directories: new Map([["memory", files.own]]) }, {
      count: () => counts.length > 1 ? counts.shift()! : counts[0]!,
      close: () => void (isClosed = true),
    });
    files.removeOwn();
    assert.equal(await cgroup.endedOutOfMemory(isSuspicious), expected, JSON.stringify(events));
    cgroup.close();
    assert.ok(isClosed);
  }
});

Deno.test("endedOutOfMemory() knows it of a cgroup of version 2 by the one around it", async () => {
  const cases: [outer: number, isSuspicious: boolean, expected: boolean][] = [
    [5, true, false],
    [6, true, true],
    // Another container of the pod.
    [6, false, false],
  ];
  for (const [outer, isSuspicious, expected] of cases) {
    using files = new FakeCgroup();
    files.write(files.own, 0);
    files.write(files.pod, 5);
    const cgroup = createCgroup({ version: 2, directories: new Map([["", files.own]]) });
    files.write(files.pod, outer);
    files.removeOwn();
    assert.equal(await cgroup.endedOutOfMemory(isSuspicious), expected);
    cgroup.close();
  }
});

/** The memory cgroup of this process, if it may make others below it. */
function ownMemoryCgroup(): string | undefined {
  try {
    const line = Deno.readTextFileSync("/proc/self/cgroup").match(/^\d+:memory:(.*)$/m);
    if (!line) return undefined;
    const directory = `/sys/fs/cgroup/memory${line[1]!.replace(/\/$/, "")}`;
    const probe = `${directory}/spinkube-test-${crypto.randomUUID()}`;
    Deno.mkdirSync(probe);
    Deno.removeSync(probe);
    return directory;
  } catch {
    // No cgroups of version 1, or no rights there.
    return undefined;
  }
}

const parent = Deno.build.os === "linux" ? ownMemoryCgroup() : undefined;

Deno.test({
  name: "watchOom() counts what the kernel does, also after the cgroup is gone" +
    (parent ? "" : " (skipped: needs root and cgroups of version 1)"),
  ignore: parent === undefined,
  async fn() {
    const libc = openLibc();
    for (const runsOut of [false, true]) {
      const directory = `${parent}/spinkube-test-${crypto.randomUUID()}`;
      Deno.mkdirSync(directory);
      const watch = watchOom(libc, directory)!;
      try {
        Deno.writeTextFileSync(`${directory}/memory.limit_in_bytes`, String(8 * 1024 * 1024));
        const script = `echo $$ > ${directory}/cgroup.procs; ${runsOut ? "tail /dev/zero" : ":"}`;
        await new Deno.Command("sh", { args: ["-c", script], stderr: "null" }).output();
        assert.equal(watch.count() > 0, runsOut);
      } finally {
        // What the kernel still has of the process keeps the directory for a moment.
        for (let tries = 0; tries < 100; tries++) {
          try {
            Deno.removeSync(directory);
            break;
          } catch {
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (runsOut) assert.ok(watch.count() > 1);
      else assert.equal(watch.count(), 1);
      watch.close();
    }
  },
});
