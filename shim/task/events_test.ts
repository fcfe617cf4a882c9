import assert from "node:assert/strict";
import { decodeMessage } from "../proto/decode.ts";
import {
  type Envelope,
  FORWARD_REQUEST,
  TASK_EVENTS,
  TASK_EXIT,
  TASK_START,
} from "../proto/events.ts";
import { ANY, EMPTY, unpackAny } from "../proto/well_known.ts";
import { listen } from "../ttrpc/address.ts";
import { TtrpcServer, unary } from "../ttrpc/server.ts";
import { StatusError } from "../ttrpc/status.ts";
import {
  CommandEventTransport,
  createEventTransport,
  type EventTransport,
  TtrpcEventTransport,
} from "./event_transport.ts";
import { EventQueue, type LostEvent, TOPICS } from "./events.ts";

const FORWARD = { request: FORWARD_REQUEST, response: EMPTY } as const;

/** containerd's side: notes what arrives. */
interface FakeContainerd {
  readonly received: { namespace: string | undefined; envelope: Envelope }[];
  /** Thrown instead of taking the event, first one first. */
  readonly refusals: StatusError[];
  start(): void;
  stop(): Promise<void>;
}

function fakeContainerd(address: string): FakeContainerd {
  let server: TtrpcServer | undefined;
  let serving: Promise<void> | undefined;
  const received: FakeContainerd["received"] = [];
  const refusals: StatusError[] = [];
  return {
    received,
    refusals,
    start() {
      server = new TtrpcServer();
      server.register("containerd.services.events.ttrpc.v1.Events", {
        Forward: unary(FORWARD, ({ envelope }, { namespace, timeoutMs }) => {
          assert.equal(timeoutMs, 5000);
          const refusal = refusals.shift();
          if (refusal) throw refusal;
          received.push({ namespace, envelope: envelope! });
          return {};
        }),
      });
      serving = server.serve(listen(address));
    },
    async stop() {
      await server?.shutdown({ graceMs: 0 });
      await serving;
    },
  };
}

