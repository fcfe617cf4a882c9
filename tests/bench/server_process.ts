/**
 * A server under test, as a child process.
 *
 * @module
 */

/** What is started. */
export interface ServerCommand {
  readonly command: readonly string[];
  /** Where it will listen on 127.0.0.1. */
  readonly port: number;
  /** Milliseconds it may take until it answers. */
  readonly timeoutMs: number;
}

/** Milliseconds between two tries to get an answer; what a start is measured in. */
const POLL_MS = 1;
/** Milliseconds a server gets to end in peace. */
const STOP_MS = 3_000;
/** How much of what a server wrote to stderr is kept for a message. */
const LOG_CHARACTERS = 2_000;

/** A port on 127.0.0.1 that is free now. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** A server that answers. The owner disposes it, which ends the process. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  /** Milliseconds from the spawn to the first answer with status 200. */
  readonly startMs: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, options: { url: string; startMs: number }) {
    this.#child = child;
    this.url = options.url;
    this.startMs = options.startMs;
  }

  /**
   * Starts a server and waits until it answers `GET /` with 200.
   * @throws {Error} if it ends, or does not answer in time, with the end of what it wrote to stderr.
   */
  static async start(options: ServerCommand, signal: AbortSignal): Promise<ServerProcess> {
    signal.throwIfAborted();
    const { command: [program, ...args], port } = options;
    const command = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const startedAt = performance.now();
    const child = command.spawn();
    const log = collectTail(child.stderr);
    let isOver = false;
    const ended = child.status.then((status) => {
      isOver = true;
      return status;
    });
    while (!isOver && !signal.aborted && performance.now() - startedAt < options.timeoutMs) {
      if (await answersOk(port)) {
        const startMs = performance.now() - startedAt;
        return new ServerProcess(child, { url: `http://127.0.0.1:${port}/`, startMs });
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const wasOver = isOver;
    if (!isOver) child.kill("SIGKILL");
    const { code } = await ended;
    signal.throwIfAborted();
    const what = wasOver ? `ended with ${code}` : `gave no answer in ${options.timeoutMs} ms`;
    throw new Error(`"${options.command.join(" ")}" ${what}: ${(await log).trim()}`);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Asks the server to end, and ends it if it does not. */
  async [Symbol.asyncDispose](): Promise<void> {
    const kill = setTimeout(() => this.#signal("SIGKILL"), STOP_MS);
    this.#signal("SIGTERM");
    await this.#child.status;
    clearTimeout(kill);
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch (error) {
      // It has ended by itself, which whoever counts failed requests has seen.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function answersOk(port: number): Promise<boolean> {
  try {
    using socket = await Deno.connect({ hostname: "127.0.0.1", port });
    const request = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`;
    await socket.write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(1024);
    const count = await socket.read(buffer);
    return new TextDecoder().decode(buffer.subarray(0, count ?? 0)).startsWith("HTTP/1.1 200");
  } catch {
    // Not listening yet.
    return false;
  }
}

async function collectTail(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream() as TextPipe)) {
    text = (text + piece).slice(-LOG_CHARACTERS);
  }
  return text;
}

/** `TextDecoderStream` accepts more than bytes, which the type of `pipeThrough` does not allow for. */
type TextPipe = ReadableWritablePair<string, Uint8Array>;
