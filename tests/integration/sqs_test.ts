/**
 * The SQS trigger, with moto's server in the place of AWS.
 *
 * @module
 */

import assert from "node:assert/strict";
import { AwsServer, hasAwsServer } from "../support/aws_server.ts";
import { triggerSample, writeManifest } from "../support/fixtures.ts";
import { TestSuite } from "../support/test_suite.ts";
import { UpProgram } from "../support/up_program.ts";
import { waitUntil } from "../support/wait.ts";

const suite = new TestSuite();
const isThere = hasAwsServer();
let aws: AwsServer;

Deno.test.beforeAll(async () => {
  if (isThere) aws = await AwsServer.start();
});
Deno.test.afterAll(async () => {
  await suite.close();
  if (isThere) await aws[Symbol.asyncDispose]();
});

function sqsTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  Deno.test({
    name: isThere ? name : `${name} (needs moto's server, which is not installed)`,
    ignore: !isThere,
    fn,
  });
}

/** A queue, made for one test. */
class Queue {
  readonly url: string;
  readonly #server: AwsServer;

  private constructor(server: AwsServer, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async create(
    name: string,
    { attributes = {}, server = aws }: {
      attributes?: Readonly<Record<string, string>>;
      server?: AwsServer;
    } = {},
  ): Promise<Queue> {
    const { body } = await server.call("AmazonSQS.CreateQueue", {
      QueueName: name,
      Attributes: attributes,
    });
    return new Queue(server, String(body.QueueUrl));
  }

  async send(text: string, further: Record<string, unknown> = {}): Promise<void> {
    const input = { QueueUrl: this.url, MessageBody: text, ...further };
    const { status, body } = await this.#server.call("AmazonSQS.SendMessage", input);
    assert.equal(status, 200, JSON.stringify(body));
  }

  /** Messages that can be received, and those that somebody has received. */
  async count(): Promise<[visible: number, hidden: number]> {
    const names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
    const { body } = await this.#server.call("AmazonSQS.GetQueueAttributes", {
      QueueUrl: this.url,
      AttributeNames: names,
    });
    const values = body.Attributes as Record<string, string>;
    return [Number(values[names[0]!]), Number(values[names[1]!])];
  }

  async delete(): Promise<void> {
    await this.#server.call("AmazonSQS.DeleteQueue", { QueueUrl: this.url });
  }

  isEmpty = async (): Promise<boolean> => (await this.count()).every((count) => count === 0);
}

/** The guest of `triggers/sqs-log`, listening to a queue. */
function start(
  queue: { readonly url: string },
  { env = {}, from = triggerSample("sqs-log"), args = [] }: {
    env?: Readonly<Record<string, string>>;
    from?: string;
    args?: readonly string[];
  } = {},
): UpProgram {
  return new UpProgram(suite, from, {
    args: ["--variable", `queue_url=${queue.url}`, ...args],
    env: { ...aws.environment, ...env },
  });
}

sqsTest("up hands on messages of an SQS queue, and deletes what is handled", async (t) => {
  const queue = await Queue.create("handled");
  await queue.send("early");
  await using program = start(queue);
  await t.step("a message that was there before", async () => {
    await waitUntil(() => program.value("early") === "1", { what: "the message" });
    await waitUntil(queue.isEmpty, { what: "its deletion" });
    assert.ok(program.stdout.includes(`SQS queues:\n\t${queue.url}: sqs-log\n`), program.stdout);
  });
  await t.step("attributes, of the system and of the sender", async () => {
    await queue.send("attributes", {
      MessageAttributes: {
        colour: { DataType: "String", StringValue: "grün" },
        number: { DataType: "Number.int", StringValue: "5" },
        raw: { DataType: "Binary", BinaryValue: "AAH/" },
      },
    });
    await waitUntil(() => program.stderr.includes('"attributes" id true'), { what: "the message" });
    const line = program.stderr.split("\n").find((text) => text.includes('"attributes" id'))!;
    assert.match(line, / ApproximateReceiveCount:-="1" /);
    assert.match(line, / SentTimestamp:-="\d{13}" colour:String="grün" /);
    assert.match(line, / number:Number\.int="5" raw:Binary=\[0, 1, 255\]$/);
  });
  await t.step("many messages, each once", async () => {
    const texts = Array.from({ length: 60 }, (_, index) => `many-${index}`);
    await Promise.all(texts.map((text) => queue.send(text)));
    await waitUntil(() => texts.every((text) => program.value(text) === "1"), {
      what: "all messages",
      timeoutMs: 30_000,
    });
    await waitUntil(queue.isEmpty, { what: "their deletion" });
  });
  program.kill();
  assert.equal(await program.code(), 0, program.stderr);
});

