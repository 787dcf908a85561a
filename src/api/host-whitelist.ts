/**
 * `--host-whitelist`: on connections without TLS only requests for a listed host are answered, against DNS rebinding
 * (CVE-2018-5702). A name in the list covers all its ports.
 */
import type { HttpHandler } from '../net/http-exchange.ts';
import { goQuote } from './http/go-quote.ts';

const PLAIN_TEXT = 'Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n';

/** An empty list or '*' lets everything through. */
export function withHostWhitelist(hosts: readonly string[], handler: HttpHandler): HttpHandler {
  if (hosts.length === 0 || hosts.includes('*')) return handler;
  const allowed = new Set(hosts);
  return (exchange) => {
    const host = hostName(exchange.header('host') ?? '');
    if (exchange.secure || allowed.has(host)) handler(exchange);
    else exchange.send(421, PLAIN_TEXT, refusal(host));
  };
}

/** Without its port. A text that is no `name:port` or `[address]:port` counts as it stands, brackets included, as it does for etcd. */
function hostName(header: string): string {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):[^:[\]]*$/.exec(header);
  return match?.[1] ?? match?.[2] ?? header;
}

function refusal(host: string): string {
  return (
    `\nThe Host header of the request, ${goQuote(host)}, is none that this server answers without TLS ` +
    `(protection against DNS rebinding, CVE-2018-5702).\nUse https, or add the name: --host-whitelist ${goQuote(host)}\n\n`
  );
}
