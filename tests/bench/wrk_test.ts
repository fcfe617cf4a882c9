import assert from "node:assert/strict";
import { parseWrk } from "./wrk.ts";

const GOOD = `Running 1s test @ http://127.0.0.1:7990/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     6.25ms    3.04ms  21.00ms   83.00%
    Req/Sec     5.26k     1.40k    7.10k    60.00%
  Latency Distribution
     50%  970.00us
     75%    7.19ms
     90%   10.59ms
     99%    1.74s
  5264 requests in 1.01s, 668.28KB read
Requests/sec:   5213.88
Transfer/sec:    661.92KB
`;

Deno.test("parseWrk() reads rate and latencies", () => {
  assert.deepEqual(parseWrk(GOOD), {
    requests: 5264,
    requestsPerSecond: 5213.88,
    p50Ms: 0.97,
    p99Ms: 1740,
    badStatuses: 0,
    socketErrors: 0,
  });
});

Deno.test("parseWrk() counts every kind of failure", () => {
  const text = GOOD.replace(
    "Requests/sec",
    "  Socket errors: connect 1, read 20, write 300, timeout 4000\n" +
      "  Non-2xx or 3xx responses: 17\nRequests/sec",
  );
  const { badStatuses, socketErrors } = parseWrk(text);
  assert.deepEqual({ badStatuses, socketErrors }, { badStatuses: 17, socketErrors: 4321 });
});

Deno.test("parseWrk() throws when it is not a report", () => {
  assert.throws(() => parseWrk("unable to connect to 127.0.0.1:1 Connection refused"), SyntaxError);
});
