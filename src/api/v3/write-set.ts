/**
 * The keys that the operations of a transaction write: single ones that are put, and ranges that are deleted. Deletes may overlap each other; a put may meet neither
 * another put nor a delete, except that the two branches of a nested transaction, of which only one happens, may put the same key.
 */
import type { KeyRange, RequestOp } from '../../wire/v3/kv-types.ts';

/** Keys as text of one character a byte, which compares as bytes do. `end` undefined: without end. */
interface Span {
  readonly start: string;
  readonly end: string | undefined;
}

export class WriteSet {
  readonly #puts = new Set<string>();
  #deletes: readonly Span[] = [];

  /** Undefined if some key would be written twice. */
  static of(operations: readonly RequestOp[]): WriteSet | undefined {
    // The usual cases need no sets.
    return arePutsInOrder(operations) ? NOTHING : WriteSet.#collect(operations);
  }

  static #collect(operations: readonly RequestOp[]): WriteSet | undefined {
    const set = new WriteSet();
    const deletes: Span[] = [];
    for (const each of operations) if (each.kind === 'delete-range') deletes.push(spanOf(each.request));
    set.#deletes = merged(deletes);
    for (const each of operations) {
      if (each.kind === 'txn' && !set.#addNested(each.request.success, each.request.failure))
        return undefined;
    }
    for (const each of operations) {
      if (each.kind === 'put' && !set.#put(textOf(each.request.key))) return undefined;
    }
    return set;
  }

  #addNested(success: readonly RequestOp[], failure: readonly RequestOp[]): boolean {
    const then = WriteSet.#collect(success);
    const otherwise = WriteSet.#collect(failure);
    if (then === undefined || otherwise === undefined) return false;
    for (const key of then.#puts) if (!this.#put(key)) return false;
    for (const key of otherwise.#puts) if (!then.#puts.has(key) && !this.#put(key)) return false;
    this.#deletes = merged([...this.#deletes, ...then.#deletes, ...otherwise.#deletes]);
    return true;
  }

  #put(key: string): boolean {
    if (this.#puts.has(key) || this.#isDeleted(key)) return false;
    this.#puts.add(key);
    return true;
  }

  /** The spans do not overlap and are in order. */
  #isDeleted(key: string): boolean {
    const spans = this.#deletes;
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (spans[middle]!.start <= key) low = middle + 1;
      else high = middle;
    }
    const before = spans[low - 1];
    return before !== undefined && (before.end === undefined || key < before.end);
  }
}

const NOTHING = new WriteSet();

/** Writes nothing but puts, the keys of which rise. */
function arePutsInOrder(operations: readonly RequestOp[]): boolean {
  let last: Uint8Array | undefined;
  for (const each of operations) {
    if (each.kind === 'range') continue;
    if (each.kind !== 'put') return false;
    const { key } = each.request;
    if (last !== undefined && !isBelow(last, key)) return false;
    last = key;
  }
  return true;
}

function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const common = Math.min(a.length, b.length);
  for (let i = 0; i < common; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return a.length < b.length;
}

function spanOf({ key, rangeEnd }: KeyRange): Span {
  const start = textOf(key);
  if (rangeEnd.length === 0) return { start, end: `${start}\0` };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { start, end: undefined };
  return { start, end: textOf(rangeEnd) };
}

function merged(spans: readonly Span[]): readonly Span[] {
  if (spans.length < 2) return spans.filter((span) => !isEmpty(span));
  const sorted = spans
    .filter((span) => !isEmpty(span))
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const result: Span[] = [];
  for (const span of sorted) {
    const last = result.at(-1);
    if (last === undefined || (last.end !== undefined && span.start > last.end)) result.push(span);
    else if (last.end !== undefined && (span.end === undefined || span.end > last.end)) {
      result[result.length - 1] = { start: last.start, end: span.end };
    }
  }
  return result;
}

function isEmpty({ start, end }: Span): boolean {
  return end !== undefined && end <= start;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}
