/**
 * Changes of files, gathered until there is a pause.
 *
 * @module
 */

import { dirname, SEPARATOR } from "../../../lib/path.ts";

/** Directories to watch. Paths are absolute. */
export interface WatchedPlaces {
  /** With all that is below them. */
  readonly trees: readonly string[];
  /** Without. */
  readonly directories: readonly string[];
}

/** Options of {@link FileChanges}. */
export interface FileChangesOptions {
  readonly debounceMs: number;
  /** Whether anybody wants to know of this file. */
  readonly isRelevant: (path: string) => boolean;
  readonly signal: AbortSignal;
  /** Tells of what cannot be watched. */
  readonly report: (line: string) => void;
}

/** What changes a file, as opposed to reading it. */
const CHANGES: readonly string[] = ["create", "modify", "remove", "rename"];

/** Watches files. Whoever makes it disposes it. */
export class FileChanges implements Disposable {
  readonly #options: FileChangesOptions;
  readonly #pending = new Set<string>();
  #watchers: Deno.FsWatcher[] = [];
  #watched = "";
  /** Where some systems say that a file is → the directory that was asked for. */
  #links: (readonly [real: string, path: string])[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isQuiet = true;
  #waiter: (() => void) | undefined;

  constructor(options: FileChangesOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#waiter?.(), { once: true });
  }

  /**
   * Watches these places instead of those before; of one that does not exist, the nearest directory
   * above it.
   */
  watch({ trees, directories }: WatchedPlaces): void {
    const recursive = withoutNested(trees.filter(exists));
    const flat = [...new Set([...directories, ...trees.filter((path) => !exists(path))])]
      .map(nearestExisting)
      .filter((path) => !recursive.some((tree) => isWithin(path, tree)));
    const watched = JSON.stringify([recursive, flat]);
    if (watched === this.#watched) return;
    this.#watched = watched;
    this.#links = [...recursive, ...flat].map((path) => [Deno.realPathSync(path), path] as const)
      .filter(([real, path]) => real !== path);
    const old = this.#watchers;
    this.#watchers = [
      ...(recursive.length > 0 ? [Deno.watchFs(recursive, { recursive: true })] : []),
      ...(flat.length > 0 ? [Deno.watchFs([...new Set(flat)], { recursive: false })] : []),
    ];
    for (const watcher of this.#watchers) void this.#read(watcher);
    for (const watcher of old) watcher.close();
  }

  /** The files that changed before the next pause; undefined once the signal fires. */
  async next(): Promise<ReadonlySet<string> | undefined> {
    const { signal } = this.#options;
    while (!signal.aborted && (this.#pending.size === 0 || !this.#isQuiet)) {
      await new Promise<void>((resolve) => this.#waiter = resolve);
    }
    if (signal.aborted) return undefined;
    const changed = new Set(this.#pending);
    this.#pending.clear();
    return changed;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  async #read(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const { kind, paths } of watcher) {
        if (CHANGES.includes(kind)) { for (const path of paths) this.#take(path); }
      }
    } catch (error) {
      this.#options.report(
        `Warning: Some changes are not seen any more: ${(error as Error).message}`,
      );
    }
  }

  #take(reported: string): void {
    const link = this.#links.find(([real]) => isWithin(reported, real));
    const path = link ? link[1] + reported.slice(link[0].length) : reported;
    if (isOfEditor(path) || !this.#options.isRelevant(path)) return;
    this.#pending.add(path);
    this.#isQuiet = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isQuiet = true;
      this.#waiter?.();
    }, this.#options.debounceMs);
  }
}

/** Files that editors make beside the one that is edited: swap files, backups, locks, probes. */
function isOfEditor(path: string): boolean {
  return /(?:\.sw[a-z]|~|[\\/]\.#[^\\/]*|[\\/]4913)$/.test(path);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

function nearestExisting(path: string): string {
  let candidate = path;
  while (!exists(candidate) && dirname(candidate) !== candidate) candidate = dirname(candidate);
  return candidate;
}

function withoutNested(paths: readonly string[]): string[] {
  const all = [...new Set(paths)];
  return all.filter((path) => !all.some((other) => other !== path && isWithin(path, other)));
}

function isWithin(path: string, directory: string): boolean {
  return path === directory ||
    path.startsWith(directory === SEPARATOR ? SEPARATOR : `${directory}${SEPARATOR}`);
}
