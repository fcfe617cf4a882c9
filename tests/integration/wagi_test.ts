/**
 * Programs that answer requests in the way of CGI.
 *
 * @module
 */

import assert from "node:assert/strict";
import { samplePath } from "../support/fixtures.ts";
import { TestSuite } from "../support/test_suite.ts";

const suite = new TestSuite();

Deno.test.afterAll(() => suite.close());

Deno.test("up runs a WAGI program for each request", async () => {
  await using app = await suite.start({ from: samplePath("wagi") });
  const { status, body } = await app.get("/cgi/some/path?a=b&c=d", {
    method: "POST",
    body: "the body",
    headers: { "x-custom": "one", "content-type": "text/x-test" },
  });
  assert.equal(status, 200, body);
  assert.match(body, /REQUEST_METHOD=POST/);
  assert.match(body, /QUERY_STRING=a=b&c=d/);
  assert.match(body, /PATH_INFO=\/some\/path/);
  assert.match(body, /HTTP_X_CUSTOM=one/);
  assert.match(body, /CONTENT_TYPE=text\/x-test/);
  assert.match(body, /SERVER_SOFTWARE=WAGI\/1/);
  assert.match(body, /the body/);
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => app.get(`/cgi/${n}`)),
  );
  for (const [n, answer] of answers.entries()) {
    assert.match(answer.body, new RegExp(`PATH_INFO=/${n}\\n`));
  }
});
