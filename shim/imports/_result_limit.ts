/**
 * How much one result of a host function may hold.
 *
 * @module
 */

/** The most one result may hold, in bytes: 128 MiB, as in Spin. */
export const MAX_RESULT_BYTES = 134_217_728;

/** The error of a result above `maxBytes`; default: {@link MAX_RESULT_BYTES}. */
export function resultTooLarge(maxBytes = MAX_RESULT_BYTES): Error {
  return new Error(`query result exceeds limit of ${maxBytes} bytes`);
}
