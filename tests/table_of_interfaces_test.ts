/**
 * `docs/interfaces.md` says which functions guests call in the tests. Runs after the tests that call
 * them: Deno takes test files in the order of their names.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { formatInterfaceTable } from "./support/interface_table.ts";
import { hasMqttBroker } from "./support/mqtt_broker.ts";
import { hasMysqlServer } from "./support/mysql_server.ts";
import { hasPostgresServer } from "./support/postgres_server.ts";
import { hasCalls, takeRecordedCalls } from "./support/recorded_calls.ts";
import { hasComponentizePy } from "./support/python_guest.ts";
import { hasRedisServer } from "./support/redis_server.ts";

const PATH = fileURLToPath(new URL("../docs/interfaces.md", import.meta.url));

const INTRODUCTION = `# Interfaces, as guests call them

Written by the tests from what their guests called; \`SPINKUBE_UPDATE_DOCS=1 deno task test\` writes it
anew, and the tests fail if it says what they did not see.

`;

/** Without a server, the tests of its interfaces do not run; without its tools, no guest in Python. */
const isComplete = hasMqttBroker() && hasMysqlServer() && hasPostgresServer() &&
  hasRedisServer() && hasComponentizePy();

Deno.test({
  name: "the table of interfaces says what guests have called" +
    (isComplete
      ? ""
      : " (needs redis-server, postgresql, mariadb-server, mosquitto and componentize-py)"),
  ignore: !isComplete,
  async fn() {
    // Alone, this file has nothing to compare with.
    if (!hasCalls()) return;
    const text = INTRODUCTION + formatInterfaceTable(takeRecordedCalls());
    if (Deno.env.get("SPINKUBE_UPDATE_DOCS")) await Deno.writeTextFile(PATH, text);
    assert.equal(await Deno.readTextFile(PATH), text);
  },
});
