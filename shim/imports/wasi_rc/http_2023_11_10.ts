/**
 * `wasi:http@0.2.0-rc-2023-11-10`: as 0.2, but for the names of the timeouts and the type of trailers.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import type { HttpErrorCode } from "../http_error_code.ts";
import type { Fields } from "../http_fields.ts";
import { createOutboundHttp } from "../outbound_http.ts";
import {
  createWasiHttp,
  type OutgoingRequest,
  RequestOptions as RequestOptions02,
  ResponseOutparam,
  startRequest,
  toTimeouts,
} from "../wasi_http.ts";
import { createIncoming } from "./incoming.ts";
import { SECOND } from "./snapshots.ts";

const incoming = createIncoming<Fields, undefined, HttpErrorCode>({
  fields: (inner) => inner,
  noTrailers: () => undefined,
  error: (code) => code,
});

/** The resource `incoming-request`. */
export const IncomingRequest = incoming.IncomingRequest;

export { ResponseOutparam };

/** The resource `request-options`. In spite of the names, durations are in nanoseconds. */
class RequestOptions {
  /** The options as 0.2 has them. */
  readonly inner: RequestOptions02 = new RequestOptions02();

  connectTimeoutMs(): bigint | undefined {
    return this.inner.connectTimeout();
  }
  setConnectTimeoutMs(duration: bigint | undefined): void {
    this.inner.setConnectTimeout(duration);
  }
  firstByteTimeoutMs(): bigint | undefined {
    return this.inner.firstByteTimeout();
  }
  setFirstByteTimeoutMs(duration: bigint | undefined): void {
    this.inner.setFirstByteTimeout(duration);
  }
  betweenBytesTimeoutMs(): bigint | undefined {
    return this.inner.betweenBytesTimeout();
  }
  setBetweenBytesTimeoutMs(duration: bigint | undefined): void {
    this.inner.setBetweenBytesTimeout(duration);
  }
}

/** The interfaces of `wasi:http@0.2.0-rc-2023-11-10` for one component. */
export function createHttp(component: ComponentContext): ImportObject {
  const outbound = createOutboundHttp(component);

  function handle(
    request: OutgoingRequest,
    options: RequestOptions | undefined,
  ): InstanceType<typeof incoming.FutureIncomingResponse> {
    const timeouts = toTimeouts(options?.inner);
    return new incoming.FutureIncomingResponse(startRequest(outbound, { request, timeouts }));
  }

  return {
    [`wasi:http/types@${SECOND}`]: {
      ...createWasiHttp(component)["wasi:http/types@0.2"],
      ...incoming,
      RequestOptions,
    },
    [`wasi:http/outgoing-handler@${SECOND}`]: { handle },
  };
}
