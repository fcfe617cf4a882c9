import { APPS_UNDER_TEST } from "../support/apps_under_test.ts";
import { check } from "../support/cases.ts";
import { samplePath } from "../support/fixtures.ts";
import { answerAsUpstream } from "../support/sample_cases.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";

/** Guests that want more than they can have are to fail before the machine is out of memory. */
const MEMORY = ["--max-instance-memory", String(2 ** 30)];

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

for (const sample of APPS_UNDER_TEST) {
  Deno.test(`up serves every route of the ${sample.name} sample as its README says`, async () => {
    await using upstream = startUpstream(answerAsUpstream);
    const { authority } = upstream;
    const from = sample.source({ directory: suite.directory(), upstream: authority });
    await using app = await suite.start({ from, args: MEMORY });
    for (const testCase of sample.cases(authority)) await check(app, testCase);
  });
}

Deno.test("up makes a component of a core module with component metadata", async () => {
  await using app = await suite.start({ from: samplePath("torture", "dist/torture-core.wasm") });
  const answerHeaders = { "x-requests": "1" };
  await check(app, { request: "/", answer: "hello from C\n", answerHeaders });
  await check(app, { request: "/trap", status: 500, answer: "" });
  await check(app, { request: "/", answer: "hello from C\n", answerHeaders });
});

Deno.test("up keeps the key-value data of an app from one start to the next", async () => {
  const stateDir = suite.directory();
  for (const answer of ["1\n", "2\n"]) {
    await using app = await suite.start({ from: samplePath("tiny-js"), stateDir });
    await check(app, { request: "/count", answer });
  }
});
