/** URLs as etcd's flags take them: scheme://host:port with nothing after it. */

import { isIP } from 'node:net';
import type { ServerUrl } from './server-config.ts';

export type ParsedUrl =
  | { readonly ok: true; readonly url: ServerUrl }
  | { readonly ok: false; readonly fault: string };

export type ParsedUrlList =
  | { readonly ok: true; readonly urls: readonly ServerUrl[] }
  | { readonly ok: false; readonly fault: string };

/** One URL; surrounding spaces are dropped. The faults carry etcd's words where it has any. */
export function parseServerUrl(given: string): ParsedUrl {
  const text = given.trim();
  const fault = (words: string): ParsedUrl => ({ ok: false, fault: `${words}: ${text}` });

  const parts = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/?#]*)(.*)$/s.exec(text);
  const scheme = parts?.[1]?.toLowerCase();
  if (scheme === 'unix' || scheme === 'unixs')
    return fault('unix sockets are not supported, use http or https');
  if (parts === null || (scheme !== 'http' && scheme !== 'https'))
    return fault('URL scheme must be http or https');

  const authority = parts[2]!;
  const hostAndPort = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(authority);
  if (hostAndPort === null) return fault('URL address does not have the form "host:port"');
  const host = hostAndPort[1] ?? hostAndPort[2]!;
  const portText = hostAndPort[3]!;
  if (!/^\d{1,5}$/.test(portText) || Number(portText) > 65535)
    return fault(`invalid port ":${portText}" after host`);
  if (hostAndPort[1] !== undefined && isIP(host) !== 6) return fault('invalid IPv6 address in URL');
  if (/[\s@%"<>\\^`{|}]/.test(host)) return fault('invalid character in host name of URL');
  if (parts[3]!.startsWith('/')) return fault('URL must not contain a path');
  if (parts[3] !== '') return fault('URL must not contain a query or fragment');

  return {
    ok: true,
    url: Object.freeze({ scheme, host, port: Number(portText), text: `${scheme}://${authority}` }),
  };
}

/** Comma-separated URLs, sorted by text and without repetitions, as etcd keeps them. */
export function parseUrlList(text: string): ParsedUrlList {
  const urls = new Map<string, ServerUrl>();
  for (const item of text.split(',')) {
    const parsed = parseServerUrl(item);
    if (!parsed.ok) return parsed;
    urls.set(parsed.url.text, parsed.url);
  }
  return { ok: true, urls: Object.freeze([...urls.values()].sort(byText)) };
}

function byText(one: ServerUrl, other: ServerUrl): number {
  return one.text < other.text ? -1 : Number(one.text > other.text);
}

/** The same URL with another host. */
export function withHost(url: ServerUrl, host: string, port: number): ServerUrl {
  const hostText = isIP(host) === 6 ? `[${host}]` : host;
  return Object.freeze({ scheme: url.scheme, host, port, text: `${url.scheme}://${hostText}:${port}` });
}
