/**
 * `wasi:http@0.3`: the types, requests of the guest's own, and the next handler of a middleware.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import { BodyBuffer } from "../http_body.ts";
import { type HttpErrorCode, toHttpErrorCode } from "../http_error_code.ts";
import { latin1Bytes, latin1Text } from "../http_fields.ts";
import { methodName, nanosToMs, schemeName } from "../_http_parts.ts";
import { createOutboundHttp, type OutboundHttpRequest } from "../outbound_http.ts";
import type { RequestHead } from "../wasi_http.ts";
import { createHttpTypes, Request, type RequestOptions, Response } from "./http_types.ts";

/** The interfaces `types` and `client` of `wasi:http@0.3` for one component. */
export function createHttp(component: ComponentContext): ImportObject {
  const outbound = createOutboundHttp(component);

  async function send(request: Request): Promise<Response> {
    const parts = request.take();
    const body = openBody(parts);
    try {
      return Response.fromOutbound(
        await outbound.send({
          method: methodName(parts.method),
          scheme: schemeName(parts.scheme),
          authority: parts.authority,
          pathWithQuery: parts.pathWithQuery ?? "/",
          headers: parts.fields.copyAll(),
          body,
          ...timeouts(parts.options),
        }),
      );
    } catch (error) {
      throw toHttpErrorCode(error);
    }
  }

  return {
    "wasi:http/types@0.3": createHttpTypes(),
    "wasi:http/client@0.3": { send },
  };
}

/** The handler that a middleware passes a request on to. */
export type NextHandler = (head: RequestHead) => Promise<globalThis.Response>;

/**
 * The import `wasi:http/handler@0.3` of a middleware.
 * @param next Handles the request, and rejects if it cannot be answered; the guest then sees
 * `internal-error`, or the error code that was thrown.
 */
export function createNextHandler(next: NextHandler): ImportObject {
  async function handle(request: Request): Promise<Response> {
    const parts = request.take();
    const body = openBody(parts);
    try {
      const response = await next({
        method: methodName(parts.method),
        scheme: schemeName(parts.scheme) === "https" ? "https" : "http",
        authority: parts.authority ?? "",
        pathWithQuery: parts.pathWithQuery ?? "/",
        headers: () => parts.fields.copyAll().map(([name, value]) => [name, latin1Text(value)]),
        body: () => body ?? null,
      });
      return Response.fromOutbound({
        status: response.status,
        headers: [...response.headers].map(([name, value]) => [name, latin1Bytes(value)]),
        body: response.body ?? undefined,
      });
    } catch (error) {
      if (body && !body.locked) void body.cancel();
      throw toHttpErrorCode(error) satisfies HttpErrorCode;
    }
  }
  return { "wasi:http/handler@0.3": { handle } };
}

/** The request's body, written while it is read. */
function openBody(
  { body, fields }: ReturnType<Request["take"]>,
): ReadableStream<Uint8Array> | undefined {
  if (body.kind === "host") return body.open() ?? undefined;
  const buffer = new BodyBuffer();
  void body.writeTo(buffer, { headers: fields, lengthError: "HTTP-request-body-size" });
  // Without contents there is nothing to send, but the trailers still have to be taken.
  return body.hasContents ? buffer.stream(() => body.drop()) : undefined;
}

function timeouts(
  options: RequestOptions | undefined,
): Pick<
  OutboundHttpRequest,
  "connectTimeoutMs" | "firstByteTimeoutMs" | "betweenBytesTimeoutMs"
> {
  const connectTimeoutMs = nanosToMs(options?.getConnectTimeout());
  const firstByteTimeoutMs = nanosToMs(options?.getFirstByteTimeout());
  const betweenBytesTimeoutMs = nanosToMs(options?.getBetweenBytesTimeout());
  return {
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(firstByteTimeoutMs === undefined ? {} : { firstByteTimeoutMs }),
    ...(betweenBytesTimeoutMs === undefined ? {} : { betweenBytesTimeoutMs }),
  };
}
