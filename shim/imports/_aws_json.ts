/**
 * Calls of AWS's services that speak JSON, signed by `aws4fetch` (8 KB). AWS's own clients are
 * megabytes of modules, which would take longer to load than a whole app.
 *
 * @module
 */

import { AwsV4Signer } from "aws4fetch";
import { type AwsCredentials, createAwsCredentials } from "./_aws_credentials.ts";
import { createServiceClient, type Fetch, parseJsonObject } from "./_service_client.ts";
import type { AwsKeyConfig } from "./_store_config.ts";

/** What a service says when it refuses a request. */
export class AwsError extends Error {
  override readonly name = "AwsError";
  /** The name of the exception: `ResourceNotFoundException`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Options of {@link createAwsCaller}. */
export interface AwsCallerOptions {
  /** For messages: `DynamoDB`. */
  readonly what: string;
  /** The name in signatures: `dynamodb`. */
  readonly service: string;
  /** What precedes an operation's name in `x-amz-target`: `DynamoDB_20120810`. */
  readonly target: string;
  readonly url: string;
  readonly region: string;
  /** Undefined: from where AWS's own tools look for them. */
  readonly credentials: AwsKeyConfig | undefined;
  /** The process environment. */
  readonly environment: (name: string) => string | undefined;
  /** Milliseconds for each request. Default: 10 s. */
  readonly timeoutMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/**
 * Sends one request.
 * @throws {AwsError} by rejection, if it is refused.
 * @throws {Error} by rejection, if there is no answer, or there are no credentials.
 */
export type AwsCall = (
  operation: string,
  input: Readonly<Record<string, unknown>>,
  options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
) => Promise<Record<string, unknown>>;

/** Creates what calls one service. It holds nothing that has to be closed. */
export function createAwsCaller(options: AwsCallerOptions): AwsCall {
  const { url, region, service, target, credentials } = options;
  const client = createServiceClient(options);
  const getCredentials: AwsCredentials = credentials
    ? () => Promise.resolve(credentials)
    : createAwsCredentials(options);
  return async (operation, input, limits = {}) => {
    const body = JSON.stringify(input);
    const signed = await new AwsV4Signer({
      ...await getCredentials(),
      url,
      region,
      service,
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": `${target}.${operation}`,
      },
      body,
    }).sign();
    const { status, text } = await client.send(signed.url.href, {
      ...limits,
      method: "POST",
      headers: Object.fromEntries(signed.headers),
      body,
    });
    if (status === 200) return parseJsonObject(text);
    throw toAwsError(text, status);
  };
}

function toAwsError(text: string, status: number): AwsError {
  const answer = parseJsonObject(text);
  // What stands before a service, and emulators, answer in the XML of its older protocol.
  const element = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  const type = answer.__type ?? element("Code") ?? `HTTP status ${status}`;
  // `com.amazonaws.dynamodb.v20120810#ResourceNotFoundException`
  const code = String(type).replace(/^.*#/, "");
  const message = answer.message ?? answer.Message ?? element("Message");
  return new AwsError(code, typeof message === "string" ? `${code}: ${message}` : code);
}
