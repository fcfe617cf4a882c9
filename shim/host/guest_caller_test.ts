import assert from "node:assert/strict";
import { loadGuest, poolShared } from "../engine/_guest_fixture.ts";
import type { LoadedComponent } from "../engine/component.ts";
import { InstanceBudget, InstanceLimitReached } from "../engine/instance_budget.ts";
import { InstancePool } from "../engine/instance_pool.ts";
import type { RequestHead } from "../imports/wasi_http.ts";
import { GuestCaller } from "./guest_caller.ts";
import { GuestFailure } from "./guest_failure.ts";
import { SlowRequests } from "./slow_requests.ts";

const HANDLER = "wasi:http/incoming-handler@0.2.3";

function head(path: string, parts: Partial<RequestHead> = {}): RequestHead {
  return {
    method: "GET",
    pathWithQuery: path,
    authority: "localhost",
    headers: () => [],
    body: () => null,
    ...parts,
  };
}

/** A signal that never fires; nobody asks for it unless the request takes long. */
function patient(): AbortSignal {
  return new AbortController().signal;
}

async function withCaller(
  component: LoadedComponent,
  test: (
    caller: GuestCaller,
    state: { pool: InstancePool; late: GuestFailure[]; budget: InstanceBudget },
  ) => Promise<void>,
): Promise<void> {
  const budget = new InstanceBudget({ maxInstances: 3, maxBytes: 1 << 30, maxWaitMs: 400 });
  const pool = InstancePool.create(component, {
    first: await component.instantiate(),
    strategy: "copy",
    shared: { ...poolShared(), budget },
  });
  const late: GuestFailure[] = [];
  const caller = new GuestCaller({
    component: "hello",
    pool,
    handler: HANDLER,
    slow: new SlowRequests(),
    observer: { onLateFailure: (error) => late.push(error) },
  });
  try {
    await test(caller, { pool, late, budget });
    await until(() => budget.instances === pool.idleCount, "an instance was not given back");
  } finally {
    pool.close();
  }
}

