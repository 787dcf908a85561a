/**
 * The answers every endpoint gives in the same words: etcd's texts and header order. `headers` of HttpExchange.send are ready-made
 * lines, so each is one constant here.
 */
import type { HttpExchange } from '../../net/http-exchange.ts';
import { quoteGo } from '../../wire/go-json.ts';

export const JSON_HEADERS = 'Content-Type: application/json\r\n';
export const TEXT_HEADERS = 'Content-Type: text/plain; charset=utf-8\r\n';
/** Of error texts: the browser must not guess that they are HTML. */
const ERROR_TEXT_HEADERS = `${TEXT_HEADERS}X-Content-Type-Options: nosniff\r\n`;

/** Plain text with a newline at its end, as etcd sends errors that have no JSON form. */
export function sendTextError(exchange: HttpExchange, status: number, text: string, headers = ''): void {
  exchange.send(status, headers + ERROR_TEXT_HEADERS, `${text}\n`);
}

export function sendNotFound(exchange: HttpExchange): void {
  sendTextError(exchange, 404, '404 page not found');
}

/** A request target whose percent-encoding is broken: refused before any endpoint sees it. */
export function sendBadRequest(exchange: HttpExchange): void {
  exchange.send(400, TEXT_HEADERS, '400 Bad Request');
}

/** `allow` undefined: the path has no such operation, but other paths of the endpoint do. */
export function sendMethodNotAllowed(exchange: HttpExchange, allow: string | undefined, headers = ''): void {
  sendTextError(
    exchange,
    405,
    'Method Not Allowed',
    allow === undefined ? headers : `${headers}Allow: ${allow}\r\n`,
  );
}

/** `{"message":...}`, the form of errors outside /v2/keys; `headers` are extra lines. */
export function sendMessage(exchange: HttpExchange, status: number, message: string, headers = ''): void {
  exchange.send(status, headers + JSON_HEADERS, `{"message":${quoteGo(message)}}`);
}
