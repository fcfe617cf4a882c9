/**
 * Which import of a component each of its dependencies satisfies. The messages begin as Spin's do.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import { areCompatible, parseDependencyPackage } from "../../loader/identifiers.ts";

/** What has to be known of a dependency. */
export interface NamedDependency {
  /** As in the manifest: `log`, `ns:pkg`, `ns:pkg@1.0.0`, `ns:pkg/iface`, `ns:pkg/iface@1.0.0`. */
  readonly name: string;
  /** The export that satisfies the import; null: the one of the import's name. */
  readonly export: string | null;
  /** The names of everything it exports. */
  readonly exports: readonly string[];
}

/** What satisfies an import. */
export interface SatisfiedImport {
  /** The dependency's place in the list. */
  readonly dependency: number;
  readonly export: string;
}

/**
 * Matches dependencies with the imports of the component called `component`.
 * @returns By import.
 * @throws {TerminalError} with everything that is wrong: names that match nothing, imports that
 * several dependencies satisfy, exports that are missing.
 */
export function matchDependencies(
  dependencies: readonly NamedDependency[],
  { component, imports }: { component: string; imports: readonly string[] },
): Map<string, SatisfiedImport> {
  const candidates = new Map<string, number[]>();
  const problems: string[] = [];
  dependencies.forEach(({ name }, index) => {
    const matched = imports.filter((item) => matchesImport(name, item));
    if (matched.length === 0) {
      problems.push(
        `dependency '${name}' doesn't match any imports of component '${component}'; it imports ` +
          list(imports),
      );
    }
    for (const item of matched) candidates.set(item, [...candidates.get(item) ?? [], index]);
  });
  const conflicts = [...candidates].filter(([, indexes]) => indexes.length > 1);
  if (conflicts.length > 0) {
    const texts = conflicts.map(([item, indexes]) => {
      const names = indexes.map((index) => dependencies[index]!.name).join(", ");
      return `import '${item}' satisfied by dependencies: '${names}'`;
    });
    problems.push(`component '${component}' has dependency conflicts: ${texts.join("; ")}`);
  }
  const satisfied = new Map<string, SatisfiedImport>();
  for (const [item, [index]] of candidates) {
    const dependency = dependencies[index!]!;
    const exported = findExport(dependency, item);
    if (exported !== undefined) satisfied.set(item, { dependency: index!, export: exported });
    else {
      problems.push(
        `dependency '${dependency.name}' doesn't export '${
          dependency.export ?? item
        }' to satisfy ` +
          `import '${item}'; it exports ${list(dependency.exports)}`,
      );
    }
  }
  if (problems.length > 0) throw new TerminalError("CannotCompose", problems.join("\n"));
  return satisfied;
}

/**
 * Whether a dependency of that name is meant for an import. A plain name is the import's whole name;
 * one of a package leaves out what may be any.
 */
export function matchesImport(dependency: string, item: string): boolean {
  const wanted = parseDependencyPackage(dependency);
  if (!wanted) return dependency === item;
  const found = parseDependencyPackage(item);
  if (!found || found.interface === undefined || found.package !== wanted.package) return false;
  if (wanted.interface !== undefined && wanted.interface !== found.interface) return false;
  return wanted.version === undefined ||
    (found.version !== undefined && areCompatible(wanted.version, found.version));
}

/** The export as it is named; without a name the import's, or that of a version that goes with it. */
function findExport(dependency: NamedDependency, item: string): string | undefined {
  const { exports } = dependency;
  const name = dependency.export ?? item;
  if (exports.includes(name)) return name;
  const wanted = parseDependencyPackage(name);
  const version = wanted?.version;
  if (version === undefined) return undefined;
  return exports.find((candidate) => {
    const found = parseDependencyPackage(candidate);
    return found?.version !== undefined && found.package === wanted!.package &&
      found.interface === wanted!.interface && areCompatible(found.version, version);
  });
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}
