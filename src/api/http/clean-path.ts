/** Path cleaning as etcd's request router does it: an unclean path is answered with a redirect to its clean form. */
import type { HttpExchange } from '../../net/http-exchange.ts';
import { escapePath } from './percent-encoding.ts';

/** No empty, '.' or '..' parts; one slash at the end is kept. `path` is decoded byte text that starts with '/'. */
export function cleanPath(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') kept.pop();
    else kept.push(part);
  }
  const clean = `/${kept.join('/')}`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}

/** 301 to `path` (byte text) with the query as it came. Only GET and HEAD get a page that says so. */
export function sendRedirect(exchange: HttpExchange, path: string, query: string): void {
  const target = escapePath(path) + (query === '' ? '' : `?${query}`);
  const location = `Location: ${target.replace(/[^\0-\x7f]/g, escapeNonAscii)}\r\n`;
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    exchange.send(301, location, '');
    return;
  }
  const page = `<a href="${escapeHtml(target)}">Moved Permanently</a>.\n\n`;
  exchange.send(301, `Content-Type: text/html; charset=utf-8\r\n${location}`, Buffer.from(page, 'latin1'));
}

function escapeNonAscii(unit: string): string {
  return `%${unit.charCodeAt(0).toString(16)}`;
}

const HTML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (unit) => HTML[unit] ?? unit);
}
