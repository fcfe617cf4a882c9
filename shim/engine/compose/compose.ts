/**
 * A component and its dependencies → one component, in which a dependency reaches only what it
 * inherits of the component's permissions. Matches spin:crates/compose and spin:crates/capabilities.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";
import { DENIED_PREFIX, type InheritedSets, isInherited } from "../../imports/capabilities.ts";
import { type ComponentShape, readShape } from "../wasm/component_shape.ts";
import { UnsupportedComponent } from "../wasm/component_types.ts";
import { type CompositionPart, encodeComposition } from "./encode_composition.ts";
import { matchDependencies, matchesImport } from "./match_dependencies.ts";

/** A dependency and its bytes. */
export interface ComposedDependency {
  /** Its name in the manifest. */
  readonly name: string;
  /** A component. */
  readonly bytes: Uint8Array;
  /** The export that satisfies the import; null: the one of the import's name. */
  readonly export: string | null;
  /** The permissions that it shares with the component. */
  readonly inherit: InheritedSets;
}

/**
 * Composes a component with its dependencies. What a dependency imports without inheriting it, the
 * result imports under a name of its own, which the host answers with refusals: see `denied.ts`.
 *
 * @param options.component The component's id, for messages.
 * @throws {TerminalError} if they do not fit together.
 */
export function composeComponent(
  bytes: Uint8Array,
  options: { component: string; dependencies: readonly ComposedDependency[] },
): Uint8Array {
  const { component, dependencies } = options;
  if (dependencies.length === 0) return bytes;
  const shape = shapeOf(bytes, `component '${component}'`);
  const shapes = dependencies.map((dependency) =>
    shapeOf(dependency.bytes, `dependency '${dependency.name}'`)
  );
  const satisfied = matchDependencies(
    dependencies.map(({ name, export: exported }, i) => ({
      name,
      export: exported,
      exports: shapes[i]!.exports.map((item) => item.name),
    })),
    { component, imports: shape.imports.map(({ name }) => name) },
  );
  const parts = dependencies.map(({ inherit }, i): CompositionPart => ({
    shape: shapes[i]!,
    given: new Map(),
    outerName: (name) => isInherited(name, inherit) ? name : DENIED_PREFIX + name,
  }));
  const given = new Map(
    [...satisfied].map(([name, { dependency, export: exported }]) => [
      name,
      { part: dependency, export: exported },
    ]),
  );
  try {
    return encodeComposition([...parts, { shape, given, outerName: (name) => name }]);
  } catch (error) {
    throw cannotCompose(`component '${component}' with its dependencies`, error);
  }
}

/**
 * What it means that a composed component is invalid: a dependency has what an import is called, but
 * not of its type.
 * @param error What the binding generator says, as the cause.
 * @returns `error` itself, if it is about something else.
 */
export function explainMismatch(
  error: unknown,
  dependencies: readonly Pick<ComposedDependency, "name" | "export">[],
): unknown {
  const cause = error instanceof TerminalError ? errorText(error.cause) : "";
  const match = /type mismatch for import `([^`]+)`\n((?:\s+\S.*\n?)*)/.exec(cause);
  if (!match) return error;
  const [, item = "", details = ""] = match;
  const why = details.split("\n").map((line) => line.trim().replace(/ \(at offset .*\)$/, ""))
    .filter((line) => line !== "" && !line.startsWith("at ")).join(": ");
  const dependency = dependencies.find(({ name }) => matchesImport(name, item));
  const message = dependency
    ? `dependency '${dependency.name}' exports '${dependency.export ?? item}' which is not ` +
      `compatible with import '${item}'`
    : `the component and its dependencies import '${item}' with types that differ`;
  return new TerminalError(
    "CannotCompose",
    `${message}: ${why}. Build both with the same version of its WIT`,
    { cause: error },
  );
}

function shapeOf(bytes: Uint8Array, owner: string): ComponentShape {
  try {
    return readShape(bytes);
  } catch (error) {
    throw cannotCompose(owner, error);
  }
}

function cannotCompose(owner: string, error: unknown): unknown {
  if (!(error instanceof UnsupportedComponent || error instanceof RangeError)) return error;
  return new TerminalError(
    "CannotCompose",
    `cannot compose ${owner}: ${error.message}. Compose it beforehand (for example with ` +
      "`wac plug`), and name the result as the component's source",
    { cause: error },
  );
}
