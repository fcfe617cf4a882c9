/**
 * Requests to the Services of a cluster, by way of its API server: the test need not be in the
 * cluster's network.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import type { KubeClient } from "../../lib/kube/client.ts";

/** Milliseconds between two requests of a {@link RequestLoop}. */
const PAUSE_MS = 50;

/** A Service with one port. */
export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

/** Asks for `/`. @returns The status. @throws {Error} if nobody answers. */
export async function requestService(
  { transport }: KubeClient,
  { namespace, name }: ServiceName,
): Promise<number> {
  const path = `/api/v1/namespaces/${namespace}/services/${name}:80/proxy/`;
  const response = await transport.send({ method: "GET", path, accept: "*/*" });
  await response.body?.cancel();
  return response.status;
}

/** Asks a Service without a break. */
export class RequestLoop implements AsyncDisposable {
  readonly #client: KubeClient;
  readonly #service: ServiceName;
  readonly #failures: string[] = [];
  #answers = 0;
  #isStopped = false;
  readonly #ended: Promise<void>;

  /** Begins. The caller stops it. */
  constructor(client: KubeClient, service: ServiceName) {
    this.#client = client;
    this.#service = service;
    this.#ended = this.#run();
  }

  /** @returns How many requests were answered with 200, and what became of the others. */
  async stop(): Promise<{ answers: number; failures: readonly string[] }> {
    this.#isStopped = true;
    await this.#ended;
    return { answers: this.#answers, failures: this.#failures };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        const status = await requestService(this.#client, this.#service);
        if (status === 200) this.#answers++;
        else this.#failures.push(`status ${status}`);
      } catch (error) {
        this.#failures.push(errorText(error));
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
