/**
 * Writes of one table that are not committed yet: numbered entries without an object each, since a busy member makes hundreds of thousands a second. They
 * are found by a hash of the key (key-hash.ts); the order is made only when a scan asks for it (key-order.ts).
 *
 *     slots      [ .  3  .  1  .  2 ]     1 + number of an entry, open addressing
 *     hashes     [ h0 h1 h2 ]             by number, as are the rest:
 *     addresses  [ a0 a1 a2 ]             of the keys (byte-arena.ts)
 *     lengths    [ l0 l1 l2 ]             of the keys
 *     values     [ v0 -- -- ]             long ones
 *     small      [ -- -- s2 ]             addresses and lengths of the others; neither: removed
 *
 * Keys and values of up to SMALL_BYTES are copied, since thousands of small objects that live for a while cost more; larger values are kept as they are
 * given. Nothing may be written while a cursor is in use.
 */

import {
  type BytesPlace,
  type DurableEntries,
  type DurableEntry,
  placeAll,
} from '../ports/durable-tables.ts';
import { ByteArena, offsetOf } from './byte-arena.ts';
import type { KeyHash } from './key-hash.ts';
import { KeyOrder, type OrderedKeys } from './key-order.ts';

const SLOTS_MIN = 64;
const SMALL_BYTES = 64;
/** No small value. */
const NONE = 0xffff_ffff;
const NO_SLOTS = new Int32Array(0);
const NO_NUMBERS = new Uint32Array(0);

export class Memtable implements DurableEntries, OrderedKeys {
  /** The same for all memtables of a table. */
  readonly keyHash: KeyHash;
  #size = 0;
  /** How many slots to begin with. */
  readonly #slotsFirst: number;
  #slots = NO_SLOTS;
  #hashes = NO_SLOTS;
  #addresses = NO_NUMBERS;
  #lengths = NO_NUMBERS;
  #smallAddresses = NO_NUMBERS;
  #smallLengths = NO_NUMBERS;
  readonly #values: (Uint8Array | undefined)[] = [];
  readonly #arena = new ByteArena();
  readonly #order = new KeyOrder(this);

  /** @param sizeHint the entries there will be, more or less */
  constructor(keyHash: KeyHash, sizeHint = 0) {
    this.keyHash = keyHash;
    this.#slotsFirst = Math.max(SLOTS_MIN, 2 ** Math.ceil(Math.log2(sizeHint * 2 + 1)));
  }

  /** Keys written, removed ones among them. */
  get size(): number {
    return this.#size;
  }

  /** Puts, or removes if the value is undefined. */
  write(key: Uint8Array, value: Uint8Array | undefined): void {
    const hash = this.keyHash.of(key);
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(hash, key);
    const known = this.#slots[slot]! - 1;
    if (known >= 0) {
      this.#set(known, value);
      return;
    }
    const entry = this.#size++;
    this.#slots[slot] = entry + 1;
    this.#hashes[entry] = hash;
    this.#addresses[entry] = this.#arena.add(key);
    this.#lengths[entry] = key.length;
    this.#set(entry, value);
  }

  /** The number of the key's entry; -1 if there is none. `hash`: of the key, by `keyHash`. */
  find(hash: number, key: Uint8Array): number {
    return this.#size === 0 ? -1 : this.#slots[this.#slotOf(hash, key)]! - 1;
  }

  keyAt(entry: number): Uint8Array {
    return this.#arena.view(this.#addresses[entry]!, this.#lengths[entry]!);
  }

  valueAt(entry: number): Uint8Array | undefined {
    const address = this.#smallAddresses[entry]!;
    return address === NONE ? this.#values[entry] : this.#arena.view(address, this.#smallLengths[entry]!);
  }

  read(entry: number, key: BytesPlace, value: BytesPlace): boolean {
    this.#place(key, this.#addresses[entry]!, this.#lengths[entry]!);
    const address = this.#smallAddresses[entry]!;
    if (address !== NONE) {
      this.#place(value, address, this.#smallLengths[entry]!);
      return true;
    }
    const large = this.#values[entry];
    if (large !== undefined) placeAll(value, large);
    return large !== undefined;
  }

  /** The order of the entries by their keys, as it is now. */
  get order(): KeyOrder {
    return this.#order;
  }

  /** As Buffer.compare. */
  compareKeys(entry: number, other: number): number {
    const a = this.#addresses[entry]!;
    const b = this.#addresses[other]!;
    return compareParts(
      this.#arena.chunkOf(a),
      offsetOf(a),
      this.#lengths[entry]!,
      this.#arena.chunkOf(b),
      offsetOf(b),
      this.#lengths[other]!,
    );
  }

  /** As Buffer.compare, of an entry's key and another one. */
  compareKey(entry: number, key: Uint8Array): number {
    const a = this.#addresses[entry]!;
    return compareParts(this.#arena.chunkOf(a), offsetOf(a), this.#lengths[entry]!, key, 0, key.length);
  }

  /** In the order in which the keys were first written. */
  *[Symbol.iterator](): Iterator<DurableEntry> {
    for (let entry = 0; entry < this.#size; entry++) {
      yield { key: this.keyAt(entry), value: this.valueAt(entry) };
    }
  }

  #set(entry: number, value: Uint8Array | undefined): void {
    const isSmall = value !== undefined && value.length <= SMALL_BYTES;
    this.#smallAddresses[entry] = isSmall ? this.#arena.add(value) : NONE;
    this.#smallLengths[entry] = isSmall ? value.length : 0;
    this.#values[entry] = isSmall ? undefined : value;
  }

  #place(place: BytesPlace, address: number, length: number): void {
    place.bytes = this.#arena.chunkOf(address);
    place.start = offsetOf(address);
    place.length = length;
  }

  /** Where the key's entry is, or the free slot where it would be. */
  #slotOf(hash: number, key: Uint8Array): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = slots[slot]! - 1;
      if (entry < 0 || (this.#hashes[entry] === hash && this.#isKey(entry, key))) return slot;
    }
  }

  #isKey(entry: number, key: Uint8Array): boolean {
    const { length } = key;
    if (this.#lengths[entry] !== length) return false;
    const address = this.#addresses[entry]!;
    const chunk = this.#arena.chunkOf(address);
    const at = offsetOf(address);
    for (let i = 0; i < length; i++) if (chunk[at + i] !== key[i]) return false;
    return true;
  }

  #grow(): void {
    const slots = new Int32Array(this.#slots.length === 0 ? this.#slotsFirst : this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let entry = 0; entry < this.#size; entry++) {
      let slot = this.#hashes[entry]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = entry + 1;
    }
    this.#slots = slots;
    const entries = slots.length / 2;
    this.#hashes = grown(this.#hashes, new Int32Array(entries));
    this.#addresses = grown(this.#addresses, new Uint32Array(entries));
    this.#lengths = grown(this.#lengths, new Uint32Array(entries));
    this.#smallAddresses = grown(this.#smallAddresses, new Uint32Array(entries));
    this.#smallLengths = grown(this.#smallLengths, new Uint32Array(entries));
  }
}

function grown<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from);
  return to;
}

function compareParts(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const common = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < common; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
