/**
 * Golden transcripts: testdata/*.txt hold requests and, below each, what the store answers and its watches hear. Run with
 * REWRITE=1 to write the answers anew, then read the diff.
 *
 *   # comment
 *   > set /a 1 ttl=5 refresh dir          > create /q 1 unique      > update /a 2      > get / recursive
 *   > swap /a old new index=3             > delete /a dir recursive > remove-if /a old index=3
 *   > watch /a recursive stream since=4   > expire 5                (the clock goes on by 5 seconds first)
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'node:test';
import { httpStatusOfV2Error } from '../../../src/store/v2/errors.ts';
import { encodeError, encodeEvent } from '../../../src/store/v2/event-encoder.ts';
import type { V2Outcome, V2Store } from '../../../src/store/v2/types.ts';
import { createV2Store } from '../../../src/store/v2/v2-store.ts';

const NS_PER_SECOND = 1_000_000_000n;
const START_NS = 1_700_000_000n * NS_PER_SECOND;

class Transcript {
  readonly #store: V2Store = createV2Store(['/0', '/1']);
  #nowNs = START_NS;
  #watches = 0;
  #heard: string[] = [];

  run(command: string): string {
    this.#heard = [];
    const [verb, key = '/', ...rest] = command.split(' ');
    const path = key === '/' ? '/1' : `/1${key}`;
    const words = rest.filter((word) => !word.includes('='));
    const option = (name: string): number => {
      const found = rest.find((word) => word.startsWith(`${name}=`));
      return found === undefined ? 0 : Number(found.slice(name.length + 1));
    };
    const has = (word: string): boolean => words.includes(word);
    const hasTtl = rest.some((word) => word.startsWith('ttl='));
    const ttl = {
      expireTimeNs: hasTtl ? this.#nowNs + BigInt(option('ttl')) * NS_PER_SECOND : undefined,
      refresh: has('refresh'),
    };
    const value = words[0] === undefined || ['dir', 'refresh', 'unique'].includes(words[0]) ? '' : words[0];
    const store = this.#store;
    const now = this.#nowNs;
    if (verb === 'expire') {
      this.#nowNs += BigInt(key) * NS_PER_SECOND;
      store.deleteExpired(this.#nowNs);
      return this.#answer(`index ${store.currentIndex}, ttl nodes ${store.hasTtlNodes()}\n`);
    }
    if (verb === 'watch')
      return this.#answer(this.#watch(path, has('recursive'), has('stream'), option('since')));
    const outcomes: Record<string, () => V2Outcome> = {
      get: () => store.get(path, has('recursive'), true, now),
      set: () => store.set(path, has('dir'), value, ttl, now),
      create: () => store.create(path, has('dir'), value, has('unique'), ttl, now),
      update: () => store.update(path, value, ttl, now),
      swap: () =>
        store.compareAndSwap(path, words[0]!.replace('-', ''), option('index'), words[1]!, ttl, now),
      'remove-if': () => store.compareAndDelete(path, words[0]!.replace('-', ''), option('index'), now),
      delete: () => store.delete(path, has('dir'), has('recursive'), now),
    };
    const { event, error } = outcomes[verb!]!();
    return this.#answer(
      error === undefined
        ? `${event.etcdIndex} ${encodeEvent(event, 2)}`
        : `${httpStatusOfV2Error(error)} ${encodeError(error, '/1')}`,
    );
  }

  #watch(path: string, recursive: boolean, stream: boolean, since: number): string {
    this.#watches += 1;
    const name = `watch ${this.#watches}`;
    const hear = (event: Parameters<typeof encodeEvent>[0]): void => {
      this.#heard.push(`${name}: ${event.etcdIndex} ${encodeEvent(event, 2)}`);
    };
    const { watcher, error } = this.#store.watch(path, recursive, stream, since, hear, this.#nowNs);
    return error === undefined ? `${name} from ${watcher.startIndex}\n` : encodeError(error, '/1');
  }

  #answer(text: string): string {
    return text + this.#heard.join('');
  }
}

const testdata = new URL('./testdata/', import.meta.url);
for (const file of readdirSync(testdata).filter((name) => name.endsWith('.txt'))) {
  test(`transcript ${file}`, () => {
    const text = readFileSync(new URL(file, testdata), 'utf8');
    const transcript = new Transcript();
    let played = '';
    for (const line of text.split('\n')) {
      if (line.startsWith('> ')) played += `${line}\n${transcript.run(line.slice(2))}`;
      else if (line.startsWith('#') || line === '') played += `${line}\n`;
    }
    played = `${played.trimEnd()}\n`;
    if (process.env['REWRITE'] === '1') writeFileSync(new URL(file, testdata), played);
    assert.equal(played, text);
  });
}
