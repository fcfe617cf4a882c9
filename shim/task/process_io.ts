/**
 * The streams of a container's process, in whichever form the client wants them.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import type { Libc } from "./libc.ts";
import { type Logger, parseLogger, startLogger } from "./logger.ts";
import type { ProcessStdio } from "./spawn_process.ts";
import { openStdio, type StdioPaths } from "./stdio.ts";
import { ConsoleSocket, Terminal } from "./terminal.ts";

/** What a client asked for. */
export interface IoRequest extends StdioPaths {
  readonly isTerminal: boolean;
}

/** Streams of one process. The owner closes them. */
export interface ProcessIo {
  /** For runc. */
  readonly descriptors: ProcessStdio;
  /** For runc, if there is a terminal. */
  readonly consoleSocket: string | undefined;
  /** runc has started the process: what is its own is let go of here. */
  attach(): Promise<void>;
  closeStdin(): void;
  /** In characters; without a terminal it does nothing. */
  resize(size: { width: number; height: number }): void;
  /** The process has ended: its output so far is handed on at once. */
  flush(): void;
  /** Resolves when the client has got all output, at the latest after the time. */
  drain(milliseconds: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the streams.
 * @param place.directory For sockets; its path must be short.
 */
export async function openProcessIo(
  libc: Libc,
  request: IoRequest,
  place: { directory: string; name: string; container: string; namespace: string },
): Promise<ProcessIo> {
  if (request.isTerminal) return openTerminalIo(libc, request, place);
  const logger = parseLogger(request.stdout);
  if (!logger) return plainIo(openStdio(libc, request));
  const input = openStdio(libc, { stdin: request.stdin, stdout: "", stderr: "" });
  try {
    const running = await startLogger(libc, logger, {
      id: place.container,
      namespace: place.namespace,
    });
    return loggerIo(libc, input, running);
  } catch (error) {
    input.release();
    input.closeStdin();
    throw error;
  }
}

function plainIo(stdio: ReturnType<typeof openStdio>): ProcessIo {
  return {
    descriptors: stdio.descriptors,
    consoleSocket: undefined,
    attach: () => Promise.resolve(stdio.release()),
    closeStdin: stdio.closeStdin,
    resize() {},
    flush() {},
    // The container wrote to the client itself.
    drain: () => Promise.resolve(),
    close() {
      stdio.release();
      stdio.closeStdin();
      return Promise.resolve();
    },
  };
}

function loggerIo(
  libc: Libc,
  input: ReturnType<typeof openStdio>,
  logger: Logger,
): ProcessIo {
  let isOpen = true;
  function closeOutput(): void {
    if (!isOpen) return;
    isOpen = false;
    libc.close(logger.stdout);
    libc.close(logger.stderr);
  }
  return {
    ...plainIo(input),
    descriptors: [input.descriptors[0], logger.stdout, logger.stderr],
    attach() {
      input.release();
      closeOutput();
      return Promise.resolve();
    },
    async close() {
      input.release();
      input.closeStdin();
      closeOutput();
      await logger.stop();
    },
  };
}

function openTerminalIo(
  libc: Libc,
  request: IoRequest,
  { directory, name }: { directory: string; name: string },
): ProcessIo {
  const socket = new ConsoleSocket(libc, `${directory}/${name}.sock`);
  let terminal: Terminal | undefined;
  let isListening = true;
  function stopListening(): void {
    if (!isListening) return;
    isListening = false;
    socket[Symbol.dispose]();
  }
  return {
    descriptors: ["ignore", "ignore", "ignore"],
    consoleSocket: socket.path,
    async attach() {
      terminal = new Terminal(libc, { master: await socket.receive(), paths: request });
      stopListening();
    },
    closeStdin: () => terminal?.closeInput(),
    resize: (size) => terminal?.resize(size),
    flush: () => terminal?.flush(),
    async drain(milliseconds) {
      let cancel: (() => void) | undefined;
      const late = new Promise<void>((resolve) => {
        cancel = callLater(resolve, milliseconds);
      });
      await Promise.race([terminal?.drained, late]);
      cancel?.();
    },
    close() {
      stopListening();
      terminal?.close();
      return Promise.resolve();
    },
  };
}
