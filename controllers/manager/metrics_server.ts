/**
 * Serves metrics to those whom Kubernetes lets read them.
 *
 * @module
 */

import type { KubeClient } from "../../lib/kube/client.ts";
import { errorText } from "../../lib/errors.ts";
import type { Log } from "../../lib/structured_log.ts";
import type { SocketAddress } from "./manager_options.ts";

/** `TokenReview`, as far as it is used. */
interface TokenReview {
  status?: {
    authenticated?: boolean;
    user?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
  };
}

/** Milliseconds that an answer of the API server about a token counts, as controller-runtime has it. */
const REVIEW_MS = 60_000;
/** Tokens that are remembered. */
const MAX_TOKENS = 100;

/** Who may read: asked of the API server, with `TokenReview` and `SubjectAccessReview`. */
export class MetricsAccess {
  readonly #client: KubeClient;
  readonly #now: () => number;
  readonly #answers = new Map<string, { at: number; refusal: Response | undefined }>();

  constructor(client: KubeClient, now: () => number = () => performance.now()) {
    this.#client = client;
    this.#now = now;
  }

  /** @returns The answer for somebody who may not read; undefined for others. */
  async refuse(request: Request): Promise<Response | undefined> {
    const token = /^Bearer\s+(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (token === undefined) return refusal("Unauthorized", 401);
    const known = this.#answers.get(token);
    if (known && this.#now() - known.at < REVIEW_MS) return known.refusal?.clone();
    const answer = await this.#review(token);
    if (this.#answers.size >= MAX_TOKENS) this.#answers.delete(this.#answers.keys().next().value!);
    this.#answers.set(token, { at: this.#now(), refusal: answer });
    return answer?.clone();
  }

  async #review(token: string): Promise<Response | undefined> {
    const review = await this.#post<TokenReview>("authentication.k8s.io", "TokenReview", { token });
    // The status that controller-runtime answers with.
    if (!review.status?.authenticated) return refusal("Authentication failed", 500);
    const { username = "", uid, groups, extra } = review.status.user ?? {};
    const access = await this.#post<{ status?: { allowed?: boolean } }>(
      "authorization.k8s.io",
      "SubjectAccessReview",
      {
        user: username,
        ...(uid === undefined ? {} : { uid }),
        ...(groups === undefined ? {} : { groups }),
        ...(extra === undefined ? {} : { extra }),
        nonResourceAttributes: { path: "/metrics", verb: "get" },
      },
    );
    if (access.status?.allowed) return undefined;
    return refusal(`Authorization denied for user ${username}`, 403);
  }

  async #post<T>(group: string, kind: string, spec: unknown): Promise<T> {
    return await this.#client.transport.json<T>({
      method: "POST",
      path: `/apis/${group}/v1/${kind.toLowerCase()}s`,
      body: { apiVersion: `${group}/v1`, kind, spec },
      isRepeatable: true,
    });
  }
}

/** Options of {@link answerMetrics}. */
export interface MetricsAnswerer {
  /** Undefined: everybody may read. */
  readonly access: MetricsAccess | undefined;
  readonly metrics: { text(): string; readonly contentType: string };
  readonly onTrouble: (error: unknown) => void;
}

/** Answers `/metrics`. */
export async function answerMetrics(
  request: Request,
  { access, metrics, onTrouble }: MetricsAnswerer,
): Promise<Response> {
  if (new URL(request.url).pathname !== "/metrics") return refusal("404 page not found", 404);
  try {
    const refused = await access?.refuse(request);
    if (refused) return refused;
  } catch (error) {
    onTrouble(error);
    return refusal("Authentication failed", 500);
  }
  return new Response(metrics.text(), { headers: { "content-type": metrics.contentType } });
}

/** What {@link serveMetrics} works with. */
export interface MetricsServerInit {
  readonly metrics: MetricsAnswerer["metrics"];
  readonly log: Log;
  /** Given: HTTPS with this certificate (PEM), for those whom Kubernetes lets read. */
  readonly secure?: { readonly cert: string; readonly key: string; readonly client: KubeClient };
}

/** Listens until it is stopped. @throws {Error} if the address cannot be listened on. */
export function serveMetrics(
  address: SocketAddress,
  { metrics, log, secure }: MetricsServerInit,
): Deno.HttpServer {
  const answerer: MetricsAnswerer = {
    access: secure && new MetricsAccess(secure.client),
    metrics,
    onTrouble: (error) => log.warn("Cannot tell who reads metrics", { error: errorText(error) }),
  };
  return Deno.serve({
    ...address,
    ...(secure && { cert: secure.cert, key: secure.key }),
    onListen: ({ hostname, port }) =>
      log.info("Serving metrics", { hostname, port, secure: secure !== undefined }),
  }, (request) => answerMetrics(request, answerer));
}

function refusal(message: string, status: number): Response {
  return new Response(`${message}\n`, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}
