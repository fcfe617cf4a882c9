/**
 * Exit codes of the commands for clusters, beside 0, 1 and 2.
 *
 * @module
 */

/** What was asked for is not there. */
export const EXIT_NOT_FOUND = 3;

/** It did not happen in time. */
export const EXIT_TIMED_OUT = 4;
