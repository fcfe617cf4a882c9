import assert from "node:assert/strict";
import { BindingShapeError } from "./bindings.ts";
import { shareClasses } from "./shared_classes.ts";

const SOURCE = `
export function instantiate(getCoreModule, imports) {
  const { wake: $wake } = imports;
  const OTHERS = [];let NUMBER = 0;
  // It's no string: class Unknown {
  const NAMES = new Map();
  class End {
    state = 'NAMES';
    constructor(args) { NAMES.set(++NUMBER, args.name); }
    names() { return [...NAMES.values()]; }
    wake() { return (() => $wake())(); }
  }
  class ReadEnd extends End {
    constructor(args) {
      super(args);
      this.other = args.hasOther ? new Plain() : undefined;
    }
  }
  class Plain {
    number() { return NUMBER; }
  }
  class Stream {}
  function makeEnd(name) { return new ReadEnd({ name, hasOther: true }); }

  const module0 = getCoreModule('a');
  return { makeEnd, End, Stream, next: () => ++NUMBER };
}`;

interface Instance {
  makeEnd(name: string): {
    state: string;
    other: { number(): number };
    names(): string[];
    wake(): string;
  };
  next(): number;
  readonly End: unknown;
  readonly Stream: unknown;
}

Deno.test("shareClasses() gives all instances the same classes, with variables of their own", async () => {
  const source = shareClasses(SOURCE, ["$wake"]);
  const { instantiate } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
  const create = (name: string): Instance => instantiate(() => {}, { wake: () => name });
  const [one, two] = [create("one"), create("two")];
  one.makeEnd("a");
  const end = one.makeEnd("b");
  const other = two.makeEnd("c");
  assert.equal(end.constructor, other.constructor);
  assert.equal(one.End, two.End);
  assert.deepEqual([end.names(), other.names()], [["a", "b"], ["c"]]);
  assert.deepEqual([end.wake(), other.wake()], ["one", "two"]);
  assert.equal(end.state, "NAMES");
  one.next();
  assert.deepEqual([end.other.number(), other.other.number()], [3, 1]);
  assert.notEqual(one.Stream, two.Stream, "these leave their instance");
});

Deno.test("shareClasses() refuses text that it does not know", () => {
  assert.throws(() => shareClasses("export function instantiate() {}", []), BindingShapeError);
});
