/**
 * Whether the API server can use our webhooks.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { callSelf, type SelfCallTarget } from "./self_call.ts";
import type { WebhookConfigurations } from "./webhook_configurations.ts";

/** What an {@link AdmissionCheck} looks at. */
export interface AdmissionCheckInit {
  readonly configurations: Pick<WebhookConfigurations, "missing" | "endpoints">;
  /** Where the server listens. */
  readonly address: SelfCallTarget["address"];
  /**
   * Whether the certificate is our own. With somebody else's, the configurations are somebody else's
   * too, and may have other names, or not be ours to read: what is not known is not checked then.
   */
  readonly isOwn: boolean;
  /** Milliseconds that a good result counts. */
  readonly keepMs: number;
  /** Default: {@link callSelf}. */
  readonly call?: (target: SelfCallTarget) => Promise<void>;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
}

/**
 * Proves that admission works: for each name that the API server calls, and with the authorities that
 * it trusts there, a webhook of this process is called and has to answer.
 */
export class AdmissionCheck {
  readonly #init: AdmissionCheckInit;
  #problem: string | undefined = "it has not been checked yet";
  #good: { key: string; at: number } | undefined;

  constructor(init: AdmissionCheckInit) {
    this.#init = init;
  }

  /** What the last check has found; undefined: nothing is wrong. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Checks, unless nothing has changed since a good result that still counts. */
  async run(): Promise<string | undefined> {
    return this.#problem = await this.#find();
  }

  async #find(): Promise<string | undefined> {
    const { configurations, isOwn, keepMs, address } = this.#init;
    const { call = callSelf, now = () => performance.now() } = this.#init;
    const { missing, endpoints } = configurations;
    if (isOwn && missing.length > 0) {
      return `there is no webhook configuration ${missing.join(", ")}`;
    }
    const key = JSON.stringify(endpoints);
    if (this.#good?.key === key && now() - this.#good.at < keepMs) return undefined;
    this.#good = undefined;
    for (const { hostname, caBundle } of endpoints) {
      if (caBundle === "") {
        if (!isOwn) continue;
        return `the API server trusts no authority for ${hostname} yet`;
      }
      try {
        await call({ address, hostname, caBundle });
      } catch (error) {
        return `a call of ${hostname} fails: ${errorText(error)}`;
      }
    }
    this.#good = { key, at: now() };
    return undefined;
  }
}
