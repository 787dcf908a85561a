/**
 * Microbenchmarks of the v2 tree: what one set costs from 1,000 to 1,000,000 keys, in one directory and spread out, what a key weighs, and
 * what encoding and snapshots cost. Run: node --expose-gc --import tsx bench/v2-store.ts [highest number of keys]
 */

import { encodeEvent } from '../src/store/v2/event-encoder.ts';
import { hashV2Store } from '../src/store/v2/store-hash.ts';
import type { V2Event, V2Store } from '../src/store/v2/types.ts';
import { createV2Store } from '../src/store/v2/v2-store.ts';

const NOW_NS = 1_700_000_000_000_000_000n;
const FOREVER = { expireTimeNs: undefined, refresh: false };
const ROUND = 200_000;
const keysMax = Number(process.argv[2] ?? 1_000_000);
const gc = (globalThis as { gc?: () => void }).gc;

function flatKey(n: number): string {
  return `/1/bench/key-${String((n * 7919) % keysMax).padStart(8, '0')}`;
}

function spreadKey(n: number): string {
  return `/1/bench/${n % 1000}/key-${String(n).padStart(8, '0')}`;
}

function heapBytes(): number {
  gc?.();
  gc?.();
  return process.memoryUsage().heapUsed;
}

function row(label: string, value: string): void {
  console.log(`${label.padEnd(58)}${value.padStart(14)}`);
}

function fill(store: V2Store, from: number, to: number, keyOf: (n: number) => string): number {
  let longest = 0;
  for (let n = from; n < to; n += 1) {
    const start = performance.now();
    // Fresh strings, as they come out of the log.
    store.set(keyOf(n), false, `value-${n}`, FOREVER, NOW_NS);
    longest = Math.max(longest, performance.now() - start);
  }
  return longest;
}

function benchLayout(name: string, keyOf: (n: number) => string): V2Store {
  const store = createV2Store(['/0', '/1']);
  let filled = 0;
  fill(store, 0, 1000, keyOf);
  filled = 1000;
  const empty = heapBytes();
  for (let size = 1000; size <= keysMax; size *= 10) {
    const addStart = performance.now();
    const longestMs = fill(store, filled, size, keyOf);
    const addUs = ((performance.now() - addStart) * 1000) / Math.max(1, size - filled);
    if (size > filled) {
      row(`${name}: new keys up to ${size}`, `${addUs.toFixed(2)} us`);
      row(`${name}: longest single set on the way (GC included)`, `${longestMs.toFixed(1)} ms`);
    }
    filled = size;
    const start = performance.now();
    for (let n = 0; n < ROUND; n += 1) {
      store.set(keyOf((n * 31) % size), false, `value-${n}`, FOREVER, NOW_NS);
    }
    row(
      `${name}: set of an existing key among ${size}`,
      `${(((performance.now() - start) * 1000) / ROUND).toFixed(2)} us`,
    );
  }
  row(`${name}: bytes per key`, ((heapBytes() - empty) / (filled - 1000)).toFixed(0));
  return store;
}

function benchEncoding(store: V2Store): void {
  const events: V2Event[] = [];
  for (let n = 0; n < 1000; n += 1) {
    events.push(store.set(flatKey(n), false, `value-${n}`, FOREVER, NOW_NS).event!);
  }
  let bytes = 0;
  const start = performance.now();
  for (let n = 0; n < ROUND; n += 1) bytes += Buffer.byteLength(encodeEvent(events[n % 1000]!, 2));
  row(
    `encodeEvent of a PUT answer (${Math.round(bytes / ROUND)} bytes, flattened)`,
    `${(((performance.now() - start) * 1000) / ROUND).toFixed(2)} us`,
  );
  const getStart = performance.now();
  for (let n = 0; n < ROUND; n += 1) {
    bytes += encodeEvent(store.get(flatKey(n % 1000), false, false, NOW_NS).event!, 2).length;
  }
  row('get of a file, with encoding', `${(((performance.now() - getStart) * 1000) / ROUND).toFixed(2)} us`);
}

function benchSnapshot(store: V2Store): void {
  const frozenStart = performance.now();
  const frozen = store.freeze();
  row('freeze', `${((performance.now() - frozenStart) * 1000).toFixed(0)} us`);
  const chunks: Uint8Array[] = [];
  let longestMs = 0;
  let renderMs = 0;
  let writeMs = 0;
  let writes = 0;
  for (;;) {
    const start = performance.now();
    const chunk = frozen.nextChunk(256 * 1024);
    const took = performance.now() - start;
    renderMs += took;
    longestMs = Math.max(longestMs, took);
    if (chunk === undefined) break;
    chunks.push(chunk);
    const writeStart = performance.now();
    for (let n = 0; n < 200; n += 1) {
      store.set(flatKey(writes), false, 'written while frozen', FOREVER, NOW_NS);
      writes += 1;
    }
    writeMs += performance.now() - writeStart;
  }
  const json = Buffer.concat(chunks);
  row(`snapshot of ${(json.length / 1e6).toFixed(0)} MB in slices`, `${renderMs.toFixed(0)} ms`);
  row('longest slice (256 KiB)', `${longestMs.toFixed(1)} ms`);
  row('set while frozen', `${((writeMs * 1000) / writes).toFixed(2)} us`);
  const recoverStart = performance.now();
  const recovered = createV2Store(['/0', '/1']);
  recovered.recover(json);
  row('recover', `${(performance.now() - recoverStart).toFixed(0)} ms`);
  const hashStart = performance.now();
  hashV2Store(recovered);
  row('hash', `${(performance.now() - hashStart).toFixed(0)} ms`);
}

if (gc === undefined) console.log('(run with --expose-gc for exact memory figures)');
const flat = benchLayout('one directory', flatKey);
benchEncoding(flat);
benchSnapshot(flat);
benchLayout('1000 directories', spreadKey);
