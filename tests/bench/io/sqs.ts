/**
 * The SQS trigger: messages through a guest, beside a loop that receives and deletes them with the same
 * client. The emulator takes most of the time of both.
 *
 * @module
 */

import { SqsQueue } from "../../../shim/imports/sqs_queue.ts";
import { AwsServer } from "../../support/aws_server.ts";
import { triggerSample } from "../../support/fixtures.ts";
import type { MessageFlow } from "./messages.ts";
import { MeasuredApp, type ProgramPlace } from "./program.ts";
import { alternate, type Amount, PAYLOAD, type Rates } from "./triggers.ts";

/** Messages that SQS takes at once, and gives at once. */
const BATCH = 10;
/** Messages that the sample's trigger asks for. */
const RECEIVED = 5;

/** The SQS trigger. */
export async function measureSqsTrigger(place: ProgramPlace, amount: Amount): Promise<Rates> {
  await using server = await AwsServer.start();
  const [ours, bare] = [await createQueue(server, "ours"), await createQueue(server, "bare")];
  await using app = await MeasuredApp.start(
    triggerSample("sqs-log"),
    place,
    ["--variable", `queue_url=${ours.url}`],
    server.environment,
  );
  const stop = new AbortController();
  let received = 0;
  const receiving = receiveAll(bare.url, {
    environment: server.environment,
    signal: stop.signal,
    onMessage: () => received++,
  });
  try {
    return await alternate(amount, {
      ours: { publish: ours.publish, handled: () => app.handled() },
      reference: { publish: bare.publish, handled: () => received },
    });
  } finally {
    stop.abort();
    await receiving;
  }
}

async function createQueue(
  server: AwsServer,
  name: string,
): Promise<Pick<MessageFlow, "publish"> & { url: string }> {
  const { body } = await server.call("AmazonSQS.CreateQueue", { QueueName: name });
  const url = String(body.QueueUrl);
  return {
    url,
    async publish(count) {
      for (let sent = 0; sent < count; sent += BATCH) {
        const size = Math.min(BATCH, count - sent);
        await server.call("AmazonSQS.SendMessageBatch", {
          QueueUrl: url,
          Entries: Array.from(
            { length: size },
            (_, index) => ({ Id: String(index), MessageBody: PAYLOAD }),
          ),
        });
      }
    },
  };
}

async function receiveAll(
  url: string,
  { environment, signal, onMessage }: {
    environment: Readonly<Record<string, string>>;
    signal: AbortSignal;
    onMessage: () => void;
  },
): Promise<void> {
  const queue = new SqsQueue({
    url,
    systemAttributes: ["All"],
    messageAttributes: ["All"],
    environment: (name) => environment[name],
  });
  while (!signal.aborted) {
    const messages = await queue.receive({ maxMessages: RECEIVED, waitSeconds: 2, signal })
      .catch((error: unknown) => {
        if (signal.aborted) return [];
        throw error;
      });
    await Promise.all(messages.map(async (message) => {
      onMessage();
      await queue.delete(message);
    }));
  }
}
