import assert from "node:assert/strict";
import type { StoredApp } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { AppStore, type Workspace } from "./app_store.ts";

const STORED: StoredApp = { format: 1, lockedApp: { a: 1 }, prepared: {} };
const NAME = { namespace: "ns", container: "c" };

async function withStore(use: (store: AppStore, root: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(new AppStore(`${directory}/store`), `${directory}/store`);
  } finally {
    await new Deno.Command("chmod", { args: ["-R", "u+w", directory] }).output();
    await Deno.remove(directory, { recursive: true });
  }
}

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
}

function modeOf(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

Deno.test("make() publishes the whole app, readable by all and writable by none", async () => {
  await withStore(async (store, root) => {
    await store.make("k", async ({ app, scratch }) => {
      await Deno.mkdir(`${app}/assets/c`, { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(`${app}/assets/c/f`, "f", { mode: 0o600 });
      await Deno.writeTextFile(`${scratch}/s`, "s");
      assert.equal(store.has("k"), false);
      return STORED;
    });
    assert.ok(store.has("k"));
    const directory = store.appDir("k");
    assert.deepEqual(JSON.parse(await Deno.readTextFile(`${directory}/app.json`)), STORED);
    for (const path of ["", "/assets", "/assets/c"]) assert.equal(modeOf(directory + path), 0o555);
    for (const path of ["/app.json", "/assets/c/f"]) assert.equal(modeOf(directory + path), 0o444);
    assert.deepEqual(await names(`${root}/tmp`), []);
    // Users of pods get through to their apps, and to nothing else.
    assert.deepEqual(
      ["", "/apps", "/prepared", "/tmp", "/locks"].map((path) => modeOf(root + path)),
      [0o755, 0o755, 0o755, 0o700, 0o700],
    );
  });
});

Deno.test("make() builds once, however many ask at the same time", async () => {
  await withStore(async (store, root) => {
    let built = 0;
    async function build(): Promise<StoredApp> {
      built++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return STORED;
    }
    const stores = [store, new AppStore(root), new AppStore(root), new AppStore(root)];
    await Promise.all(stores.map((each) => each.make("k", build)));
    assert.equal(built, 1);
    await store.make("k", build, { replace: true });
    assert.equal(built, 2);
  });
});

Deno.test("make() leaves nothing of what fails, and the next one succeeds", async () => {
  await withStore(async (store, root) => {
    async function fail({ app }: Workspace): Promise<StoredApp> {
      await Deno.writeTextFile(`${app}/half`, "");
      throw new TerminalError("Bad", "it cannot be done");
    }
    await assert.rejects(store.make("k", fail), /^TerminalError: it cannot be done$/);
    assert.deepEqual(await names(`${root}/tmp`), []);
    assert.equal(store.has("k"), false);
    await store.make("k", () => Promise.resolve(STORED));
    assert.ok(store.has("k"));
  });
});

Deno.test("make() clears what a killed process left, and mends what is damaged", async () => {
  await withStore(async (store, root) => {
    await Deno.mkdir(`${root}/tmp/k.dead/app`, { recursive: true });
    await Deno.mkdir(`${root}/tmp/other.alive`);
    await Deno.mkdir(`${store.appDir("k")}/assets`, { recursive: true });
    assert.equal(store.has("k"), false);
    await store.make("k", () => Promise.resolve(STORED));
    assert.deepEqual(await names(`${root}/tmp`), ["other.alive"]);
    assert.deepEqual(await names(store.appDir("k")), ["app.json"]);
  });
});

const DISK: readonly [code: string, message: RegExp][] = [
  ["ENOSPC", /store "\/.*": the disk is full; free some space .* SPINKUBE_STORE_DIR/],
  ["EDQUOT", /the disk is full/],
  ["EROFS", /store "\/.*": why; make it writable, or .* SPINKUBE_STORE_DIR/],
];

for (const [code, message] of DISK) {
  Deno.test(`make() says what ${code} means, from wherever it comes`, async () => {
    await withStore(async (store) => {
      const plain = Object.assign(new Error("why"), { code });
      const causes = code === "EROFS"
        ? [plain]
        : [plain, new TerminalError("CannotPlaceFile", "file", { cause: plain })];
      for (const cause of causes) {
        await assert.rejects(
          store.make("k", () => Promise.reject(cause)),
          (error: unknown) => error instanceof TerminalError && message.test(error.message),
        );
      }
    });
  });
}

Deno.test("make() names the node's store where the engine names the user's cache", async () => {
  await withStore(async (store) => {
    const engine = new TerminalError(
      "CannotStorePrepared",
      'Cannot keep the prepared component in "/s/prepared": the disk is full, or choose another ' +
        "directory with --cache-dir",
    );
    await assert.rejects(
      store.make("k", () => Promise.reject(engine)),
      (error: Error) => /disk is full.*STORE_DIR/.test(error.message) && !/--c/.test(error.message),
    );
  });
});

Deno.test("use() notes the container first, and says whether the app is there", async () => {
  await withStore(async (store, root) => {
    assert.equal(store.use("k", NAME), false);
    assert.equal(await Deno.readTextFile(`${root}/refs/ns/c`), "k");
    assert.equal(modeOf(root), 0o755);
    assert.equal(modeOf(`${root}/refs/ns`), 0o700);
    await store.make("k", () => Promise.resolve(STORED));
    Deno.utimeSync(store.appDir("k"), 0, 0);
    assert.equal(store.use("k", NAME), true);
    assert.ok(Deno.statSync(store.appDir("k")).mtime!.getTime() > 0, "it counts as used");
    assert.deepEqual(await names(`${root}/refs/ns`), ["c"]);
    store.release(NAME);
    store.release(NAME);
    assert.deepEqual(await names(`${root}/refs/ns`), []);
  });
});

Deno.test("remove() gives an app back that somebody has begun to use", async () => {
  await withStore(async (store) => {
    await store.make("k", () => Promise.resolve(STORED));
    store.use("k", NAME);
    assert.equal(await store.remove("k"), false);
    assert.ok(store.has("k"));
    store.release(NAME);
    assert.equal(await store.remove("k"), true);
    assert.equal(store.has("k"), false);
  });
});

Deno.test("lockAlone() waits until nothing is being made", async () => {
  await withStore(async (store, root) => {
    const order: string[] = [];
    const started = Promise.withResolvers<void>();
    const made = store.make("k", async () => {
      started.resolve();
      await new Promise((resolve) => setTimeout(resolve, 30));
      order.push("made");
      return STORED;
    });
    await started.promise;
    {
      using _lock = await new AppStore(root).lockAlone();
      order.push("locked");
    }
    await made;
    assert.deepEqual(order, ["made", "locked"]);
  });
});

Deno.test("isCollectionDue() says yes once in a while", async () => {
  await withStore(async (store, root) => {
    assert.equal(store.isCollectionDue(1000), false, "there is no store");
    await Deno.mkdir(root);
    assert.equal(store.isCollectionDue(1000), false, "it is new");
    Deno.utimeSync(`${root}/collected`, 1, 1);
    assert.equal(store.isCollectionDue(1000), true);
    assert.equal(store.isCollectionDue(1000), false);
  });
});
