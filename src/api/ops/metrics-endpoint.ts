/** /metrics: all figures in Prometheus' text format. Any method will do, as in etcd. */
import type { Registry } from 'prom-client';
import type { HttpExchange } from '../../net/http-exchange.ts';
import { sendTextError } from '../http/answers.ts';

export function serveMetrics(exchange: HttpExchange, registry: Registry): void {
  registry.metrics().then(
    (text) => exchange.send(200, `Content-Type: ${registry.contentType}\r\n`, text),
    (error: unknown) => sendTextError(exchange, 500, `cannot collect metrics: ${String(error)}`),
  );
}
