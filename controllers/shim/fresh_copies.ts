/**
 * Objects as they are after what this process has written, although the watch has not told of it yet.
 * Whoever counted nodes by what the watch tells would begin some twice, and more than allowed.
 *
 * @module
 */

import type { Informer } from "../../lib/kube/informer.ts";
import { type KubeObject, objectKey } from "../../lib/kube/types.ts";

/** Milliseconds after which a write that no watch has told of does not count any more. */
const LOST_MS = 10_000;

/** The objects of an informer, and what was written since. */
export class FreshCopies<T extends KubeObject> {
  readonly #informer: Informer<T>;
  readonly #now: () => number;
  readonly #holdsNew: boolean;
  readonly #written = new Map<string, { object: T; at: number }>();
  /** Key → the object that was deleted. */
  readonly #deleted = new Map<string, { uid: string; at: number }>();

  /**
   * @param options.holdsNew Whether objects count that the informer does not know at all, since this
   *   process makes them. Default: false.
   * @param options.now Milliseconds of a clock.
   */
  constructor(
    informer: Informer<T>,
    options: { holdsNew?: boolean; now?: () => number } = {},
  ) {
    const { holdsNew = false, now = () => performance.now() } = options;
    this.#informer = informer;
    this.#holdsNew = holdsNew;
    this.#now = now;
    informer.onChange(({ before, after }) => {
      const key = objectKey((after ?? before)!);
      if (!after) {
        this.#written.delete(key);
        this.#deleted.delete(key);
        return;
      }
      const written = this.#written.get(key);
      if (written && !isNewer(written.object, after)) this.#written.delete(key);
    });
  }

  /** What the API server answered to a write. */
  note(object: T): void {
    const key = objectKey(object);
    const known = this.#informer.get(key);
    if (known ? !isNewer(object, known) : !this.#holdsNew) return;
    this.#written.set(key, { object, at: this.#now() });
  }

  /** The API server has deleted an object. */
  noteDeleted(object: T): void {
    const key = objectKey(object);
    this.#written.delete(key);
    if (!this.#informer.get(key)) return;
    this.#deleted.set(key, { uid: object.metadata.uid ?? "", at: this.#now() });
  }

  get(key: string): T | undefined {
    return this.#fresh(key, this.#informer.get(key));
  }

  *all(): Generator<T> {
    for (const known of this.#informer.all()) {
      const object = this.#fresh(objectKey(known), known);
      if (object) yield object;
    }
    for (const key of this.#written.keys()) {
      const object = this.#informer.get(key) ? undefined : this.#fresh(key, undefined);
      if (object) yield object;
    }
  }

  #fresh(key: string, known: T | undefined): T | undefined {
    const deleted = this.#deleted.get(key);
    const written = this.#written.get(key);
    if (written && this.#now() - written.at < LOST_MS) return written.object;
    const isGone = known && deleted?.uid === known.metadata.uid &&
      this.#now() - deleted!.at < LOST_MS;
    return isGone ? undefined : known;
  }
}

/** Versions are numbers that grow; those of a server that has others are taken for new. */
function isNewer(a: KubeObject, b: KubeObject): boolean {
  const [one = "", other = ""] = [a.metadata.resourceVersion, b.metadata.resourceVersion];
  if (!/^\d+$/.test(one) || !/^\d+$/.test(other)) return one !== other;
  return one.length === other.length ? one > other : one.length > other.length;
}
