/**
 * Variable providers that are asked over the network. Their code is loaded by the first question.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { VariableError } from "./component_context.ts";
import type { RemoteProviderConfig } from "./variable_providers.ts";

/** Asks a provider; undefined: it has no such value. */
type Ask = (name: string) => Promise<string | undefined>;

/** A provider as the resolver uses it. */
export interface RemoteLookup {
  /** @throws {VariableError} of the kind `provider`, by rejection. */
  get(name: string): Promise<string | undefined>;
  readonly isRemote: true;
}

/**
 * Creates a lookup. As in Spin, nothing is kept: a secret that was replaced, or taken away, is so
 * for the next request. Guests that ask for the same value at once share one answer, so that a burst
 * of requests is one for the provider.
 */
export function createRemoteLookup(
  config: RemoteProviderConfig,
  environment: (name: string) => string | undefined,
): RemoteLookup {
  let loading: Promise<Ask> | undefined;
  const asked = new Map<string, Promise<string | undefined>>();
  async function ask(name: string): Promise<string | undefined> {
    try {
      loading ??= load(config, environment);
      return await (await loading)(name);
    } catch (error) {
      throw new VariableError("provider", errorText(error));
    } finally {
      asked.delete(name);
    }
  }
  return {
    get(name) {
      const known = asked.get(name);
      if (known) return known;
      const answer = ask(name);
      asked.set(name, answer);
      return answer;
    },
    isRemote: true,
  };
}

async function load(
  config: RemoteProviderConfig,
  environment: (name: string) => string | undefined,
): Promise<Ask> {
  if (config.type === "vault") {
    return (await import("./variables_vault.ts")).createVaultLookup(config);
  }
  const { createAzureKeyVaultLookup } = await import("./variables_azure_key_vault.ts");
  return createAzureKeyVaultLookup(config, { environment });
}
