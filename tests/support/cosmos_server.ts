/**
 * A double of an Azure Cosmos DB account (API for NoSQL) with one container: it checks the signature,
 * the version, the date and the partition key of every request, as Azure does.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { startUpstream, type Upstream } from "./upstream.ts";

/** Options of {@link CosmosServer}. */
export interface CosmosOptions {
  readonly database: string;
  readonly container: string;
  /** Base64 of the account's key. */
  readonly key: string;
  /** A token of an identity that is accepted too. */
  readonly token?: string;
}

interface Stored {
  readonly document: { id: string; value: unknown };
  readonly etag: string;
}

/** Documents of one page of a query, so that there are several. */
const PAGE = 3;

/** Minutes that a request's date may be away from the clock. */
const MAX_SKEW_MINUTES = 15;

/** A running account. Whoever made it disposes it. */
export class CosmosServer implements AsyncDisposable {
  readonly url: string;
  readonly documents = new Map<string, Stored>();
  /** Requests that are still refused because the throughput is used up. */
  throttled = 0;
  /** Instead of an answer, if set. */
  answer: (() => Response | Promise<Response>) | undefined;
  readonly #options: CosmosOptions;
  readonly #upstream: Upstream;
  #lastEtag = 0;

  constructor(options: CosmosOptions) {
    this.#options = options;
    this.#upstream = startUpstream((request) => this.#serve(request));
    this.url = `http://${this.#upstream.authority}`;
  }

  async #serve(request: Request): Promise<Response> {
    if (this.answer) return await this.answer();
    const { database, container } = this.#options;
    const { pathname } = new URL(request.url);
    const base = `/dbs/${encodeURIComponent(database)}/colls/${encodeURIComponent(container)}/docs`;
    if (pathname !== base && !pathname.startsWith(`${base}/`)) {
      return failure(404, "NotFound", "Resource Not Found. Learn more: https://aka.ms/cosmosdb");
    }
    const id = pathname === base ? undefined : decodeURIComponent(pathname.slice(base.length + 1));
    const refusal = this.#check(request, id);
    if (refusal) return refusal;
    if (this.throttled > 0) {
      this.throttled--;
      return new Response(JSON.stringify({ code: "429", message: "Request rate is large." }), {
        status: 429,
        headers: { "x-ms-retry-after-ms": "20" },
      });
    }
    if (id !== undefined) return await this.#one(request, id);
    if (request.headers.get("x-ms-documentdb-isquery") === "True") {
      return await this.#query(request);
    }
    return await this.#create(request);
  }

  /** What is wrong with the head of a request, if anything. */
  #check({ method, headers }: Request, id: string | undefined): Response | undefined {
    const { database, container, key, token } = this.#options;
    const date = headers.get("x-ms-date") ?? "";
    if (headers.get("x-ms-version") === null) {
      return failure(400, "BadRequest", "The x-ms-version header is missing.");
    }
    if (!(Math.abs(Date.now() - Date.parse(date)) < MAX_SKEW_MINUTES * 60_000)) {
      return failure(403, "Forbidden", "The authorization token is not valid at the current time.");
    }
    const parent = `dbs/${database}/colls/${container}`;
    const resource = id === undefined ? parent : `${parent}/docs/${id}`;
    const text = `${method.toLowerCase()}\ndocs\n${resource}\n${date.toLowerCase()}\n\n`;
    const signature = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest(
      "base64",
    );
    const accepted = [
      `type=master&ver=1.0&sig=${signature}`,
      ...(token === undefined ? [] : [`type=aad&ver=1.0&sig=${token}`]),
    ];
    if (!accepted.includes(decodeURIComponent(headers.get("authorization") ?? ""))) {
      return failure(
        401,
        "Unauthorized",
        "The input authorization token can't serve the request.\r\nActivityId: 0",
      );
    }
    return undefined;
  }

  async #one(request: Request, id: string): Promise<Response> {
    if (!isPartition(request, id)) return wrongPartition();
    const stored = this.documents.get(id);
    if (!stored) return failure(404, "NotFound", "Entity with the specified id does not exist.");
    switch (request.method) {
      case "GET":
        return this.#show(stored, 200);
      case "DELETE":
        this.documents.delete(id);
        return new Response(null, { status: 204 });
      case "PUT": {
        const match = request.headers.get("if-match");
        if (match !== null && match !== stored.etag) {
          return failure(412, "PreconditionFailed", "Operation cannot be performed.");
        }
        return this.#show(this.#store(await request.json()), 200);
      }
      default:
        return failure(405, "MethodNotAllowed", request.method);
    }
  }

  async #create(request: Request): Promise<Response> {
    const document = await request.json() as Stored["document"];
    if (!isPartition(request, document.id)) return wrongPartition();
    if (document.id === "") return failure(400, "BadRequest", "The input name '' is invalid.");
    const isThere = this.documents.has(document.id);
    const isUpsert = request.headers.get("x-ms-documentdb-is-upsert") === "True";
    if (isThere && !isUpsert) return failure(409, "Conflict", "Entity already exists.");
    return this.#show(this.#store(document), isThere ? 200 : 201);
  }

  async #query(request: Request): Promise<Response> {
    const { query } = await request.json() as { query: string };
    const type = request.headers.get("content-type");
    if (query !== "SELECT c.id FROM c" || type !== "application/query+json") {
      return failure(400, "BadRequest", `this double does not know: ${query}`);
    }
    const start = Number(request.headers.get("x-ms-continuation") ?? 0);
    const ids = [...this.documents.keys()];
    const Documents = ids.slice(start, start + PAGE).map((id) => ({ id }));
    const next = start + PAGE < ids.length ? { "x-ms-continuation": String(start + PAGE) } : {};
    return Response.json({ Documents, _count: Documents.length }, { headers: next });
  }

  #store(document: Stored["document"]): Stored {
    const stored = { document, etag: `"${++this.#lastEtag}"` };
    this.documents.set(document.id, stored);
    return stored;
  }

  #show({ document, etag }: Stored, status: number): Response {
    return Response.json({ ...document, _etag: etag }, { status });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
  }
}

function isPartition({ headers }: Request, id: string): boolean {
  const key: unknown = JSON.parse(headers.get("x-ms-documentdb-partitionkey") ?? "null");
  return Array.isArray(key) && key.length === 1 && key[0] === id;
}

function wrongPartition(): Response {
  return failure(
    400,
    "BadRequest",
    "PartitionKey extracted from document doesn't match the header",
  );
}

function failure(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}
