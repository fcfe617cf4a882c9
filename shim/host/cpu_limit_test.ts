import assert from "node:assert/strict";
import { cpuLimit, isolateCount, memoryLimit, readTextFile } from "./cpu_limit.ts";

const V2_CPU = "/sys/fs/cgroup/cpu.max";
const V1_QUOTA = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
const V1_PERIOD = "/sys/fs/cgroup/cpu/cpu.cfs_period_us";
const V2_MEMORY = "/sys/fs/cgroup/memory.max";
const V1_MEMORY = "/sys/fs/cgroup/memory/memory.limit_in_bytes";

function files(contents: Record<string, string>): (path: string) => string | undefined {
  return (path) => contents[path];
}

Deno.test("cpuLimit() rounds up what the cgroup allows", () => {
  const cases: [string, Record<string, string>, number][] = [
    ["no cgroup", {}, 8],
    ["v2 without a limit", { [V2_CPU]: "max 100000\n" }, 8],
    ["v2, half a CPU", { [V2_CPU]: "50000 100000\n" }, 1],
    ["v2, one and a half", { [V2_CPU]: "150000 100000\n" }, 2],
    ["v2, more than there are", { [V2_CPU]: "1600000 100000\n" }, 8],
    ["v2, empty", { [V2_CPU]: "" }, 8],
    ["v1 without a limit", { [V1_QUOTA]: "-1\n", [V1_PERIOD]: "100000\n" }, 8],
    ["v1, two and a bit", { [V1_QUOTA]: "210000\n", [V1_PERIOD]: "100000\n" }, 3],
    ["v1, a period of zero", { [V1_QUOTA]: "100000", [V1_PERIOD]: "0" }, 8],
  ];
  for (const [name, contents, expected] of cases) {
    assert.equal(cpuLimit(8, files(contents)), expected, name);
  }
  assert.equal(cpuLimit(0, files({})), 1);
});

Deno.test("isolateCount() minds memory too", () => {
  const cases: [string, Record<string, string>, number][] = [
    ["no cgroup", {}, 8],
    ["CPUs are the limit", { [V2_CPU]: "200000 100000", [V2_MEMORY]: "1073741824" }, 2],
    ["memory is the limit", { [V2_MEMORY]: "314572800" }, 3],
    ["memory for less than one", { [V2_MEMORY]: "67108864" }, 1],
  ];
  for (const [name, contents, expected] of cases) {
    assert.equal(isolateCount(8, files(contents)), expected, name);
  }
});

Deno.test("memoryLimit() gives the cgroup's limit, if it is one", () => {
  const cases: [string, Record<string, string>, number | undefined][] = [
    ["no cgroup", {}, undefined],
    ["v2 without a limit", { [V2_MEMORY]: "max\n" }, undefined],
    ["v2", { [V2_MEMORY]: "268435456\n" }, 268435456],
    ["v1 without a limit", { [V1_MEMORY]: "9223372036854771712\n" }, undefined],
    ["v1", { [V1_MEMORY]: "134217728\n" }, 134217728],
    ["v2 before v1", { [V2_MEMORY]: "1000", [V1_MEMORY]: "2000" }, 1000],
    ["empty", { [V2_MEMORY]: "" }, undefined],
  ];
  for (const [name, contents, expected] of cases) {
    assert.equal(memoryLimit(files(contents)), expected, name);
  }
});

Deno.test("readTextFile() takes a file that cannot be read for absent", () => {
  assert.equal(readTextFile("/proc/no/such/file"), undefined);
  assert.match(readTextFile(new URL(import.meta.url).pathname)!, /^import assert/);
});
