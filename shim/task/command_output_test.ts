import assert from "node:assert/strict";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import {
  type BootstrapForm,
  encodeDeleteResponse,
  encodeInfo,
  formatBootstrap,
  formatVersion,
} from "./command_output.ts";

const BOOTSTRAPS: readonly { form?: BootstrapForm; version?: 2 | 3; wire: string }[] = [
  { wire: '"unix:///run/s"' },
  { form: "plain", version: 3, wire: '"unix:///run/s"' },
  { form: "protobuf", wire: '0802 120d "unix:///run/s" 1a05 "ttrpc"' },
  { form: "protobuf", version: 3, wire: '0803 120d "unix:///run/s" 1a05 "ttrpc"' },
];

for (const { wire, ...options } of BOOTSTRAPS) {
  Deno.test(`formatBootstrap() answers ${JSON.stringify(options)}`, () => {
    assert.deepEqual(formatBootstrap("unix:///run/s", options), wireBytes(wire));
  });
}

Deno.test("formatBootstrap() answers JSON with the keys that containerd 1.7 reads", () => {
  const answer = formatBootstrap("unix:///run/s", { form: "json" });
  assert.equal(
    new TextDecoder().decode(answer),
    '{"version":2,"address":"unix:///run/s","protocol":"ttrpc"}',
  );
});

Deno.test("formatVersion() has the lines of the original", () => {
  assert.equal(
    formatVersion("/usr/local/bin/containerd-shim-spin-v2", { version: "1.2.3", revision: "abc" }),
    "/usr/local/bin/containerd-shim-spin-v2:\n  Runtime: spin\n  Version: 1.2.3\n  Revision: abc\n",
  );
});

Deno.test("encodeInfo() tells name, version, options and features", () => {
  const info = { name: "io.containerd.spin.v2", version: "1", revision: "r" };
  assert.deepEqual(
    encodeInfo(info),
    wireBytes('0a15 "io.containerd.spin.v2" 1206 0a01 "1" 1201 "r"'),
  );
  assert.deepEqual(
    encodeInfo({
      ...info,
      options: { typeUrl: "o", value: Uint8Array.of(1) },
      features: "{}",
      annotations: new Map([["k", "v"]]),
    }),
    wireBytes(
      '0a15 "io.containerd.spin.v2" 1206 0a01 "1" 1201 "r" 1a06 0a01 "o" 1201 01' +
        ' 2249 0a43 "types.containerd.io/opencontainers/runtime-spec/1/features/Features"' +
        ' 1202 "{}" 2a06 0a01 "k" 1201 "v"',
    ),
  );
});

Deno.test("encodeDeleteResponse() has the bytes of runc's shim", () => {
  const end = { pid: 17404, exitStatus: 137, exitedAt: { seconds: 1795333611n, nanos: 657921885 } };
  assert.deepEqual(
    encodeDeleteResponse(end),
    wireBytes("08fc8701 108901 1a0c 08ebbb8ad806 10ddaedcb902"),
  );
});
