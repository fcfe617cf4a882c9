/**
 * Requests to the services behind stores and variables. They are the operator's choice, so that
 * they are not subject to a component's allowed hosts.
 *
 * @module
 */

import { fetchErrorText } from "../../lib/fetch_error.ts";
import { readBody } from "./_read_body.ts";

/** Options of {@link createServiceClient}. */
export interface ServiceClientOptions {
  /** What the service is, for messages: `Vault server`. */
  readonly what: string;
  /** Milliseconds for one request, from the connection to the last byte. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** The part of `fetch` that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A request. */
export interface ServiceRequest {
  /** Default: `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds, instead of those of the client. */
  readonly timeoutMs?: number;
  /** Ends the request when it fires. */
  readonly signal?: AbortSignal;
}

/** A response, read to its end. */
export interface ServiceResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends requests; it holds nothing that has to be closed. */
export interface ServiceClient {
  /**
   * Resolves with whatever the service answers, also errors. Redirects are not followed: they would
   * get the credentials.
   * @throws {Error} that names the service and its host, never the path or a header, if there is no
   * answer, or none in time, or it is larger than one result may be.
   */
  send(url: string, request?: ServiceRequest): Promise<ServiceResponse>;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Creates a client for one kind of service. */
export function createServiceClient(options: ServiceClientOptions): ServiceClient {
  const { what } = options;
  const send: Fetch = options.fetch ?? fetch;
  return {
    async send(url, request = {}) {
      const timeoutMs = request.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      try {
        const response = await send(url, {
          method: request.method ?? "GET",
          redirect: "manual",
          signal: request.signal
            ? AbortSignal.any([request.signal, AbortSignal.timeout(timeoutMs)])
            : AbortSignal.timeout(timeoutMs),
          ...(request.headers ? { headers: request.headers } : {}),
          ...(request.body === undefined ? {} : { body: request.body }),
        });
        const text = new TextDecoder().decode(await readBody(response.body));
        return { status: response.status, headers: response.headers, text };
      } catch (error) {
        throw new Error(`Cannot reach the ${what} at ${hostOf(url)}: ${reason(error, timeoutMs)}`, {
          cause: error,
        });
      }
    },
  };
}

/** The JSON object in a text; none if it is something else. */
export function parseJsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  } catch {
    // An error page of a proxy, for instance: the caller has the status to report.
    return {};
  }
}

/** Waits before another try: some 50 ms, then twice as long each time, but not in step with others. */
export async function pause(
  attempt: number,
  options: { readonly atLeastMs?: number } = {},
): Promise<void> {
  const delayMs = Math.max(options.atLeastMs ?? 0, 50 * 2 ** attempt * (0.5 + Math.random()));
  await new Promise((resolve) => setTimeout(resolve, delayMs));
}

function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "an invalid URL";
}

function reason(error: unknown, timeoutMs: number): string {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return `no answer within ${timeoutMs / 1000} s`;
  }
  return fetchErrorText(error);
}
