/**
 * Requests to a registry: addresses, authentication, and another try where that can help.
 *
 * @module
 */

import { type Credentials, encodeBasic } from "./credentials.ts";
import { type Attempt, connectionFailure, refusal, RegistryError } from "./registry_error.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";

/** What a client of a registry needs. */
export interface RegistryOptions {
  /** Host with port, as in references. */
  readonly registry: string;
  /** Default: TLS. */
  readonly isPlainHttp?: boolean;
  /** Asked once, when the registry wants a login. */
  readonly credentials?: () => Promise<Credentials | undefined>;
  /** Ends everything that goes on. */
  readonly signal?: AbortSignal;
  /** A download that brings nothing for so many milliseconds is taken for cut. Default: one minute. */
  readonly stallMs?: number;
  /** Default: the global `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Waits. Default: a timer. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** One request. */
export interface RegistryRequest {
  readonly method: string;
  /** Below `/v2/`, or a whole URL that the registry gave. */
  readonly path: string;
  /** What was tried, for messages: `pull the manifest of "org/app:v1"`. */
  readonly task: string;
  /** `repository:org/app:pull,push`; several are separated by blanks. */
  readonly scope: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Statuses beside 2xx that the caller wants to see. */
  readonly accepted?: readonly number[];
  /** Whether the caller knows better what to do after a failure. Default: false. */
  readonly isOnce?: boolean;
}

/** Tries of one request. */
const TRIES = 5;
const FIRST_PAUSE_MS = 500;
/** No registry makes us wait longer than this at once. */
const MAX_PAUSE_MS = 60_000;
/** Until the head of an answer has to be there, beside the time that sending takes. */
const ANSWER_TIMEOUT_MS = 120_000;
/** The slowest connection that is not given up, in bytes per millisecond. */
const SLOWEST_RATE = 16;
/** A token is not used in the last seconds of its life. */
const TOKEN_MARGIN_MS = 10_000;
/** Life of a token that does not tell, in seconds; Spin assumes the same. */
const TOKEN_LIFETIME = 300;

interface Token {
  readonly authorization: string;
  readonly expires: number;
}

/** A registry's HTTP side. Nothing is kept open. */
export class RegistryHttp {
  readonly #options: RegistryOptions;
  readonly #origin: string;
  /** By scope. */
  readonly #tokens = new Map<string, Promise<Token>>();
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: RegistryOptions) {
    this.#options = options;
    // Docker Hub's references name a host that serves no images.
    const host = options.registry === "docker.io" ? "registry-1.docker.io" : options.registry;
    this.#origin = `${options.isPlainHttp ? "http" : "https"}://${host}`;
  }

  /**
   * Sends a request until there is an answer that counts.
   * @returns An answer of 2xx, or one of `accepted`. Its body has to be read or cancelled.
   * @throws {RegistryError} if it is refused, or nobody answers.
   */
  async send(request: RegistryRequest): Promise<Response> {
    for (let attempt = 1;; attempt++) {
      const isLast = request.isOnce === true || attempt >= TRIES;
      const answer = await this.#sendAuthorized(request).catch((error) => {
        if (isLast || this.#options.signal?.aborted || !isWorthRetrying(error)) throw error;
        return undefined;
      });
      if (answer && !isLast && isTemporary(answer.status)) {
        await answer.body?.cancel();
        await this.#wait(attempt, retryAfterMs(answer));
        continue;
      }
      if (answer === undefined) {
        await this.#wait(attempt, 0);
        continue;
      }
      if (answer.ok || request.accepted?.includes(answer.status)) return answer;
      throw await refusal(answer, this.#attempt(request));
    }
  }

  async #wait(attempt: number, wantedMs: number): Promise<void> {
    const own = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
    const ms = Math.min(Math.max(own, wantedMs), MAX_PAUSE_MS);
    await (this.#options.pause ?? pause)(ms, this.#options.signal);
  }

