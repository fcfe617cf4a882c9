/**
 * Waiting, for WASI preview 1: `poll_oneoff`.
 *
 * @module
 */

import { Pollable } from "../../../imports/wasi_io.ts";
import type { GuestMemory } from "../guest_memory.ts";
import { ERRNO, Errno, toErrno } from "./errno.ts";
import type { FdTable } from "./fd_table.ts";
import { clockOf, CLOCKS, type Preview1Functions } from "./system.ts";
import type { WasiHost } from "./wasi_host.ts";

/** Bytes of the record `subscription`. */
const SUBSCRIPTION_BYTES = 48;
/** Bytes of the record `event`. */
const EVENT_BYTES = 32;
/** Subscriptions of one call; more are a mistake. */
const MAX_SUBSCRIPTIONS = 4096;
/** The types of events. */
const EVENT = { clock: 0, read: 1, write: 2 } as const;
/** The time of a subscription is a point in time, not a duration. */
const ABSOLUTE = 1;

/** One thing that the guest waits for. */
interface Subscription {
  readonly userdata: bigint;
  readonly type: number;
  readonly error: number;
  readonly pollable: Pollable;
  /** Bytes that can be read, as far as that is known. */
  readonly bytes: bigint;
}

/** The waits of one instance. */
export class Polling {
  readonly #memory: GuestMemory;
  readonly #table: FdTable;
  readonly #host: WasiHost;
  readonly #waiting = new Set<Pollable>();

  constructor(memory: GuestMemory, { table, host }: { table: FdTable; host: WasiHost }) {
    this.#memory = memory;
    this.#table = table;
    this.#host = host;
  }

  /** The functions that wait. */
  functions(): Preview1Functions {
    return {
      poll_oneoff: (input: number, output: number, count: number, result: number) =>
        this.#poll({ input, output, count: count >>> 0, result }),
    };
  }

  /** @returns what a guest that was ended while it waited has left. */
  clear(): Disposable[] {
    const left = [...this.#waiting];
    this.#waiting.clear();
    return left;
  }

  #poll(
    { input, output, count, result }: {
      input: number;
      output: number;
      count: number;
      result: number;
    },
  ): number | Promise<number> {
    if (count === 0 || count > MAX_SUBSCRIPTIONS) throw new Errno("inval");
    this.#memory.slice(input, count * SUBSCRIPTION_BYTES);
    this.#memory.slice(output, count * EVENT_BYTES);
    const subscriptions = Array.from(
      { length: count },
      (_, index) => this.#subscribe(input + index * SUBSCRIPTION_BYTES),
    );
    const pollables = subscriptions.map(({ pollable }) => pollable);
    for (const pollable of pollables) this.#waiting.add(pollable);
    const finish = (ready: Uint32Array): number => {
      for (const pollable of pollables) {
        this.#waiting.delete(pollable);
        pollable[Symbol.dispose]();
      }
      ready.forEach((index, position) =>
        this.#writeEvent(output + position * EVENT_BYTES, subscriptions[index]!)
      );
      this.#memory.setU32(result, ready.length);
      return ERRNO.success;
    };
    const ready = this.#host["wasi:io/poll"].poll(pollables);
    return ready instanceof Promise ? ready.then(finish) : finish(ready);
  }

  #subscribe(pointer: number): Subscription {
    const { view } = this.#memory;
    const userdata = view.getBigUint64(pointer, true);
    const type = view.getUint8(pointer + 8);
    try {
      if (type === EVENT.clock) {
        return { userdata, type, error: 0, pollable: this.#timer(pointer), bytes: 0n };
      }
      if (type !== EVENT.read && type !== EVENT.write) throw new Errno("inval");
      const { pollable, bytes } = this.#ready(view.getUint32(pointer + 16, true), type);
      return { userdata, type, error: 0, pollable, bytes };
    } catch (error) {
      return { userdata, type, error: toErrno(error), pollable: new Pollable(), bytes: 0n };
    }
  }

  #timer(pointer: number): Pollable {
    const { view } = this.#memory;
    const clock = view.getUint32(pointer + 16, true);
    const timeout = view.getBigUint64(pointer + 24, true);
    const monotonic = this.#host["wasi:clocks/monotonic-clock"];
    const { now } = clockOf(this.#host, clock);
    const isAbsolute = (view.getUint16(pointer + 40, true) & ABSOLUTE) !== 0;
    if (!isAbsolute) return monotonic.subscribeDuration(timeout);
    if (clock === CLOCKS.monotonic) return monotonic.subscribeInstant(timeout);
    const left = timeout - now();
    return monotonic.subscribeDuration(left > 0n ? left : 0n);
  }

  #ready(fd: number, type: number): { pollable: Pollable; bytes: bigint } {
    const entry = this.#table.get(fd);
    if (entry.kind === "descriptor") {
      if (entry.type === "directory" || type === EVENT.write) {
        return { pollable: new Pollable(), bytes: 1n };
      }
      const left = entry.descriptor.stat().size - entry.position;
      return { pollable: new Pollable(), bytes: left > 0n ? left : 0n };
    }
    if ((entry.kind === "input") !== (type === EVENT.read)) throw new Errno("badf");
    return { pollable: entry.stream.subscribe(), bytes: 1n };
  }

  #writeEvent(pointer: number, { userdata, error, type, bytes }: Subscription): void {
    this.#memory.slice(pointer, EVENT_BYTES).fill(0);
    const { view } = this.#memory;
    view.setBigUint64(pointer, userdata, true);
    view.setUint16(pointer + 8, error, true);
    view.setUint8(pointer + 10, type);
    view.setBigUint64(pointer + 16, bytes, true);
  }
}
