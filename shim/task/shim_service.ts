/**
 * The service that `start` asks whether a server will be there for one more container.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { EXPECT_REQUEST, EXPECT_RESPONSE, SHIM_SERVICE } from "../proto/shim_service.ts";
import { type RemoteMethod, TtrpcClient } from "../ttrpc/client.ts";
import { type TtrpcServer, unary } from "../ttrpc/server.ts";
import { StatusError } from "../ttrpc/status.ts";

/** Milliseconds that a server has to answer. */
const EXPECT_MS = 5_000;

const EXPECT_TYPE = { request: EXPECT_REQUEST, response: EXPECT_RESPONSE } as const;
const EXPECT: RemoteMethod<typeof EXPECT_TYPE> = {
  service: SHIM_SERVICE,
  method: "Expect",
  type: EXPECT_TYPE,
};

/**
 * Registers the service.
 * @param expect Is told the id of each container that is announced. @returns Whether the server stays.
 */
export function registerShimService(server: TtrpcServer, expect: (id: string) => boolean): void {
  const handler = unary(EXPECT_TYPE, ({ id, deadlineMs }) => {
    // Of a container that was given up nothing comes.
    if (Date.now() < deadlineMs && !expect(id)) {
      throw new StatusError("UNAVAILABLE", "the server is about to end");
    }
    return { pid: Deno.pid };
  });
  server.register(SHIM_SERVICE, { Expect: handler });
}

/** What came of {@link announceContainer}. */
export interface Announced {
  /** The server stays until the container has been made, or a minute. */
  readonly isExpected: boolean;
  /** It has not answered in time, and is there all the same. */
  readonly isSilent: boolean;
  readonly reason: string;
}

/** Announces a container to a server, which may be about to end, or hang. */
export async function announceContainer(socket: string, id: string): Promise<Announced> {
  try {
    using client = await TtrpcClient.connect(socket);
    const deadlineMs = BigInt(Date.now() + EXPECT_MS);
    await client.call(EXPECT, { id, deadlineMs }, { timeoutMs: EXPECT_MS });
    return { isExpected: true, isSilent: false, reason: "" };
  } catch (error) {
    const isSilent = error instanceof StatusError && error.code === "DEADLINE_EXCEEDED";
    return { isExpected: false, isSilent, reason: errorText(error) };
  }
}
