/** Answers on the peer port as etcd words them. */
import type { HttpExchange } from '../net/http-exchange.ts';

/** A line of plain text. `headers` in the form of HttpExchange.send. */
export function answerText(exchange: HttpExchange, status: number, line: string, headers = ''): void {
  exchange.send(
    status,
    `${headers}Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n`,
    `${line}\n`,
  );
}

export function answerJson(exchange: HttpExchange, status: number, json: string, headers = ''): void {
  exchange.send(status, `${headers}Content-Type: application/json\r\n`, json);
}

/** False after the request was answered with 405. */
export function allowMethod(exchange: HttpExchange, method: 'GET' | 'POST'): boolean {
  if (exchange.method === method) return true;
  answerText(exchange, 405, 'Method Not Allowed', `Allow: ${method}\r\n`);
  return false;
}
