import assert from "node:assert/strict";
import { readTextFile } from "./cpu_limit.ts";
import { isPortTaken } from "./taken_port.ts";

const HEADING = "  sl  local_address rem_address   st tx_queue rx_queue\n";

function table(...lines: readonly string[]): (path: string) => string | undefined {
  return (path) => path === "/proc/net/tcp" ? HEADING + lines.join("\n") : undefined;
}

Deno.test("isPortTaken() tells which listeners are in the way", () => {
  const cases: [line: string, hostname: string, expected: boolean][] = [
    ["0: 0100007F:0050 00000000:0000 0A", "127.0.0.1", true],
    ["0: 0100007F:0050 00000000:0000 0A", "0.0.0.0", true],
    ["0: 0100007F:0050 00000000:0000 0A", "10.0.0.1", false],
    ["0: 00000000:0050 00000000:0000 0A", "10.0.0.1", true],
    ["0: 0100007F:0051 00000000:0000 0A", "127.0.0.1", false],
    // A connection from this port, not a listener.
    ["0: 0100007F:0050 0100007F:1F90 01", "127.0.0.1", false],
    ["0: 00000000000000000000000000000000:0050 0:0000 0A", "127.0.0.1", true],
    ["0: 0000000000000000FFFF00000100007F:0050 0:0000 0A", "127.0.0.1", true],
    ["0: 0100007F:0050 00000000:0000 0A", "localhost", true],
  ];
  for (const [line, hostname, expected] of cases) {
    assert.equal(isPortTaken({ hostname, port: 80 }, table(line)), expected, `${line} ${hostname}`);
  }
  assert.equal(isPortTaken({ hostname: "0.0.0.0", port: 80 }, () => undefined), undefined);
});

Deno.test({
  name: "isPortTaken() sees a real listener",
  ignore: Deno.build.os !== "linux",
  fn() {
    const hostname = "127.0.0.1";
    const listener = Deno.listen({ hostname, port: 0 });
    const { port } = listener.addr;
    assert.equal(isPortTaken({ hostname, port }, readTextFile), true);
    listener.close();
    assert.equal(isPortTaken({ hostname, port }, readTextFile), false);
  },
});
