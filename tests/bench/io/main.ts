/**
 * `deno task bench:io`: measures what apps do beside answering requests, each thing beside the same
 * done without a guest, in one run: outbound HTTP, messages of triggers, and the start of commands.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";
import { hasAwsServer } from "../../support/aws_server.ts";
import { hasMqttBroker } from "../../support/mqtt_broker.ts";
import { hasRedisServer } from "../../support/redis_server.ts";
import { median, medianRatio } from "../statistics.ts";
import { formatNumber, formatRatio, formatTable } from "../table.ts";
import { measureCommand } from "./commands.ts";
import { measureOutbound } from "./outbound.ts";
import type { ProgramPlace } from "./program.ts";
import { measureSqsTrigger } from "./sqs.ts";
import { measureMqttTrigger, measureRedisTrigger } from "./triggers.ts";

const USAGE = `Measures outbound HTTP, the triggers for Redis, MQTT and SQS, and commands.

Usage: deno task bench:io [--quick]`;

const FULL = { rounds: 5, seconds: 3, messages: 4_000 };
const QUICK = { rounds: 3, seconds: 1, messages: 1_200 };

type Row = readonly [what: string, ours: string, reference: string, ratio: string];

async function main(args: readonly string[]): Promise<void> {
  const unknown = args.filter((arg) => arg !== "--quick");
  if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown.join(" ")}\n${USAGE}`);
  const amount = args.includes("--quick") ? QUICK : FULL;
  const directory = await Deno.makeTempDir({ prefix: "spinkube-bench-" });
  const place: ProgramPlace = { cacheDir: `${directory}/cache`, stateDir: `${directory}/state` };
  try {
    const rows: Row[] = [];
    for (const [guest, version] of [["rust-api", "0.2"], ["rust-async", "0.3"]] as const) {
      const rates = await measureOutbound(place, { ...amount, guest, directory });
      rows.push(row(`outbound HTTP of WASI ${version}, requests/s`, rates));
    }
    if (hasRedisServer()) {
      rows.push(row("Redis trigger, messages/s", await measureRedisTrigger(place, amount)));
    } else console.error("redis-server is not installed: its trigger is not measured");
    if (hasMqttBroker()) {
      rows.push(
        row("MQTT trigger, messages/s", await measureMqttTrigger(place, { ...amount, directory })),
      );
    } else console.error("mosquitto is not installed: its trigger is not measured");
    if (hasAwsServer()) {
      const few = { rounds: amount.rounds, messages: Math.ceil(amount.messages / 10) };
      rows.push(row("SQS trigger, messages/s", await measureSqsTrigger(place, few)));
    } else console.error("moto is not installed: the SQS trigger is not measured");
    rows.push(row("command, ms", await measureCommand(place, { ...amount, directory })));
    console.log(formatTable(["", "with a guest", "without", "ratio"], rows));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function row(
  what: string,
  { ours, reference }: { ours: readonly number[]; reference: readonly number[] },
): Row {
  return [
    what,
    formatNumber(median(ours)),
    formatNumber(median(reference)),
    formatRatio(medianRatio(ours, reference)),
  ];
}

try {
  await main(Deno.args);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`Error: ${error.message}`);
  Deno.exit(2);
}
