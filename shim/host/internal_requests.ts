/**
 * Requests that an app makes to itself: to one of its components, without a socket.
 *
 * @module
 */

import type { InternalRequest, InternalRequests } from "../imports/component_context.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import type { HttpGuest } from "./http_guest.ts";
import { parseRoute } from "./router.ts";
import { componentHeaders } from "./spin_headers.ts";

/** The address of a caller that has no socket. */
const NO_ADDRESS = "0.0.0.0:0";

/** Connects service chaining with the callers of one isolate. */
export function createInternalRequests(options: {
  caller: (component: string) => HttpGuest | undefined;
  selfUrl: () => string;
}): InternalRequests {
  return {
    selfUrl: options.selfUrl,
    component(id) {
      const caller = options.caller(id);
      return caller && ((request) => caller.call(chainedHead(request), () => request.signal));
    },
  };
}

/** A chained request sees the route `/...`, and its whole path as path info. */
function chainedHead(request: InternalRequest): RequestHead {
  const { method, authority, pathWithQuery, headers, body } = request;
  return {
    method,
    pathWithQuery,
    authority,
    headers: () =>
      componentHeaders({
        received: headers,
        match: {
          pattern: parseRoute("/..."),
          params: [],
          pathInfo: pathWithQuery.split("?", 1)[0]!,
        },
        fullUrl: `http://localhost${pathWithQuery}`,
        clientAddress: NO_ADDRESS,
      }),
    body: () => body ?? null,
  };
}
