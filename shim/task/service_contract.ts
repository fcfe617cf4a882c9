/**
 * What containerd asks of a shim, without the wire: one method for each of its calls. Types only.
 *
 * All methods may run at the same time. An error with a code is a {@link StatusError}; any other is
 * sent as `UNKNOWN`, with its message, which containerd shows to users and kubelet makes an event of.
 * Clients look at the code: `NOT_FOUND` of `kill` counts as success, `FAILED_PRECONDITION` as nothing
 * to do, and every other as a failure that is tried again.
 *
 * `execId` is empty for a container's first process, in requests as in answers. Pids are the node's.
 *
 * @module
 */

import type {
  CheckpointTaskRequest,
  CloseIoRequest,
  ConnectRequest,
  ConnectResponse,
  CreateTaskRequest,
  CreateTaskResponse,
  DeleteRequest,
  DeleteResponse,
  ExecProcessRequest,
  KillRequest,
  PauseRequest,
  PidsRequest,
  PidsResponse,
  ResizePtyRequest,
  ResumeRequest,
  ShutdownRequest,
  StartRequest,
  StartResponse,
  StateRequest,
  StateResponse,
  StatsRequest,
  StatsResponse,
  UpdateTaskRequest,
  WaitRequest,
  WaitResponse,
} from "../proto/task.ts";
import type { Call } from "../ttrpc/call.ts";

/** The answer, now or later. */
export type Answer<T> = T | Promise<T>;

/** A task service of containerd, versions 2 and 3: their messages are the same. */
export interface TaskService {
  /**
   * Mounts the root file system and makes the container, with its first process waiting.
   * @throws {StatusError} `ALREADY_EXISTS` if there is a container of this id, `UNIMPLEMENTED` for
   *   checkpoints. After any failure nothing is left of the container.
   */
  create(request: CreateTaskRequest, call: Call): Answer<CreateTaskResponse>;

  /**
   * Starts the first process, or an exec.
   * @throws {StatusError} `NOT_FOUND` if there is none, `FAILED_PRECONDITION` for an exec of a
   *   container that does not run.
   */
  start(request: StartRequest, call: Call): Answer<StartResponse>;

  /**
   * Forgets a process that has ended, and cleans up after it. A container that was never started may
   * be deleted too.
   * @throws {StatusError} `NOT_FOUND` if there is none.
   */
  delete(request: DeleteRequest, call: Call): Answer<DeleteResponse>;

  /**
   * All processes of the container, its first one at least: containerd forgets the container if this
   * fails or is empty after a restart.
   * @throws {StatusError} `NOT_FOUND` if there is no such container.
   */
  pids(request: PidsRequest, call: Call): Answer<PidsResponse>;

  /** Freezes the container. */
  pause(request: PauseRequest, call: Call): Answer<void>;

  /** Ends a pause. */
  resume(request: ResumeRequest, call: Call): Answer<void>;

  /** Writes the container's state to a directory. @throws {StatusError} `UNIMPLEMENTED`. */
  checkpoint(request: CheckpointTaskRequest, call: Call): Answer<void>;

  /**
   * Sends a signal, and does not wait for what comes of it.
   * @throws {StatusError} `NOT_FOUND` if the process has ended or never was, `FAILED_PRECONDITION` if
   *   it is an exec that was not started.
   */
  kill(request: KillRequest, call: Call): Answer<void>;

  /**
   * Adds a process to the container, without starting it.
   * @throws {StatusError} `ALREADY_EXISTS` if there is one of this id, `NOT_FOUND` if there is no such
   *   container.
   */
  exec(request: ExecProcessRequest, call: Call): Answer<void>;

  /** Tells the terminal of a process its size; nothing happens without a terminal. */
  resizePty(request: ResizePtyRequest, call: Call): Answer<void>;

  /** Closes the shim's end of a process's stdin, if there is one. */
  closeIo(request: CloseIoRequest, call: Call): Answer<void>;

  /** Changes the limits of a container. */
  update(request: UpdateTaskRequest, call: Call): Answer<void>;

  /**
   * Resolves when the process has ended, at once if it has already; before it was started, too. The
   * call's `signal` tells when nobody waits any more.
   * @throws {StatusError} `NOT_FOUND` if there is no such process.
   */
  wait(request: WaitRequest, call: Call): Answer<WaitResponse>;

  /**
   * What a process is doing. Once {@link wait} was answered, this says the same.
   * @throws {StatusError} `NOT_FOUND` if there is no such process.
   */
  state(request: StateRequest, call: Call): Answer<StateResponse>;

  /**
   * The container's metrics, of the version of cgroups that the node has.
   * @throws {StatusError} `NOT_FOUND` if its cgroup is gone.
   */
  stats(request: StatsRequest, call: Call): Answer<StatsResponse>;

  /** The shim's pid and the container's, which is 0 if there is no such container. Never fails. */
  connect(request: ConnectRequest, call: Call): Answer<ConnectResponse>;

  /** Ends the shim after the answer, if it has no container any more; else does nothing. */
  shutdown(request: ShutdownRequest, call: Call): Answer<void>;
}
