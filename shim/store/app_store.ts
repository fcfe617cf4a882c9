/**
 * The node's store of apps: what one pod has had prepared, every later one finds.
 *
 * ```
 * apps/<key>/                  an app, as pods see it (crds/contract.ts, `STORED_APP`)
 * prepared/<entry>/            prepared components; apps have hard links to their files
 * wasm/<digest>                downloaded sources
 * refs/<namespace>/<container> the key of the app that a container uses
 * locks/, lock, tmp/           while something is written
 * collected                    when garbage was collected last
 * ```
 *
 * An app appears whole, by rename, or not at all. Any number of processes may use the store; `lock`
 * is held shared by those that write, and alone by the one that removes.
 *
 * @module
 */

import { STORED_APP, type StoredApp } from "../../crds/contract.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { exists, removeTree } from "./_files.ts";
import { type ContainerName, listNotes, notePath, removeNote, writeNote } from "./app_notes.ts";

/** Where an app is made, before anybody sees it. Removed when it is done. */
export interface Workspace {
  /** Becomes the app. */
  readonly app: string;
  /** For whatever else is needed. On the same file system. */
  readonly scratch: string;
}

/** A store. Nothing is read or made before it is needed. */
export class AppStore {
  readonly #root: string;

  /** @param root Its directory: absolute, made when something is stored. */
  constructor(root: string) {
    this.#root = root;
  }

  /** The directory as a whole. */
  get root(): string {
    return this.#root;
  }

  /** The directory of an app, whether it exists or not. */
  appDir(key: string): string {
    return `${this.#root}/apps/${key}`;
  }

  /** Whether the app is there. */
  has(key: string): boolean {
    return exists(`${this.appDir(key)}/${STORED_APP.app}`);
  }

