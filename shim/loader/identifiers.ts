/**
 * Spin's identifiers: words joined by `-` or `_`.
 *
 * @module
 */

/** What is wrong with a kebab-case id (components), or undefined if it is right. */
export function checkKebabId(id: string): string | undefined {
  return checkWords(id, "-");
}

/** What is wrong with a snake_case id, or undefined if it is right. */
export function checkSnakeId(id: string): string | undefined {
  return checkWords(id, "_");
}

/** What is wrong with a lower_snake_case id (variables), or undefined if it is right. */
export function checkLowerSnakeId(id: string): string | undefined {
  const upper = /[A-Z]/.test(id);
  return checkSnakeId(id) ??
    (upper ? `Lower-case identifiers must be all lowercase; got ${JSON.stringify(id)}` : undefined);
}

/** What is wrong with the label of a store or database, or undefined if it is right. */
export function checkLabel(label: string): string | undefined {
  const isRight = checkKebabId(label) === undefined || checkSnakeId(label) === undefined;
  return isRight ? undefined : "expected kebab-case or snake_case";
}

function checkWords(id: string, delimiter: "-" | "_"): string | undefined {
  if (id === "") return "empty";
  const other = delimiter === "-" ? "_" : "-";
  if (id.includes(other)) return `words must be separated with '${delimiter}', not '${other}'`;
  for (const word of id.split(delimiter)) {
    const problem = checkWord(word);
    if (problem) return `'${delimiter}'-separated words ${problem}`;
  }
  return undefined;
}

function checkWord(word: string): string | undefined {
  const [first] = word;
  if (first === undefined) return "must not be empty";
  if (!/[A-Za-z]/.test(first)) return `must start with an ASCII letter; got '${first}'`;
  const stranger = [...word].find((char) => !/[A-Za-z0-9]/.test(char));
  if (stranger !== undefined) return `may only contain alphanumeric ASCII; got '${stranger}'`;
  if (/[a-z]/.test(word) && /[A-Z]/.test(word)) {
    return `must be all lowercase or all UPPERCASE; got ${JSON.stringify(word)}`;
  }
  return undefined;
}

/**
 * What is wrong with the name of a dependency, or undefined if it is right: a plain kebab-case name,
 * or `ns:pkg`, `ns:pkg@version`, `ns:pkg/interface`, `ns:pkg/interface@version`.
 */
export function checkDependencyName(name: string): string | undefined {
  return name.includes(":") && !parseDependencyPackage(name)
    ? 'expected "ns:pkg[/interface][@version]"'
    : name.includes(":")
    ? undefined
    : checkKebabId(name);
}

/** The parts of a dependency's name that names a package. */
export interface DependencyPackage {
  readonly package: string;
  readonly interface: string | undefined;
  readonly version: string | undefined;
}

/** Undefined if `name` does not name a package. */
export function parseDependencyPackage(name: string): DependencyPackage | undefined {
  const match = /^([^:/@]+):([^:/@]+)(?:\/([^:/@]+))?(?:@(.+))?$/.exec(name);
  if (!match) return undefined;
  const [, namespace, packageName, interfaceName, version] = match;
  const words = [namespace!, packageName!, ...(interfaceName ? [interfaceName] : [])];
  if (words.some((word) => checkKebabId(word) !== undefined)) return undefined;
  if (version !== undefined && !isSemver(version)) return undefined;
  return { package: `${namespace}:${packageName}`, interface: interfaceName, version };
}

/** Whether a text is an exact semantic version. */
export function isSemver(text: string): boolean {
  const number = "(?:0|[1-9]\\d*)";
  const labels = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
  return new RegExp(`^${number}\\.${number}\\.${number}(?:-${labels})?(?:\\+${labels})?$`).test(
    text,
  );
}

/** Whether either of two semantic versions may stand for the other, as Cargo and WIT see it. */
export function areCompatible(left: string, right: string): boolean {
  return compatibilityLine(left) === compatibilityLine(right);
}

/** `1` of `1.2.3`, `0.2` of `0.2.3`, `0.0.3` of `0.0.3`; a pre-release goes with nothing else. */
function compatibilityLine(version: string): string {
  const [release = ""] = version.split("+", 1);
  if (release.includes("-")) return release;
  const numbers = release.split(".");
  const significant = numbers.findIndex((number) => number !== "0");
  return numbers.slice(0, significant < 0 ? numbers.length : significant + 1).join(".");
}
