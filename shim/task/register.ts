/**
 * The task service on the wire.
 *
 * @module
 */

import type { MessageType } from "../proto/schema.ts";
import {
  CHECKPOINT_TASK_REQUEST,
  CLOSE_IO_REQUEST,
  CONNECT_REQUEST,
  CONNECT_RESPONSE,
  CREATE_TASK_REQUEST,
  CREATE_TASK_RESPONSE,
  DELETE_REQUEST,
  DELETE_RESPONSE,
  EXEC_PROCESS_REQUEST,
  KILL_REQUEST,
  PAUSE_REQUEST,
  PIDS_REQUEST,
  PIDS_RESPONSE,
  RESIZE_PTY_REQUEST,
  RESUME_REQUEST,
  SHUTDOWN_REQUEST,
  START_REQUEST,
  START_RESPONSE,
  STATE_REQUEST,
  STATE_RESPONSE,
  STATS_REQUEST,
  STATS_RESPONSE,
  UPDATE_TASK_REQUEST,
  WAIT_REQUEST,
  WAIT_RESPONSE,
} from "../proto/task.ts";
import { EMPTY } from "../proto/well_known.ts";
import type { MethodType } from "../ttrpc/method.ts";
import { type Method, type TtrpcServer, unary } from "../ttrpc/server.ts";
import type { TaskService } from "./service_contract.ts";

/** The service's names: containerd asks for the version that the shim's address was announced with. */
export const TASK_SERVICES = ["containerd.task.v2.Task", "containerd.task.v3.Task"] as const;

/** The methods by their names on the wire. */
export const TASK_METHODS = {
  State: { request: STATE_REQUEST, response: STATE_RESPONSE },
  Create: { request: CREATE_TASK_REQUEST, response: CREATE_TASK_RESPONSE },
  Start: { request: START_REQUEST, response: START_RESPONSE },
  Delete: { request: DELETE_REQUEST, response: DELETE_RESPONSE },
  Pids: { request: PIDS_REQUEST, response: PIDS_RESPONSE },
  Pause: { request: PAUSE_REQUEST, response: EMPTY },
  Resume: { request: RESUME_REQUEST, response: EMPTY },
  Checkpoint: { request: CHECKPOINT_TASK_REQUEST, response: EMPTY },
  Kill: { request: KILL_REQUEST, response: EMPTY },
  Exec: { request: EXEC_PROCESS_REQUEST, response: EMPTY },
  ResizePty: { request: RESIZE_PTY_REQUEST, response: EMPTY },
  CloseIO: { request: CLOSE_IO_REQUEST, response: EMPTY },
  Update: { request: UPDATE_TASK_REQUEST, response: EMPTY },
  Wait: { request: WAIT_REQUEST, response: WAIT_RESPONSE },
  Stats: { request: STATS_REQUEST, response: STATS_RESPONSE },
  Connect: { request: CONNECT_REQUEST, response: CONNECT_RESPONSE },
  Shutdown: { request: SHUTDOWN_REQUEST, response: EMPTY },
} as const;

/** A method whose answer says nothing. */
function silent<Req extends MessageType>(
  type: MethodType<Req, typeof EMPTY>,
  handle: (...parameters: HandlerParameters<Req>) => void | Promise<void>,
): Method {
  return unary(type, async (request, call) => {
    await handle(request, call);
    return {};
  });
}

type HandlerParameters<Req extends MessageType> = Parameters<
  Parameters<typeof unary<MethodType<Req, typeof EMPTY>>>[1]
>;

/**
 * Registers a task service under {@link TASK_SERVICES}.
 * @throws {TypeError} if the server has one already.
 */
export function registerTaskService(server: TtrpcServer, service: TaskService): void {
  const types = TASK_METHODS;
  const methods: Record<keyof typeof TASK_METHODS, Method> = {
    State: unary(types.State, (request, call) => service.state(request, call)),
    Create: unary(types.Create, (request, call) => service.create(request, call)),
    Start: unary(types.Start, (request, call) => service.start(request, call)),
    Delete: unary(types.Delete, (request, call) => service.delete(request, call)),
    Pids: unary(types.Pids, (request, call) => service.pids(request, call)),
    Pause: silent(types.Pause, (request, call) => service.pause(request, call)),
    Resume: silent(types.Resume, (request, call) => service.resume(request, call)),
    Checkpoint: silent(types.Checkpoint, (request, call) => service.checkpoint(request, call)),
    Kill: silent(types.Kill, (request, call) => service.kill(request, call)),
    Exec: silent(types.Exec, (request, call) => service.exec(request, call)),
    ResizePty: silent(types.ResizePty, (request, call) => service.resizePty(request, call)),
    CloseIO: silent(types.CloseIO, (request, call) => service.closeIo(request, call)),
    Update: silent(types.Update, (request, call) => service.update(request, call)),
    Wait: unary(types.Wait, (request, call) => service.wait(request, call)),
    Stats: unary(types.Stats, (request, call) => service.stats(request, call)),
    Connect: unary(types.Connect, (request, call) => service.connect(request, call)),
    Shutdown: silent(types.Shutdown, (request, call) => service.shutdown(request, call)),
  };
  for (const name of TASK_SERVICES) server.register(name, methods);
}
