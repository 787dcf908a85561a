/** /health: whether this member can serve linearizable requests. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import type { QuorateServer } from '../../server/contract.ts';
import { sendTextError, TEXT_HEADERS } from '../http/answers.ts';

/** Counts of what was answered. */
export interface HealthChecks {
  succeeded: number;
  failed: number;
}

export function serveHealth(exchange: HttpExchange, server: QuorateServer, checks: HealthChecks): void {
  server.checkHealth((healthy) => {
    if (healthy) {
      checks.succeeded++;
      exchange.send(200, TEXT_HEADERS, '{"health":"true"}');
    } else {
      checks.failed++;
      sendTextError(exchange, 503, '{"health":"false"}');
    }
  });
}
