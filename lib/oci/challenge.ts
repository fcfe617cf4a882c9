/**
 * `WWW-Authenticate`, as RFC 9110 has it.
 *
 * @module
 */

/** A way to log in that a server offers. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Parses the header's value; what is malformed ends the list. */
export function parseChallenges(text: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const item = /\s*,?\s*(?:([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([\w-]+)(?=\s|,|$))/y;
  for (let match = item.exec(text); match && match[0] !== ""; match = item.exec(text)) {
    const [, name, quoted, plain, scheme] = match;
    if (scheme !== undefined) {
      challenges.push({ scheme: scheme.toLowerCase(), parameters: Object.create(null) });
      continue;
    }
    const last = challenges.at(-1);
    if (last) last.parameters[name!.toLowerCase()] = plain ?? quoted!.replace(/\\(.)/g, "$1");
  }
  return challenges;
}
