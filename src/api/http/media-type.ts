/**
 * The Content-Type header as Go's mime package reads it (RFC 1521, 2183), error texts included: etcd hands them to the client.
 */
export type MediaType =
  | { readonly type: string; readonly error?: undefined }
  | { readonly error: string; readonly type?: undefined };

const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+/;
/** Go's white space at the ends of header text. */
const LEADING_SPACE = /^[\t\n\v\f\r \x85\xa0]+/;
const INVALID_PARAMETER = 'mime: invalid media parameter';

/** `type` in lower case without parameters. */
export function parseMediaType(header: string): MediaType {
  const semicolon = header.indexOf(';');
  const base = semicolon < 0 ? header : header.slice(0, semicolon);
  const type = base.trim().toLowerCase();
  const typeError = checkType(type);
  if (typeError !== undefined) return { error: typeError };

  const names = new Set<string>();
  let rest = semicolon < 0 ? '' : header.slice(semicolon);
  for (;;) {
    rest = rest.replace(LEADING_SPACE, '');
    if (rest === '') return { type };
    const parameter = takeParameter(rest);
    if (parameter === undefined) {
      // One semicolon after the last parameter is forgiven.
      return rest.trim() === ';' ? { type } : { error: INVALID_PARAMETER };
    }
    if (names.has(parameter.name)) return { error: 'mime: duplicate parameter name' };
    names.add(parameter.name);
    rest = parameter.rest;
  }
}

function checkType(type: string): string | undefined {
  const main = takeToken(type);
  if (main === '') return 'mime: no media type';
  if (main === type) return undefined;
  if (type.charAt(main.length) !== '/') return 'mime: expected slash after first token';
  const rest = type.slice(main.length + 1);
  const sub = takeToken(rest);
  if (sub === '') return 'mime: expected token after slash';
  return sub === rest ? undefined : 'mime: unexpected content after media subtype';
}

/** `; name=token` or `; name="quoted"` at the start of `text`. */
function takeParameter(text: string): { readonly name: string; readonly rest: string } | undefined {
  if (!text.startsWith(';')) return undefined;
  const afterSemicolon = text.slice(1).replace(LEADING_SPACE, '');
  const name = takeToken(afterSemicolon);
  if (name === '') return undefined;
  const afterName = afterSemicolon.slice(name.length).replace(LEADING_SPACE, '');
  if (!afterName.startsWith('=')) return undefined;
  const value = afterName.slice(1).replace(LEADING_SPACE, '');
  const length = value.startsWith('"') ? quotedLength(value) : takeToken(value).length;
  if (length === 0) return undefined;
  return { name: name.toLowerCase(), rest: value.slice(length) };
}

/** Characters of the quoted string at the start of `text`, quotes included; 0 if it does not end or is broken over lines. */
function quotedLength(text: string): number {
  for (let i = 1; i < text.length; i++) {
    const unit = text.charAt(i);
    if (unit === '"') return i + 1;
    if (unit === '\\' && i + 1 < text.length) i++;
    else if (unit === '\r' || unit === '\n') return 0;
  }
  return 0;
}

function takeToken(text: string): string {
  return TOKEN.exec(text)?.[0] ?? '';
}
