/**
 * A queue of Amazon SQS, for the SQS trigger.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { TerminalError } from "../../lib/errors.ts";
import { type AwsCall, AwsError, createAwsCaller } from "./_aws_json.ts";
import { type Fetch, pause } from "./_service_client.ts";

/** A message as it was received. */
export interface SqsMessage {
  readonly id: string | undefined;
  readonly body: string | undefined;
  /** What the queue knows it by until it becomes visible again. */
  readonly receipt: string;
  /** Of a FIFO queue: messages of one group are handled one after another. */
  readonly group: string | undefined;
  /** The system's attributes that were asked for, then the sender's. */
  readonly attributes: readonly SqsAttribute[];
}

/** An attribute of a message. */
export interface SqsAttribute {
  readonly name: string;
  readonly value: string | Uint8Array;
  /** `String`, `Number`, `Binary`, and what the sender has appended; of the sender's only. */
  readonly type: string | undefined;
}

/** Options of {@link SqsQueue}; the defaults are for production. */
export interface SqsQueueOptions {
  /** `https://sqs.us-west-2.amazonaws.com/123456789012/orders`. */
  readonly url: string;
  /** Names of attributes to ask for, `All` for all of them. */
  readonly systemAttributes: readonly string[];
  readonly messageAttributes: readonly string[];
  /** The process environment: credentials, region, `AWS_ENDPOINT_URL[_SQS]`. */
  readonly environment: (name: string) => string | undefined;
  /** Default: the global `fetch`. */
  readonly fetch?: Fetch;
}

/** SQS waits for messages for so long at most, in seconds. */
export const MAX_WAIT_SECONDS = 20;
/** What a queue has unless it was made with another; the original takes it too. */
const DEFAULT_VISIBILITY_SECONDS = 30;
/** Milliseconds for a request, beyond those that SQS waits for messages. */
const ANSWER_MS = 10_000;
/** Times that a deletion is tried again: a message that stays would be handled twice. */
const MAX_RETRIES = 5;
const GROUP = "MessageGroupId";
/** What SQS says of a message that was deleted. */
const GONE = "ReceiptHandleIsInvalid";

/** Refusals that stay until somebody changes something, with the way out. */
const FINAL: Readonly<Record<string, string>> = {
  QueueDoesNotExist: "create it, or correct queue_url",
  NonExistentQueue: "create it, or correct queue_url",
  InvalidAddress: "correct queue_url",
  AccessDenied: "allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility",
  AccessDeniedException:
    "allow sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility",
  InvalidClientTokenId: "correct the AWS credentials",
  UnrecognizedClientException: "correct the AWS credentials",
  InvalidAccessKeyId: "correct the AWS credentials",
  SignatureDoesNotMatch: "correct the AWS credentials",
  IncompleteSignature: "correct the AWS credentials",
  InvalidAttributeName: "correct system_attributes or message_attributes",
  InvalidAttributeValue: "correct system_attributes or message_attributes",
  InvalidParameterValue: "correct the trigger's configuration",
};

/** One queue. It keeps no connection of its own, so that there is nothing to close. */
export class SqsQueue {
  /** The URL without what might be secret in it. */
  readonly name: string;
  readonly #options: SqsQueueOptions;
  readonly #call: AwsCall;

