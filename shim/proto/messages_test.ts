import assert from "node:assert/strict";
import { wireBytes } from "../../tests/support/wire_bytes.ts";
import { BOOTSTRAP_PARAMS, BOOTSTRAP_RESULT } from "./bootstrap.ts";
import { CGROUP_V1_METRICS } from "./cgroup_v1_metrics.ts";
import { CGROUP_V2_METRICS } from "./cgroup_v2_metrics.ts";
import { CONTAINER, CONTAINERD_METHODS } from "./containerd_api.ts";
import { OCI_TYPES, PROCESS_DETAILS, RUNTIME_INFO } from "./containerd_types.ts";
import { DecodeError, decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import { TASK_EVENTS } from "./events.ts";
import { RUNC_OPTIONS, RUNTIME_OPTIONS } from "./options.ts";
import type { MessageType } from "./schema.ts";
import {
  CREATE_TASK_REQUEST,
  DELETE_RESPONSE,
  KILL_REQUEST,
  STATE_RESPONSE,
  UPDATE_TASK_REQUEST,
} from "./task.ts";
import {
  ANY,
  EMPTY,
  epochMsOf,
  GO_ZERO_TIME,
  packAny,
  TIMESTAMP,
  timestampOf,
  typeNameOf,
  unpackAny,
} from "./well_known.ts";

const EMPTY_BYTES = new Uint8Array(0);

interface Golden {
  readonly name: string;
  readonly type: MessageType;
  readonly wire: string;
  readonly value: Record<string, unknown>;
}

/** Bytes that containerd, its shims and Go's protobuf library wrote, or would. */
const GOLDEN: readonly Golden[] = [
  {
    name: "the parameters of containerd 2.3.4",
    type: BOOTSTRAP_PARAMS,
    wire: '0a02 "t1" 1202 "ns" 2205 "2.3.4" 2a0d "/tmp/c/e.sock" 320d "/tmp/c/c.sock"' +
      ' 3a11 "/tmp/c/containerd" 4a11 "/run/containerd/s"',
    value: {
      instanceId: "t1",
      namespace: "ns",
      logLevel: "info",
      containerdVersion: "2.3.4",
      containerdTtrpcAddress: "/tmp/c/e.sock",
      containerdGrpcAddress: "/tmp/c/c.sock",
      containerdBinary: "/tmp/c/containerd",
      extensions: [],
      socketDir: "/run/containerd/s",
    },
  },
  {
    name: "parameters with the level of debugging and an option",
    type: BOOTSTRAP_PARAMS,
    wire: '0a01 "a" 1201 "b" 18 fcffffffffffffffff01 4217 0a15 0a13 "containerd.x.Option"',
    value: {
      instanceId: "a",
      namespace: "b",
      logLevel: "debug",
      containerdVersion: "",
      containerdTtrpcAddress: "",
      containerdGrpcAddress: "",
      containerdBinary: "",
      extensions: [{ value: { typeUrl: "containerd.x.Option", value: EMPTY_BYTES } }],
    },
  },
  {
    name: "the answer of runc's shim to containerd 2.3.4",
    type: BOOTSTRAP_RESULT,
    wire: `0803 1259 "unix:///run/containerd/s/${"0123456789abcdef".repeat(4)}" 1a05 "ttrpc"`,
    value: {
      version: 3,
      address: `unix:///run/containerd/s/${"0123456789abcdef".repeat(4)}`,
      protocol: "ttrpc",
      capabilities: [],
      metadata: new Map(),
    },
  },
  {
    name: "the answer of a delete command",
    type: DELETE_RESPONSE,
    wire: "08fc8701 108901 1a0c 08ebbb8ad806 10ddaedcb902",
    value: { pid: 17404, exitStatus: 137, exitedAt: { seconds: 1795333611n, nanos: 657921885 } },
  },
  {
    name: "Go's zero time",
    type: TIMESTAMP,
    wire: "08 8092b8c398feffffff01",
    value: GO_ZERO_TIME,
  },
  {
    name: "the options of containerd 1.6 for other runtimes than runc",
    type: ANY,
    wire: '0a19 "runtimeoptions.v1.Options"',
    value: { typeUrl: "runtimeoptions.v1.Options", value: EMPTY_BYTES },
  },
  {
    name: "the options of containerd 1.7 and later",
    type: RUNTIME_OPTIONS,
    wire: `1a22 "Foo = 'bar'" 0a "SystemdCgroup = false" 0a`,
    value: {
      typeUrl: "",
      configPath: "",
      configBody: new TextEncoder().encode("Foo = 'bar'\nSystemdCgroup = false\n"),
    },
  },
  {
    name: "options of runc",
    type: RUNC_OPTIONS,
    wire: '0801 20e807 28e807 3204 "crun" 3a08 "/run/foo" 4801',
    value: {
      noPivotRoot: true,
      noNewKeyring: false,
      shimCgroup: "",
      ioUid: 1000,
      ioGid: 1000,
      binaryName: "crun",
      root: "/run/foo",
      criuPath: "",
      systemdCgroup: true,
      criuImagePath: "",
      criuWorkPath: "",
      taskApiAddress: "",
      taskApiVersion: 0,
    },
  },
  {
    name: "a signal to all processes",
    type: KILL_REQUEST,
    wire: '0a02 "t1" 1202 "e1" 1809 2001',
    value: { id: "t1", execId: "e1", signal: 9, all: true },
  },
  {
    name: "limits as JSON, with annotations",
    type: UPDATE_TASK_REQUEST,
    wire: '0a01 "t" 1208 0a02 "ty" 1202 "{}" 1a06 0a01 "k" 1201 "v"',
    value: {
      id: "t",
      resources: { typeUrl: "ty", value: new TextEncoder().encode("{}") },
      annotations: new Map([["k", "v"]]),
    },
  },
  {
    name: "a mount in a create request",
    type: CREATE_TASK_REQUEST,
    wire: '0a01 "t" 1a1d 0a07 "overlay" 1207 "overlay" 2205 "index" 2202 "ro"',
    value: {
      id: "t",
      bundle: "",
      rootfs: [{ type: "overlay", source: "overlay", target: "", options: ["index", "ro"] }],
      terminal: false,
      stdin: "",
      stdout: "",
      stderr: "",
      checkpoint: "",
      parentCheckpoint: "",
    },
  },
  {
    name: "an exec's state",
    type: STATE_RESPONSE,
    wire: '0a01 "t" 1805 2003 4001 4807 5202 0801 5a01 "e"',
    value: {
      id: "t",
      bundle: "",
      pid: 5,
      status: "stopped",
      stdin: "",
      stdout: "",
      stderr: "",
      terminal: true,
      exitStatus: 7,
      exitedAt: { seconds: 1n, nanos: 0 },
      execId: "e",
    },
  },
  {
    name: "what a runtime tells of itself",
    type: RUNTIME_INFO,
    wire: '0a15 "io.containerd.spin.v2" 1205 0a03 "0.1" 2204 1202 "{}" 2a06 0a01 "k" 1201 "v"',
    value: {
      name: "io.containerd.spin.v2",
      version: { version: "0.1", revision: "" },
      features: { typeUrl: "", value: new TextEncoder().encode("{}") },
      annotations: new Map([["k", "v"]]),
    },
  },
  {
    name: "which exec a process belongs to",
    type: PROCESS_DETAILS,
    wire: '0a02 "e1"',
    value: { execId: "e1" },
  },
  { name: "an empty message", type: EMPTY, wire: "", value: {} },
];

for (const { name, type, wire, value } of GOLDEN) {
  Deno.test(`${type.name} has the bytes of ${name}`, () => {
    assert.deepEqual(decodeMessage(type, wireBytes(wire)), value);
    assert.deepEqual(encodeMessage(type, value), wireBytes(wire));
  });
}

Deno.test("TASK_EVENTS has the messages that containerd knows, by topic", () => {
  const names = Object.entries(TASK_EVENTS).map(([topic, { name }]) => [topic, name]);
  assert.deepEqual(names, [
    ["/tasks/create", "containerd.events.TaskCreate"],
    ["/tasks/start", "containerd.events.TaskStart"],
    ["/tasks/exit", "containerd.events.TaskExit"],
    ["/tasks/delete", "containerd.events.TaskDelete"],
    ["/tasks/oom", "containerd.events.TaskOOM"],
    ["/tasks/exec-added", "containerd.events.TaskExecAdded"],
    ["/tasks/exec-started", "containerd.events.TaskExecStarted"],
    ["/tasks/paused", "containerd.events.TaskPaused"],
    ["/tasks/resumed", "containerd.events.TaskResumed"],
    ["/tasks/checkpointed", "containerd.events.TaskCheckpointed"],
  ]);
});

/** Name, number and type of the fields, as a `.proto` file would have them. */
function fieldsOf(type: MessageType): string {
  return [...type.descending].reverse().map(({ name, number, type, shape }) => {
    const what = typeof type === "string" ? type : `{${fieldsOf(type)}}`;
    return `${name}${shape === "repeated" ? "*" : ""}=${number}${
      what === "uint64" ? "" : `:${what}`
    }`;
  }).join(" ");
}

Deno.test("CGROUP_V2_METRICS has the numbers that CRI reads", () => {
  const wire = encodeMessage(CGROUP_V2_METRICS, {
    pids: { current: 3 },
    cpu: { usageUsec: 1_000_000 },
    memory: { inactiveFile: 1, pgfault: 2, pgmajfault: 3, usage: 4, usageLimit: 2n ** 64n - 1n },
    io: { usage: [{ major: 8, rbytes: 5 }], psi: { some: { avg10: 0.5, total: 9 } } },
    memoryEvents: { oomKill: 1 },
  });
  assert.deepEqual(
    wire,
    wireBytes(
      "0a02 0803 1204 08c0843d 2217 6801 900102 980103 800204 8802 ffffffffffffffffff01" +
        " 3215 0a04 0808 1805 120d 0a0b 09 000000000000e03f 2009 4202 2801",
    ),
  );
});

Deno.test("CGROUP_V1_METRICS has the numbers that CRI reads", () => {
  const wire = encodeMessage(CGROUP_V1_METRICS, {
    pids: { current: 3 },
    cpu: { usage: { total: 5, perCpu: [1, 2] } },
    memory: { totalRss: 1, totalPgFault: 2, totalInactiveFile: 3, usage: { limit: 4, usage: 5 } },
    memoryOomControl: { oomKill: 1 },
  });
  assert.deepEqual(
    wire,
    wireBytes(
      "1202 0803 1a08 0a06 0805 2202 0102 2210 980101 d00102 f00103 8a0204 0804 1005 4a02 1801",
    ),
  );
});

Deno.test("CGROUP_V1_METRICS and CGROUP_V2_METRICS number their fields without gaps but the known one", () => {
  const v1 = fieldsOf(CGROUP_V1_METRICS);
  const v2 = fieldsOf(CGROUP_V2_METRICS);
  assert.match(
    v1,
    /^hugetlb\*=1:.* pids=2:.* cpu=3:.* memory=4:.* blkio=5:.* rdma=6:.* network\*=7:.* cgroupStats=8:.* memoryOomControl=9:/,
  );
  // Number 3 was never given.
  assert.match(
    v2,
    /^pids=1:.* cpu=2:.* memory=4:.* rdma=5:.* io=6:.* hugetlb\*=7:.* memoryEvents=8:.* network\*=9:/,
  );
  const memory = CGROUP_V2_METRICS.fields.memory.type as MessageType;
  assert.deepEqual(
    [...memory.byNumber.keys()].sort((a, b) => a - b),
    Array.from({ length: 38 }, (_, index) => index + 1),
  );
});

Deno.test("CONTAINERD_METHODS have the paths of containerd's services", () => {
  assert.deepEqual(
    Object.entries(CONTAINERD_METHODS).map(([name, { path }]) => `${name} ${path}`),
    [
      "getContainer /containerd.services.containers.v1.Containers/Get",
      "getImage /containerd.services.images.v1.Images/Get",
      "listImages /containerd.services.images.v1.Images/List",
      "getSnapshotInfo /containerd.services.snapshots.v1.Snapshots/Stat",
      "listNamespaces /containerd.services.namespaces.v1.Namespaces/List",
      "getContentInfo /containerd.services.content.v1.Content/Info",
      "readContent /containerd.services.content.v1.Content/Read",
    ],
  );
  const container = decodeMessage(
    CONTAINER,
    wireBytes('0a01 "c" 1a01 "i" 2206 0a04 "runc" 5205 0a01 "x" 1200'),
  );
  assert.equal(container.runtime?.name, "runc");
  assert.deepEqual([...container.extensions], [["x", { typeUrl: "", value: EMPTY_BYTES }]]);
});

Deno.test("timestampOf() and epochMsOf() are each other's inverse", () => {
  const cases = [
    { epochMs: 0, timestamp: { seconds: 0n, nanos: 0 } },
    { epochMs: 1500, timestamp: { seconds: 1n, nanos: 500_000_000 } },
    { epochMs: 1.25, timestamp: { seconds: 0n, nanos: 1_250_000 } },
    { epochMs: -1, timestamp: { seconds: -1n, nanos: 999_000_000 } },
    { epochMs: -62135596800_000, timestamp: GO_ZERO_TIME },
  ];
  for (const { epochMs, timestamp } of cases) {
    assert.deepEqual(timestampOf(epochMs), timestamp);
    assert.equal(epochMsOf(timestamp), epochMs);
  }
  assert.equal(timestampOf(1e12 + 999.9999999).nanos < 1e9, true);
  assert.throws(() => timestampOf(NaN), RangeError);
});

Deno.test("unpackAny() takes the type's bare name and Google's, and nothing else", () => {
  const any = packAny(KILL_REQUEST, { id: "a", signal: 9 });
  assert.equal(any.typeUrl, "containerd.task.v2.KillRequest");
  const value = { id: "a", execId: "", signal: 9, all: false };
  assert.deepEqual(unpackAny(KILL_REQUEST, any), value);
  const prefixed = { ...any, typeUrl: `type.googleapis.com/${any.typeUrl}` };
  assert.equal(typeNameOf(prefixed), any.typeUrl);
  assert.deepEqual(unpackAny(KILL_REQUEST, prefixed), value);
  assert.equal(unpackAny(STATE_RESPONSE, any), undefined);
  assert.equal(typeNameOf({ typeUrl: OCI_TYPES.process }), OCI_TYPES.process);
  assert.throws(() => unpackAny(KILL_REQUEST, { ...any, value: wireBytes("0a05") }), DecodeError);
});
