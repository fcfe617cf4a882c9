/**
 * Turns what a host operation throws into the error the guest sees.
 *
 * @module
 */

import type { MaybePromise } from "./component_context.ts";

/**
 * Runs `action`; what it throws, at once or later, is replaced by `payload` of it. A value that is
 * there at once is returned as it is, not as a promise.
 */
export function mapFailure<T>(
  action: () => MaybePromise<T>,
  payload: (error: unknown) => unknown,
): MaybePromise<T> {
  try {
    const result = action();
    if (!(result instanceof Promise)) return result;
    return result.catch((error) => {
      throw payload(error);
    });
  } catch (error) {
    throw payload(error);
  }
}
