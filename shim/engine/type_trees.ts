/**
 * What the bindings of the asynchronous component model know of a type is a tree of functions, and the
 * generator writes that tree wherever a value of the type is passed: the error codes of HTTP, forty cases
 * with texts and numbers, are built anew in every call, and hundreds of times in every instance. Here each
 * tree is written once, and built when it is first needed.
 *
 * @module
 */

import { BindingShapeError } from "./bindings.ts";
import { closingParenthesis } from "./_generated_text.ts";

/** Where the part of the text begins that has such trees; what it declares is known in all of it. */
const BODY = "(function* _initGenerator () {";
/** The beginning of a tree, or of a branch of one. */
const TREE = /_(?:lift|lower)Flat[A-Z]\w*\(\{/g;
/** The names that the generator gives to the variables of a single call, and to nothing else. */
const NUMBERED = /(?<![\w$']|(?<!\.\.)\.)[a-z]\w*?\d+(?:_\d+)?\b(?!\s*:)/gi;
/** A tree is made when somebody passes a value of its type, and kept. */
const ONCE = `
  function $once(make) {
    let made;
    return () => made ??= make();
  }
  `;

/**
 * Takes the trees of types out of everything that is done per call.
 * @throws {BindingShapeError} if the text is not as the pinned generator writes it.
 */
export function shareTypeTrees(source: string): string {
  const start = source.indexOf(BODY);
  if (start < 0) throw new BindingShapeError(`The bindings have no ${BODY}`);
  const bodyStart = start + BODY.length;
  const body = source.slice(bodyStart);
  const trees = new Trees(declaredNames(source));
  const shared = trees.takeFrom(body, (name) => `${name}Now`);
  if (trees.declarations === "") return source;
  // The statement before the generator's is the place of the function.
  const statement = source.lastIndexOf("\n", start);
  return source.slice(0, statement) + ONCE + source.slice(statement, bodyStart) +
    trees.declarations +
    shared;
}

/** Everything that is declared outside of functions. */
function declaredNames(source: string): Set<string> {
  const declared = source.matchAll(
    /^ {0,4}(?:async )?(?:const|let|function\*?|class) (?:\{ ([^}\n]*) \}|([\w$]+))/gm,
  );
  const names = [...declared].flatMap(([, several, one]) =>
    several?.split(", ").map((item) => item.split(": ").at(-1)!) ?? [one!]
  );
  return new Set([...names, "Uint8Array"]);
}

/** The trees that have been found, each once. */
class Trees {
  readonly #known: ReadonlySet<string>;
  readonly #names = new Map<string, string>();
  #declarations = "";

  /** @param known The names that a tree may use wherever it is. */
  constructor(known: ReadonlySet<string>) {
    this.#known = known;
  }

  /** The statements that declare them: after `$type7()` it exists, `$type7Now` makes and calls it. */
  get declarations(): string {
    return this.#declarations;
  }

  /** @returns `text` with what `use` makes of their names in place of the trees. */
  takeFrom(text: string, use: (name: string) => string): string {
    const parts: string[] = [];
    let from = 0;
    TREE.lastIndex = 0;
    for (let match = next(text, from); match; match = next(text, from)) {
      const open = match.index + match[0].length - 1;
      const end = closingParenthesis(text, open);
      const branches = this.takeFrom(text.slice(open, end), (name) => `${name}()`);
      const tree = `${match[0].slice(0, -1)}${branches})`;
      parts.push(
        text.slice(from, match.index),
        this.#isShareable(tree) ? use(this.#name(tree)) : tree,
      );
      from = end + 1;
    }
    parts.push(text.slice(from));
    return parts.join("");
  }

  #isShareable(tree: string): boolean {
    return tree.match(NUMBERED)?.every((name) => this.#known.has(name)) ?? true;
  }

  #name(tree: string): string {
    const key = tree.replaceAll(/\s+/g, " ");
    const known = this.#names.get(key);
    if (known) return known;
    const name = `$type${this.#names.size}`;
    this.#names.set(key, name);
    this.#declarations += `
    const ${name} = $once(() => ${tree});
    const ${name}Now = (ctx) => ${name}()(ctx);`;
    return name;
  }
}

function next(text: string, from: number): RegExpExecArray | null {
  TREE.lastIndex = from;
  return TREE.exec(text);
}