  #attempt({ task }: Pick<RegistryRequest, "task">): Attempt {
    const { registry, isPlainHttp = false } = this.#options;
    return { registry, task, isPlainHttp };
  }

  async #sendAuthorized(request: RegistryRequest): Promise<Response> {
    const url = new URL(request.path, `${this.#origin}/v2/`);
    // Uploads may go to other hosts, by addresses that hold their own permission.
    const isOwn = url.origin === this.#origin;
    const known = isOwn ? this.#tokens.get(request.scope) : undefined;
    const token = await known;
    const isFresh = token !== undefined && token.expires > Date.now();
    const answer = await this.#fetch(url.href, request, isFresh ? token.authorization : undefined);
    if (answer.status !== 401 || !isOwn) return answer;
    const next = this.#nextToken(known, { answer, request });
    if (next === undefined) return answer;
    await answer.body?.cancel();
    return await this.#fetch(url.href, request, (await next).authorization);
  }

  /**
   * A token other than the one that was refused.
   * @returns Undefined if there is no way to get one.
   */
  #nextToken(
    refused: Promise<Token> | undefined,
    { answer, request }: { answer: Response; request: RegistryRequest },
  ): Promise<Token> | undefined {
    const { scope } = request;
    const current = this.#tokens.get(scope);
    // Another request was refused first, and has asked already.
    if (current !== refused) return current;
    const challenges = parseChallenges(answer.headers.get("www-authenticate") ?? "");
    const token = this.#authorize(challenges, request);
    if (token === undefined) return undefined;
    this.#tokens.set(scope, token);
    // What failed must not be found again; whoever waits for it is told.
    token.catch(() => this.#tokens.delete(scope));
    return token;
  }

  async #fetch(
    url: string,
    request: Pick<RegistryRequest, "method" | "headers" | "body" | "task">,
    authorization?: string,
  ): Promise<Response> {
    const { fetch = globalThis.fetch, signal } = this.#options;
    const timeout = new AbortController();
    const patienceMs = ANSWER_TIMEOUT_MS + (request.body?.length ?? 0) / SLOWEST_RATE;
    const timer = setTimeout(
      () => timeout.abort(new Error(`no answer for ${Math.round(patienceMs / 1000)} seconds`)),
      patienceMs,
    );
    try {
      return await fetch(url, {
        method: request.method,
        headers: {
          ...request.headers,
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw connectionFailure(error, this.#attempt(request));
    } finally {
      clearTimeout(timer);
    }
  }

  /** @returns Undefined if nothing can be done about it. */
  #authorize(
    challenges: readonly Challenge[],
    request: RegistryRequest,
  ): Promise<Token> | undefined {
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return this.#fetchToken(bearer, request);
    if (!challenges.some(({ scheme }) => scheme === "basic")) return undefined;
    return this.#basicToken(request);
  }

  async #basicToken({ task }: RegistryRequest): Promise<Token> {
    const credentials = await this.#login();
    if (credentials?.kind === "password") {
      return { authorization: encodeBasic(credentials), expires: Infinity };
    }
    const { registry } = this.#options;
    throw new RegistryError(
      `Cannot ${task} at ${registry}: it wants a user and a password. Log in with ` +
        `\`spinkube registry login ${registry}\``,
      { status: 401 },
    );
  }

  async #fetchToken(
    { parameters: { realm = "", service = "" } }: Challenge,
    request: RegistryRequest,
  ): Promise<Token> {
    const credentials = await this.#login();
    const task = `get permission to ${request.task}`;
    this.#checkRealm(realm, { task, credentials });
    const scopes = request.scope.split(" ").filter((scope) => scope !== "");
    const answer = await this.#askForToken({ realm, service, scopes, credentials, task });
    if (!answer.ok) throw await refusal(answer, this.#attempt({ task }));
    const body = await answer.json().catch(() => ({}));
    const token = body?.token ?? body?.access_token;
    if (typeof token !== "string" || token === "") {
      throw new RegistryError(
        `Cannot ${task} at ${this.#options.registry}: ${realm} gave no token`,
        { status: answer.status },
      );
    }
    const lifetime = Number(body.expires_in) > 0 ? Number(body.expires_in) : TOKEN_LIFETIME;
    return {
      authorization: `Bearer ${token}`,
      expires: Date.now() + lifetime * 1000 - TOKEN_MARGIN_MS,
    };
  }

  #checkRealm(
    realm: string,
    { task, credentials }: { task: string; credentials: Credentials | undefined },
  ): void {
    const protocol = URL.canParse(realm) ? new URL(realm).protocol : "";
    const isSafe = protocol === "https:" ||
      (protocol === "http:" && (this.#options.isPlainHttp || credentials === undefined));
    if (isSafe) return;
    throw new RegistryError(
      `Cannot ${task} at ${this.#options.registry}: it sends logins to "${realm}", where they ` +
        "would not be safe",
      { isFinal: true },
    );
  }

  #askForToken(options: {
    realm: string;
    service: string;
    scopes: readonly string[];
    credentials: Credentials | undefined;
    task: string;
  }): Promise<Response> {
    const { realm, service, scopes, credentials, task } = options;
    if (credentials?.kind === "token") {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        service,
        client_id: "spinkube",
        scope: scopes.join(" "),
        refresh_token: credentials.token,
      });
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const body = new TextEncoder().encode(form.toString());
      return this.#fetch(realm, { method: "POST", headers, body, task });
    }
    const url = new URL(realm);
    if (service !== "") url.searchParams.set("service", service);
    for (const scope of scopes) url.searchParams.append("scope", scope);
    const authorization = credentials && encodeBasic(credentials);
    return this.#fetch(url.href, { method: "GET", task }, authorization);
  }

  #login(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials?.() ?? Promise.resolve(undefined);
    return this.#credentials;
  }
}

/** Answers that may be another one in a while. */
function isTemporary(status: number): boolean {
  return [408, 429, 500, 502, 503, 504].includes(status);
}

/** Connections break; hosts without an address stay so. */
function isWorthRetrying(error: unknown): boolean {
  return error instanceof RegistryError && !error.isFinal;
}

/** Milliseconds that an answer wants us to wait: `Retry-After` in seconds, or as a date. */
function retryAfterMs(answer: Response): number {
  const text = answer.headers.get("retry-after") ?? "";
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now());
}

/** Waits. @throws The signal's reason, if it fires. */
async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => reject(signal!.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}
