/**
 * The built-in load generator as a process: `URL CONNECTIONS SECONDS TIMEOUT_SECONDS`. Writes its
 * `LoadResult` as JSON on stdout.
 *
 * @module
 */

import { runTcpLoad } from "./tcp_load.ts";

const [url, connections, seconds, requestTimeoutSeconds] = Deno.args;
const result = await runTcpLoad(new URL(url!), {
  connections: Number(connections),
  seconds: Number(seconds),
  requestTimeoutSeconds: Number(requestTimeoutSeconds),
});
console.log(JSON.stringify(result));
