import assert from "node:assert/strict";
import { combineObservers, type Observer } from "./observer.ts";

Deno.test("combineObservers() runs all of them, the first outermost", async () => {
  const steps: string[] = [];
  function observer(name: string): Observer {
    async function around<T>(inner: () => Promise<T>): Promise<T> {
      steps.push(`${name} begins`);
      try {
        return await inner();
      } finally {
        steps.push(`${name} ends`);
      }
    }
    return { request: (_, answer) => around(answer), message: (_, handle) => around(handle) };
  }
  const both = combineObservers([observer("a"), observer("b")])!;
  const result = await both.message({ trigger: "redis", component: "c" }, () => {
    steps.push("handled");
    return Promise.resolve(1);
  });
  assert.equal(result, 1);
  assert.deepEqual(steps, ["a begins", "b begins", "handled", "b ends", "a ends"]);
  assert.equal(combineObservers([]), undefined);
});
