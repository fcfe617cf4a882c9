/**
 * Tells what a build writes from what the user writes. Builds generate files, some of them into
 * directories that are watched: building for their sake would never end.
 *
 * @module
 */

/** What is known of a file; undefined if it is gone. */
export type FileTimes = Pick<Deno.FileInfo, "mtime" | "birthtime"> | undefined;

/** Milliseconds by which the clock of files may be behind, and by which events may be late. */
const CLOCK_MS = 20;
const LATE_MS = 500;

/** Remembers the last build and what was written while one ran. */
export class OwnChanges {
  readonly #generated = new Set<string>();
  readonly #edited = new Set<string>();
  readonly #now: () => number;
  #build: { readonly start: number; end: number } | undefined;

  /** @param now Milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** A build begins. @returns to be called at its end. */
  begin(): () => void {
    const build = { start: this.#now(), end: Infinity };
    this.#build = build;
    return () => {
      build.end = this.#now();
    };
  }

  /**
   * Whether the user changed the file. A file that was made by the last build was not; one that was
   * there before and changed during a build may have been, and counts once.
   */
  isOfUser(path: string, times: FileTimes): boolean {
    if (this.#isDuringBuild(times)) {
      const isNew = (times?.birthtime?.getTime() ?? 0) >= this.#build!.start - CLOCK_MS;
      const isKnown = this.#generated.has(path) || times === undefined ||
        (isNew && !this.#edited.has(path));
      this.#generated.add(path);
      return !isKnown;
    }
    this.#generated.delete(path);
    this.#edited.add(path);
    return true;
  }

  #isDuringBuild(times: FileTimes): boolean {
    if (!this.#build) return false;
    const { start, end } = this.#build;
    const changed = times?.mtime?.getTime();
    if (changed === undefined) return this.#now() <= end + LATE_MS;
    return changed >= start - CLOCK_MS && changed <= end;
  }
}
