/**
 * The log on pino: one JSON object a line with `level`, `ts` (ISO 8601, UTC), the fields and `msg`. Lines are written
 * synchronously, so that what was logged before a crash or an exit is there; nothing on a request's path logs.
 */

import pino, { type DestinationStream, type Logger } from 'pino';
import type { Log, LogFields } from '../ports/log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface AdjustableLog extends Log {
  /** Of this log and all its children, from now on. */
  setLevel(level: LogLevel): void;
  /** Puts `fields` on every line of this log and all its children, from now on. */
  bind(fields: LogFields): void;
  child(fields: LogFields): AdjustableLog;
}

export interface PinoLogOptions {
  readonly level: LogLevel;
  /** 'stderr', 'stdout' or paths of files, which are appended to. */
  readonly outputs: readonly string[];
}

/** @throws Error naming a file that can't be opened */
export function openPinoLog(options: PinoLogOptions): AdjustableLog {
  const streams = options.outputs.map(openOutput);
  const destination =
    // 'trace', so that a level set later is not held back here.
    streams.length === 1
      ? streams[0]!
      : pino.multistream(streams.map((stream) => ({ level: 'trace', stream })));
  const root = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return pinoLog(root, [root]);
}

function openOutput(output: string): DestinationStream {
  const dest = output === 'stderr' ? 2 : output === 'stdout' ? 1 : output;
  let stream: ReturnType<typeof pino.destination>;
  try {
    stream = pino.destination({ dest, append: true, sync: true });
  } catch (error) {
    throw new Error(`cannot open log output ${output}: ${(error as Error).message}`);
  }
  // A reader that went away, or a full disk, must not take the member down with it.
  stream.on('error', () => {});
  return stream;
}

/** `family`: the root and all its children, which pino gives a level of their own each. */
function pinoLog(logger: Logger, family: Logger[]): AdjustableLog {
  return {
    debug: (message, fields) => logger.debug(rendered(fields), message),
    info: (message, fields) => logger.info(rendered(fields), message),
    warn: (message, fields) => logger.warn(rendered(fields), message),
    error: (message, fields) => logger.error(rendered(fields), message),
    child: (fields) => {
      const child = logger.child(rendered(fields));
      family.push(child);
      return pinoLog(child, family);
    },
    bind: (fields) => {
      for (const member of family) member.setBindings(rendered(fields));
    },
    setLevel: (level) => {
      for (const member of family) member.level = level;
    },
  };
}

/** Ids are bigint; they are shown in hexadecimal without leading zeros, as the API and etcd's log show them. */
function rendered(fields: LogFields | undefined): Record<string, unknown> {
  const plain: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    plain[name] = typeof value === 'bigint' ? value.toString(16) : value;
  }
  return plain;
}