sqsTest("up leaves messages in the queue that were not handled", async (t) => {
  const queue = await Queue.create("left", { attributes: { VisibilityTimeout: "2" } });
  await using program = start(queue);
  const cases: [text: string, stderr: RegExp | undefined][] = [
    ["fail 1", /Error handling message \S+ of queue \S+left: component "sqs-log": other: failed/],
    ["panic 1", /Error handling message .* component "sqs-log" trapped/],
    ["leave 1", undefined],
  ];
  for (const [text, stderr] of cases) {
    await t.step(text, async () => {
      await queue.send(text);
      // It comes again when its time is over, and no earlier.
      const begin = performance.now();
      await waitUntil(() => Number(program.value(text)) >= 2, { what: `${text} to come again` });
      assert.ok(performance.now() - begin > 1_000);
      if (stderr) assert.match(program.stderr, stderr);
    });
  }
  await t.step("and one that is handled the second time is deleted", async () => {
    await queue.send("once 1");
    await waitUntil(() => program.value("once 1") === "2", { what: "the second time" });
  });
});

sqsTest("up keeps a message hidden as long as it is worked on", async () => {
  const queue = await Queue.create("slow", { attributes: { VisibilityTimeout: "2" } });
  await using program = start(queue);
  await queue.send("sleep 5000");
  await waitUntil(() => program.value("slept") === "1", { what: "the handler", timeoutMs: 20_000 });
  await waitUntil(queue.isEmpty, { what: "the deletion" });
  assert.equal(program.value("sleep 5000"), "1");
});

sqsTest("up takes no more messages of an SQS queue than it can work on", async () => {
  const queue = await Queue.create("flood");
  await Promise.all(Array.from({ length: 150 }, () => queue.send("sleep 1000")));
  await using program = start(queue);
  let most = 0;
  await waitUntil(async () => {
    const [visible, hidden] = await queue.count();
    most = Math.max(most, hidden);
    return visible + hidden === 0;
  }, { what: "the queue to be empty", timeoutMs: 60_000, explain: () => `${most} at once` });
  assert.ok(most > 10 && most <= 64, `${most} at once`);
  assert.doesNotMatch(program.stderr, /Error|Warning/);
});

sqsTest("up hands on the largest message that SQS takes", async () => {
  const queue = await Queue.create("large");
  await using program = start(queue);
  await queue.send("x".repeat(256 * 1024));
  await waitUntil(() => program.stderr.includes(`${"x".repeat(256 * 1024)}" id true`), {
    what: "the message",
  });
  await waitUntil(queue.isEmpty, { what: "its deletion" });
});

sqsTest("up lets messages in work end when it is stopped", async () => {
  const queue = await Queue.create("stopped");
  await using program = start(queue, { args: ["--grace-period", "10s"] });
  await queue.send("sleep 1500");
  await waitUntil(() => program.value("sleep 1500") === "1", { what: "the message" });
  program.kill();
  assert.equal(await program.code(), 0, program.stderr);
  assert.equal(program.value("slept"), "1");
  assert.ok(await queue.isEmpty());
});

sqsTest("up keeps the order of each group of a FIFO queue", async () => {
  const queue = await Queue.create("ordered.fifo", {
    attributes: { FifoQueue: "true", VisibilityTimeout: "3" },
  });
  for (const [index, text] of ["sleep 300", "b", "once c", "d"].entries()) {
    await queue.send(text, { MessageGroupId: "g", MessageDeduplicationId: String(index) });
  }
  await using program = start(queue);
  await waitUntil(() => program.value("d") === "1", { what: "the last", timeoutMs: 30_000 });
  // What follows a message that was left waits for it.
  assert.equal(program.value("order"), "sleep 300\nb\nonce c\nonce c\nd\n");
  await waitUntil(queue.isEmpty, { what: "the deletion" });
});

sqsTest("up ends if an SQS queue cannot be used", async (t) => {
  const cases: Record<string, { url: string; env?: Record<string, string>; stderr: RegExp }> = {
    "absent": {
      url: `${aws.url}/123456789012/nobody`,
      stderr:
        /^Error: SQS refuses the queue \S+\/nobody: QueueDoesNotExist: .*; create it, or correct queue_url$/m,
    },
    "no URL": {
      url: "orders",
      stderr:
        /^Error: "orders" is no URL of a queue; write https:\/\/sqs\.<region>\.amazonaws\.com\/<account>\/<queue>$/m,
    },
    "no region": {
      url: "http://localhost:1/123456789012/orders",
      env: { AWS_DEFAULT_REGION: "", AWS_REGION: "" },
      stderr: /^Error: The region of the queue \S+ is not known: set AWS_DEFAULT_REGION$/m,
    },
  };
  for (const [name, { url, env, stderr }] of Object.entries(cases)) {
    await t.step(name, async () => {
      await using program = start({ url }, env ? { env } : {});
      assert.equal(await program.code(), 1, program.stderr);
      assert.match(program.stderr, stderr);
    });
  }
});