  /** @throws {TerminalError} if the URL is none of a queue, or its region is not known. */
  constructor(options: SqsQueueOptions) {
    const { environment } = options;
    const url = parseQueueUrl(options.url);
    this.name = `${url.origin}${url.pathname}`;
    this.#options = options;
    this.#call = createAwsCaller({
      ...options,
      what: "SQS",
      service: "sqs",
      target: "AmazonSQS",
      url: environment("AWS_ENDPOINT_URL_SQS") || environment("AWS_ENDPOINT_URL") ||
        `${url.origin}/`,
      region: regionOf(url, environment),
      credentials: undefined,
      timeoutMs: ANSWER_MS,
    });
  }

  /** Whether messages keep their order. */
  get isFifo(): boolean {
    return this.name.endsWith(".fifo");
  }

  /**
   * Seconds for which a message that was received is hidden from others. A queue whose attributes we
   * may not read gets SQS's default.
   * @throws {TerminalError} by rejection, if there is no such queue, or we are nobody to it.
   */
  async visibilitySeconds(signal: AbortSignal): Promise<number> {
    const name = "VisibilityTimeout";
    try {
      const input = { QueueUrl: this.#options.url, AttributeNames: [name] };
      const { Attributes } = await this.#call("GetQueueAttributes", input, { signal });
      const seconds = Number((Attributes as Record<string, string> | undefined)?.[name]);
      return seconds > 0 ? seconds : DEFAULT_VISIBILITY_SECONDS;
    } catch (error) {
      if (error instanceof AwsError && /^AccessDenied/.test(error.code)) {
        return DEFAULT_VISIBILITY_SECONDS;
      }
      throw this.#explain(error);
    }
  }

  /**
   * Waits for messages for at most `waitSeconds`.
   * @returns At most `maxMessages`; none if there were none.
   * @throws {TerminalError} by rejection, if trying again is useless.
   * @throws {Error} by rejection, if SQS cannot be reached or has no time.
   */
  async receive(
    options: { maxMessages: number; waitSeconds: number; signal: AbortSignal },
  ): Promise<SqsMessage[]> {
    const { maxMessages, waitSeconds, signal } = options;
    const { systemAttributes, messageAttributes } = this.#options;
    const system = new Set(systemAttributes);
    const isGroupWanted = system.has("All") || system.has(GROUP);
    if (this.isFifo && !isGroupWanted) system.add(GROUP);
    const input = {
      QueueUrl: this.#options.url,
      MaxNumberOfMessages: maxMessages,
      WaitTimeSeconds: waitSeconds,
      MessageSystemAttributeNames: [...system],
      MessageAttributeNames: messageAttributes,
    };
    try {
      const timeoutMs = ANSWER_MS + waitSeconds * 1_000;
      const { Messages } = await this.#call("ReceiveMessage", input, { timeoutMs, signal });
      if (!Array.isArray(Messages)) return [];
      return Messages.filter(isReceived).map((message) => toMessage(message, isGroupWanted));
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** Takes a message out of the queue. @throws as {@link receive}, after several tries. */
  async delete({ receipt }: SqsMessage): Promise<void> {
    for (let attempt = 0;; attempt++) {
      try {
        const input = { QueueUrl: this.#options.url, ReceiptHandle: receipt };
        await this.#call("DeleteMessage", input);
        return;
      } catch (error) {
        // The answer to the try before was lost, not the try.
        if (attempt > 0 && error instanceof AwsError && error.code === GONE) return;
        const explained = this.#explain(error);
        if (explained instanceof TerminalError || attempt >= MAX_RETRIES) throw explained;
        await pause(attempt);
      }
    }
  }

  /** Hides a message from others for so many seconds from now; 0 shows it at once. */
  async hide({ receipt }: SqsMessage, seconds: number): Promise<void> {
    try {
      await this.#call("ChangeMessageVisibility", {
        QueueUrl: this.#options.url,
        ReceiptHandle: receipt,
        VisibilityTimeout: seconds,
      });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  #explain(error: unknown): unknown {
    if (!(error instanceof AwsError)) return error;
    // Of its query protocol SQS has kept some longer names: `AWS.SimpleQueueService.NonExistentQueue`.
    const code = error.code.replace(/^.*\./, "");
    const wayOut = Object.hasOwn(FINAL, code) ? FINAL[code] : undefined;
    if (wayOut === undefined) return error;
    return new TerminalError(
      "QueueRefused",
      `SQS refuses the queue ${this.name}: ${error.message}; ${wayOut}`,
      { cause: error },
    );
  }
}

function parseQueueUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol) && url.pathname.length > 1) return url;
  throw new TerminalError(
    "InvalidQueueUrl",
    `${JSON.stringify(text)} is no URL of a queue; write ` +
      "https://sqs.<region>.amazonaws.com/<account>/<queue>",
  );
}

/** Of the host `sqs.us-west-2.amazonaws.com`, or `us-west-2.queue.amazonaws.com`. */
function regionOf(url: URL, environment: (name: string) => string | undefined): string {
  const [, region, older] =
    /^(?:sqs(?:-fips)?\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(?:amazonaws|api\.aws)\b/
      .exec(url.hostname) ?? [];
  const found = region || older || environment("AWS_REGION") || environment("AWS_DEFAULT_REGION");
  if (found) return found;
  throw new TerminalError(
    "NoRegion",
    `The region of the queue ${url.origin}${url.pathname} is not known: set AWS_DEFAULT_REGION`,
  );
}

interface ReceivedMessage {
  readonly MessageId?: string;
  readonly ReceiptHandle: string;
  readonly Body?: string;
  readonly Attributes?: Readonly<Record<string, string>>;
  readonly MessageAttributes?: Readonly<
    Record<string, { StringValue?: string; BinaryValue?: string; DataType?: string }>
  >;
}

/** What has no receipt cannot be deleted; SQS always gives one. */
function isReceived(message: unknown): message is ReceivedMessage {
  return typeof (message as ReceivedMessage | null)?.ReceiptHandle === "string";
}

function toMessage(message: ReceivedMessage, isGroupWanted: boolean): SqsMessage {
  const { Attributes = {}, MessageAttributes = {} } = message;
  const attributes: SqsAttribute[] = [];
  for (const [name, value] of Object.entries(Attributes)) {
    if (name !== GROUP || isGroupWanted) attributes.push({ name, value, type: undefined });
  }
  for (const [name, attribute] of Object.entries(MessageAttributes)) {
    const { StringValue, BinaryValue, DataType: type } = attribute;
    const value = StringValue ??
      (BinaryValue === undefined ? undefined : new Uint8Array(Buffer.from(BinaryValue, "base64")));
    if (value !== undefined) attributes.push({ name, value, type });
  }
  return {
    id: message.MessageId,
    body: message.Body,
    receipt: message.ReceiptHandle,
    group: Attributes[GROUP],
    attributes,
  };
}
