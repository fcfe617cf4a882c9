import assert from "node:assert/strict";
import { TerminalError } from "../../lib/errors.ts";
import { SqsQueue } from "./sqs_queue.ts";

interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly input: Readonly<Record<string, unknown>>;
}

/** A queue whose requests are answered by `answers`, one after another. */
function createQueue(
  answers: readonly Response[],
  options: { url?: string; environment?: Readonly<Record<string, string>>; system?: string[] } = {},
) {
  const environment: Record<string, string> = {
    AWS_ACCESS_KEY_ID: "id",
    AWS_SECRET_ACCESS_KEY: "s3cret",
    ...options.environment,
  };
  const sent: Sent[] = [];
  const queue = new SqsQueue({
    url: options.url ?? "https://sqs.us-west-2.amazonaws.com/123456789012/orders",
    systemAttributes: options.system ?? [],
    messageAttributes: ["All"],
    environment: (name) => environment[name],
    fetch: (url, init) => {
      const headers = init.headers as Record<string, string>;
      sent.push({ url, headers, input: JSON.parse(String(init.body)) });
      return Promise.resolve(answers[sent.length - 1]!);
    },
  });
  return { queue, sent };
}

const signal = new AbortController().signal;

function refusal(type: string, status = 400): Response {
  return Response.json({ __type: type, message: "because" }, { status });
}

Deno.test("SqsQueue asks the endpoint and signs for the region that the URL or environment names", async () => {
  const cases: [url: string, environment: Record<string, string>, host: string, region: string][] =
    [
      [
        "https://sqs.us-west-2.amazonaws.com/1/q",
        { AWS_REGION: "x" },
        "sqs.us-west-2.amazonaws.com",
        "us-west-2",
      ],
      [
        "https://sqs.cn-north-1.amazonaws.com.cn/1/q",
        {},
        "sqs.cn-north-1.amazonaws.com.cn",
        "cn-north-1",
      ],
      [
        "https://eu-west-1.queue.amazonaws.com/1/q",
        {},
        "eu-west-1.queue.amazonaws.com",
        "eu-west-1",
      ],
      [
        "https://sqs-fips.us-east-2.amazonaws.com/1/q",
        {},
        "sqs-fips.us-east-2.amazonaws.com",
        "us-east-2",
      ],
      [
        "http://localhost:4566/1/q",
        { AWS_DEFAULT_REGION: "eu-north-1" },
        "localhost:4566",
        "eu-north-1",
      ],
      [
        "https://sqs.us-west-2.amazonaws.com/1/q",
        { AWS_ENDPOINT_URL: "http://e:1", AWS_ENDPOINT_URL_SQS: "http://s:2" },
        "s:2",
        "us-west-2",
      ],
      [
        "https://sqs.us-west-2.amazonaws.com/1/q",
        { AWS_ENDPOINT_URL: "http://e:1" },
        "e:1",
        "us-west-2",
      ],
    ];
  for (const [url, environment, host, region] of cases) {
    const { queue, sent } = createQueue([Response.json({})], { url, environment });
    await queue.receive({ maxMessages: 1, waitSeconds: 1, signal });
    const [{ headers, url: asked, input }] = sent as [Sent];
    assert.equal(new URL(asked).host, host);
    assert.match(headers.authorization!, new RegExp(`/${region}/sqs/aws4_request`), url);
    assert.equal(headers["x-amz-target"], "AmazonSQS.ReceiveMessage");
    assert.equal(input.QueueUrl, url);
  }
});

Deno.test("SqsQueue refuses URLs that are none of a queue, and regions that nobody knows", () => {
  const cases: [url: string, message: RegExp][] = [
    ["orders", /^"orders" is no URL of a queue; write https:\/\/sqs\./],
    ["https://sqs.us-west-2.amazonaws.com", /is no URL of a queue/],
    ["arn:aws:sqs:us-west-2:1:q", /is no URL of a queue/],
    ["http://localhost:4566/1/q", /^The region of the queue .*: set AWS_DEFAULT_REGION$/],
  ];
  for (const [url, message] of cases) {
    assert.throws(
      () => createQueue([], { url }),
      (error) => error instanceof TerminalError && message.test(error.message),
    );
  }
});