async function withQueue(
  use: (given: {
    queue: EventQueue;
    containerd: FakeContainerd;
    lost: LostEvent[];
  }) => Promise<void>,
  { maxEvents = 2048 }: { readonly maxEvents?: number } = {},
) {
  const directory = await Deno.makeTempDir();
  const containerd = fakeContainerd(`${directory}/s`);
  const lost: LostEvent[] = [];
  let clockMs = 1000;
  const queue = new EventQueue({
    transport: new TtrpcEventTransport(`${directory}/s`),
    namespace: "ns",
    maxEvents,
    report: (event) => lost.push(event),
    now: () => clockMs++,
    firstDelayMs: 1,
  });
  try {
    await use({ queue, containerd, lost });
  } finally {
    await queue.close();
    await containerd.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

function pidsOf({ received }: FakeContainerd): number[] {
  return received.map(({ envelope }) => unpackAny(TASK_START, envelope.event!)!.pid);
}

Deno.test("EventQueue sends an event with its time, namespace, topic and message", async () => {
  await withQueue(async ({ queue, containerd }) => {
    containerd.start();
    const exitedAt = { seconds: 7n, nanos: 8 };
    const exit = { containerId: "t1", id: "t1", pid: 9, exitStatus: 137, exitedAt };
    queue.publish(TOPICS.exit, exit);
    assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
    const [{ namespace, envelope }] = containerd.received as [FakeContainerd["received"][0]];
    assert.equal(namespace, "ns");
    assert.deepEqual(envelope.timestamp, { seconds: 1n, nanos: 0 });
    assert.equal(envelope.namespace, "ns");
    assert.equal(envelope.topic, "/tasks/exit");
    assert.equal(envelope.event?.typeUrl, "containerd.events.TaskExit");
    assert.deepEqual(unpackAny(TASK_EXIT, envelope.event!), exit);
  });
});

Deno.test("EventQueue keeps the order, and what is published while containerd is away", async () => {
  await withQueue(async ({ queue, containerd, lost }) => {
    for (let pid = 0; pid < 50; pid++) queue.publish(TOPICS.start, { containerId: "t", pid });
    assert.equal(await queue.flush({ timeoutMs: 20 }), false);
    assert.equal(queue.size, 50);
    containerd.start();
    assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
    await containerd.stop();
    for (let pid = 50; pid < 100; pid++) queue.publish(TOPICS.start, { containerId: "t", pid });
    assert.equal(await queue.flush({ timeoutMs: 20 }), false);
    containerd.start();
    assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
    assert.deepEqual(pidsOf(containerd), Array.from({ length: 100 }, (_, index) => index));
    // The time is that of publishing.
    const { timestamp } = containerd.received[99]!.envelope;
    assert.deepEqual(timestamp, { seconds: 1n, nanos: 99_000_000 });
    assert.deepEqual(lost, []);
  });
});

Deno.test("EventQueue tries an event again that containerd cannot take now", async () => {
  await withQueue(async ({ queue, containerd, lost }) => {
    containerd.start();
    containerd.refusals.push(
      new StatusError("UNAVAILABLE", "starting"),
      new StatusError("UNKNOWN", "something"),
      ...Array.from({ length: 12 }, () => new StatusError("UNAVAILABLE", "starting")),
    );
    queue.publish(TOPICS.start, { containerId: "t", pid: 1 });
    queue.publish(TOPICS.start, { containerId: "t", pid: 2 });
    assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
    assert.deepEqual(pidsOf(containerd), [1, 2]);
    assert.deepEqual(lost, []);
  });
});

const REFUSALS = [
  { code: "INVALID_ARGUMENT", count: 1 },
  { code: "UNIMPLEMENTED", count: 1 },
  { code: "UNKNOWN", count: 10 },
] as const;

for (const { code, count } of REFUSALS) {
  Deno.test(`EventQueue gives an event up that is answered ${code} ${count} times`, async () => {
    await withQueue(async ({ queue, containerd, lost }) => {
      containerd.start();
      const refusal = new StatusError(code, "no");
      containerd.refusals.push(...Array.from({ length: count }, () => refusal));
      queue.publish(TOPICS.create, { containerId: "t" });
      queue.publish(TOPICS.start, { containerId: "t", pid: 2 });
      assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
      assert.deepEqual(pidsOf(containerd), [2]);
      assert.deepEqual(lost.map(({ topic, reason }) => `${topic} ${reason}`), [
        "/tasks/create refused",
      ]);
      assert.equal((lost[0]!.error as StatusError).code, code);
    });
  });
}

Deno.test("EventQueue loses the oldest events when too many wait", async () => {
  await withQueue(async ({ queue, containerd, lost }) => {
    // The first one is being sent, and does not count as waiting.
    for (let pid = 0; pid < 8; pid++) queue.publish(TOPICS.start, { containerId: "t", pid });
    assert.equal(queue.size, 6);
    containerd.start();
    assert.equal(await queue.flush({ timeoutMs: 10_000 }), true);
    assert.deepEqual(pidsOf(containerd), [0, 3, 4, 5, 6, 7]);
    assert.deepEqual(lost.map(({ reason }) => reason), ["full", "full"]);
  }, { maxEvents: 5 });
});

Deno.test("close() loses what has not arrived, and what is published later", async () => {
  await withQueue(async ({ queue, lost }) => {
    queue.publish(TOPICS.create, { containerId: "t" });
    queue.publish(TOPICS.oom, { containerId: "t" });
    await queue.close();
    queue.publish(TOPICS.paused, { containerId: "t" });
    assert.equal(queue.size, 0);
    assert.deepEqual(lost.map(({ topic, reason }) => `${topic} ${reason}`).sort(), [
      "/tasks/create closed",
      "/tasks/oom closed",
      "/tasks/paused closed",
    ]);
  });
});

Deno.test("close() ends a wait for containerd, and a call that hangs", async () => {
  const closed = Promise.withResolvers<never>();
  let isClosed = false;
  const transport: EventTransport = {
    send: () => closed.promise,
    close() {
      isClosed = true;
      closed.reject(new Error("closed"));
    },
  };
  const queue = new EventQueue({ transport, namespace: "ns" });
  queue.publish(TOPICS.create, { containerId: "t" });
  assert.equal(await queue.flush({ timeoutMs: 5 }), false);
  await queue.close();
  assert.equal(isClosed, true);
});

Deno.test("TOPICS are the topics of TASK_EVENTS", () => {
  assert.deepEqual(Object.values(TOPICS), Object.keys(TASK_EVENTS));
});

/** A program in containerd's place, which notes its arguments and stdin. */
async function withPublishProgram(
  exitCode: number,
  use: (given: { binary: string; directory: string }) => Promise<void>,
) {
  const directory = await Deno.makeTempDir();
  const binary = `${directory}/containerd`;
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" > ${directory}/args\n` +
    `cat > ${directory}/stdin\necho "no such topic" >&2\nexit ${exitCode}\n`;
  await Deno.writeTextFile(binary, script, { mode: 0o755 });
  try {
    await use({ binary, directory });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const ENVELOPE: Envelope = {
  timestamp: { seconds: 1n, nanos: 0 },
  namespace: "ns",
  topic: "/tasks/oom",
  event: { typeUrl: "containerd.events.TaskOOM", value: Uint8Array.of(10, 1, 97) },
};

Deno.test("CommandEventTransport runs containerd publish with the event on stdin", async () => {
  await withPublishProgram(0, async ({ binary, directory }) => {
    const transport = createEventTransport({
      grpcAddress: "/run/c.sock",
      containerdBinary: binary,
    });
    await transport.send(ENVELOPE);
    assert.deepEqual((await Deno.readTextFile(`${directory}/args`)).trim().split("\n"), [
      "--address",
      "/run/c.sock",
      "publish",
      "--topic",
      "/tasks/oom",
      "--namespace",
      "ns",
    ]);
    assert.deepEqual(decodeMessage(ANY, await Deno.readFile(`${directory}/stdin`)), ENVELOPE.event);
    transport.close();
  });
});

Deno.test("CommandEventTransport fails with what the program said", async () => {
  await withPublishProgram(3, async ({ binary }) => {
    const transport = new CommandEventTransport({ binary, grpcAddress: "/run/c.sock" });
    await assert.rejects(transport.send(ENVELOPE), {
      message: `"${binary} publish" failed with exit code 3: no such topic`,
    });
  });
});

Deno.test("createEventTransport() prefers the socket, and needs one of the two", () => {
  const all = { ttrpcAddress: "/t", grpcAddress: "/g", containerdBinary: "/c" };
  assert.ok(createEventTransport(all) instanceof TtrpcEventTransport);
  assert.ok(createEventTransport({ ...all, ttrpcAddress: "" }) instanceof CommandEventTransport);
  for (const missing of [{}, { grpcAddress: "/g" }, { containerdBinary: "/c" }]) {
    assert.throws(() => createEventTransport(missing), TypeError);
  }
});
