import assert from "node:assert/strict";
import { CONFIG_MAPS, configMap, failure, listOf, startApiDouble } from "./_api_double.ts";
import { Informer } from "./informer.ts";
import type { KubeObject } from "./types.ts";
import type { WatchTiming } from "./watch.ts";

/** A watch that a test writes to. */
class FakeWatch {
  readonly response: Response;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
    });
    this.response = new Response(stream);
  }

  send(type: string, object: unknown): void {
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  raw(text: string): void {
    this.#controller.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller.close();
  }

  cut(): void {
    this.#controller.error(new Error("cut"));
  }
}

async function until(isTrue: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Runs an informer against answers; each watch waits for the test to write to it. */
async function withInformer(
  options: { lists: (() => Response)[]; timing?: Partial<WatchTiming> },
  test: (state: {
    informer: Informer<KubeObject & { data?: Record<string, string> }>;
    watches: FakeWatch[];
    requests: string[];
    troubles: unknown[];
  }) => Promise<void>,
): Promise<void> {
  const watches: FakeWatch[] = [];
  const troubles: unknown[] = [];
  await using api = startApiDouble((_request, url) => {
    if (url.searchParams.get("watch") === "true") {
      const watch = new FakeWatch();
      watches.push(watch);
      return watch.response;
    }
    const list = options.lists.length > 1 ? options.lists.shift()! : options.lists[0]!;
    return list();
  });
  const stop = new AbortController();
  const informer = new Informer(CONFIG_MAPS, {
    indexes: { color: ({ data }) => data?.color ? [data.color] : [] },
    onTrouble: (error) => troubles.push(error),
    timing: { firstDelayMs: 5, maxDelayMs: 20, ...options.timing },
  });
  const running = informer.run(api.client, stop.signal);
  try {
    await test({ informer, watches, requests: api.requests, troubles });
  } finally {
    stop.abort();
    for (const watch of watches) {
      try {
        watch.end();
      } catch {
        // It has ended.
      }
    }
    await running;
  }
}

Deno.test("Informer follows additions, changes and deletions", async () => {
  const lists = [() => listOf([configMap("a", 1, { color: "red" })], 10)];
  await withInformer({ lists }, async ({ informer, watches, requests }) => {
    await informer.synced;
    const seen: string[] = [];
    informer.onChange(({ before, after }) =>
      seen.push(`${before?.metadata.name ?? ""}>${after?.metadata.name ?? ""}`)
    );
    await until(() => watches.length === 1, "a watch");
    assert.match(requests[1]!, /allowWatchBookmarks=true&resourceVersion=10/);
    watches[0]!.send("ADDED", configMap("b", 11, { color: "red" }));
    watches[0]!.send("MODIFIED", configMap("a", 12, { color: "blue" }));
    watches[0]!.send("DELETED", configMap("b", 13));
    await until(() => seen.length === 4, "four changes");
    assert.deepEqual(seen, [">a", ">b", "a>a", "b>"]);
    assert.deepEqual(informer.find("color", "blue").map(({ metadata }) => metadata.name), ["a"]);
    assert.deepEqual(informer.find("color", "red"), []);
    assert.equal(informer.get("default/a")?.data?.color, "blue");
  });
});

Deno.test("Informer goes on from the last bookmark when a watch ends", async () => {
  await withInformer({ lists: [() => listOf([], 10)] }, async ({ watches, requests }) => {
    await until(() => watches.length === 1, "a watch");
    watches[0]!.send("BOOKMARK", { metadata: { resourceVersion: "99" } });
    watches[0]!.end();
    await until(() => watches.length === 2, "another watch");
    assert.match(requests[2]!, /resourceVersion=99/);
  });
});

Deno.test("Informer lists again after what a watch may die of", async (t) => {
  const faults: Record<string, (watch: FakeWatch) => void> = {
    "a cut connection": (watch) => watch.cut(),
    "410 in the stream": (watch) =>
      watch.send("ERROR", { kind: "Status", code: 410, reason: "Expired" }),
    "garbage": (watch) => watch.raw("<html>\n"),
  };
  for (const [name, fault] of Object.entries(faults)) {
    await t.step(name, async () => {
      const lists = [
        () => listOf([configMap("a", 1), configMap("b", 1)], 10),
        () => listOf([configMap("b", 2), configMap("c", 3)], 20),
      ];
      await withInformer({ lists }, async ({ informer, watches, troubles }) => {
        await until(() => watches.length === 1, "a watch");
        fault(watches[0]!);
        await until(() => watches.length === 2, "another watch");
        assert.deepEqual([...informer.all()].map(({ metadata }) => metadata.name), ["b", "c"]);
        assert.equal(troubles.length, 1);
      });
    });
  }
});

Deno.test("Informer notices a watch that has gone quiet", async () => {
  const timing = { idleMs: 30 };
  await withInformer({ lists: [() => listOf([], 10)], timing }, async ({ watches, troubles }) => {
    await until(() => watches.length >= 2, "another watch");
    assert.deepEqual(troubles, []);
  });
});

Deno.test("Informer stops although garbage has been collected", async () => {
  await using api = startApiDouble((_request, url) =>
    url.searchParams.get("watch") === "true"
      ? new Response(new ReadableStream({ start: (watch) => watch.enqueue(new Uint8Array([10])) }))
      : listOf([], 10)
  );
  const stop = new AbortController();
  const informer = new Informer(CONFIG_MAPS, {});
  const running = informer.run(api.client, stop.signal);
  await until(() => api.requests.length === 2, "a watch");
  for (let count = 0; count < 5; count++) {
    // There with --v8-flags=--expose-gc, which the task for tests has.
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  stop.abort();
  await running;
});

Deno.test("Informer lists from time to time", async () => {
  const lists = [() => listOf([], 10), () => listOf([configMap("missed", 5)], 11)];
  const timing = { relistMs: 40 };
  await withInformer({ lists, timing }, async ({ informer }) => {
    await until(() => informer.get("default/missed") !== undefined, "what the watch did not say");
  });
});

Deno.test("Informer waits for a server that cannot list", async () => {
  const lists = [
    () => failure(403, { reason: "Forbidden" }),
    () => failure(404, { reason: "NotFound" }),
    () => listOf([configMap("a", 1)], 10),
  ];
  await withInformer({ lists }, async ({ informer, troubles }) => {
    await informer.synced;
    assert.equal(informer.size, 1);
    assert.equal(troubles.length, 2);
  });
});

Deno.test("Informer reads objects that come in pieces", async () => {
  await withInformer({ lists: [() => listOf([], 10)] }, async ({ informer, watches }) => {
    await until(() => watches.length === 1, "a watch");
    const text = JSON.stringify({
      type: "ADDED",
      object: configMap("a", 1, { k: "é".repeat(99) }),
    });
    for (const character of `${text}\n`) watches[0]!.raw(character);
    await until(() => informer.get("default/a") !== undefined, "the object");
  });
});
