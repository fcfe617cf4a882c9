/**
 * A real emulator of AWS for tests: moto's server, which checks requests as AWS does.
 *
 * @module
 */

import { canConnect, endProcess, freePort, isInstalled } from "./database_process.ts";
import { waitUntil } from "./wait.ts";

/** Python's packages of it are put here by `.ci/run`. */
const PROGRAM = `${
  Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`
}/spinkube-tests/moto-5.2.5/bin/moto_server`;

/** Milliseconds until the server answers; it is Python, and large. */
const START_MS = 60_000;

/** Whether the emulator is installed; tests that need it are ignored without. */
export function hasAwsServer(): boolean {
  return isInstalled(PROGRAM);
}

/** What a call is answered with. */
export interface AwsAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A running server, with nothing in it. Whoever started it disposes it. */
export class AwsServer {
  readonly port: number;
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /**
   * Starts a server on 127.0.0.1 and waits until it answers.
   * @param options.port Default: a free one.
   * @param options.openCalls Calls that are let through before signatures and policies are checked;
   * default: all.
   */
  static async start(options: { port?: number; openCalls?: number } = {}): Promise<AwsServer> {
    const port = options.port ?? freePort();
    const child = new Deno.Command(PROGRAM, {
      args: ["-H", "127.0.0.1", "-p", String(port)],
      env: {
        // Python opens a connection to no other place; credentials of the machine are not for it.
        AWS_ACCESS_KEY_ID: "emulator",
        AWS_SECRET_ACCESS_KEY: "emulator",
        ...(options.openCalls === undefined
          ? {}
          : { INITIAL_NO_AUTH_ACTION_COUNT: String(options.openCalls) }),
      },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new AwsServer(child, port);
    try {
      await waitUntil(() => canConnect(port), { what: "moto's server", timeoutMs: START_MS });
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the environment of a program needs so that it comes here. */
  get environment(): Record<string, string> {
    return {
      AWS_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_SESSION_TOKEN: "",
    };
  }

  /** One call of a service of AWS: `call("AmazonSQS.CreateQueue", {QueueName: "q"})`. */
  async call(target: string, input: unknown): Promise<AwsAnswer> {
    const service = target.startsWith("AmazonSQS") ? "sqs" : "dynamodb";
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        // Only the service's name is read of it, as long as signatures are not checked.
        "authorization":
          `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, ` +
          "SignedHeaders=host, Signature=00",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": target,
      },
      body: JSON.stringify(input),
    });
    return { status: response.status, body: await response.json() };
  }

  /**
   * Makes a user that may do what the policy says.
   * @returns The user's key and secret.
   */
  async createUser(
    name: string,
    actions: readonly string[],
  ): Promise<{ accessKeyId: string; secretAccessKey: string }> {
    const version = "2010-05-08";
    await this.#iam({ Action: "CreateUser", Version: version, UserName: name });
    await this.#iam({
      Action: "PutUserPolicy",
      Version: version,
      UserName: name,
      PolicyName: "test",
      PolicyDocument: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }],
      }),
    });
    const text = await this.#iam({
      Action: "CreateAccessKey",
      Version: version,
      UserName: name,
    });
    const element = (tag: string) => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(text)![1]!;
    return {
      accessKeyId: element("AccessKeyId"),
      secretAccessKey: element("SecretAccessKey"),
    };
  }

  async #iam(parameters: Record<string, string>): Promise<string> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: {
        "authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/iam/aws4_request, " +
          "SignedHeaders=host, Signature=00",
      },
      body: new URLSearchParams(parameters),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${parameters.Action} failed: ${text}`);
    return text;
  }

  /** Sends a signal: `SIGSTOP` makes a server that is there and does not answer. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child);
  }
}