async function until(isTrue: () => boolean, message: string): Promise<void> {
  const deadline = performance.now() + 2_000;
  while (!isTrue()) {
    assert.ok(performance.now() < deadline, message);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

Deno.test("GuestCaller.call() answers, and gives the instance back", async (t) => {
  const component = await loadGuest("torture");
  const cases: [string, Partial<RequestHead>, number, RegExp][] = [
    ["/", {}, 200, /^hello from C\n$/],
    ["/status?code=418", {}, 418, /as asked/],
    ["/bytes?n=300000", {}, 200, /^[a-z]{300000}/],
    ["/drip?n=2&ms=5", {}, 200, /^drop 0\ndrop 1\n$/],
    [
      "/echo",
      {
        method: "POST",
        body: () =>
          ReadableStream.from(["a", "b"]).pipeThrough(
            new TextEncoderStream(),
          ),
      },
      200,
      /^ab$/,
    ],
    ["/request", { method: "QUERY" }, 200, /^method QUERY/],
  ];
  await withCaller(component, async (caller, { pool }) => {
    for (const [path, parts, status, body] of cases) {
      await t.step(path, async () => {
        const response = await caller.call(head(path, parts), patient);
        assert.equal(response.status, status);
        assert.match(await response.text(), body);
        assert.equal(response.headers.get("x-requests"), "1");
      });
    }
    await until(() => pool.idleCount === 1, "the instance comes back");
    assert.equal(pool.counters.created, 1);
  });
});

Deno.test("GuestCaller.call() rejects if the guest gives no answer", async (t) => {
  const component = await loadGuest("torture");
  const cases: [string, RegExp][] = [
    ["/trap", /component "hello" trapped: unreachable$/],
    ["/abort", /component "hello" trapped: unreachable$/],
    ["/exit?code=0", /component "hello" exited with code 0 before it was done$/],
    ["/exit?code=3", /component "hello" exited with code 1 before it was done$/],
    ["/silent", /component "hello" failed to produce a response prior to returning$/],
    ["/error", /answered with the error internal-error$/],
    ["/status?code=101", /answered with status 101, which cannot be sent$/],
    ["/status?code=700", /answered with status 700, which cannot be sent$/],
  ];
  await withCaller(component, async (caller, { late }) => {
    for (const [path, message] of cases) {
      await t.step(path, async () => {
        await assert.rejects(caller.call(head(path), patient), message);
      });
    }
    assert.deepEqual(late, []);
  });
});

Deno.test("GuestCaller.call() breaks off the body when the guest ends in the middle", async (t) => {
  const component = await loadGuest("torture");
  for (const [path, isReported] of [["/late-trap", true], ["/no-body-end", false]] as const) {
    await t.step(path, async () => {
      await withCaller(component, async (caller, { late }) => {
        const response = await caller.call(head(path), patient);
        assert.equal(response.status, 200);
        await assert.rejects(response.text(), /ended before it finished the body/);
        assert.equal(late.length, isReported ? 1 : 0);
      });
    });
  }
});

Deno.test("GuestCaller.call() stops the guest when the client is gone", async (t) => {
  const component = await loadGuest("torture");
  const paths = ["/loop", "/sleep?ms=60000", "/drip?n=1000&ms=50"];
  for (const path of paths) {
    await t.step(path, async () => {
      await withCaller(component, async (caller, { budget, late }) => {
        const client = new AbortController();
        const call = caller.call(head(path), () => client.signal);
        setTimeout(() => client.abort(), 20);
        const settled = await call.then((response) => response.text().catch(() => "broken off"))
          .catch((error) => error);
        if (settled !== "broken off") assert.match(settled.message, /The client closed/);
        await until(() => budget.instances === 0, "the instance is dropped");
        assert.deepEqual(late, []);
      });
    });
  }
  await t.step("who gives up in the middle of the body", async () => {
    await withCaller(component, async (caller, { budget }) => {
      const response = await caller.call(head("/drip?n=1000&ms=5"), patient);
      await response.body!.cancel();
      await until(() => budget.instances === 0, "the instance is dropped");
    });
  });
  await t.step("who was gone before", async () => {
    await withCaller(component, async (caller) => {
      await assert.rejects(
        caller.call(head("/sleep?ms=60000"), () => AbortSignal.abort()),
        /The client closed/,
      );
    });
  });
});

Deno.test("GuestCaller.call() does not stop another request with the same instance", async () => {
  await withCaller(await loadGuest("torture"), async (caller, { pool }) => {
    const gone = new AbortController();
    const first = await caller.call(head("/sleep?ms=5"), () => gone.signal);
    assert.equal(await first.text(), "slept\n");
    await until(() => pool.idleCount === 1, "the instance comes back");
    const second = caller.call(head("/drip?n=3&ms=10"), patient);
    await new Promise((resolve) => setTimeout(resolve, 10));
    // Connections end long after their requests.
    gone.abort();
    assert.equal(await (await second).text(), "drop 0\ndrop 1\ndrop 2\n");
    assert.equal(pool.counters.created, 1);
  });
});

Deno.test("GuestCaller.call() answers HEAD without keeping the guest waiting", async () => {
  await withCaller(await loadGuest("torture"), async (caller, { pool }) => {
    const response = await caller.call(head("/bytes?n=500000", { method: "HEAD" }), patient);
    assert.equal(response.status, 200);
    // Nobody reads the body: the server sends none.
    await until(() => pool.idleCount === 1, "the guest ends");
  });
});

Deno.test("GuestCaller.call() waits for an instance, in turn, or gives up", async () => {
  await withCaller(await loadGuest("torture"), async (caller) => {
    const calls = Array.from(
      { length: 12 },
      () => caller.call(head("/sleep?ms=2"), patient).then((response) => response.text()),
    );
    assert.deepEqual(await Promise.all(calls), Array.from({ length: 12 }, () => "slept\n"));
    const long = Array.from({ length: 3 }, () => caller.call(head("/sleep?ms=1500"), patient));
    await assert.rejects(caller.call(head("/"), patient), InstanceLimitReached);
    for (const response of await Promise.all(long)) assert.equal(await response.text(), "slept\n");
  });
});
