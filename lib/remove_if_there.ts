/**
 * Removing what may be gone already.
 *
 * @module
 */

/** Options of {@link removeIfThere}. */
export interface RemoveOptions {
  /** Whether a directory goes with all that is in it. Default: false. */
  readonly recursive?: boolean;
}

/**
 * Removes a file, a link or a directory; fine if there is none.
 * @throws {Error} as `Deno.remove` does, for every other reason.
 */
export async function removeIfThere(path: string, options: RemoveOptions = {}): Promise<void> {
  try {
    await Deno.remove(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** As {@link removeIfThere}, at once. */
export function removeIfThereSync(path: string, options: RemoveOptions = {}): void {
  try {
    Deno.removeSync(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
