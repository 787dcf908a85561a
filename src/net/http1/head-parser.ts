/**
 * Parses one request head in place: nothing is decoded here but what framing needs.
 *
 *   *CRLF  METHOD SP TARGET SP HTTP/1.x CRLF  *( NAME ":" OWS VALUE OWS CRLF )  CRLF
 *
 * Strict where leniency lets two parsers disagree about where a request ends: lines end in CRLF only, no folded lines, no space
 * before a colon, no control characters, one Content-Length of digits or one `Transfer-Encoding: chunked` but not both.
 *
 * Incremental by lines: after `incomplete` it goes on at the line it stopped in, so a head that trickles in costs no more than
 * twice its size, provided the caller calls again only when a new LF has arrived.
 *
 * Invariant: offsets are relative to the `start` handed to `parse`, which must name the same byte in every call for one head.
 */
import { hexValues, hostBytes, targetBytes, tokenBytes, valueBytes } from './character-classes.ts';
import { type Refusal, refusal } from './refusal.ts';

export type HeadState = 'complete' | 'incomplete' | 'refused';

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const SLASH = 47;
const STAR = 42;

const badRequest = refusal(400);
const badName = refusal(400, 'invalid header name');
const badValue = refusal(400, 'invalid header value');
const badHost = refusal(400, 'malformed Host header');
const noHost = refusal(400, 'missing required Host header');
const uriTooLong = refusal(414);
const headTooLarge = refusal(431);
const unsupportedTransfer = refusal(501);
const unsupportedVersion = refusal(505, 'unsupported protocol version');
const expectationFailed = refusal(417);

export class HeadParser {
  method = '';
  /** 0 or 1, of HTTP/1.x. */
  minorVersion = 1;
  /** Path and query within the head; `queryStart` is `pathEnd` when there is none. */
  pathStart = 0;
  pathEnd = 0;
  queryStart = 0;
  queryEnd = 0;
  /** `OPTIONS *`, which asks about the server rather than about a path. */
  asterisk = false;
  /** Offset of the first header line. */
  headersStart = 0;
  /** Bytes of the head with the empty line that ends it. */
  length = 0;
  /** -1 if there is none. */
  contentLength = -1;
  chunked = false;
  keepAlive = true;
  expectContinue = false;
  /** Why, after 'refused'. */
  refused: Refusal = badRequest;

  private readonly headBytes: number;
  private readonly headerCount: number;
  /** Where to go on: start of the first line not parsed yet. */
  private lineStart = 0;
  private inHeaders = false;
  private headers = 0;
  private hosts = 0;
  private transferEncodings = 0;
  private sawClose = false;
  private sawKeepAlive = false;
  private sawExpect = false;

  constructor(headBytes: number, headerCount: number) {
    this.headBytes = headBytes;
    this.headerCount = headerCount;
  }

  reset(): void {
    this.lineStart = 0;
    this.inHeaders = false;
    this.headers = 0;
    this.hosts = 0;
    this.transferEncodings = 0;
    this.sawClose = false;
    this.sawKeepAlive = false;
    this.sawExpect = false;
    this.contentLength = -1;
    this.chunked = false;
    this.expectContinue = false;
    this.asterisk = false;
  }

  parse(bytes: Buffer, start: number, end: number): HeadState {
    // Not beyond the limit, whatever has arrived: the rest may be body.
    const limit = Math.min(end, start + this.headBytes);
    if (!this.inHeaders) {
      const state = this.parseRequestLine(bytes, start, limit);
      if (state !== 'complete') {
        return state === 'incomplete' && limit < end ? this.refuse(uriTooLong) : state;
      }
    }
    const state = this.parseHeaders(bytes, start, limit);
    return state === 'incomplete' && limit < end ? this.refuse(headTooLarge) : state;
  }

  private refuse(why: Refusal): HeadState {
    this.refused = why;
    return 'refused';
  }

