/**
 * A real MQTT broker for tests.
 *
 * @module
 */

import { MqttClient } from "mqtt";
import { createConnection } from "node:net";
import { waitUntil } from "./wait.ts";

/** Whether `mosquitto` is installed; tests that need it are ignored without. */
export function hasMqttBroker(): boolean {
  try {
    // `-h` prints the help and exits with a code that depends on the version.
    new Deno.Command(PROGRAM, { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Debian installs it beside the other daemons, where the search path of users may not lead. */
const PROGRAM = existsSync("/usr/sbin/mosquitto") ? "/usr/sbin/mosquitto" : "mosquitto";

function existsSync(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Options of {@link MqttBroker.start}. */
export interface MqttBrokerOptions {
  /** Default: a free one. */
  readonly port?: number;
  /** Who may log in; default: anybody. */
  readonly user?: { readonly name: string; readonly password: string };
  /** Further lines of its configuration. */
  readonly settings?: readonly string[];
  /** PEM files; TLS is spoken if present. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** A running broker, without persistence. Whoever started it disposes it. */
export class MqttBroker {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #directory: string;
  readonly #log: Promise<string>;

  private constructor(child: Deno.ChildProcess, options: { port: number; directory: string }) {
    this.#child = child;
    this.port = options.port;
    this.#directory = options.directory;
    this.#log = new Response(child.stderr).text();
  }

  /** Starts a broker on 127.0.0.1 and waits until it answers. */
  static async start(options: MqttBrokerOptions = {}): Promise<MqttBroker> {
    const port = options.port ?? freePort();
    const directory = Deno.makeTempDirSync({ prefix: "spinkube-mqtt-" });
    const file = `${directory}/mosquitto.conf`;
    Deno.writeTextFileSync(file, await settings(directory, { ...options, port }));
    const child = new Deno.Command(PROGRAM, {
      args: ["-c", file],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const broker = new MqttBroker(child, { port, directory });
    try {
      await waitUntil(() => canConnect(port), { what: `an MQTT broker on port ${port}` });
      return broker;
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `mqtt://127.0.0.1:<port>?client_id=<id>`. */
  url(clientId: string): string {
    return `mqtt://127.0.0.1:${this.port}?client_id=${clientId}`;
  }

  /** Sends a signal: `SIGSTOP` makes a broker that is there and does not answer. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Stops the broker and returns what it has logged: who came and went. */
  async stop(): Promise<string> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    return await this.#log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

async function settings(
  directory: string,
  { port, user, tls, settings: further = [] }: MqttBrokerOptions,
): Promise<string> {
  const lines = [
    `listener ${port} 127.0.0.1`,
    "persistence false",
    "log_dest stderr",
    ...further,
  ];
  // Started as root it would become a user who cannot read the directory.
  if (Deno.uid() === 0) lines.push("user root");
  if (tls) lines.push(`certfile ${tls.cert}`, `keyfile ${tls.key}`);
  if (!user) return [...lines, "allow_anonymous true", ""].join("\n");
  const file = `${directory}/passwords`;
  const { success } = await new Deno.Command("mosquitto_passwd", {
    args: ["-b", "-c", file, user.name, user.password],
    stdout: "null",
    stderr: "null",
  }).output();
  if (!success) throw new Error("mosquitto_passwd failed");
  return [...lines, "allow_anonymous false", `password_file ${file}`, ""].join("\n");
}

/** Receives messages. Whoever made it disposes it. */
export class MqttSubscriber {
  /** In the order of arrival. */
  readonly messages: { readonly topic: string; readonly text: string; readonly qos: number }[] = [];
  readonly #client: MqttClient;

  private constructor(client: MqttClient) {
    this.#client = client;
    client.on("message", (topic, payload, { qos }) => {
      this.messages.push({ topic, text: new TextDecoder().decode(payload), qos });
    });
  }

  /** Subscribes to `topic`, with every quality of service; ready when this resolves. */
  static async subscribe(broker: MqttBroker, topic: string): Promise<MqttSubscriber> {
    const client = new MqttClient(
      () => createConnection({ host: "127.0.0.1", port: broker.port }),
      { reconnectPeriod: 0, protocolVersion: 4, clientId: "subscriber" },
    );
    const subscriber = new MqttSubscriber(client);
    await client.subscribeAsync(topic, { qos: 2 });
    return subscriber;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.endAsync(true);
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function canConnect(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    // Not yet.
    return false;
  }
}
