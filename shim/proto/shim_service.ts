/**
 * What the programs of this shim say to each other, on the socket that containerd uses as well.
 *
 * @module
 */

import { int64, message, type MessageOf, string, uint32 } from "./schema.ts";

const PACKAGE = "spinkube.shim.v1";

/** The service's name. */
export const SHIM_SERVICE = `${PACKAGE}.Shim`;

/** `start` announces a container that containerd will make. */
export const EXPECT_REQUEST = message(`${PACKAGE}.ExpectRequest`, {
  id: string(1),
  /** When nobody waits for the answer any more, in milliseconds since 1970. */
  deadlineMs: int64(2),
});
/** See {@link EXPECT_REQUEST}. */
export type ExpectRequest = MessageOf<typeof EXPECT_REQUEST>;

/** The server stays until that has happened, or a minute. */
export const EXPECT_RESPONSE = message(`${PACKAGE}.ExpectResponse`, { pid: uint32(1) });
/** See {@link EXPECT_RESPONSE}. */
export type ExpectResponse = MessageOf<typeof EXPECT_RESPONSE>;
