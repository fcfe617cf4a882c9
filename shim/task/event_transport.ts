/**
 * Ways in which an event reaches containerd.
 *
 * @module
 */

import { encodeMessage } from "../proto/encode.ts";
import { type Envelope, FORWARD_REQUEST } from "../proto/events.ts";
import { ANY, EMPTY } from "../proto/well_known.ts";
import { type RemoteMethod, TtrpcClient } from "../ttrpc/client.ts";
import { NAMESPACE_KEY } from "../ttrpc/method.ts";
import { StatusError } from "../ttrpc/status.ts";

/** containerd's own shims wait as long. */
const SEND_TIMEOUT_MS = 5000;

const FORWARD_TYPE = { request: FORWARD_REQUEST, response: EMPTY } as const;
const FORWARD: RemoteMethod<typeof FORWARD_TYPE> = {
  service: "containerd.services.events.ttrpc.v1.Events",
  method: "Forward",
  type: FORWARD_TYPE,
};

/** One way. The owner closes it. */
export interface EventTransport {
  /**
   * Hands one event to containerd.
   * @throws {StatusError} by rejection, if containerd refuses it.
   * @throws By rejection, anything else if containerd cannot be reached; the event may have arrived.
   */
  send(envelope: Envelope): Promise<void>;
  /** Ends what is under way. Nothing is sent afterwards. */
  close(): void;
}

/** Over the socket that `TTRPC_ADDRESS` names. Connects when there is something to send. */
export class TtrpcEventTransport implements EventTransport {
  readonly #address: string;
  #client: TtrpcClient | undefined;
  #isClosed = false;

  constructor(address: string) {
    this.#address = address;
  }

  async send(envelope: Envelope): Promise<void> {
    const client = this.#client ??= await TtrpcClient.connect(this.#address);
    // It may have been closed while it was connecting.
    if (this.#isClosed) this.#disconnect();
    try {
      const metadata = new Map([[NAMESPACE_KEY, [envelope.namespace]]]);
      await client.call(FORWARD, { envelope }, { timeoutMs: SEND_TIMEOUT_MS, metadata });
    } catch (error) {
      // The next one gets a connection of its own: this one may be cut, or hang.
      if (!(error instanceof StatusError) || error.code === "DEADLINE_EXCEEDED") {
        this.#disconnect();
      }
      throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#disconnect();
  }

  #disconnect(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

/** What {@link CommandEventTransport} starts. */
export interface PublishCommand {
  /** containerd's executable, as `-publish-binary` gives it. */
  readonly binary: string;
  /** Path of containerd's gRPC socket. */
  readonly grpcAddress: string;
}

/**
 * By `containerd publish`, as shims did before there was `TTRPC_ADDRESS`. A process for each event,
 * and containerd dates it when it arrives.
 */
export class CommandEventTransport implements EventTransport {
  readonly #command: PublishCommand;
  readonly #closing = new AbortController();

  constructor(command: PublishCommand) {
    this.#command = command;
  }

  async send({ topic, namespace, event }: Envelope): Promise<void> {
    const { binary, grpcAddress } = this.#command;
    const child = new Deno.Command(binary, {
      args: [
        "--address",
        grpcAddress,
        "publish",
        "--topic",
        topic,
        "--namespace",
        namespace,
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(SEND_TIMEOUT_MS)]),
    }).spawn();
    const writer = child.stdin.getWriter();
    // A program that ends without reading tells why by its exit code and stderr.
    const written = writer.write(encodeMessage(ANY, event ?? {}))
      .then(() => writer.close())
      .catch(() => {});
    const { code, stderr } = await child.output();
    await written;
    if (code === 0) return;
    const text = new TextDecoder().decode(stderr).trim();
    throw new Error(`"${binary} publish" failed with exit code ${code}: ${text}`);
  }

  close(): void {
    this.#closing.abort();
  }
}

/** Where containerd may be reached. */
export interface EventAddresses {
  /** `TTRPC_ADDRESS`; empty or absent before containerd 1.3. */
  readonly ttrpcAddress?: string | undefined;
  readonly grpcAddress?: string | undefined;
  readonly containerdBinary?: string | undefined;
}

/**
 * The transport for what is known of containerd: the socket if there is one, else the command.
 * @throws {TypeError} if neither is known.
 */
export function createEventTransport(
  { ttrpcAddress, grpcAddress, containerdBinary }: EventAddresses,
): EventTransport {
  if (ttrpcAddress) return new TtrpcEventTransport(ttrpcAddress);
  if (grpcAddress && containerdBinary) {
    return new CommandEventTransport({ binary: containerdBinary, grpcAddress });
  }
  throw new TypeError(
    "Cannot publish events: TTRPC_ADDRESS is not set, and -address or -publish-binary is missing",
  );
}
