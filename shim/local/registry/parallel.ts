/**
 * Several things at once.
 *
 * @module
 */

/**
 * Runs `work` for every item, `limit` at a time, in order.
 * @throws The first failure, after what runs has ended; nothing new is begun after it.
 */
export async function forEachParallel<T>(
  items: Iterable<T>,
  { limit, work }: { readonly limit: number; readonly work: (item: T) => Promise<void> },
): Promise<void> {
  const queue = items[Symbol.iterator]();
  const failures: unknown[] = [];
  async function runLane(): Promise<void> {
    for (let next = queue.next(); !next.done && failures.length === 0; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: limit }, runLane));
  if (failures.length > 0) throw failures[0];
}
