/**
 * What goes wrong between a client and a registry, told to people.
 *
 * @module
 */

import { errorText, TerminalError } from "../errors.ts";

/** A registry refused something, or could not be reached. */
export class RegistryError extends TerminalError {
  override readonly name = "RegistryError";
  /** HTTP status; undefined if there was no answer. */
  readonly status: number | undefined;
  /** Whether another try is useless. */
  readonly isFinal: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { readonly status?: number; readonly isFinal?: boolean } = {},
  ) {
    super("RegistryError", message, options);
    this.status = options.status;
    this.isFinal = options.isFinal ?? options.status !== undefined;
  }
}

/** What was tried, for messages. */
export interface Attempt {
  /** Host of the registry, as the user wrote it. */
  readonly registry: string;
  /** `push the blob sha256:… to "org/app"` */
  readonly task: string;
  readonly isPlainHttp: boolean;
}

/** What an answer with an error means, and the way out. Reads the body. */
export async function refusal(
  response: Response,
  { registry, task }: Attempt,
): Promise<RegistryError> {
  const { status } = response;
  const details = await readDetails(response);
  const said = details === "" ? "" : ` (${details})`;
  const failed = `Cannot ${task} at ${registry}`;
  const message = status === 401
    ? `${failed}: it wants a login${said}. Log in with \`spinkube registry login ${registry}\``
    : status === 403
    ? `${failed}: access is denied${said}. Check that the account may do so, and the name`
    : status === 404
    ? `${failed}: it does not exist${said}. Check the name and the tag`
    : status === 413
    ? `${failed}: it is too large for this registry${said}`
    : status === 429
    ? `${failed}: there were too many requests${said}. Try again later, or log in`
    : `${failed}: the answer is ${status} ${response.statusText}${said}`;
  return new RegistryError(message.trim(), { status });
}

/** What it means that there was no answer. */
export function connectionFailure(
  error: unknown,
  { registry, task, isPlainHttp }: Attempt,
): RegistryError {
  const texts = [errorText(error), errorText((error as { cause?: unknown } | null)?.cause ?? "")];
  const text = texts.filter((part) => part !== "").join(": ");
  const { reason, isFinal } = explain(text, isPlainHttp);
  const message = `Cannot ${task} at ${registry}: ${reason}`;
  return new RegistryError(message, { isFinal, cause: error });
}

function explain(text: string, isPlainHttp: boolean): { reason: string; isFinal: boolean } {
  const known: readonly (readonly [pattern: RegExp, reason: string])[] = [
    ...(isPlainHttp ? [] : [
      [
        /InvalidContentType|corrupt message|wrong version number/i,
        "it does not speak TLS. If it is meant to speak plain HTTP, add --insecure",
      ] as const,
    ]),
    [/Connection refused|ECONNREFUSED/i, "nothing listens there. Check host and port"],
    [/dns error|failed to lookup|ENOTFOUND/i, "the host has no address. Check its name"],
    [
      /certificate|UnknownIssuer|NotValidForName|Expired/i,
      `its certificate is not trusted (${text}). Set DENO_CERT to a file with the CA, or ` +
      "DENO_TLS_CA_STORE to system",
    ],
  ];
  const reason = known.find(([pattern]) => pattern.test(text))?.[1];
  return { reason: reason ?? text, isFinal: reason !== undefined };
}

const MAX_DETAILS = 300;

/** `errors` of a registry's answer, or the beginning of whatever text it is. */
async function readDetails(response: Response): Promise<string> {
  let text: string;
  try {
    text = (await response.text()).trim();
  } catch {
    // The answer was cut. Its status says enough.
    return "";
  }
  try {
    const { errors } = JSON.parse(text);
    if (Array.isArray(errors)) {
      return errors.map(({ code, message }) => [code, message].filter(Boolean).join(": "))
        .join("; ").slice(0, MAX_DETAILS);
    }
  } catch {
    // Proxies answer with pages.
  }
  const isPage = /^\s*</.test(text);
  return isPage ? "" : text.slice(0, MAX_DETAILS);
}
