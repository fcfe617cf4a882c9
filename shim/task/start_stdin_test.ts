import assert from "node:assert/strict";
import { seededRandom } from "../../tests/support/seeded_random.ts";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { BOOTSTRAP_PARAMS } from "../proto/bootstrap.ts";
import { DecodeError } from "../proto/decode.ts";
import { encodeMessage } from "../proto/encode.ts";
import { RUNTIME_OPTIONS } from "../proto/options.ts";
import { packAny } from "../proto/well_known.ts";
import { readStartStdin } from "./start_stdin.ts";

const T1 = { id: "t1", namespace: "ns" };

/** What containerd 2.3.4 wrote for container `t1` in namespace `ns`. */
const PARAMS = wireBytes(
  "0a027431 12026e73 2205322e332e34 2a0d2f746d702f632f652e736f636b 320d2f746d702f632f632e736f636b" +
    " 3a112f746d702f632f636f6e7461696e657264 4a112f72756e2f636f6e7461696e6572642f73",
);

const OPTIONS = packAny(RUNTIME_OPTIONS, {
  configBody: new TextEncoder().encode("SystemdCgroup = false\n"),
});

Deno.test("readStartStdin() takes an empty stdin for no options", () => {
  assert.deepEqual(readStartStdin(new Uint8Array(0), T1), {
    params: undefined,
    options: undefined,
  });
});

Deno.test("readStartStdin() reads the parameters of containerd 2.3.4", () => {
  const { params, options } = readStartStdin(PARAMS, T1);
  assert.equal(options, undefined);
  assert.deepEqual(params, {
    instanceId: "t1",
    namespace: "ns",
    logLevel: "info",
    containerdVersion: "2.3.4",
    containerdTtrpcAddress: "/tmp/c/e.sock",
    containerdGrpcAddress: "/tmp/c/c.sock",
    containerdBinary: "/tmp/c/containerd",
    extensions: [],
    socketDir: "/run/containerd/s",
  });
});

Deno.test("readStartStdin() finds the options among the extensions", () => {
  const input = encodeMessage(BOOTSTRAP_PARAMS, {
    instanceId: "t1",
    namespace: "ns",
    extensions: [
      {},
      { value: { typeUrl: "containerd.io/cri.v1.PodSandboxConfig" } },
      { value: { ...OPTIONS, typeUrl: `type.googleapis.com/${OPTIONS.typeUrl}` } },
    ],
  });
  const { params, options } = readStartStdin(input, T1);
  assert.equal(params?.instanceId, "t1");
  assert.equal(options?.typeUrl, "type.googleapis.com/runtimeoptions.v1.Options");
  assert.deepEqual(options?.value, OPTIONS.value);
});

Deno.test("readStartStdin() reads the options of older versions", () => {
  const cases = [
    // containerd 1.6 has no value for other runtimes than runc.
    { wire: '0a19 "runtimeoptions.v1.Options"', value: "" },
    {
      wire: `0a19 "runtimeoptions.v1.Options" 1218 1a16 "SystemdCgroup = false" 0a`,
      value: `1a16 "SystemdCgroup = false" 0a`,
    },
    { wire: '0a1a "containerd.runc.v1.Options" 1202 4801', value: "4801" },
  ];
  for (const { wire, value } of cases) {
    const { params, options } = readStartStdin(wireBytes(wire), T1);
    assert.equal(params, undefined);
    assert.deepEqual(options?.value, wireBytes(value));
  }
});

Deno.test("readStartStdin() takes parameters of another id or namespace for options", () => {
  for (
    const other of [{ ...T1, id: "t2" }, { ...T1, namespace: "other" }, { id: "", namespace: "" }]
  ) {
    const { params, options } = readStartStdin(PARAMS, other);
    assert.equal(params, undefined);
    assert.equal(options?.typeUrl, "t1");
  }
});

Deno.test("readStartStdin() takes an Any without a type for no options", () => {
  assert.equal(readStartStdin(wireBytes("1200"), T1).options, undefined);
});

Deno.test("readStartStdin() refuses what is neither", () => {
  assert.throws(() => readStartStdin(wireBytes('"not protobuf"'), T1), DecodeError);
});

Deno.test("readStartStdin() takes or refuses any bytes", () => {
  const random = seededRandom();
  for (let round = 0; round < 2000; round++) {
    const input = random.below(2) === 0 ? random.bytes(random.below(60)) : PARAMS.slice();
    input[random.below(input.length + 1)] = random.below(256);
    try {
      readStartStdin(input, T1);
    } catch (error) {
      assert.ok(error instanceof DecodeError, `seed ${random.seed}, round ${round}: ${error}`);
    }
  }
});
