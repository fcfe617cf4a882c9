/**
 * `wasi:io` of the snapshots.
 *
 * In 2023-10-18 a pollable has no functions of its own, `error` belongs to the streams, and what is
 * spliced is given away. 2023-11-10 is as 0.2.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import {
  createWasiIo,
  InputStream,
  IoError,
  OutputStream,
  poll,
  Pollable,
  type StreamError,
} from "../wasi_io.ts";
import { asSnapshot, FIRST, type Snapshot } from "./snapshots.ts";

/** How much {@link GivenOutputStream.forward} moves at once, in bytes. */
const FORWARD_BYTES = 1n << 16n;

/**
 * The resource `output-stream` of 2023-10-18. It owns the streams it is given to copy from, and closes
 * them whether all of their bytes were taken or not.
 */
export class GivenOutputStream extends OutputStream {
  override splice(source: InputStream, length: bigint): bigint {
    using _ = source;
    return super.splice(source, length);
  }

  override async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    using _ = source;
    return await super.blockingSplice(source, length);
  }

  /**
   * Copies until `source` ends, and waits until everything is written. The original traps here.
   * @returns How many bytes there were.
   */
  async forward(source: InputStream): Promise<bigint> {
    using _ = source;
    let total = 0n;
    for (;;) {
      const bytes = await nextBytes(source);
      if (!bytes) return total;
      await this.blockingWriteAndFlush(bytes);
      total += BigInt(bytes.length);
    }
  }
}

/** Undefined at the end. @throws {StreamError} by rejection, if the stream fails. */
async function nextBytes(source: InputStream): Promise<Uint8Array | undefined> {
  try {
    return await source.blockingRead(FORWARD_BYTES);
  } catch (error) {
    if ((error as StreamError).tag === "closed") return undefined;
    throw error;
  }
}

/** The interfaces of `wasi:io` in a snapshot, the same for every component. */
export function createIo(_component: ComponentContext, snapshot: Snapshot): ImportObject {
  if (snapshot !== FIRST) return asSnapshot(createWasiIo(), snapshot);
  return {
    [`wasi:io/poll@${FIRST}`]: {
      Pollable,
      pollList: poll,
      pollOne: (pollable: Pollable) => pollable.block(),
    },
    [`wasi:io/streams@${FIRST}`]: { Error: IoError, InputStream, OutputStream: GivenOutputStream },
  };
}
