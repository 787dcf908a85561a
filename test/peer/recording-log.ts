import type { Log, LogFields } from '../../src/ports/log.ts';

export interface LogLine extends Record<string, unknown> {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
}

/** Keeps what is logged; `lines` of a child are its parent's. */
export class RecordingLog implements Log {
  readonly lines: LogLine[];
  readonly #fields: LogFields;
  readonly #onLine: Set<() => void>;

  constructor(lines: LogLine[] = [], fields: LogFields = {}, onLine = new Set<() => void>()) {
    this.lines = lines;
    this.#fields = fields;
    this.#onLine = onLine;
  }

  debug(message: string, fields?: LogFields): void {
    this.#write('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#write('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#write('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#write('error', message, fields);
  }
  child(fields: LogFields): Log {
    return new RecordingLog(this.lines, { ...this.#fields, ...fields }, this.#onLine);
  }

  /** Resolves with the first line, past or future, that `matches`. */
  line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    const past = this.lines.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve) => {
      const look = (): void => {
        const line = this.lines.at(-1);
        if (line === undefined || !matches(line)) return;
        this.#onLine.delete(look);
        resolve(line);
      };
      this.#onLine.add(look);
    });
  }

  #write(level: LogLine['level'], message: string, fields: LogFields = {}): void {
    this.lines.push({ level, message, ...this.#fields, ...fields });
    for (const look of this.#onLine) look();
  }
}
