/**
 * The version of the program: what `version` prints, and what telemetry says.
 *
 * @module
 */

/** The version, without `v`. */
export const VERSION = "0.1.0";