  /**
   * Notes that a container uses an app, so that it stays for as long as the container does.
   * @returns Whether the app is there. If not, it may be made now: it will stay, too.
   */
  use(key: string, container: ContainerName): boolean {
    try {
      // Other users have to get through the store to their apps.
      Deno.mkdirSync(this.#root, { recursive: true, mode: 0o755 });
      writeNote(notePath(this.#root, container), key);
    } catch (error) {
      throw this.explain(error);
    }
    // The note comes first: whoever removes apps looks for notes after it has taken one away.
    if (!this.has(key)) return false;
    touch(this.appDir(key));
    return true;
  }

  /** Forgets what a container uses; fine if that is nothing. */
  release(container: ContainerName): void {
    removeNote(notePath(this.#root, container));
  }

  /**
   * Makes an app, unless it is there or another process makes it at the same time: that one is waited
   * for. Afterwards it is there, unless this throws.
   *
   * @param options.replace Make it even if it is there.
   * @throws {TerminalError} if the disk is full, or the store cannot be written; and what `build`
   * throws.
   */
  async make(
    key: string,
    build: (workspace: Workspace) => Promise<StoredApp>,
    { replace = false }: { replace?: boolean } = {},
  ): Promise<void> {
    try {
      await this.#prepareDirectories();
      using _store = await openLocked(`${this.#root}/lock`, { exclusive: false });
      using _own = await openLocked(`${this.#root}/locks/${key}`, { exclusive: true });
      if (!replace && this.has(key)) return;
      await this.#removeLeftovers(key);
      await this.#makeLocked(key, build);
    } catch (error) {
      throw this.explain(error);
    }
  }

  /**
   * Takes the lock that nobody has while apps are made or removed.
   * @throws {TerminalError} if the store cannot be written.
   */
  async lockAlone(): Promise<Disposable> {
    try {
      await this.#prepareDirectories();
      return await openLocked(`${this.#root}/lock`, { exclusive: true });
    } catch (error) {
      throw this.explain(error);
    }
  }

  /**
   * Removes an app, by the one who has {@link lockAlone}.
   * @returns False if a container has begun to use it meanwhile: then it stays.
   */
  async remove(key: string): Promise<boolean> {
    const aside = `${this.#root}/tmp/${key}.${crypto.randomUUID()}`;
    await Deno.rename(this.appDir(key), aside);
    const notes = await listNotes(this.#root);
    if (notes.some((note) => note.key === key)) {
      await Deno.rename(aside, this.appDir(key));
      return false;
    }
    await removeTree(aside);
    return true;
  }

  /**
   * Whether it is `everyMs` ago that somebody asked this and was told yes, or that the store was made.
   * Says no if that cannot be told.
   */
  isCollectionDue(everyMs: number): boolean {
    const stamp = `${this.#root}/collected`;
    try {
      const { mtime } = exists(stamp) ? Deno.statSync(stamp) : { mtime: null };
      if (mtime && Date.now() - mtime.getTime() < everyMs) return false;
      Deno.writeTextFileSync(stamp, "", { mode: 0o600 });
      touch(stamp);
      return mtime !== null;
    } catch {
      // A full disk, for one. What has been stored is there, and that is what matters.
      return false;
    }
  }

  /** An error of the file system, as whoever looks at the pod needs to read it. */
  explain(error: unknown): unknown {
    const why = reasonOf(error);
    if (why === undefined) return error;
    return new TerminalError(
      why.reason,
      `Cannot keep the app in the node's store "${this.#root}": ${why.text}, or have containerd ` +
        "started with SPINKUBE_STORE_DIR set to another directory",
      { cause: error },
    );
  }

  async #prepareDirectories(): Promise<void> {
    // Other users see apps only through their pods' mounts, but have to get through to them.
    for (const name of ["apps", "prepared"]) {
      await Deno.mkdir(`${this.#root}/${name}`, { recursive: true, mode: 0o755 });
    }
    for (const name of ["locks", "tmp"]) {
      await Deno.mkdir(`${this.#root}/${name}`, { recursive: true, mode: 0o700 });
    }
  }

  /** What a process that was killed while it made the same app has left. */
  async #removeLeftovers(key: string): Promise<void> {
    for await (const { name } of Deno.readDir(`${this.#root}/tmp`)) {
      if (name.startsWith(`${key}.`)) await removeTree(`${this.#root}/tmp/${name}`);
    }
  }

  async #makeLocked(
    key: string,
    build: (workspace: Workspace) => Promise<StoredApp>,
  ): Promise<void> {
    const directory = `${this.#root}/tmp/${key}.${crypto.randomUUID()}`;
    const workspace = { app: `${directory}/app`, scratch: `${directory}/scratch` };
    try {
      for (const path of Object.values(workspace)) await Deno.mkdir(path, { recursive: true });
      const stored = await build(workspace);
      await Deno.writeTextFile(`${workspace.app}/${STORED_APP.app}`, JSON.stringify(stored));
      await finish(workspace.app);
      const target = this.appDir(key);
      // What is there is damaged, or of a container that had the same name.
      if (exists(target)) await Deno.rename(target, `${directory}/old`);
      await Deno.rename(workspace.app, target);
    } finally {
      await removeTree(directory);
    }
  }
}

/** Opens a file, made if need be, and waits for its lock; disposing gives it back, dying does too. */
async function openLocked(path: string, { exclusive }: { exclusive: boolean }) {
  const file = await Deno.open(path, { write: true, create: true, mode: 0o600 });
  try {
    await file.lock(exclusive);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Files that are written out to the disk at once: one flush of its journal serves them all. */
const SYNC_CONCURRENCY = 32;

/** Makes a tree read-only for everyone, and has its content written to the disk. */
async function finish(directory: string): Promise<void> {
  const files: string[] = [];
  await collect(directory, files);
  const queue = files.values();
  await Promise.all(Array.from({ length: SYNC_CONCURRENCY }, async () => {
    for (const path of queue) await finishFile(path);
  }));
}

async function collect(directory: string, files: string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) await collect(path, files);
    else files.push(path);
  }
  await Deno.chmod(directory, 0o555);
}

async function finishFile(path: string): Promise<void> {
  using file = await Deno.open(path);
  const { mode, nlink } = await file.stat();
  // Several apps may have it; it was finished with the first.
  if ((nlink ?? 1) > 1 && (mode ?? 0) % 0o1000 === 0o444) return;
  await Deno.chmod(path, 0o444);
  await file.syncData();
}

/** When something was last used is told by its own time. */
function touch(path: string): void {
  const now = new Date();
  Deno.utimeSync(path, now, now);
}

/** @returns Undefined if it has nothing to do with the disk, or has been explained. */
function reasonOf(error: unknown): { reason: string; text: string } | undefined {
  const code = codeOf(error) ?? codeOf((error as Error | undefined)?.cause);
  if (code === "ENOSPC" || code === "EDQUOT") {
    return { reason: "DiskFull", text: "the disk is full; free some space there" };
  }
  if (error instanceof TerminalError) {
    // The engine's own tells users of a command line what they may do.
    return error.reason === "CannotStorePrepared"
      ? {
        reason: error.reason,
        text: error.message.replace(/, or choose another directory .*$/, ""),
      }
      : undefined;
  }
  const isReadOnly = code === "EROFS" || code === "EACCES" || code === "EPERM";
  return isReadOnly
    ? { reason: "ReadOnlyStore", text: `${errorText(error)}; make it writable` }
    : undefined;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
