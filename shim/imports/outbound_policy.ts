/**
 * Which network destinations a component may reach: the manifest's `allowed_outbound_hosts`, and
 * behind them the operator's blocked networks and connection limits.
 *
 * @module
 */

import {
  type AllowedHost,
  expandServiceChaining,
  formatAuthority,
  isAllowed,
  isHostMentioned,
  isSelfAllowed,
  type OutboundUrl,
  parseAllowedHosts,
  parseOutboundUrl,
} from "../loader/allowed_hosts.ts";
import { parseTemplate, type TemplatePart } from "../loader/variables_template.ts";
import { renderTemplate } from "./_render_template.ts";
import type { MaybePromise, OutboundPolicy } from "./component_context.ts";
import type { ConnectionLimits } from "./connection_limits.ts";
import type { BlockedNetworks } from "./ip_networks.ts";

/** What a policy is made from. */
export interface OutboundPolicyOptions {
  /** `allowed_outbound_hosts`, with templates. */
  readonly entries: readonly string[];
  /** Every component of the app; `*.spin.internal` stands for these. */
  readonly componentIds: readonly string[];
  /** The value of an app variable; what it throws denies whatever its entry would allow. */
  readonly resolve: (variable: string) => MaybePromise<string>;
  readonly blocked: BlockedNetworks;
  readonly limits: ConnectionLimits;
  readonly keepsConnections: boolean;
  /** Gets the lines about a refusal: once for each destination. */
  readonly report: (lines: string[]) => void;
}

/** Destinations that are remembered as reported, and names as looked up: the guest chooses them. */
const MAX_REMEMBERED = 1_000;

/**
 * Creates the policy of one component. Values of variables are asked for at each check, so that a
 * change takes effect; entries without variables are parsed once.
 */
export function createOutboundPolicy(options: OutboundPolicyOptions): OutboundPolicy {
  const allowed = createEntries(options);
  const reported = new Set<string>();
  const names = new Map<string, Set<string>>();

  function deny(destination: string, hint: string): false {
    if (reported.has(destination) || reported.size >= MAX_REMEMBERED) return false;
    reported.add(destination);
    options.report([
      `A component tried to make an outbound network connection to disallowed destination ` +
      `'${destination}'.`,
      `To allow this request, add 'allowed_outbound_hosts = ["${hint}"]' to the manifest ` +
      "component section.",
    ]);
    return false;
  }

  /** The address itself, and every name that was resolved to it. */
  function aliases(target: OutboundUrl): OutboundUrl[] {
    const found = [...names.get(bareHost(target.host)) ?? []];
    return [target, ...found.map((host) => ({ ...target, host }))];
  }

  return {
    keepsConnections: options.keepsConnections,
    check(url, defaultScheme) {
      const target = parseOutboundUrl(url, defaultScheme);
      if (!target) return deny(url, url);
      const destination = `${target.scheme}://${formatAuthority(target)}`;
      const hint = target.host === "self.alt" ? "http://self" : destination;
      return then(
        allowed(),
        (entries) =>
          aliases(target).some((alias) => isAllowed(entries, alias, defaultScheme)) ||
          deny(destination, hint),
      );
    },
    checkSelf() {
      return then(
        allowed(),
        (entries) => isSelfAllowed(entries) || deny("self", "http://self"),
      );
    },
    isBlocked: (ip) => options.blocked.has(ip),
    mayResolve: (host) => then(allowed(), (entries) => isHostMentioned(entries, host)),
    admit(host, addresses) {
      for (const address of addresses) {
        const known = names.get(bareHost(address));
        if (known) known.add(host.toLowerCase());
        else names.set(bareHost(address), new Set([host.toLowerCase()]));
      }
      while (names.size > MAX_REMEMBERED) names.delete(names.keys().next().value!);
    },
    openConnection: (kind) => options.limits.open(kind),
  };
}

function bareHost(host: string): string {
  return host.replace(/^\[|\]$/g, "").toLowerCase();
}

function then<T, R>(value: MaybePromise<T>, next: (value: T) => R): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The entries as they are now. */
type Entries = () => MaybePromise<readonly AllowedHost[]>;

function createEntries(options: OutboundPolicyOptions): Entries {
  const wrong = new Set<string>();

  /** An entry that is wrong allows nothing. Its value may be a secret, so the template is shown. */
  function parse(rendered: string, template: string): AllowedHost[] {
    try {
      return parseAllowedHosts(expandServiceChaining([rendered], options.componentIds));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      if (!wrong.has(template)) {
        wrong.add(template);
        options.report([
          `The entry "${template}" of allowed_outbound_hosts is ignored: with its variables ` +
          "filled in it is not of the form <scheme>://<host>[:<port>].",
        ]);
      }
      return [];
    }
  }

  const fixed: AllowedHost[] = [];
  const templates: { readonly text: string; readonly parts: TemplatePart[] }[] = [];
  for (const text of options.entries) {
    const parts = parseTemplate(text);
    if (parts.every((part) => "text" in part)) fixed.push(...parse(text, text));
    else templates.push({ text, parts });
  }
  if (templates.length === 0) return () => fixed;
  const combine = (rendered: readonly string[]) => [
    ...fixed,
    ...rendered.flatMap((entry, i) => parse(entry, templates[i]!.text)),
  ];
  return () => {
    const rendered = templates.map(({ parts }) => renderEntry(parts, options.resolve));
    return rendered.every((entry) => typeof entry === "string")
      ? combine(rendered)
      : Promise.all(rendered).then(combine);
  };
}

/** A variable without a value makes the entry empty: it allows nothing, the others still do. */
function renderEntry(
  parts: readonly TemplatePart[],
  resolve: (variable: string) => MaybePromise<string>,
): MaybePromise<string> {
  try {
    const entry = renderTemplate(parts, resolve);
    return entry instanceof Promise ? entry.catch(() => "") : entry;
  } catch {
    // The guest hears the reason when it asks for the variable; here the failure only denies.
    return "";
  }
}
