import type { Clock } from '../ports/clock.ts';

/** The `Date` line of answers, formatted once a second instead of once an answer. */
export class DateHeader {
  /** 'Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n' */
  line = '';
  /** The same as the last line of a head: with the empty line after it. */
  lastLine = '';
  private readonly clock: Clock;
  private second = Number.NaN;

  constructor(clock: Clock) {
    this.clock = clock;
    this.update();
  }

  update(): void {
    const wallTimeMs = this.clock.wallTimeMs();
    const second = Math.floor(wallTimeMs / 1000);
    if (second === this.second) return;
    this.second = second;
    this.line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    this.lastLine = `${this.line}\r\n`;
  }
}
