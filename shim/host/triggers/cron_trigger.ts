/**
 * The cron trigger: components are called at times of the clock.
 *
 * @module
 */

import type { RunningTrigger, TriggerInit } from "../trigger.ts";
import { parseSchedule, type Schedule } from "./cron_schedule.ts";
import { type CallHandler, findHandler, handlerFailure } from "./handler.ts";
import { MessageCalls } from "./message_calls.ts";

/** Timers are set to at most this, in milliseconds, so that a clock that is set is noticed. */
const LONGEST_SLEEP_MS = 30_000;

interface CronJob {
  readonly component: string;
  readonly schedule: Schedule;
  readonly handle: CallHandler;
}

/** Starts the cron triggers of an app. */
export function startCronTrigger(init: TriggerInit): Promise<RunningTrigger> {
  const { report, guests, announce } = init;
  const jobs = init.triggers.map(({ id, trigger_config: config }): CronJob => {
    const component = String(config.component);
    return {
      component,
      schedule: parseSchedule(String(config.cron_expression), id),
      handle: findHandler(guests.guest(component), {
        trigger: "cron",
        handlers: [{ pattern: /^handle-cron-event$/ }],
      }),
    };
  });
  const runs = jobs.map((job) => new CronRun(job, report));
  announce([
    "Cron schedules:",
    ...init.triggers.map(({ trigger_config: config }) =>
      `\t${config.component}: ${config.cron_expression}`
    ),
  ]);
  return Promise.resolve({
    ended: new Promise(() => {}),
    async stop(graceMs) {
      await Promise.all(runs.map((run) => run.stop(graceMs)));
    },
  });
}

/** One schedule at work. What was missed, because the machine slept, is not made up for. */
class CronRun {
  readonly #job: CronJob;
  readonly #report: (lines: string[]) => void;
  readonly #calls: MessageCalls;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isRunning = false;
  #skipped = 0;

  constructor(job: CronJob, report: (lines: string[]) => void) {
    this.#job = job;
    this.#report = report;
    this.#calls = new MessageCalls({ what: "cron trigger", report, maxCalls: 1 });
    this.#plan(new Date());
  }

  async stop(graceMs: number): Promise<void> {
    clearTimeout(this.#timer);
    await this.#calls.stop(graceMs);
  }

  #plan(after: Date): void {
    const next = this.#job.schedule(after);
    if (!next) return;
    this.#sleepUntil(next);
  }

  #sleepUntil(next: Date): void {
    const left = next.getTime() - Date.now();
    // A clock that was set back: the time is looked for anew.
    const isFar = left > 2 * LONGEST_SLEEP_MS;
    this.#timer = setTimeout(() => {
      const now = new Date();
      if (now >= next) {
        this.#fire(next);
        this.#plan(now);
      } else if (isFar) this.#plan(now);
      else this.#sleepUntil(next);
    }, Math.max(0, Math.min(left, LONGEST_SLEEP_MS)));
  }

  #fire(time: Date): void {
    if (this.#isRunning) {
      this.#skipped++;
      return;
    }
    this.#isRunning = true;
    this.#calls.add(async () => {
      const { component, handle } = this.#job;
      try {
        await handle({ timestamp: BigInt(Math.floor(time.getTime() / 1_000)) });
      } catch (error) {
        this.#report([
          `Error handling a cron event: component "${component}": ${handlerFailure(error)}`,
        ]);
      }
      this.#isRunning = false;
      if (this.#skipped === 0) return;
      this.#report([
        `Warning: component "${component}" was still at work at ${this.#skipped} time(s) of its ` +
        "schedule, which were left out",
      ]);
      this.#skipped = 0;
    });
  }
}
