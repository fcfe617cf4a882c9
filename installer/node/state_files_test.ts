import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { formatLockFile, parseLockFile } from "./lock_file.ts";
import { formatState, type InstallerState, NO_STATE, parseState } from "./state_file.ts";

const PATH = "/opt/rcm/rcm-lock.json";

Deno.test("formatLockFile() writes the contract's text, and parseLockFile() reads it", () => {
  const shims = new Map([
    ["wasmtime-v1", { sha256: "ab", path: "/b" }],
    ["spin-v2", { sha256: "00ff", path: "/a" }],
  ]);
  const text = '{\n "shims": {\n  "spin-v2": {\n   "sha256": "00ff",\n   "path": "/a"\n  },\n' +
    '  "wasmtime-v1": {\n   "sha256": "ab",\n   "path": "/b"\n  }\n }\n}';
  assert.equal(formatLockFile(shims), text);
  assert.deepEqual(parseLockFile(text, PATH), new Map([...shims].reverse()));
  assert.equal(formatLockFile(new Map()), '{\n "shims": {}\n}');
});

Deno.test("parseLockFile() takes no file for no shims, and refuses what is broken", () => {
  assert.equal(parseLockFile(undefined, PATH).size, 0);
  assert.equal(parseLockFile("{}", PATH).size, 0);
  const broken = [
    "",
    "{",
    '{"shims":{"a":{"sha256":"abc","path":"/a"}}}',
    '{"shims":{"a":{}}}',
    '{"shims":{"a":null}}',
  ];
  for (const text of broken) assert.throws(() => parseLockFile(text, PATH), TerminalError, text);
});

Deno.test("parseState() reads what formatState() writes, and refuses other formats", () => {
  const state: InstallerState = {
    shims: {},
    created: ["/a"],
    journal: { operation: "install", startedAt: "2026-01-01T00:00:00Z", programs: [], files: [] },
  };
  assert.deepEqual(parseState(formatState(state), "/s"), state);
  assert.deepEqual(parseState(undefined, "/s"), NO_STATE);
  for (const text of ["", "null", '{"format":2}']) {
    assert.throws(() => parseState(text, "/s"), /Move it away to start anew/, text);
  }
});