sqsTest("up ends if an SQS queue is deleted while it listens", async () => {
  const queue = await Queue.create("deleted");
  await queue.send("first");
  await using program = start(queue);
  await waitUntil(() => program.value("first") === "1", { what: "the message" });
  await queue.delete();
  assert.equal(await program.code(), 1, program.stderr);
  assert.match(program.stderr, /^Error: SQS refuses the queue \S+: QueueDoesNotExist/m);
});

sqsTest("up ends if AWS does not let it in", async (t) => {
  await using server = await AwsServer.start({ openCalls: 7 });
  const queue = await Queue.create("guarded", { server });
  const reader = await server.createUser("reader", ["sqs:ReceiveMessage", "sqs:DeleteMessage"]);
  const nobody = await server.createUser("nobody", ["s3:GetObject"]);
  const envOf = (user: { accessKeyId: string; secretAccessKey: string }) => ({
    AWS_ENDPOINT_URL: server.url,
    AWS_ACCESS_KEY_ID: user.accessKeyId,
    AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
  });
  const cases: [name: string, env: Record<string, string>, stderr: RegExp][] = [
    [
      "no permission",
      envOf(nobody),
      /^Error: SQS refuses the queue .*AccessDenied.*; allow sqs:ReceiveMessage, /m,
    ],
    [
      "wrong secret",
      envOf({ ...reader, secretAccessKey: "wr0ng" }),
      /^Error: SQS refuses the queue .*SignatureDoesNotMatch.*; correct the AWS credentials$/m,
    ],
    [
      "unknown key",
      envOf({ accessKeyId: "AKIAUNKNOWN000000000", secretAccessKey: "wr0ng" }),
      /^Error: SQS refuses the queue .*; correct the AWS credentials$/m,
    ],
  ];
  for (const [name, env, stderr] of cases) {
    await t.step(name, async () => {
      await using program = start(queue, { env });
      assert.equal(await program.code(), 1, program.stderr);
      assert.match(program.stderr, stderr);
      assert.doesNotMatch(program.stderr, /wr0ng/);
    });
  }
  await t.step("no right to read the queue's attributes is no reason to end", async () => {
    await using program = start(queue, { env: envOf(reader) });
    await waitUntil(() => program.stdout.includes("SQS queues:"), { what: "the start" });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    program.kill();
    assert.equal(await program.code(), 0, program.stderr);
    assert.doesNotMatch(program.stderr, /Error|Warning/);
  });
});

sqsTest("up waits for an SQS server that is away, at the start and later", async () => {
  let server = await AwsServer.start();
  const { port } = server;
  const url = `${server.url}/123456789012/away`;
  await server[Symbol.asyncDispose]();
  await using program = start({ url }, {
    env: { AWS_ENDPOINT_URL: "", AWS_ENDPOINT_URL_SQS: url },
  });
  await waitUntil(() => program.stderr.includes("no connection to the SQS queue"), {
    what: "the failure to be told",
  });
  assert.match(
    program.stderr,
    /Warning: no connection to the SQS queue \S+away: Cannot reach the SQS/,
  );
  // A queue of an emulator is gone with it; waiting for one that is not there would be useless.
  server = await AwsServer.start({ port });
  try {
    assert.equal(await program.code(), 1, program.stderr);
    assert.match(program.stderr, /QueueDoesNotExist/);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

sqsTest("up goes on with an SQS server that did not answer for a while", async () => {
  await using server = await AwsServer.start();
  const queue = await Queue.create("frozen", {
    server,
    // A request that was given up may have taken the message.
    attributes: { VisibilityTimeout: "3" },
  });
  await using program = start(queue, { env: server.environment });
  await queue.send("before");
  await waitUntil(() => program.value("before") === "1", { what: "the message" });
  server.signal("SIGSTOP");
  await waitUntil(() => /no connection to the SQS .* no answer within/.test(program.stderr), {
    what: "the failure to be told",
    timeoutMs: 30_000,
  });
  server.signal("SIGCONT");
  await queue.send("after");
  await waitUntil(() => program.value("after") === "1", { what: "the next", timeoutMs: 30_000 });
  assert.match(program.stderr, /^Connected to the SQS queue \S+ again$/m);
});

Deno.test("up names what is wrong with the configuration of an SQS trigger", async () => {
  const directory = suite.directory();
  const from = writeManifest(
    directory,
    `spin_manifest_version = 2
[application]
name = "wrong"
[[trigger.sqs]]
component = "a"
max_messages = 11
idle_wait_seconds = "2"
system_attributes = "All"
message_attribute = []
[component.a]
source = "a.wasm"
`,
  );
  const { code, stderr } = await suite.refuse({ from });
  assert.equal(code, 1);
  for (
    const problem of [
      '"max_messages" must be an integer from 1 to 10, got 11',
      '"idle_wait_seconds" must be an integer from 0 to 86400, got "2"',
      '"system_attributes" must be a list of strings, got "All"',
      "unknown field `message_attribute`; did you mean",
      "missing field `queue_url`",
    ]
  ) {
    assert.ok(stderr.includes(problem), `${problem}\n${stderr}`);
  }
});
