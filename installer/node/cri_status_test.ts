import assert from "node:assert/strict";
import { join } from "node:path";
import { queryRuntimes, readRuntimes } from "./cri_status.ts";

function field(number: number, bytes: Uint8Array): number[] {
  const length = bytes.length < 128
    ? [bytes.length]
    : [(bytes.length & 127) | 128, bytes.length >> 7];
  return [number * 8 + 2, ...length, ...bytes];
}

function answer(config: unknown): Uint8Array {
  const encoder = new TextEncoder();
  const entry = [
    ...field(1, encoder.encode("config")),
    ...field(2, encoder.encode(JSON.stringify(config))),
  ];
  const other = [...field(1, encoder.encode("golang")), ...field(2, encoder.encode("go1.22"))];
  return Uint8Array.from([
    ...field(1, Uint8Array.of(0x08, 0x01)),
    ...field(2, Uint8Array.from(other)),
    ...field(2, Uint8Array.from(entry)),
  ]);
}

Deno.test("readRuntimes() finds the runtimes in containerd's answer", () => {
  const config = {
    containerd: {
      runtimes: {
        runc: { runtimeType: "io.containerd.runc.v2", options: { SystemdCgroup: true } },
        spin: { runtimeType: "/opt/rcm/bin/containerd-shim-spin-v2", options: null },
      },
    },
  };
  assert.deepEqual([...readRuntimes(answer(config)) ?? []], [
    ["runc", { runtimeType: "io.containerd.runc.v2", options: { SystemdCgroup: true } }],
    ["spin", { runtimeType: "/opt/rcm/bin/containerd-shim-spin-v2", options: undefined }],
  ]);
});

Deno.test("readRuntimes() does not take another answer for runtimes", () => {
  for (const config of [null, {}, { containerd: null }, { containerd: { runtimes: 5 } }]) {
    assert.equal(readRuntimes(answer(config)), undefined);
  }
  assert.equal(readRuntimes(new Uint8Array()), undefined);
});

Deno.test("readRuntimes() ends on any bytes", () => {
  const whole = answer({ containerd: { runtimes: {} } });
  for (let length = 0; length < whole.length; length++) {
    try {
      readRuntimes(whole.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof Error);
    }
  }
});

Deno.test("queryRuntimes() tells that nobody answers", async () => {
  const directory = await Deno.makeTempDir();
  try {
    assert.equal(await queryRuntimes(join(directory, "none.sock")), undefined);
    using listener = Deno.listen({ transport: "unix", path: join(directory, "a.sock") });
    const accepted = listener.accept().then((connection) => connection.close());
    assert.equal(await queryRuntimes(join(directory, "a.sock")), undefined);
    await accepted;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