  private parseRequestLine(bytes: Buffer, start: number, end: number): HeadState {
    let at = start + this.lineStart;
    // Empty lines before a request are left over from clients that end a body with one (RFC 9112, 2.2).
    while (at < end && bytes[at] === CR) {
      if (at + 1 === end) return 'incomplete';
      if (bytes[at + 1] !== LF) return this.refuse(badRequest);
      at += 2;
      this.lineStart = at - start;
    }
    const methodStart = at;
    while (at < end && tokenBytes[bytes[at]!] === 1) at++;
    if (at === end) return 'incomplete';
    if (bytes[at] !== SPACE || at === methodStart) return this.refuse(badRequest);
    const methodEnd = at++;

    const targetStart = at;
    let query = -1;
    let escapes = false;
    for (; at < end; at++) {
      const kind = targetBytes[bytes[at]!];
      if (kind === 0) continue;
      if (kind === 1) break;
      if (kind === 3) escapes = true;
      else if (query === -1) query = at;
    }
    if (at === end) return 'incomplete';
    if (bytes[at] !== SPACE || at === targetStart) return this.refuse(badRequest);
    const targetEnd = at++;

    // 'HTTP/1.1\r\n'
    if (end - at < 10) {
      for (let i = at; i < end; i++) if (bytes[i] === LF) return this.refuse(badRequest);
      return 'incomplete';
    }
    if (
      bytes[at] !== 72 ||
      bytes[at + 1] !== 84 ||
      bytes[at + 2] !== 84 ||
      bytes[at + 3] !== 80 ||
      bytes[at + 4] !== SLASH ||
      !isDigit(bytes[at + 5]!) ||
      bytes[at + 6] !== 46 ||
      !isDigit(bytes[at + 7]!) ||
      bytes[at + 8] !== CR ||
      bytes[at + 9] !== LF
    ) {
      return this.refuse(badRequest);
    }
    if (bytes[at + 5] !== 49 || bytes[at + 7]! > 49) return this.refuse(unsupportedVersion);
    this.minorVersion = bytes[at + 7]! - 48;
    at += 10;

    this.method = methodText(bytes, methodStart, methodEnd);
    if (!this.splitTarget(bytes, start, targetStart, targetEnd, query)) return this.refuse(badRequest);
    if (escapes && !hasValidEscapes(bytes, start + this.pathStart, start + this.pathEnd)) {
      return this.refuse(badRequest);
    }
    this.lineStart = at - start;
    this.headersStart = this.lineStart;
    this.inHeaders = true;
    return 'complete';
  }

  /** Finds path and query in origin-form, absolute-form and asterisk-form targets (RFC 9112, 3.2). */
  private splitTarget(bytes: Buffer, start: number, from: number, to: number, query: number): boolean {
    let pathStart = from;
    const first = bytes[from];
    if (first === STAR && to - from === 1) {
      if (this.method !== 'OPTIONS') return false;
      this.asterisk = true;
    } else if (first !== SLASH) {
      const scheme = absoluteSchemeLength(bytes, from, to);
      if (scheme === 0) return false;
      pathStart = from + scheme;
      const stop = query === -1 ? to : query;
      const authorityStart = pathStart;
      while (pathStart < stop && bytes[pathStart] !== SLASH) {
        if (hostBytes[bytes[pathStart]!] === 0) return false;
        pathStart++;
      }
      if (pathStart === authorityStart) return false;
    }
    this.pathStart = pathStart - start;
    this.pathEnd = (query === -1 ? to : query) - start;
    this.queryStart = query === -1 ? this.pathEnd : query + 1 - start;
    this.queryEnd = to - start;
    return true;
  }

  private parseHeaders(bytes: Buffer, start: number, end: number): HeadState {
    let at = start + this.lineStart;
    for (;;) {
      const nameStart = at;
      while (at < end && tokenBytes[bytes[at]!] === 1) at++;
      if (at === end) return 'incomplete';
      const nameEnd = at;
      if (nameEnd === nameStart) {
        if (bytes[at] !== CR) return this.refuse(isBlank(bytes[at]!) ? badRequest : badName);
        if (at + 1 === end) return 'incomplete';
        if (bytes[at + 1] !== LF) return this.refuse(badRequest);
        this.length = at + 2 - start;
        return this.finish();
      }
      if (bytes[at] !== COLON) return this.refuseName(bytes, at, end);
      at++;
      while (at < end && isBlank(bytes[at]!)) at++;
      const valueStart = at;
      while (at < end && valueBytes[bytes[at]!] === 1) at++;
      if (at + 1 >= end) {
        if (at < end && bytes[at] !== CR) return this.refuse(bytes[at] === LF ? badRequest : badValue);
        return 'incomplete';
      }
      if (bytes[at] !== CR || bytes[at + 1] !== LF) {
        return this.refuse(bytes[at] === LF ? badRequest : badValue);
      }
      let valueEnd = at;
      while (valueEnd > valueStart && isBlank(bytes[valueEnd - 1]!)) valueEnd--;
      at += 2;
      if (++this.headers > this.headerCount) return this.refuse(headTooLarge);
      const why = this.takeHeader(bytes, nameStart, nameEnd, valueStart, valueEnd);
      if (why !== undefined) return this.refuse(why);
      this.lineStart = at - start;
    }
  }

