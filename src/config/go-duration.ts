/** Go's text form of durations: signed decimal numbers with units, such as '1h15m30.5s'. */

const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds, or undefined for text that is no duration. A bare '0' is one; other numbers need a unit. */
export function parseGoDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1;
  const rest = text.replace(/^[+-]/, '');
  if (rest === '0') return 0;
  if (rest === '') return undefined;
  const term = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let totalMs = 0;
  while (term.lastIndex < rest.length) {
    const match = term.exec(rest);
    if (match === null) return undefined;
    totalMs += Number(match[1]) * unitMs[match[2] as string]!;
  }
  return sign * totalMs;
}
