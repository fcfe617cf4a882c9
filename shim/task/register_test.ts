import assert from "node:assert/strict";
import type { PIDS_REQUEST } from "../proto/task.ts";
import { GO_ZERO_TIME } from "../proto/well_known.ts";
import { listen } from "../ttrpc/address.ts";
import { type RemoteMethod, TtrpcClient } from "../ttrpc/client.ts";
import type { MethodType } from "../ttrpc/method.ts";
import { TtrpcServer } from "../ttrpc/server.ts";
import { StatusError } from "../ttrpc/status.ts";
import { registerTaskService, TASK_METHODS, TASK_SERVICES } from "./register.ts";
import type { TaskService } from "./service_contract.ts";

const EXITED_AT = { seconds: 5n, nanos: 6 };

/** A service whose answers can be told apart, and which notes what it was asked. */
function fakeService(asked: unknown[]): TaskService {
  function note(name: string) {
    return (request: unknown) => {
      asked.push([name, request]);
    };
  }
  return {
    create: (request) => (note("create")(request), { pid: 1 }),
    start: (request) => (note("start")(request), { pid: 2 }),
    delete: () => ({ pid: 3, exitStatus: 4, exitedAt: EXITED_AT }),
    pids: () => ({ processes: [{ pid: 7 }, { pid: 8 }] }),
    pause: note("pause"),
    resume: note("resume"),
    checkpoint() {
      throw new StatusError("UNIMPLEMENTED", "checkpoint is not supported");
    },
    kill: note("kill"),
    exec: note("exec"),
    resizePty: note("resizePty"),
    closeIo: note("closeIo"),
    update: note("update"),
    wait: () => Promise.resolve({ exitStatus: 9, exitedAt: EXITED_AT }),
    state: ({ id, execId }) => ({
      id,
      bundle: "/b",
      pid: 10,
      status: "running",
      stdin: "",
      stdout: "",
      stderr: "",
      terminal: false,
      exitStatus: 0,
      exitedAt: GO_ZERO_TIME,
      execId,
    }),
    stats: () => ({ stats: { typeUrl: "m", value: Uint8Array.of(1) } }),
    connect: () => ({ shimPid: 11, taskPid: 12, version: "" }),
    shutdown: note("shutdown"),
  };
}

async function withService<T>(use: (client: TtrpcClient, asked: unknown[]) => Promise<T>) {
  const directory = await Deno.makeTempDir();
  const server = new TtrpcServer();
  const asked: unknown[] = [];
  registerTaskService(server, fakeService(asked));
  const serving = server.serve(listen(`${directory}/s`));
  const client = await TtrpcClient.connect(`${directory}/s`);
  try {
    return await use(client, asked);
  } finally {
    client.close();
    await server.shutdown({ graceMs: 0 });
    await serving;
    await Deno.remove(directory, { recursive: true });
  }
}

const ANSWERS: Readonly<Record<keyof typeof TASK_METHODS, Record<string, unknown>>> = {
  State: {
    id: "t1",
    bundle: "/b",
    pid: 10,
    status: "running",
    stdin: "",
    stdout: "",
    stderr: "",
    terminal: false,
    exitStatus: 0,
    exitedAt: GO_ZERO_TIME,
    execId: "",
  },
  Create: { pid: 1 },
  Start: { pid: 2 },
  Delete: { pid: 3, exitStatus: 4, exitedAt: EXITED_AT },
  Pids: { processes: [{ pid: 7 }, { pid: 8 }] },
  Pause: {},
  Resume: {},
  Checkpoint: {},
  Kill: {},
  Exec: {},
  ResizePty: {},
  CloseIO: {},
  Update: {},
  Wait: { exitStatus: 9, exitedAt: EXITED_AT },
  Stats: { stats: { typeUrl: "m", value: Uint8Array.of(1) } },
  Connect: { shimPid: 11, taskPid: 12, version: "" },
  Shutdown: {},
};

for (const service of TASK_SERVICES) {
  Deno.test(`registerTaskService() answers all methods of ${service}`, async () => {
    await withService(async (client) => {
      for (const [method, type] of Object.entries(TASK_METHODS)) {
        // All requests begin with the id.
        const remote = { service, method, type } as RemoteMethod<MethodType<typeof PIDS_REQUEST>>;
        const call = client.call(remote, { id: "t1" });
        if (method === "Checkpoint") {
          await assert.rejects(call, {
            code: "UNIMPLEMENTED",
            message: "checkpoint is not supported",
          });
        } else assert.deepEqual(await call, ANSWERS[method as keyof typeof TASK_METHODS], method);
      }
    });
  });
}

Deno.test("registerTaskService() hands the requests over", async () => {
  await withService(async (client, asked) => {
    const service = TASK_SERVICES[0];
    const kill = { service, method: "Kill", type: TASK_METHODS.Kill };
    await client.call(kill, { id: "t1", execId: "e1", signal: 15, all: true });
    const resize = { service, method: "ResizePty", type: TASK_METHODS.ResizePty };
    await client.call(resize, { id: "t1", width: 80, height: 25 });
    const close = { service, method: "CloseIO", type: TASK_METHODS.CloseIO };
    await client.call(close, { id: "t1", stdin: true });
    assert.deepEqual(asked, [
      ["kill", { id: "t1", execId: "e1", signal: 15, all: true }],
      ["resizePty", { id: "t1", execId: "", width: 80, height: 25 }],
      ["closeIo", { id: "t1", execId: "", stdin: true }],
    ]);
  });
});
