/**
 * What is done to the JavaScript that the binding generator for the asynchronous component model
 * writes, so that several calls can run in one instance, be preempted, and end together. Like
 * `bindings.ts`, it knows the text of the pinned version only.
 *
 * @module
 */

import { type AdaptedBindings, BindingShapeError, findImports } from "./bindings.ts";
import { closingParenthesis } from "./_generated_text.ts";
import { shareClasses } from "./shared_classes.ts";
import { shareTypeTrees } from "./type_trees.ts";

/** One place in the generated text: what is there, and what is there instead. */
interface Edit {
  readonly find: string | RegExp;
  readonly put: string;
  /** Text that bindings have which have the place, because their component uses some feature. */
  readonly where?: string;
}

/** What the adapted text takes from `imports.$host`; see `AsyncBindingsHost` in `shared_component.ts`. */
const FROM_HOST = "  const { guard: $guard, suspendable: $suspendable, suspending: $suspending, " +
  "settled: $settled, failed: $failed, started: $started, source: $source, wake: $wake, " +
  "setTimeout: $setTimeout, setInterval: $setInterval, clearInterval: $clearInterval, WeakTable: $WeakTable } = " +
  "imports.$host;\n";

const HEADER = /^export function instantiate\(getCoreModule, imports, instantiateCore.*\n/m;

/** What bindings have if any stream or future is read or written. */
const BUFFERS = "class ManagedBuffer";

const STARTING = "throw new Error('components in it call each other while they start, which this " +
  "version does not run')";

const EDITS: readonly Edit[] = [
  // Reads an environment variable at each of some hundred places; the calls are gone by now.
  { find: /^ *const _debugLog = [^]*?\n *\};\n/m, put: "" },
  { find: HEADER, put: `$&${FROM_HOST}` },
  // What tells things apart in messages for debugging, of which there are none.
  { find: /\btarget: `[^`]*`,?/g, put: "" },
  { find: /\b\w+\.setTarget\(`[^`]*`\);/g, put: "", where: ".setTarget(`" },
  // A promise for each event that nobody ever waits for.
  {
    find:
      /const \{ promise, resolve, reject \} = promiseWithResolvers\(\)\s+(?:this\.#\w+ = \w+;\s+){3}/,
    put: "",
  },
  // Numbers are enough to count calls, and cost nothing.
  { find: /static _ID = 0n;/g, put: "static _ID = 0;" },
  { find: /(?<!function )\bpromiseWithResolvers\(\)/g, put: "Promise.withResolvers()" },
  // A guest that waits for a host that waits for a slow client is not deadlocked.
  { find: "function _checkForDeadlock() {", put: "function _checkForDeadlock() {\n    return;" },
  // Whoever waits for an event is told of it, instead of asking every ten milliseconds.
  { find: "this.#pendingEventFn = fn;", put: "this.#pendingEventFn = fn; $wake();" },
  { find: "async runTickLoop() {", put: "async runTickLoop() {\n        $wake();" },
  {
    find: "if (this.#errored === null) { this.#errored = err; }",
    put: "if (this.#errored === null) { this.#errored = err; $failed(err); }",
  },
  // What a host function answers is written into the guest's memory with the guest's allocator.
  {
    find: "return Promise.resolve(result).finally(",
    put: "return $settled(result).finally(",
    where: "function _trackHostOperation(",
  },
  // Who holds the lock hands it on when it ends; asking again in each microtask until then lets nothing
  // else run, and who holds it may wait for something else.
  {
    find: /if \(this\.#lockHolderTaskID !== null\) \{\s*this\.#scheduleLockHandoff\(\);\s*return;/g,
    put: "if (this.#lockHolderTaskID !== null) {\n          return;",
  },
  // Tasks end in any order; those that are not the last would be kept, and searched, for good.
  {
    find: /if \(last\.id !== taskID\) \{\n[^\n]*\n\s*return;\n/,
    put: `if (last.id !== taskID) {
        const index = tasks.findLastIndex((meta) => meta.id === taskID);
        return index < 0 ? undefined : tasks.splice(index, 1)[0].task;
`,
  },
  {
    find: "taskMetas.find(meta => meta.task.id() === taskID)",
    put: "taskMetas.findLast(meta => meta.id === taskID)",
  },
  { find: "ASYNC_CURRENT_TASK_IDS.push(newTaskID);", put: "" },
  { find: "ASYNC_CURRENT_COMPONENT_IDXS.push(componentIdx);", put: "" },
  // Of a call between components inside: the task that has just been prepared for it.
  {
    find: "const componentIdx = ASYNC_CURRENT_COMPONENT_IDXS.at(-1);",
    put: "const componentIdx = CURRENT_TASK_META.current?.componentIdx;",
    where: "const componentIdx = ASYNC_CURRENT_COMPONENT_IDXS.at(-1);",
  },
  // Calls between components inside need a task of the caller; there is none before they have started.
  {
    find: "throw new Error('missing current caller task metadata')",
    put: STARTING,
    where: "'missing current caller task metadata'",
  },
  {
    find: "throw new Error('invalid/missing current task for caller during prepare call')",
    put: STARTING,
    where: "'invalid/missing current task for caller during prepare call'",
  },
  // At the end of a start that has failed before: what is thrown here would stand for the reason.
  {
    find:
      /^ *_clearCurrentTask\((\{ componentIdx: \d+, taskID: (_initTaskID\d+)\})\);\s+(clearCurrentTask\(\d+, \2\);)/gm,
    put: "if ($2 !== undefined) { _clearCurrentTask($1); $3 }",
    where: "_clearCurrentTask({ componentIdx: ",
  },
  {
    find: "const result = dtor(rep);",
    put: "const result = $guard(dtor)(rep);",
    where: "function callResourceDestructor(",
  },
  {
    find: "task.setCalleeIsAsync(true);",
    put: "$&\n      $started(task);",
    where: "task.setCalleeIsAsync(true)",
  },
  // Sources of the host's streams are closed with the instance if the guest did not drop them.
  {
    find: "readEnd.setHostDropFn(readFn.drop);",
    put: "readEnd.setHostDropFn($source(readFn.drop));",
    where: "setHostDropFn(readFn",
  },
  { find: /\bsetTimeout\(/g, put: "$$setTimeout(" },
  { find: /\bsetInterval\(/g, put: "$$setInterval(" },
  { find: /\bclearInterval\(/g, put: "$$clearInterval(" },
  // Streams and futures are kept in these for good.
  {
    find: /const (STREAMS|FUTURES) = new RepTable\(\{[^}]*\}\);/g,
    put: "const $1 = new $$WeakTable();",
    where: "new RepTable({ target: 'global",
  },
  // Buffers are kept in this table for good, and never looked up.
  { find: "instanceBuffers.set(nextBufID, buffer);", put: "", where: BUFFERS },
  { find: /WebAssembly\.promising\(/g, put: "$$suspendable(" },
  { find: /new WebAssembly\.Suspending\(/g, put: "$$suspending(", where: "WebAssembly.Suspending" },
  // Calls from JavaScript into the guest: its allocator, and functions that are not asynchronous.
  {
    find: /^(\s+[\w$]+) = (exports\d+(?:\.[\w$]+|\['[^'\n]*'\]));$/gm,
    put: "$1 = $$guard($2);",
    where: "realloc0 = ",
  },
];

/** Bytes as arrays of numbers would take eight times the memory, and most of the time. */
const BYTE_EDITS: readonly Edit[] = [
  {
    find: /for \(const \[idx, elem\] of elems\.entries\(\)\) \{\s+const elemPtr = dataPtr /,
    put: "if (elemSize32 === 1 && elems instanceof Uint8Array) {\n" +
      "        new Uint8Array(ctx.memory.buffer).set(elems, dataPtr);\n" +
      "      } else $&",
    where: "function _lowerFlatList(",
  },
  {
    find: "values = Array.from(new Uint8Array(this.#memory.buffer, this.#ptr, count));",
    put: "values = new Uint8Array(this.#memory.buffer, this.#ptr, count).slice();",
    where: BUFFERS,
  },
  {
    find:
      "if (!Array.isArray(values)) { throw new TypeError('values input to write() must be an array'); }",
    put: "",
    where: BUFFERS,
  },
  {
    find: "this.#hostOnlyData = this.#hostOnlyData.concat(values);",
    put: "this.#hostOnlyData = this.#hostOnlyData.length === 0 ? values : " +
      "[...this.#hostOnlyData, ...values];",
    where: BUFFERS,
  },
];

/**
 * Each instance has classes of its own, and private names with them: V8 has to search for such a member,
 * while one of an ordinary name is found by a cache that all instances share.
 */
const MEMBER_EDITS: readonly Edit[] = [
  { find: /\.#([A-Za-z]\w*)/g, put: ".$$$$$1" },
  { find: /^( *(?:static |async |get |set )*)#([A-Za-z]\w*)/gm, put: "$1$$$$$2" },
];

/**
 * Adapts generated bindings:
 *
 * - exports and imports that suspend do it through `imports.$host`, which holds them back while
 *   another stack of the instance is preempted;
 * - their timers are the host's, so that waiting costs microseconds and not milliseconds;
 * - a failure that ends the instance is told to the host, and so is every call that begins;
 * - the returned exports get `$tasks`, which saves and restores whose turn it is, and `$clear()`,
 *   which returns the resources that the instance still holds.
 *
 * @throws {BindingShapeError} if the text is not as the pinned generator writes it.
 */
export function adaptAsyncBindings(generated: string): AdaptedBindings {
  let source = removeCalls(generated, "_debugLog");
  for (const edit of [...EDITS, ...BYTE_EDITS, ...MEMBER_EDITS]) source = apply(edit, source);
  const isComposed = generated.includes("_asyncStartCall(");
  // Components inside call each other, and rely on a callee that begins at once.
  if (isComposed) source = source.replace("suspendable: $suspendable", "newStack: $suspendable");
  source = shareClasses(shareTypeTrees(addMembers(source, isComposed)), hostNames());
  return { source, imports: findImports(generated) };
}

function hostNames(): string[] {
  return [...FROM_HOST.matchAll(/: (\$\w+)/g)].map(([, name]) => name!);
}

function apply(edit: Edit, source: string): string {
  if (edit.where !== undefined && !source.includes(edit.where)) return source;
  const changed = typeof edit.find === "string"
    ? source.replaceAll(edit.find, () => edit.put.replaceAll("$&", edit.find as string))
    : source.replace(edit.find, edit.put);
  if (changed === source) {
    throw new BindingShapeError(`The bindings have no ${edit.find}`);
  }
  return changed;
}

/**
 * @param isComposed Some calls between components inside go on as another task than the one they began as,
 * so that the current one is not put back.
 */
function addMembers(source: string, isComposed: boolean): string {
  const end = source.lastIndexOf("\n    return {");
  if (end < 0) throw new BindingShapeError("No exports in the bindings");
  const captures = [...source.matchAll(/^\s+const (captureTable\d+) ?= new Map\(\)/gm)]
    .map(([, name]) => name);
  const mayBlock = source.includes("const CURRENT_TASK_MAY_BLOCK")
    ? "CURRENT_TASK_MAY_BLOCK"
    : "{ value: 0 }";
  const indices = componentIndices(source);
  const members = `
    const $mayBlock = ${mayBlock};
    const $tasks = {
      save: () => ({ current: CURRENT_TASK_META.current, mayBlock: $mayBlock.value, ${
    indices.map((index) => `"of${index}": CURRENT_TASK_META["${index}"]`).join(", ")
  } }),
      restore: (saved) => {
        ${isComposed ? "" : "CURRENT_TASK_META.current = saved.current ?? null;"}
        ${
    indices.map((index) => `CURRENT_TASK_META["${index}"] = saved["of${index}"] ?? null;`).join(" ")
  }
        $mayBlock.value = saved.mayBlock;
      },
    };
    function $clear() {
      const leftovers = [];
      for (const table of [${captures.join(", ")}]) {
        leftovers.push(...table.values());
        table.clear();
      }
      return leftovers;
    }
    return { $tasks, $clear,`;
  return source.slice(0, end) + members + source.slice(end + "\n    return {".length);
}

/** The numbers of the components inside, and -1 for the host. */
function componentIndices(source: string): string[] {
  const found = source.matchAll(/\bcomponentIdx: (-?\d+)/g);
  return [...new Set(["-1", ...[...found].map(([, index]) => index!)])];
}

/** Replaces every call of `name` by nothing, arguments and all. */
function removeCalls(source: string, name: string): string {
  const call = `${name}(`;
  const parts: string[] = [];
  let from = 0;
  for (let at = source.indexOf(call); at >= 0; at = source.indexOf(call, from)) {
    const end = closingParenthesis(source, at + call.length);
    parts.push(source.slice(from, at), "void 0");
    from = end + 1;
  }
  parts.push(source.slice(from));
  return parts.join("");
}
