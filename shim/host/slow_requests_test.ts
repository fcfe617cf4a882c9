import assert from "node:assert/strict";
import { SlowRequests } from "./slow_requests.ts";

Deno.test("SlowRequests.watch() calls back later, once, in order", async () => {
  const slow = new SlowRequests();
  const called: string[] = [];
  await new Promise<void>((resolve) => {
    slow.watch({ onSlow: () => called.push("a") });
    slow.watch({
      onSlow() {
        called.push("b");
        slow.watch({
          onSlow() {
            called.push("c");
            resolve();
          },
        });
      },
    });
    assert.deepEqual(called, []);
  });
  assert.deepEqual(called, ["a", "b", "c"]);
});
