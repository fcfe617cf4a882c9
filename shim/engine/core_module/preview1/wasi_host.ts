/**
 * The functions of WASI 0.2 on which WASI preview 1 is built here, as the bindings of a component
 * would import them.
 *
 * @module
 */

import type { Descriptor } from "../../../imports/wasi_filesystem.ts";
import type { InputStream, OutputStream, Pollable } from "../../../imports/wasi_io.ts";

/** Interface, without its version → what preview 1 needs of it. */
export interface WasiHost {
  readonly "wasi:cli/environment": {
    getEnvironment(): [string, string][];
    getArguments(): string[];
  };
  readonly "wasi:cli/exit": { exitWithCode(code: number): never };
  readonly "wasi:cli/stdin": { getStdin(): InputStream };
  readonly "wasi:cli/stdout": { getStdout(): OutputStream };
  readonly "wasi:cli/stderr": { getStderr(): OutputStream };
  readonly "wasi:clocks/monotonic-clock": {
    now(): bigint;
    resolution(): bigint;
    subscribeInstant(when: bigint): Pollable;
    subscribeDuration(duration: bigint): Pollable;
  };
  readonly "wasi:clocks/wall-clock": {
    now(): { seconds: bigint; nanoseconds: number };
    resolution(): { seconds: bigint; nanoseconds: number };
  };
  readonly "wasi:filesystem/preopens": { getDirectories(): [Descriptor, string][] };
  readonly "wasi:io/poll": { poll(pollables: Pollable[]): Uint32Array | Promise<Uint32Array> };
  readonly "wasi:random/random": { getRandomBytes(length: bigint): Uint8Array };
}

/**
 * What a module of preview 1 imports in effect: the members of {@link WasiHost}, and the resources
 * that these give out.
 */
export const WASI_HOST_FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  "wasi:cli/environment": ["getEnvironment", "getArguments"],
  "wasi:cli/exit": ["exitWithCode"],
  "wasi:cli/stdin": ["getStdin"],
  "wasi:cli/stdout": ["getStdout"],
  "wasi:cli/stderr": ["getStderr"],
  "wasi:clocks/monotonic-clock": ["now", "resolution", "subscribeInstant", "subscribeDuration"],
  "wasi:clocks/wall-clock": ["now", "resolution"],
  "wasi:filesystem/preopens": ["getDirectories"],
  "wasi:filesystem/types": ["Descriptor"],
  "wasi:io/poll": ["poll"],
  "wasi:io/streams": ["InputStream", "OutputStream"],
  "wasi:random/random": ["getRandomBytes"],
};
