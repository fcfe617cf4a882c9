/**
 * What is done to the JavaScript that the binding generator writes for a component, so that its
 * instances can be preempted and rewound. The generator's output is text whose shape is known for
 * the pinned version only; a shape that is not found is an error, never ignored.
 *
 * @module
 */

/** The bindings, adapted, and what they import. */
export interface AdaptedBindings {
  readonly source: string;
  /** Version-less interface → names that the bindings take from it. */
  readonly imports: Record<string, string[]>;
}

/** The shape of the generated code is not the one of the pinned generator. */
export class BindingShapeError extends Error {
  override readonly name = "BindingShapeError";
}

/**
 * Adapts generated bindings:
 *
 * - the returned exports get `$save()`, which copies the state of the handle tables,
 *   `$restore(saved, renew)`, which puts it back with every resource renewed, and `$clear()`, which
 *   empties the tables and returns the resources that were in them;
 * - calls from JavaScript into the guest's allocator go through `imports.$host.guard`, because a
 *   guest cannot be suspended with JavaScript on its stack.
 * - resource objects are kept in `imports.$host.CaptureTable` instead of `Map`;
 * - exports are made suspendable by `imports.$host.suspendable`, and imports that suspend by
 *   `imports.$host.suspending`;
 * - two mistakes in the tables of handles are mended, which only components notice that are made of
 *   several.
 *
 * @throws {BindingShapeError} if the text is not as the pinned generator writes it.
 */
export function adaptBindings(generated: string): AdaptedBindings {
  let source = guardReentrantCalls(mendHandleTables(generated));
  source = addReset(source);
  source = source.replace(/^(\s+const captureTable\d+) ?= new Map\(\);$/gm, "$1 = new $$Table();");
  return { source, imports: findImports(generated) };
}

function guardReentrantCalls(source: string): string {
  const header = "export function instantiate(getCoreModule, imports, instantiateCore";
  if (!source.includes(header)) throw new BindingShapeError("No instantiate() in the bindings");
  const guarded = source.replace(
    /^(\s+)((?:realloc|postReturn)\d+) = (exports\d+[^;\n]+);$/gm,
    "$1$2 = $$guard($3);",
  ).replace(
    // The destructor of a resource that one part of a composed component has and another one drops.
    /^(\s+)(exports\d+\['[^']*'\])\(handleEntry\.rep\);$/gm,
    "$1$$guard($2)(handleEntry.rep);",
  );
  const start = guarded.indexOf("\n", guarded.indexOf(header));
  return guarded.slice(0, start + 1) +
    "  const { guard: $guard, suspendable: $suspendable, suspending: $suspending, " +
    "CaptureTable: $Table } = imports.$host;\n" +
    guarded.slice(start + 1)
      .replaceAll("WebAssembly.promising(", "$suspendable(")
      .replaceAll("new WebAssembly.Suspending(", "$suspending(");
}

/** The list of free entries is one of numbers, and who lends what was lent to it goes on having it. */
function mendHandleTables(source: string): string {
  return source
    .replace("table[0] = table[free];", "table[0] = table[free << 1];")
    .replace(": rscTableRemove(fromTable, handle).rep;", ": fromTable[(handle << 1) + 1];");
}

function addReset(source: string): string {
  const handles = matches(source, /const (handleTable\d+) = \[T_FLAG, 0\]/g);
  const captures = matches(source, /const (captureTable\d+) ?= new Map\(\)/g);
  const counters = matches(source, /let (captureCnt\d+) ?= 0/g);
  const calls = [
    ["let curResourceBorrows", "curResourceBorrows = [];"],
    ["let resourceCallBorrows", "resourceCallBorrows = [];"],
    ["let scopeId", "scopeId = 0;"],
  ].flatMap(([declaration, reset]) => source.includes(declaration!) ? [reset!] : []);
  // Between the parts of a composed component handles pass through tables without a name.
  const isComposed = source.includes("function resourceTransfer");
  const functions = [
    "function $save() {",
    `  return { handles: [${handles.map((table) => `${table}.slice()`)}],`,
    ...(isComposed ? ["    passed: handleTables.map((table) => table.slice()),"] : []),
    `    captures: [${captures.map((table) => `${table}.entries()`)}], counters: [${counters}] };`,
    "}",
    "function $clear() {",
    "  const leftovers = [];",
    // Most tables are empty most of the time, so each is looked at before it is touched.
    ...handles.map((table) =>
      `  if (${table}.length > 2) { ${table}.length = 2; ${table}[0] = T_FLAG; ${table}[1] = 0; }`
    ),
    ...captures.map((table) => `  if (${table}.size > 0) ${table}.drainInto(leftovers);`),
    ...counters.map((counter) => `  ${counter} = 0;`),
    ...calls.map((statement) => `  ${statement}`),
    ...(isComposed
      ? [
        "  handleTables.forEach((table) => { table.length = 2; table[0] = T_FLAG; table[1] = 0; });",
      ]
      : []),
    "  return leftovers;",
    "}",
    "function $restore(saved, renew) {",
    ...handles.map((table, index) =>
      `  if (saved.handles[${index}].length > 2) { ${table}.length = 0; ` +
      `${table}.push(...saved.handles[${index}]); }`
    ),
    ...captures.map((table, index) =>
      `  for (const [rep, value] of saved.captures[${index}]) ${table}.set(rep, renew(value));`
    ),
    ...counters.map((counter, index) => `  ${counter} = saved.counters[${index}];`),
    ...(isComposed
      ? [
        "  saved.passed.forEach((passed, index) => {",
        "    handleTables[index].length = 0; handleTables[index].push(...passed);",
        "  });",
      ]
      : []),
    "}",
  ].map((line) => `    ${line}\n`).join("");
  const end = source.lastIndexOf("return {");
  if (end < 0) throw new BindingShapeError("No exports in the bindings");
  return source.slice(0, end) + functions.trimStart() +
    "    return { $save, $restore, $clear," + source.slice(end + "return {".length);
}

function matches(source: string, pattern: RegExp): string[] {
  return [...new Set([...source.matchAll(pattern)].map((match) => match[1]!))];
}

/** Interface, without its version unless the bindings name it → what they take from it. */
export function findImports(source: string): Record<string, string[]> {
  const imports: Record<string, string[]> = {};
  for (const match of source.matchAll(/^ {2}const \{ ([^}]*) \} = imports\['([^']+)'\];$/gm)) {
    imports[match[2]!] = match[1]!.split(", ").map((item) => item.split(":")[0]!.trim());
  }
  return imports;
}
