/**
 * Terminals of containers. runc makes the pair and sends us the master over a socket; what goes
 * through it is copied here, by looking from time to time: reads that block would each keep one of
 * the few threads on which all files of the process depend.
 *
 * @module
 */

import { callLater, sleep } from "../../lib/timer.ts";
import { check, cString, ERRNO, type Libc, OPEN, openFile, SystemError, tryNow } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK_CLOEXEC = 0o2004000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const TIOCSWINSZ = 0x5414n;
const F_SETFL = 4;

/** Milliseconds until runc has to have sent the master. */
const ACCEPT_MS = 10_000;
/** Milliseconds between two looks: soon after something came, seldom when nothing does. */
const FAST_MS = 2;
const SLOW_MS = 40;
const CHUNK = 32 << 10;

/** A socket that waits for a terminal. Whoever made it disposes it. */
export class ConsoleSocket implements Disposable {
  readonly path: string;
  readonly #libc: Libc;
  readonly #descriptor: number;

  /** @param path Absolute, and at most 107 bytes long. */
  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    this.path = path;
    const type = SOCK_STREAM | SOCK_NONBLOCK_CLOEXEC;
    this.#descriptor = check(libc, { call: "socket", result: libc.socket(AF_UNIX, type, 0) });
    const name = cString(path);
    const address = new Uint8Array(2 + name.length);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    check(libc, { call: "bind", result: libc.bind(this.#descriptor, address, address.length) });
    check(libc, { call: "listen", result: libc.listen(this.#descriptor, 1) });
  }

  /** The descriptor of the terminal's master. The caller closes it. */
  async receive(): Promise<number> {
    const libc = this.#libc;
    const connection = await poll(() =>
      tryNow(libc, {
        call: "accept",
        result: libc.accept4(this.#descriptor, null, null, SOCK_NONBLOCK_CLOEXEC),
      })
    );
    try {
      return await poll(() => receiveDescriptor(libc, connection));
    } finally {
      libc.close(connection);
    }
  }

  [Symbol.dispose](): void {
    this.#libc.close(this.#descriptor);
    Deno.removeSync(this.path);
  }
}

async function poll<T>(attempt: () => T | undefined): Promise<T> {
  const deadline = performance.now() + ACCEPT_MS;
  for (;;) {
    const found = attempt();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error("runc did not send the terminal");
    await sleep(FAST_MS);
  }
}

/** One message with one descriptor beside it: `struct msghdr` and `struct cmsghdr` of 64 bits. */
function receiveDescriptor(libc: Libc, socket: number): number | undefined {
  const data = new Uint8Array(256);
  const control = new Uint8Array(24);
  const vector = new BigUint64Array([addressOf(data), BigInt(data.length)]);
  const header = new BigUint64Array([
    ...[0n, 0n],
    ...[addressOf(vector), 1n],
    ...[addressOf(control), BigInt(control.length)],
    0n,
  ]);
  const result = libc.recvmsg(socket, new Uint8Array(header.buffer), MSG_CMSG_CLOEXEC);
  if (tryNow(libc, { call: "recvmsg", result }) === undefined) return undefined;
  const view = new DataView(control.buffer);
  const isDescriptor = view.getInt32(8, true) === 1 && view.getInt32(12, true) === 1;
  if (!isDescriptor) throw new Error("runc sent a message without a terminal");
  return view.getInt32(16, true);
}

function addressOf(buffer: Uint8Array | BigUint64Array): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer as BufferSource)));
}

/** A terminal whose streams are connected. The owner closes it. */
export class Terminal {
  readonly #libc: Libc;
  readonly #master: number;
  readonly #output: Pipe | undefined;
  #input: Pipe | undefined;
  #cancel: (() => void) | undefined;
  #delay = FAST_MS;
  #isOver = false;
  readonly #drained = Promise.withResolvers<void>();

  /** @param paths FIFOs; empty for none. */
  constructor(
    libc: Libc,
    { master, paths }: { master: number; paths: { stdin: string; stdout: string } },
  ) {
    this.#libc = libc;
    this.#master = master;
    setNonBlocking(libc, master);
    this.#output = paths.stdout === ""
      ? undefined
      : new Pipe(libc, { from: master, to: openPipe(libc, paths.stdout), owns: "to" });
    this.#input = paths.stdin === ""
      ? undefined
      : new Pipe(libc, { from: openPipe(libc, paths.stdin), to: master, owns: "from" });
    this.#schedule();
  }

  /** Resolves when everything that the process wrote has been handed on. */
  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /**
   * Hands on at once what the process has written so far, as far as it is taken. Clients that hear of
   * its end close their side: what comes later is lost.
   */
  flush(): void {
    this.#cancel?.();
    this.#delay = FAST_MS;
    this.#copy();
  }

  /** @param size In characters. */
  resize({ width, height }: { width: number; height: number }): void {
    const size = new Uint16Array([height, width, 0, 0]);
    const result = this.#libc.ioctl(this.#master, TIOCSWINSZ, new Uint8Array(size.buffer));
    check(this.#libc, { call: "ioctl", result });
  }

  /** Takes no more input. The terminal itself stays: programs do not expect it to go. */
  closeInput(): void {
    this.#input?.close();
    this.#input = undefined;
  }

  close(): void {
    this.#cancel?.();
    this.#isOver = true;
    this.closeInput();
    this.#output?.close();
    this.#libc.close(this.#master);
    this.#drained.resolve();
  }

  #schedule(): void {
    this.#cancel = callLater(() => this.#copy(), this.#delay);
  }

  #copy(): void {
    if (this.#isOver) return;
    const hadInput = this.#input?.copy() ?? "idle";
    // Nobody reads, but the process must not be blocked by that.
    const hadOutput = this.#output?.copy() ?? "idle";
    if (hadInput === "ended") this.closeInput();
    if (hadOutput === "ended") {
      this.#isOver = true;
      this.#output!.close();
      this.#drained.resolve();
      return;
    }
    const isBusy = hadInput === "copied" || hadOutput === "copied";
    this.#delay = isBusy ? FAST_MS : Math.min(this.#delay * 1.5, SLOW_MS);
    this.#schedule();
  }
}

/** One direction. */
class Pipe {
  readonly #libc: Libc;
  readonly #from: number;
  readonly #to: number;
  readonly #owned: number;
  readonly #buffer = new Uint8Array(CHUNK);
  /** What has been read and not been written yet. */
  #rest: Uint8Array<ArrayBuffer> | undefined;
  #isClosed = false;

  constructor(
    libc: Libc,
    { from, to, owns }: { from: number; to: number; owns: "from" | "to" },
  ) {
    this.#libc = libc;
    this.#from = from;
    this.#to = to;
    this.#owned = owns === "from" ? from : to;
  }

  /** Hands on what there is, as far as it is taken. */
  copy(): "copied" | "idle" | "ended" {
    if (this.#isClosed) return "idle";
    for (let rounds = 0; rounds < 16; rounds++) {
      if (this.#rest && !this.#flush()) return rounds === 0 ? "idle" : "copied";
      const read = this.#read();
      if (read === undefined) return rounds === 0 ? "idle" : "copied";
      if (read === 0) return "ended";
      this.#rest = this.#buffer.subarray(0, read);
    }
    return "copied";
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#libc.close(this.#owned);
  }

  /** @returns 0 at the end: the last process with the terminal open has gone. */
  #read(): number | undefined {
    const result = this.#libc.read(this.#from, this.#buffer, BigInt(CHUNK));
    try {
      return tryNow(this.#libc, { call: "read", result });
    } catch (error) {
      if (error instanceof SystemError && error.errno === ERRNO.EIO) return 0;
      throw error;
    }
  }

  /** @returns Whether everything is written. */
  #flush(): boolean {
    const rest = this.#rest!;
    const result = this.#libc.write(this.#to, rest, BigInt(rest.length));
    const written = tryNow(this.#libc, { call: "write", result });
    if (written === undefined) return false;
    this.#rest = written === rest.length ? undefined : rest.subarray(written);
    return this.#rest === undefined;
  }
}

/** Opens a FIFO for both directions, so that it neither waits for the other side nor ends with it. */
function openPipe(libc: Libc, path: string): number {
  return openFile(libc, path, { flags: OPEN.readWrite | OPEN.nonBlocking });
}

function setNonBlocking(libc: Libc, descriptor: number): void {
  const result = libc.fcntl(descriptor, F_SETFL, OPEN.readWrite | OPEN.nonBlocking);
  check(libc, { call: "fcntl", result });
}
