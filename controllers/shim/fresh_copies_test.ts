import assert from "node:assert/strict";
import type { ChangeHandler, Informer } from "../../lib/kube/informer.ts";
import type { KubeObject } from "../../lib/kube/types.ts";
import { FreshCopies } from "./fresh_copies.ts";

function object(version: string, uid = "u"): KubeObject {
  return { metadata: { name: "a", uid, resourceVersion: version } };
}

/** What a watch tells. */
function setUp(options: { holdsNew?: boolean } = {}) {
  const objects = new Map<string, KubeObject>();
  const handlers: ChangeHandler<KubeObject>[] = [];
  let now = 0;
  const informer: Pick<Informer<KubeObject>, "get" | "all" | "onChange"> = {
    get: (key) => objects.get(key),
    all: () => objects.values(),
    onChange: (handler) => void handlers.push(handler),
  };
  const copies = new FreshCopies(informer as Informer<KubeObject>, { ...options, now: () => now });
  return {
    copies,
    tell(after: KubeObject | undefined) {
      const before = objects.get("a");
      if (after) objects.set("a", after);
      else objects.delete("a");
      for (const handler of handlers) handler({ before, after });
    },
    wait: (ms: number) => void (now += ms),
    version: () => copies.get("a")?.metadata.resourceVersion,
    versions: () => [...copies.all()].map(({ metadata }) => metadata.resourceVersion),
  };
}

Deno.test("FreshCopies has what was written until the watch tells of it, or of something newer", () => {
  const { copies, tell, version, versions } = setUp();
  tell(object("9"));
  copies.note(object("11"));
  assert.equal(version(), "11");
  // Somebody else's change, before ours.
  tell(object("10"));
  assert.deepEqual(versions(), ["11"]);
  tell(object("12"));
  assert.equal(version(), "12");
  // An answer that comes late.
  copies.note(object("11"));
  assert.equal(version(), "12");
});

Deno.test("FreshCopies does not believe for ever in what no watch tells of", () => {
  const { copies, tell, version, wait } = setUp();
  tell(object("1"));
  copies.note(object("2"));
  wait(10_001);
  assert.equal(version(), "1");
});

Deno.test("FreshCopies knows new objects only where this process makes them", () => {
  for (const holdsNew of [true, false]) {
    const { copies, version, versions } = setUp({ holdsNew });
    copies.note(object("1"));
    assert.equal(version(), holdsNew ? "1" : undefined);
    assert.equal(versions().length, holdsNew ? 1 : 0);
  }
});

Deno.test("FreshCopies has nothing of what was deleted, and all of what comes after it", () => {
  const { copies, tell, version, versions } = setUp({ holdsNew: true });
  tell(object("1"));
  copies.noteDeleted(object("1"));
  assert.equal(version(), undefined);
  assert.deepEqual(versions(), []);
  copies.note(object("3", "other"));
  assert.equal(version(), "3");
  // The watch is still at the deletion.
  tell(undefined);
  tell(object("3", "other"));
  assert.equal(version(), "3");
});
