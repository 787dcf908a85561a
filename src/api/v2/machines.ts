/** /v2/machines: the client URLs of all members, as text. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { sendMethodNotAllowed, TEXT_HEADERS } from '../http/answers.ts';

export function serveMachines(exchange: HttpExchange, server: QuorateServer): void {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    sendMethodNotAllowed(exchange, 'GET,HEAD');
    return;
  }
  const urls = server.members().flatMap((member) => member.clientURLs);
  const sorted = urls.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  exchange.send(200, TEXT_HEADERS, sorted.join(', '));
}
