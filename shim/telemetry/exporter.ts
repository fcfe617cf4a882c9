/**
 * Sends what is recorded in batches. What records never waits: while nobody takes the batches, they
 * are kept up to a limit, and then lost.
 *
 * @module
 */

import { errorText } from "../../lib/errors.ts";
import { NotTaken } from "./otlp_client.ts";

/** Items that are kept at most. */
const MAX_ITEMS = 2_048;
/** Items that are sent at once. */
const BATCH = 512;

/** What an exporter works with. */
export interface ExporterOptions<Item> {
  /** For reports: `traces`. */
  readonly what: string;
  /** For reports: where they are sent to. */
  readonly url: string;
  /** Milliseconds that an item waits for others. */
  readonly intervalMs: number;
  /** @throws {NotTaken} by rejection. */
  readonly send: (items: readonly Item[]) => Promise<void>;
  /** Writes lines for the user. */
  readonly report: (lines: string[]) => void;
}

/** Exports one kind of items. The owner closes it. */
export class Exporter<Item> {
  readonly #options: ExporterOptions<Item>;
  #items: Item[] = [];
  #lost = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;
  #isClosing = false;
  /** Whether the receiver did not take the last batch: the user has been told. */
  #isFailing = false;

  constructor(options: ExporterOptions<Item>) {
    this.#options = options;
  }

  /** Takes an item, which must not change any more. */
  add(item: Item): void {
    if (this.#items.length >= MAX_ITEMS) {
      this.#lost++;
      return;
    }
    this.#items.push(item);
    // As long as nobody takes them, a full batch is no reason to hurry.
    if (this.#items.length >= BATCH && !this.#isFailing) this.#sendSoon(0);
    else if (this.#items.length === 1) this.#sendSoon(this.#options.intervalMs);
  }

  /** Sends what is left, once, and returns when that is done or `deadlineMs` milliseconds are over. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const deadline = new Promise<void>((resolve) => timer = setTimeout(resolve, deadlineMs));
    await Promise.race([deadline, this.#sendRest()]);
    clearTimeout(timer);
  }

  async #sendRest(): Promise<void> {
    await this.#sending;
    while (this.#items.length > 0) if (!await this.#sendBatch()) return;
  }

  #sendSoon(delayMs: number): void {
    if (this.#sending || this.#isClosing) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#sending = this.#sendBatch().then(() => {
        this.#sending = undefined;
        if (this.#items.length === 0) return;
        const isFull = this.#items.length >= BATCH && !this.#isFailing;
        this.#sendSoon(isFull ? 0 : this.#options.intervalMs);
      });
    }, delayMs);
    // Telemetry is no reason to go on.
    Deno.unrefTimer(this.#timer);
  }

  /** @returns Whether it was taken. Never rejects. */
  async #sendBatch(): Promise<boolean> {
    const batch = this.#items.splice(0, BATCH);
    try {
      await this.#options.send(batch);
      this.#tellLost();
      if (this.#isFailing) this.#options.report([`${this.#target} are taken again.`]);
      this.#isFailing = false;
      return true;
    } catch (error) {
      if (!(error instanceof NotTaken) || !error.isTemporary) this.#lost += batch.length;
      else {
        const room = Math.max(0, MAX_ITEMS - this.#items.length);
        this.#items.unshift(...batch.slice(0, room));
        this.#lost += Math.max(0, batch.length - room);
      }
      if (!this.#isFailing) {
        this.#options.report([
          `Warning: ${this.#target} are not taken: ${errorText(error)}. Trying again.`,
        ]);
      }
      this.#isFailing = true;
      return false;
    }
  }

  #tellLost(): void {
    if (this.#lost === 0) return;
    this.#options.report([`Warning: ${this.#lost} of the ${this.#target} were lost.`]);
    this.#lost = 0;
  }

  get #target(): string {
    return `${this.#options.what} sent to ${this.#options.url}`;
  }
}
