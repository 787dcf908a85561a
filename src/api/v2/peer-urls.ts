/** The peer URLs in the body of a member request, checked with etcd's texts. */
import { goQuote } from '../http/go-quote.ts';
import { type JsonValue, readJson } from '../http/json-reader.ts';
import { escapePath, unescapePercent } from '../http/percent-encoding.ts';

export type PeerUrls =
  | { readonly urls: readonly string[]; readonly error?: undefined }
  | { readonly error: string; readonly urls?: undefined };

/** Reads `{"peerURLs": [...]}`; `body` is decoded. The URLs come back normalised and sorted. */
export function readPeerUrls(body: string): PeerUrls {
  const json = readJson(body);
  if (json.error !== undefined) return { error: json.error };
  const texts = urlTexts(json.value);
  return texts.error === undefined ? parsePeerUrls(texts.urls) : texts;
}

/** At least one URL, each with one of four schemes, a host and a port, and no path. */
export function parsePeerUrls(texts: readonly string[]): PeerUrls {
  if (texts.length === 0) return { error: 'no valid URLs given' };
  const urls: string[] = [];
  for (const text of texts) {
    const parsed = parsePeerUrl(text.trim());
    if (parsed.error !== undefined) return parsed;
    urls.push(...parsed.urls);
  }
  return { urls: urls.sort(compareText) };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const GO_STRUCT = 'struct { PeerURLs []string "json:\\"peerURLs\\"" }';

/** The value of the last "peerURLs", in any case, as Go assigns it; the first wrong type is the error. */
function urlTexts(json: JsonValue): PeerUrls {
  if (json.kind === 'null') return { urls: [] };
  if (json.kind !== 'object') {
    return { error: `json: cannot unmarshal ${json.kind} into Go value of type ${GO_STRUCT}` };
  }
  let urls: string[] = [];
  let error: string | undefined;
  for (const [name, value] of json.fields) {
    if (name.toLowerCase() !== 'peerurls') continue;
    if (value.kind === 'null') urls = [];
    else if (value.kind !== 'array') error ??= wrongType(value, '[]string');
    else {
      urls = [];
      for (const item of value.items) {
        if (item.kind !== 'string' && item.kind !== 'null') error ??= wrongType(item, 'string');
        urls.push(item.kind === 'string' ? item.value : '');
      }
    }
  }
  return error === undefined ? { urls } : { error };
}

function wrongType(value: JsonValue, type: string): string {
  return `json: cannot unmarshal ${value.kind} into Go struct field .peerURLs of type ${type}`;
}

const SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'unix', 'unixs']);
const HOST_UNIT = /[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"\x80-\xff]/;
const USER_INFO = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;

/** One URL, in the order of Go's own checks. */
function parsePeerUrl(text: string): PeerUrls {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  const [beforeFragment = ''] = bytes.split('#', 1);
  const fragment = bytes.slice(beforeFragment.length);
  const malformed = (why: string): PeerUrls => ({ error: `parse ${goQuote(beforeFragment)}: ${why}` });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\0-\x1f\x7f]/.test(beforeFragment)) return malformed('net/url: invalid control character in URL');

  const schemeEnd = /^[A-Za-z][A-Za-z0-9+\-.]*:/.exec(beforeFragment)?.[0].length ?? 0;
  if (beforeFragment.startsWith(':')) return malformed('missing protocol scheme');
  const scheme = beforeFragment.slice(0, Math.max(0, schemeEnd - 1)).toLowerCase();
  const questionMark = beforeFragment.indexOf('?', schemeEnd);
  const beforeQuery = questionMark < 0 ? beforeFragment : beforeFragment.slice(0, questionMark);
  const rest = beforeQuery.slice(schemeEnd);

  if (scheme === '' && !rest.startsWith('/') && (rest.split('/', 1)[0] ?? '').includes(':')) {
    return malformed('first path segment in URL cannot contain colon');
  }
  let authority = '';
  let path = rest;
  if (rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))) {
    const slash = rest.indexOf('/', 2);
    authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    path = slash < 0 ? '' : rest.slice(slash);
  } else if (scheme !== '' && !rest.startsWith('/')) {
    // 'http:host:80' is opaque: no host, no path.
    path = '';
  }
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  const hostError = checkHost(host);
  if (hostError !== undefined) return malformed(hostError);
  if (!USER_INFO.test(authority.slice(0, Math.max(0, at)))) return malformed('net/url: invalid userinfo');
  const pathText = unescapePercent(path, 'path');
  if (pathText.error !== undefined) return malformed(pathText.error);

  if (!SCHEMES.has(scheme)) return { error: `URL scheme must be http, https, unix, or unixs: ${text}` };
  if (!isHostAndPort(host)) return { error: `URL address does not have the form "host:port": ${text}` };
  if (path !== '') return { error: `URL must not contain a path: ${text}` };
  const query = questionMark < 0 ? '' : beforeFragment.slice(questionMark);
  const url = `${scheme}://${authority}${query}${fragment === '#' ? '' : fragment}`;
  return { urls: [url.replace(/[\x80-\xff]/g, escapePath)] };
}

function checkHost(host: string): string | undefined {
  let afterName = host;
  if (host.startsWith('[')) {
    const bracket = host.lastIndexOf(']');
    if (bracket < 0) return "missing ']' in host";
    afterName = host.slice(bracket + 1);
  } else {
    const colon = host.lastIndexOf(':');
    afterName = colon < 0 ? '' : host.slice(colon);
  }
  if (afterName !== '' && !/^:[0-9]*$/.test(afterName)) {
    return `invalid port ${goQuote(afterName)} after host`;
  }
  for (let i = 0; i < host.length; i++) {
    const unit = host.charAt(i);
    if (unit === '%') {
      const escaped = host.slice(i, i + 3);
      // Only bytes beyond ASCII, and '%' itself, may stand percent-encoded in a host.
      if (!/^%(25|[89A-Fa-f][0-9A-Fa-f])$/.test(escaped)) return `invalid URL escape ${goQuote(escaped)}`;
      i += 2;
    } else if (!HOST_UNIT.test(unit)) return `invalid character ${goQuote(unit)} in host name`;
  }
  return undefined;
}

/** As net.SplitHostPort: one colon outside brackets, brackets only around the host. */
function isHostAndPort(host: string): boolean {
  const colon = host.lastIndexOf(':');
  if (colon < 0) return false;
  const name = host.slice(0, colon);
  if (!name.startsWith('[')) return !/[:[\]]/.test(name) && !/[[\]]/.test(host.slice(colon));
  return name.endsWith(']') && !/[[\]]/.test(name.slice(1, -1));
}
