/**
 * Dates and times in PostgreSQL's binary form: days and microseconds since 2000-01-01, in the
 * proleptic Gregorian calendar. `Date` of JavaScript does not reach that far.
 *
 * @module
 */

import { PgConversionError } from "./_pg_errors.ts";

/** Year (0 is 1 BC), month and day. */
export type PgDate = [number, number, number];
/** Hour, minute, second and nanosecond. */
export type PgTime = [number, number, number, number];
/** {@link PgDate} and {@link PgTime}. */
export type PgDatetime = [number, number, number, number, number, number, number];

/** Days from 0000-03-01 to 2000-01-01. */
const EPOCH_DAYS = 730_425;
const DAYS_PER_ERA = 146_097;
const MICROS_PER_DAY = 86_400_000_000n;
/** Seconds from 1970-01-01 to 2000-01-01. */
const EPOCH_SECONDS = 946_684_800n;

/** Stand for `infinity` and `-infinity`. */
const INFINITE_DAYS: readonly number[] = [0x7fff_ffff, -0x8000_0000];
const INFINITE_MICROS: readonly bigint[] = [2n ** 63n - 1n, -(2n ** 63n)];

/** The date that is `days` after 2000-01-01. @throws {PgConversionError} if it is infinite. */
export function dateOfDays(days: number): PgDate {
  if (INFINITE_DAYS.includes(days)) throw new PgConversionError("an infinite date has no year");
  return civilDate(days);
}

/**
 * A year that begins in March has its leap day at the end, so months follow one formula.
 */
function civilDate(days: number): PgDate {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra -
    (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

/** Days from 2000-01-01 to a date. @throws {PgConversionError} if there is no such date. */
export function daysOfDate([year, month, day]: PgDate): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) +
    dayOfYear;
  const days = era * DAYS_PER_ERA + dayOfEra - EPOCH_DAYS;
  const isReal = month >= 1 && month <= 12 && Math.abs(days) < 0x7fff_ffff &&
    `${civilDate(days)}` === `${[year, month, day]}`;
  if (isReal) return days;
  throw new PgConversionError(`invalid date y=${year}, m=${month}, d=${day}`);
}

/** The time that is `micros` after midnight; 24:00 is one. */
export function timeOfMicros(micros: bigint): PgTime {
  const seconds = Number(micros / 1_000_000n);
  return [
    Math.floor(seconds / 3_600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
    Number(micros % 1_000_000n) * 1_000,
  ];
}

/** Microseconds from midnight. @throws {PgConversionError} if there is no such time. */
export function microsOfTime([hour, minute, second, nanosecond]: PgTime): bigint {
  // A leap second has its place in the nanoseconds of the second before.
  const maxNanoseconds = second === 59 ? 2_000_000_000 : 1_000_000_000;
  if (hour > 23 || minute > 59 || second > 59 || nanosecond >= maxNanoseconds) {
    throw new PgConversionError(`invalid time ${hour}:${minute}:${second}:${nanosecond}`);
  }
  return BigInt(hour * 3_600 + minute * 60 + second) * 1_000_000n +
    BigInt(Math.floor(nanosecond / 1_000));
}

/** The instant, in UTC, `micros` after 2000-01-01. @throws {PgConversionError} if it is infinite. */
export function datetimeOfMicros(micros: bigint): PgDatetime {
  if (INFINITE_MICROS.includes(micros)) {
    throw new PgConversionError("an infinite timestamp has no year");
  }
  const remainder = micros % MICROS_PER_DAY;
  const ofDay = remainder < 0n ? remainder + MICROS_PER_DAY : remainder;
  return [...civilDate(Number((micros - ofDay) / MICROS_PER_DAY)), ...timeOfMicros(ofDay)];
}

/** Microseconds since 2000-01-01. @throws {PgConversionError} if there is no such instant. */
export function microsOfDatetime(value: PgDatetime): bigint {
  const [year, month, day, ...time] = value;
  return inRange(BigInt(daysOfDate([year, month, day])) * MICROS_PER_DAY + microsOfTime(time));
}

/** Microseconds since 2000-01-01 of a Unix time in seconds. @throws {PgConversionError} */
export function microsOfUnixSeconds(seconds: bigint): bigint {
  return inRange((seconds - EPOCH_SECONDS) * 1_000_000n);
}

function inRange(micros: bigint): bigint {
  if (BigInt.asIntN(64, micros) === micros && !INFINITE_MICROS.includes(micros)) return micros;
  throw new PgConversionError("the timestamp is out of range");
}
