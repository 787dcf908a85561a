/** PUT /config/local/log with `{"Level": "DEBUG"}`: how much this process logs, until it ends. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import { sendMessage } from '../http/answers.ts';
import { byteTextOf, decodeUtf8 } from '../http/byte-text.ts';
import { readFirstJson } from '../http/json-reader.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** etcd's names and letters; what it tells apart and this program does not falls together. */
const LEVELS: ReadonlyMap<string, LogLevel> = new Map([
  ['TRACE', 'debug'],
  ['T', 'debug'],
  ['DEBUG', 'debug'],
  ['D', 'debug'],
  ['INFO', 'info'],
  ['I', 'info'],
  ['NOTICE', 'info'],
  ['N', 'info'],
  ['WARNING', 'warn'],
  ['W', 'warn'],
  ['ERROR', 'error'],
  ['E', 'error'],
  ['CRITICAL', 'error'],
  ['C', 'error'],
]);

const BODY_BYTES_MAX = 4096;

export function serveLogLevel(exchange: HttpExchange, setLevel: (level: LogLevel) => void): void {
  exchange.readBody(BODY_BYTES_MAX, (body) => {
    const name = levelName(decodeUtf8(byteTextOf(body)));
    if (name === undefined) {
      sendMessage(exchange, 400, 'Invalid json body');
      return;
    }
    const level = LEVELS.get(name.toUpperCase());
    if (level === undefined) {
      sendMessage(exchange, 400, `Invalid log level ${name}`);
      return;
    }
    setLevel(level);
    exchange.send(204, '', '');
  });
}

/** Undefined if the body is no such object; text after it does not count. */
function levelName(body: string): string | undefined {
  const json = readFirstJson(body).value;
  if (json?.kind === 'null') return '';
  if (json?.kind !== 'object') return undefined;
  let name = '';
  for (const [field, value] of json.fields) {
    if (field.toLowerCase() !== 'level' || value.kind === 'null') continue;
    if (value.kind !== 'string') return undefined;
    name = value.value;
  }
  return name;
}
