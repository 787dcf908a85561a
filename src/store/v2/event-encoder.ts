/**
 * Events and errors as the JSON text of etcd's v2 API: Go's field order and omitempty rules, one newline at the end.
 *
 *   event = {"action":A,"node":N,"prevNode":N}\n
 *   N     = {"key","value","dir","expiration","ttl","nodes":[N...],"modifiedIndex","createdIndex"}, empty ones left out but "value":""
 *   error = {"errorCode","message","cause","index"}\n
 */

import { quoteGo } from '../../wire/go-json.ts';
import { formatRfc3339 } from './rfc3339.ts';
import type { V2Error, V2Event, V2Node } from './types.ts';

/**
 * The answer's body. `stripPrefixLength` units are cut off the front of each key: 2 for the store path '/1/foo' that
 * clients know as '/foo', 0 for none; all keys of the event must have that prefix.
 */
export function encodeEvent(event: V2Event, stripPrefixLength: number): string {
  const { node, prevNode } = event;
  if (node.nodes !== undefined && node.nodes.length > 0) {
    return new EventEncoder(event, stripPrefixLength).next(Number.POSITIVE_INFINITY)!;
  }
  const head = `{"action":"${event.action}","node":${encodeNode(node, stripPrefixLength)}`;
  return prevNode === undefined
    ? `${head}}\n`
    : `${head},"prevNode":${encodeNode(prevNode, stripPrefixLength)}}\n`;
}

/** The body under noValueOnSuccess, for set, create, update and compareAndSwap. */
export function encodeActionOnly(event: V2Event): string {
  return `{"action":"${event.action}"}\n`;
}

/** `stripPrefix` ('/1') is cut off the front of the cause if it stands there. */
export function encodeError(error: V2Error, stripPrefix: string): string {
  const { errorCode, message, index } = error;
  const cause =
    stripPrefix !== '' && error.cause.startsWith(stripPrefix)
      ? error.cause.slice(stripPrefix.length)
      : error.cause;
  const head = `{"errorCode":${errorCode},"message":${quoteGo(message)}`;
  return cause === ''
    ? `${head},"index":${index}}\n`
    : `${head},"cause":${quoteGo(cause)},"index":${index}}\n`;
}

interface OpenList {
  readonly nodes: readonly V2Node[];
  /** Next to be written. */
  at: number;
  /** What follows the list. */
  readonly tail: string;
}

/** The text of encodeEvent in pieces, so that an event with thousands of nodes does not hold the event loop. */
export class EventEncoder {
  readonly #event: V2Event;
  readonly #strip: number;
  readonly #open: OpenList[] = [];
  #text = '';
  #state: 'start' | 'lists' | 'end' = 'start';

  constructor(event: V2Event, stripPrefixLength: number) {
    this.#event = event;
    this.#strip = stripPrefixLength;
  }

  /** The next piece, about `budgetUnits` UTF-16 units long; undefined after the last. */
  next(budgetUnits: number): string | undefined {
    if (this.#state === 'end') return undefined;
    this.#text = '';
    if (this.#state === 'start') {
      this.#text = `{"action":"${this.#event.action}","node":`;
      this.#begin(this.#event.node);
      this.#state = 'lists';
    }
    while (this.#text.length < budgetUnits) {
      const list = this.#open.at(-1);
      if (list === undefined) {
        const { prevNode } = this.#event;
        if (prevNode !== undefined) this.#text += `,"prevNode":${encodeNode(prevNode, this.#strip)}`;
        this.#text += '}\n';
        this.#state = 'end';
        break;
      }
      if (list.at === list.nodes.length) {
        this.#text += list.tail;
        this.#open.pop();
        continue;
      }
      if (list.at > 0) this.#text += ',';
      list.at += 1;
      this.#begin(list.nodes[list.at - 1]!);
    }
    return this.#text;
  }

  #begin(node: V2Node): void {
    if (node.nodes === undefined || node.nodes.length === 0) {
      this.#text += encodeNode(node, this.#strip);
      return;
    }
    this.#text += encodeOpening(node, this.#strip);
    this.#open.push({ nodes: node.nodes, at: 0, tail: encodeClosing(node) });
  }
}

/** A node without its children. `quote` makes the JSON of the key and the value. */
export function encodeNode(node: V2Node, stripPrefixLength: number, quote: typeof quoteGo = quoteGo): string {
  const head = headOf(node, stripPrefixLength, quote);
  return head + tailOf(node, head === '{');
}

/** A node up to and with the bracket that opens its list of children. */
export function encodeOpening(node: V2Node, stripPrefixLength: number): string {
  const head = headOf(node, stripPrefixLength, quoteGo);
  return `${head}${head === '{' ? '' : ','}"nodes":[`;
}

/** The rest of a node from the bracket that closes its list of children. */
export function encodeClosing(node: V2Node): string {
  return `]${tailOf(node, false)}`;
}

/** The fields in front of "nodes". */
function headOf(node: V2Node, stripPrefixLength: number, quote: typeof quoteGo): string {
  const key = node.key ?? '';
  let text = key.length > stripPrefixLength ? `{"key":${quote(key.slice(stripPrefixLength))}` : '{';
  if (node.value !== undefined) text += `${text === '{' ? '' : ','}"value":${quote(node.value)}`;
  if (node.dir === true) text += text === '{' ? '"dir":true' : ',"dir":true';
  if (node.expirationNs !== undefined) {
    text += `${text === '{' ? '' : ','}"expiration":"${formatRfc3339(node.expirationNs)}"`;
    // With an expiration in front there is always a comma.
    if (node.ttlSeconds !== undefined && node.ttlSeconds !== 0) text += `,"ttl":${node.ttlSeconds}`;
  }
  return text;
}

/** The fields behind "nodes", and the closing brace. `first`: nothing stands before them. */
function tailOf(node: V2Node, first: boolean): string {
  const { modifiedIndex, createdIndex } = node;
  if (modifiedIndex !== 0 && createdIndex !== 0 && !first) {
    return `,"modifiedIndex":${modifiedIndex},"createdIndex":${createdIndex}}`;
  }
  let text = modifiedIndex === 0 ? '' : `,"modifiedIndex":${modifiedIndex}`;
  if (createdIndex !== 0) text += `,"createdIndex":${createdIndex}`;
  return `${first ? text.slice(1) : text}}`;
}
