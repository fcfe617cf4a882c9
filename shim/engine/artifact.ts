/**
 * The prepared form of a component: a directory with its adapted bindings, its rewritten core
 * modules, and a manifest that says how to link and run them.
 *
 * @module
 */

import { nodeCrypto } from "../../lib/node_builtins.ts";

/** File names in a prepared directory. */
export const ARTIFACT_FILES = { manifest: "manifest.json", bindings: "component.js" } as const;

/** One core module of a prepared component. */
export interface ArtifactModule {
  /** The name under which the bindings ask for it, and its file name. */
  readonly file: string;
  /** Whether its loops and recursions can be preempted; glue modules have none. */
  readonly isInterruptible: boolean;
  /** Whether memory can be rewound after it grew, as far as this module is concerned. */
  readonly isShrinkable: boolean;
}

/** `manifest.json` of a prepared component. */
export interface ArtifactManifest {
  /** See {@link engineVersion}; another version is prepared anew. */
  readonly engine: string;
  /** `sha256:<hex>` of the source as it was loaded. */
  readonly source: string;
  /**
   * Which bindings it has: `sync` ones for one call at a time, rewound in between, or `async` ones,
   * for components that use the asynchronous component model. `core` is a core module without any:
   * the engine's own are for one call at a time, too.
   */
  readonly bindings: "sync" | "async" | "core";
  /** sha256 in hex of every other file in the directory. */
  readonly files: Readonly<Record<string, string>>;
  readonly modules: readonly ArtifactModule[];
  /** Imports with their versions, as the component declares them. */
  readonly imports: readonly string[];
  /** Exports with their versions. */
  readonly exports: readonly string[];
  /** Interface, without its version unless there are several → names that the bindings take from it. */
  readonly functions: Readonly<Record<string, readonly string[]>>;
  /** Whether it reads its environment while it starts, and so may start in another way there. */
  readonly startReadsEnvironment: boolean;
  /** Why instances cannot be rewound; absent if they can. */
  readonly notResettable?: string;
  /**
   * Of a component that was composed with HTTP middleware: the directories in this one that have the
   * prepared forms of it, the outermost first. Absent if there is none.
   */
  readonly middleware?: readonly string[];
  /** What the component's author should know of it, as sentences. */
  readonly warnings?: readonly string[];
}

/** From this size on, loading Node's hashing pays: it does not copy the bytes first. */
const LARGE_BYTES = 1 << 20;

/** sha256 of bytes, in hex. */
export async function sha256Hex(bytes: Uint8Array): Promise<string> {
  if (bytes.length >= LARGE_BYTES) {
    return nodeCrypto().createHash("sha256").update(bytes).digest("hex");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return new Uint8Array(digest).toHex();
}