Deno.test("SqsQueue.receive() gives messages with all their parts", async () => {
  const { queue, sent } = createQueue([
    Response.json({
      Messages: [
        {
          MessageId: "1",
          ReceiptHandle: "r1",
          Body: "b",
          Attributes: { SentTimestamp: "5", MessageGroupId: "g" },
          MessageAttributes: {
            text: { DataType: "String", StringValue: "t" },
            raw: { DataType: "Binary", BinaryValue: "AP8=" },
            odd: { DataType: "Odd" },
          },
        },
        { ReceiptHandle: "r2" },
        { MessageId: "no receipt" },
      ],
    }),
  ], { url: "https://sqs.us-west-2.amazonaws.com/1/q.fifo", system: ["SentTimestamp"] });
  assert.deepEqual(await queue.receive({ maxMessages: 3, waitSeconds: 20, signal }), [
    {
      id: "1",
      body: "b",
      receipt: "r1",
      group: "g",
      attributes: [
        { name: "SentTimestamp", value: "5", type: undefined },
        { name: "text", value: "t", type: "String" },
        { name: "raw", value: Uint8Array.of(0, 255), type: "Binary" },
      ],
    },
    { id: undefined, body: undefined, receipt: "r2", group: undefined, attributes: [] },
  ]);
  const { input } = sent[0]!;
  assert.equal(input.MaxNumberOfMessages, 3);
  assert.equal(input.WaitTimeSeconds, 20);
  // The group is asked for because the order depends on it, and not shown because nobody else did.
  assert.deepEqual(input.MessageSystemAttributeNames, ["SentTimestamp", "MessageGroupId"]);
});

Deno.test("SqsQueue tells refusals that stay from those that pass", async () => {
  const cases: [answer: Response, isFinal: boolean, message: RegExp][] = [
    [refusal("com.amazonaws.sqs#QueueDoesNotExist"), true, /create it, or correct queue_url$/],
    [refusal("AWS.SimpleQueueService.NonExistentQueue"), true, /create it, or correct queue_url$/],
    [refusal("com.amazon.coral.service#AccessDeniedException"), true, /; allow sqs:ReceiveMessage/],
    [refusal("UnrecognizedClientException"), true, /; correct the AWS credentials$/],
    [refusal("InvalidAttributeName"), true, /; correct system_attributes or message_attributes$/],
    // An identity's credentials are replaced before long.
    [refusal("ExpiredTokenException"), false, /^ExpiredTokenException: because$/],
    [refusal("ThrottlingException"), false, /^ThrottlingException: because$/],
    [new Response("<html>", { status: 503 }), false, /^HTTP status 503$/],
    [
      new Response("<Error><Code>AccessDenied</Code><Message>no</Message></Error>", {
        status: 403,
      }),
      true,
      /AccessDenied: no; allow/,
    ],
  ];
  for (const [answer, isFinal, message] of cases) {
    const { queue } = createQueue([answer]);
    await assert.rejects(
      queue.receive({ maxMessages: 1, waitSeconds: 1, signal }),
      (error: Error) => {
        assert.equal(error instanceof TerminalError, isFinal, error.message);
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /s3cret/);
        return true;
      },
    );
  }
});

Deno.test("SqsQueue.visibilitySeconds() is the queue's, or SQS's default", async () => {
  const cases: [answer: Response, seconds: number][] = [
    [Response.json({ Attributes: { VisibilityTimeout: "120" } }), 120],
    [Response.json({}), 30],
    [refusal("AccessDeniedException"), 30],
  ];
  for (const [answer, seconds] of cases) {
    assert.equal(await createQueue([answer]).queue.visibilitySeconds(signal), seconds);
  }
  await assert.rejects(
    createQueue([refusal("QueueDoesNotExist")]).queue.visibilitySeconds(signal),
    TerminalError,
  );
});

Deno.test("SqsQueue.delete() tries again, and takes a message that is gone for deleted", async () => {
  const message = { id: "1", body: "", receipt: "r", group: undefined, attributes: [] };
  const again = createQueue([new Response(null, { status: 500 }), Response.json({})]);
  await again.queue.delete(message);
  assert.equal(again.sent.length, 2);
  const gone = createQueue([
    new Response(null, { status: 500 }),
    refusal("ReceiptHandleIsInvalid"),
  ]);
  await gone.queue.delete(message);
  const denied = createQueue([refusal("AccessDenied")]);
  await assert.rejects(denied.queue.delete(message), TerminalError);
});
