/** Questions of other members that the server above answers: leases (`/leases`, `/leases/internal`), hashes (`/members/hashkv`), downgrades (`/downgrade/enabled`). */
import type { HttpExchange } from '../net/http-exchange.ts';
import { answerText } from './peer-answers.ts';
import type { PeerEnvironment } from './peer-environment.ts';

const QUESTION_BYTES = 64 * 1024;

export function handleQuestion(environment: PeerEnvironment, exchange: HttpExchange): void {
  const { method, path } = exchange;
  exchange.readBody(QUESTION_BYTES, (body) => {
    environment.handlers().onQuestion(method, path, body, (reply) => {
      if (exchange.closed) return;
      if (reply === undefined) answerText(exchange, 404, '404 page not found');
      else
        exchange.send(
          reply.status,
          `${reply.headers ?? ''}Content-Type: ${reply.contentType}\r\n`,
          reply.body,
        );
    });
  });
}
