/**
 * The generator of the asynchronous component model writes its whole run-time library into the function
 * that makes an instance, so that each instance has classes of its own. To V8 their objects are of other
 * types than those of the instance before: its caches miss, and what it had optimized is thrown away, every
 * hundred requests. Here the classes move out of the function; what they use of an instance, they get by a
 * member of each object.
 *
 * @module
 */

import { BindingShapeError } from "./bindings.ts";
import { skipText } from "./_generated_text.ts";

/** Ends the part of the text that is the run-time library. */
const LIBRARY_END = "\n  const module0 = getCoreModule(";
/**
 * Objects of these classes leave the instance, and must not be taken for the next one's own; errors are
 * made too rarely to matter.
 */
const OWN_CLASSES: readonly string[] = [
  "Stream",
  "HostStream",
  "HostFuture",
  "FutureValue",
  "ComponentError",
];
const DECLARATION = /(?:(?:async )?function\*? |const |let )([A-Za-z_$][\w$]*)/y;
const CLASS = /class ([A-Z]\w*) ?(?:extends (\w+) ?)?\{/y;

/** A class of the library. */
interface LibraryClass {
  readonly name: string;
  readonly base: string | undefined;
  readonly start: number;
  readonly end: number;
}

/** What the library declares. */
interface Library {
  readonly classes: readonly LibraryClass[];
  /** Functions and variables. */
  readonly names: readonly string[];
}

/**
 * Moves the library's classes out of `instantiate`.
 * @param hostNames What the text takes from the host.
 * @throws {BindingShapeError} if the text is not as the pinned generator writes it.
 */
export function shareClasses(source: string, hostNames: readonly string[]): string {
  const start = source.indexOf("export function instantiate(");
  const bodyStart = source.indexOf("{", start) + 1;
  const bodyEnd = source.indexOf(LIBRARY_END);
  if (start < 0 || bodyEnd < bodyStart) {
    throw new BindingShapeError("The bindings do not tell where their library ends");
  }
  const { classes, names } = findDeclarations(source, { from: bodyStart, to: bodyEnd });
  const text = classes.map(({ start, end }) => source.slice(start, end)).join("\n");
  const used = [...hostNames, ...names].filter((name) => use(name).test(text));
  const moved = classes.map((item) => move(source, { item, classes, used })).join("\n");
  let library = "";
  let from = bodyStart;
  for (const { start, end } of classes) {
    library += source.slice(from, start);
    from = end;
  }
  library += source.slice(from, bodyEnd);
  const variables = used.filter((name) => new RegExp(`\\blet ${name}\\b`).test(library));
  const constants = used.filter((name) => !variables.includes(name));
  const rest = withInstance(
    withVariables(library + environment(constants) + source.slice(bodyEnd), variables),
    { classes, instance: "$instance" },
  );
  return `${source.slice(0, start)}${moved}\n${source.slice(start, bodyStart)}
  const $instance = {};${rest}`;
}

/** Matches a use of a name as a variable. */
function use(name: string): RegExp {
  return new RegExp(
    `(?<![\\w$'"#]|(?<!\\.\\.)\\.)${name.replaceAll("$", "\\$")}(?![\\w$'":])`,
    "g",
  );
}

/** Gives the classes what they use. Objects that are made in the same way are of one type to V8. */
function environment(used: readonly string[]): string {
  return `\n  Object.assign($instance, { ${used.join(", ")} });`;
}

/** Has variables that are assigned to live where the classes can reach them. */
function withVariables(text: string, names: readonly string[]): string {
  for (const name of names) {
    text = text.replace(new RegExp(`\\blet ${name}\\b`), name)
      .replace(use(name), `$$instance.${name}`);
  }
  return text;
}

function move(
  source: string,
  { item, classes, used }: {
    item: LibraryClass;
    classes: readonly LibraryClass[];
    used: readonly string[];
  },
): string {
  let text = source.slice(item.start, item.end);
  for (const name of used) text = text.replace(use(name), `this.$instance.${name}`);
  text = withInstance(text, { classes, instance: "this.$instance" });
  if (item.base !== undefined) {
    return text.replace("constructor(", "constructor($instance, ").replace(
      "super(",
      "super($instance, ",
    );
  }
  if (!text.includes("constructor(")) {
    return text.replace("{", "{ constructor($instance) { this.$instance = $instance; }");
  }
  return text.replace(
    /constructor\(([^)]*)\) \{/,
    "constructor($$instance, $1) { this.$$instance = $$instance;",
  );
}

function withInstance(
  text: string,
  { classes, instance }: { classes: readonly LibraryClass[]; instance: string },
): string {
  const names = classes.map(({ name }) => name).join("|");
  return text.replace(
    new RegExp(`\\bnew (${names})\\(`, "g"),
    (_, name) => `new ${name}(${instance}, `,
  );
}

/** Finds what is declared at the outermost level of a function's body. */
function findDeclarations(
  source: string,
  { from, to }: { from: number; to: number },
): Library {
  const names = new Set<string>();
  const classes: LibraryClass[] = [];
  let depth = 0;
  let open: Omit<LibraryClass, "end"> | undefined;
  for (let at = from; at < to; at++) {
    const character = source[at]!;
    if (depth === 0 && /[\s;]/.test(source[at - 1]!)) {
      CLASS.lastIndex = DECLARATION.lastIndex = at;
      const [, name, base] = CLASS.exec(source) ?? [];
      if (name !== undefined && !OWN_CLASSES.includes(name)) open = { name, base, start: at };
      const [, declared] = DECLARATION.exec(source) ?? [];
      if (declared !== undefined) names.add(declared);
      else if (name !== undefined && !open) names.add(name);
    }
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) {
      depth--;
      if (depth === 0 && open) {
        classes.push({ ...open, end: at + 1 });
        open = undefined;
      }
    } else at = skipText(source, at);
  }
  return { classes, names: [...names] };
}
