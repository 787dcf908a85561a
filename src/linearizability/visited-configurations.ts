/**
 * Lowe's cache ("Testing for linearizability", 2017): the configurations the search has been in. From a set of linearized operations and
 * the state they led to, everything that follows is the same however they were ordered, so no configuration is searched twice.
 *
 * A hash table over one array of integers, exact (no configuration is taken for another):
 *
 *     record   | next record, or 0 | length of what follows | state id | linearized set ...
 */

import type { LinearizedSet } from './linearized-set.ts';

const headerLength = 2;

export class VisitedConfigurations {
  #records = new Int32Array(1 << 12);
  /** 0 means none, so the first record is at 1. */
  #end = 1;
  #buckets = new Int32Array(1 << 10);
  count = 0;

  /** Adds the configuration; false if it was there. */
  add(stateId: number, linearized: LinearizedSet): boolean {
    this.#reserve(headerLength + 1 + linearized.writtenSizeMax);
    const records = this.#records;
    const begin = this.#end;
    const content = begin + headerLength;
    records[content] = stateId;
    const end = linearized.write(records, content + 1);
    const length = end - content;

    const bucket = hashOf(records, content, end) & (this.#buckets.length - 1);
    const first = this.#buckets[bucket]!;
    for (let record = first; record !== 0; record = records[record]!) {
      if (records[record + 1] !== length) continue;
      let at = 0;
      while (at < length && records[record + headerLength + at] === records[content + at]) at++;
      if (at === length) return false;
    }
    records[begin] = first;
    records[begin + 1] = length;
    this.#buckets[bucket] = begin;
    this.#end = end;
    if (++this.count > this.#buckets.length) this.#growBuckets();
    return true;
  }

  #reserve(size: number): void {
    if (this.#end + size <= this.#records.length) return;
    const larger = new Int32Array(Math.max(this.#records.length * 2, this.#end + size));
    larger.set(this.#records);
    this.#records = larger;
  }

  #growBuckets(): void {
    const records = this.#records;
    this.#buckets = new Int32Array(this.#buckets.length * 4);
    for (let record = 1; record < this.#end; ) {
      const content = record + headerLength;
      const end = content + records[record + 1]!;
      const bucket = hashOf(records, content, end) & (this.#buckets.length - 1);
      records[record] = this.#buckets[bucket]!;
      this.#buckets[bucket] = record;
      record = end;
    }
  }
}

/** Murmur3's mixing, word by word. */
function hashOf(words: Int32Array, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) {
    let word = Math.imul(words[at]!, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
