import assert from "node:assert/strict";
import { optionsOf } from "./mounts.ts";

const MOUNTS = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:2 / /opt rw,nosuid,noexec shared:2 - ext4 /dev/sda2 rw
31 30 8:3 / /opt/rcm rw,relatime - ext4 /dev/sda3 rw
32 22 8:4 / /mnt/with\\040blank ro,noexec - ext4 /dev/sda4 ro
33 31 8:5 / /opt/rcm rw,noexec - ext4 /dev/sda5 rw
`;

Deno.test("optionsOf() takes the mount that a path is in", () => {
  const cases: [string, string[]][] = [
    ["/usr/bin", ["rw", "relatime"]],
    ["/opt", ["rw", "nosuid", "noexec"]],
    ["/opt/kwasm", ["rw", "nosuid", "noexec"]],
    ["/optional", ["rw", "relatime"]],
    ["/opt/rcm/bin", ["rw", "noexec"]],
    ["/mnt/with blank/x", ["ro", "noexec"]],
  ];
  for (const [path, expected] of cases) assert.deepEqual(optionsOf(MOUNTS, path), expected, path);
  assert.deepEqual(optionsOf("", "/opt"), []);
});
