import assert from "node:assert/strict";
import { APPS_UNDER_TEST, type AppUnderTest } from "../support/apps_under_test.ts";
import { type Answer, check } from "../support/cases.ts";
import { answerAsUpstream } from "../support/sample_cases.ts";
import { TestSuite } from "../support/test_suite.ts";
import { startUpstream } from "../support/upstream.ts";

const STRATEGIES = ["fresh", "copy", "copy-on-write"] as const;

/** Requests whose answers differ from one to the next by their nature. */
const VARYING = /^\/(?:random|clock)/;

/** Addresses have ports that the system chose. */
const ADDRESS = /127\.0\.0\.1:\d+/g;

/** Fills four GiB, which three programs at once should not. */
const HEAVY = "/alloc?mb=5000";

const suite = new TestSuite();
Deno.test.afterAll(() => suite.close());

async function answers(sample: AppUnderTest, strategy: string): Promise<[string, Answer][]> {
  await using upstream = startUpstream(answerAsUpstream);
  const { authority } = upstream;
  await using app = await suite.start({
    from: sample.source({ directory: suite.directory(), upstream: authority }),
    args: ["--instances", strategy],
  });
  const found: [string, Answer][] = [];
  // Twice: the second time, every instance has been rewound before.
  for (const round of [1, 2]) {
    for (const testCase of sample.cases(authority)) {
      if (testCase.request === HEAVY) continue;
      const answer = await check(app, testCase);
      if (VARYING.test(testCase.request)) continue;
      const request = `${round}: ${testCase.request.replaceAll(ADDRESS, "ADDRESS")}`;
      found.push([request, { ...answer, body: answer.body.replaceAll(ADDRESS, "ADDRESS") }]);
    }
  }
  return found;
}

for (const sample of APPS_UNDER_TEST) {
  Deno.test(`--instances gives equal answers of the ${sample.name} sample with every strategy`, async () => {
    const [reference, ...others] = await Promise.all(
      STRATEGIES.map((strategy) => answers(sample, strategy)),
    );
    for (const [index, other] of others.entries()) {
      assert.deepEqual(other, reference, `${STRATEGIES[index + 1]} is not as ${STRATEGIES[0]}`);
    }
  });
}
