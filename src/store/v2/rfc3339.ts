/**
 * Times in JSON: RFC 3339 with as many fractional digits as needed, at most nine, as Go's time.RFC3339Nano. Pure arithmetic on the
 * proleptic Gregorian calendar; no clock is read.
 *
 *   2026-11-22T10:23:26.570816039Z     2026-11-22T11:23:26+01:00     0001-01-01T00:00:00Z = no time
 */

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;
const DAYS_PER_ERA = 146_097;
/** From 0000-03-01 to 1970-01-01. */
const EPOCH_DAYS = 719_468;
const FORMAT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Go's zero time.Time, which stands for "none". */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

/** In UTC. `timeNs`: nanoseconds since the epoch, in the years 1 to 9999. */
export function formatRfc3339(timeNs: bigint): string {
  let seconds = timeNs / NS_PER_SECOND;
  let nanos = timeNs % NS_PER_SECOND;
  if (nanos < 0n) {
    nanos += NS_PER_SECOND;
    seconds -= 1n;
  }
  const whole = Number(seconds);
  const day = Math.floor(whole / SECONDS_PER_DAY);
  const rest = whole - day * SECONDS_PER_DAY;
  const hour = Math.floor(rest / 3600);
  const minute = Math.floor((rest % 3600) / 60);
  const time = `${two(hour)}:${two(minute)}:${two(rest % 60)}`;
  const fraction = nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
  return `${dateOfDay(day)}T${time}${fraction}Z`;
}

/** Nanoseconds since the epoch, or undefined if the text is no RFC 3339 time. */
export function parseRfc3339(text: string): bigint | undefined {
  const match = FORMAT.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour, offsetMinute] = match;
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const days = dayOfDate(Number(year), Number(month), Number(day));
  let seconds = days * SECONDS_PER_DAY + Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  if (sign !== undefined) {
    const offset = Number(offsetHour) * 3600 + Number(offsetMinute) * 60;
    seconds += sign === '+' ? -offset : offset;
  }
  return BigInt(seconds) * NS_PER_SECOND + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Years are counted from March, so that the leap day is the last of its year. */
function dateOfDay(day: number): string {
  const shifted = day + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const ofEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const dayOfMonth = ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(dayOfMonth)}`;
}

function dayOfDate(year: number, month: number, day: number): number {
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const ofEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear;
  return era * DAYS_PER_ERA + ofEra - EPOCH_DAYS;
}
