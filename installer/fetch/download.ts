/**
 * Downloads the archive of a shim.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { fetchErrorText } from "../../lib/fetch_error.ts";
import { NodeError } from "../node/node_error.ts";

/** What to download, and how hard to try. */
export interface DownloadOptions {
  /** `http:` or `https:`; a user and password in it are sent as such. */
  readonly location: string;
  /** Value of the header `Authorization`. */
  readonly authorization?: string | undefined;
  /** The file to write. */
  readonly path: string;
  readonly maxBytes: number;
  /** Tries after the first one. */
  readonly retries: number;
  /** Milliseconds between tries. */
  readonly pauseMs: number;
  /** Milliseconds that a try may take. */
  readonly timeoutMs: number;
  readonly fetch: typeof fetch;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told of every try that failed. */
  readonly onRetry: (message: string) => void;
}

/** Answers that may be others the next time. */
const TEMPORARY_STATUS: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** A try that another one may be better than. */
class RetryableError extends Error {}

/**
 * Downloads a file. What is not complete is not left behind.
 *
 * @returns SHA-256 of the file, in hexadecimal.
 * @throws {NodeError} if the server refuses it, or no try succeeds.
 */
export async function download(options: DownloadOptions): Promise<string> {
  const url = checkLocation(options.location);
  for (let attempt = 0;; attempt++) {
    try {
      return await tryOnce(url, options);
    } catch (error) {
      await Deno.remove(options.path).catch(() => {
        // It was not begun.
      });
      if (!(error instanceof RetryableError)) throw error;
      if (attempt >= options.retries) {
        throw new NodeError(
          "InstallFailed",
          `number of failed downloads reached max retry ${options.retries}: ${error.message}`,
          { cause: error },
        );
      }
      options.onRetry(error.message);
    }
    await options.sleep(options.pauseMs);
  }
}

/** @throws {NodeError} if it is no URL that can be fetched. */
function checkLocation(location: string): URL {
  const url = URL.parse(location);
  if (url && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new NodeError(
    "InstallFailed",
    `The location "${location}" is no URL of an archive: give one with http:// or https://.`,
  );
}

/** A URL as it may be shown: without user and password. */
export function shownUrl(location: string | URL): string {
  const url = new URL(location);
  url.username = "";
  url.password = "";
  return url.href;
}

async function tryOnce(url: URL, options: DownloadOptions): Promise<string> {
  const shown = shownUrl(url);
  const signal = AbortSignal.timeout(options.timeoutMs);
  let response: Response;
  try {
    response = await options.fetch(shown, { headers: headersFor(url, options), signal });
  } catch (error) {
    throw new RetryableError(`"${shown}" cannot be reached: ${fetchErrorText(error)}`, {
      cause: error,
    });
  }
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    const message = `"${shown}" answers with status ${response.status}`;
    if (TEMPORARY_STATUS.includes(response.status)) throw new RetryableError(message);
    throw new NodeError("InstallFailed", `${message}: check the location and who may read it.`);
  }
  return await save(response.body, { shown, options });
}

function headersFor(url: URL, { authorization }: DownloadOptions): Record<string, string> {
  if (authorization !== undefined) return { authorization };
  if (url.username === "" && url.password === "") return {};
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { authorization: `Basic ${new TextEncoder().encode(user).toBase64()}` };
}

async function save(
  body: ReadableStream<Uint8Array>,
  { shown, options }: { shown: string; options: DownloadOptions },
): Promise<string> {
  const hash = createHash("sha256");
  let left = options.maxBytes;
  using file = await Deno.open(options.path, { write: true, create: true, truncate: true });
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        throw new RetryableError(`"${shown}" breaks off: ${fetchErrorText(error)}`, {
          cause: error,
        });
      });
      if (done) break;
      left -= value.length;
      if (left < 0) {
        throw new NodeError(
          "VerificationFailed",
          `"${shown}" is larger than the ${options.maxBytes} bytes that an archive may have.`,
        );
      }
      hash.update(value);
      for (let at = 0; at < value.length;) at += await file.write(value.subarray(at));
    }
  } finally {
    // After an error the rest is of no interest.
    await reader.cancel().catch(() => {});
  }
  return hash.digest("hex");
}
