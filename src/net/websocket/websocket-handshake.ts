/** How a client asks to leave HTTP for WebSocket, and what it is answered (RFC 6455, 4.2). */
import { createHash } from 'node:crypto';
import type { HttpExchange } from '../http-exchange.ts';
import { WebSocketConnection, type WebSocketHandler } from './websocket-connection.ts';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** The base64 of 16 bytes. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** Does the request ask for WebSocket at all? If not, it is an ordinary one. */
export function asksForWebSocket(exchange: HttpExchange): boolean {
  const upgrade = exchange.header('upgrade');
  return (
    upgrade !== undefined &&
    exchange.takeOver !== undefined &&
    hasToken(upgrade, 'websocket') &&
    hasToken(exchange.header('connection') ?? '', 'upgrade')
  );
}

export interface WebSocketOptions {
  readonly messageBytesMax: number;
  /** The one protocol agreed on; undefined: none. */
  readonly protocol: string | undefined;
  readonly handlerOf: (connection: WebSocketConnection) => WebSocketHandler;
}

/** Answers the handshake; otherwise returns the status with which it has to be refused, as etcd's library does. */
export function openWebSocket(exchange: HttpExchange, options: WebSocketOptions): 400 | 405 | undefined {
  if (exchange.method !== 'GET') return 405;
  if (!hasToken(exchange.header('sec-websocket-version') ?? '', '13')) return 400;
  const key = exchange.header('sec-websocket-key', 'first') ?? '';
  if (!KEY.test(key)) return 400;
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const head =
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n` +
    `${options.protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${options.protocol}\r\n`}\r\n`;
  const { messageBytesMax, handlerOf } = options;
  const isTaken = exchange.takeOver?.(
    head,
    (socket) => new WebSocketConnection(socket, messageBytesMax, handlerOf),
  );
  return isTaken === true ? undefined : 400;
}

function hasToken(list: string, lowerCase: string): boolean {
  return list.split(',').some((each) => each.trim().toLowerCase() === lowerCase);
}