  /** A name with a character that may not be in one; Go says so only of a line that has a colon at all. */
  private refuseName(bytes: Buffer, from: number, end: number): HeadState {
    for (let at = from; at < end; at++) {
      if (bytes[at] === COLON) return this.refuse(badName);
      if (bytes[at] === CR || bytes[at] === LF) return this.refuse(badRequest);
    }
    return 'incomplete';
  }

  /** Looks at the five headers that decide framing and connection; told apart by length first. */
  private takeHeader(
    bytes: Buffer,
    nameStart: number,
    nameEnd: number,
    from: number,
    to: number,
  ): Refusal | undefined {
    switch (nameEnd - nameStart) {
      case 4:
        if (!isName(bytes, nameStart, 'host')) return;
        if (++this.hosts > 1) return badRequest;
        for (let at = from; at < to; at++) if (hostBytes[bytes[at]!] === 0) return badHost;
        return;
      case 6:
        if (!isName(bytes, nameStart, 'expect') || to === from) return;
        if (this.sawExpect || to - from !== 12 || !isName(bytes, from, '100-continue'))
          return expectationFailed;
        this.sawExpect = true;
        return;
      case 10:
        if (isName(bytes, nameStart, 'connection')) this.takeConnection(bytes, from, to);
        return;
      case 14:
        if (!isName(bytes, nameStart, 'content-length')) return;
        return this.takeContentLength(bytes, from, to) ? undefined : badRequest;
      case 17:
        if (!isName(bytes, nameStart, 'transfer-encoding')) return;
        if (++this.transferEncodings > 1) return badRequest;
        if (to - from !== 7 || !isName(bytes, from, 'chunked')) return unsupportedTransfer;
        this.chunked = true;
        return;
      default:
        return;
    }
  }

  private takeConnection(bytes: Buffer, from: number, to: number): void {
    if (to - from === 10 && isName(bytes, from, 'keep-alive')) {
      this.sawKeepAlive = true;
      return;
    }
    for (const token of bytes.toString('latin1', from, to).toLowerCase().split(',')) {
      const option = token.trim();
      if (option === 'close') this.sawClose = true;
      else if (option === 'keep-alive') this.sawKeepAlive = true;
    }
  }

  private takeContentLength(bytes: Buffer, from: number, to: number): boolean {
    // 15 digits stay exact; whoever sends more has no body to send.
    if (this.contentLength !== -1 || to === from || to - from > 15) return false;
    let length = 0;
    for (let at = from; at < to; at++) {
      const byte = bytes[at]!;
      if (!isDigit(byte)) return false;
      length = length * 10 + (byte - 48);
    }
    this.contentLength = length;
    return true;
  }

  private finish(): HeadState {
    if (this.transferEncodings > 0) {
      // Either is how requests are smuggled past a proxy that believes the other one (RFC 9112, 6.1).
      if (this.contentLength !== -1 || this.minorVersion === 0) return this.refuse(badRequest);
    }
    if (this.minorVersion === 1) {
      if (this.hosts === 0) return this.refuse(noHost);
      this.keepAlive = !this.sawClose;
      this.expectContinue = this.sawExpect && (this.chunked || this.contentLength > 0);
    } else {
      this.keepAlive = this.sawKeepAlive && !this.sawClose;
    }
    return 'complete';
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** Do the bytes at `at` spell `lowerCase`, in any case? The caller has checked the length. */
function isName(bytes: Buffer, at: number, lowerCase: string): boolean {
  for (let i = 0; i < lowerCase.length; i++) {
    const byte = bytes[at + i]!;
    const lower = byte >= 65 && byte <= 90 ? byte + 32 : byte;
    if (lower !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}

/** Length of 'http://' or 'https://' at `from`, else 0. */
function absoluteSchemeLength(bytes: Buffer, from: number, to: number): number {
  for (const scheme of ['http://', 'https://']) {
    if (to - from > scheme.length && isName(bytes, from, scheme)) return scheme.length;
  }
  return 0;
}

function hasValidEscapes(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    if (bytes[at] !== 0x25) continue;
    if (at + 2 >= to || hexValues[bytes[at + 1]!] === 255 || hexValues[bytes[at + 2]!] === 255) return false;
  }
  return true;
}

/** The usual methods without making a string. */
function methodText(bytes: Buffer, from: number, to: number): string {
  const length = to - from;
  const first = bytes[from];
  const second = bytes[from + 1];
  if (length === 3) {
    if (first === 71 && second === 69 && bytes[from + 2] === 84) return 'GET';
    if (first === 80 && second === 85 && bytes[from + 2] === 84) return 'PUT';
  } else if (
    length === 4 &&
    first === 80 &&
    second === 79 &&
    bytes[from + 2] === 83 &&
    bytes[from + 3] === 84
  ) {
    return 'POST';
  }
  return bytes.toString('latin1', from, to);
}
