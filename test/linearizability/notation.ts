/**
 * Histories as pictures in text, one line a client:
 *
 *     a: |-- set x --|      |-- get x --|
 *     b:        |-- get - --|
 *     c:   |-- set y ...                     no answer
 *
 * The column of an operation's bars is its time. `get -` finds nothing; `set v` and `delete` are done; `swap a b` was done, `swap? a b`
 * failed its comparison; `@7` at the end is the index the answer tells.
 */

import type { Operation } from '../../src/linearizability/model.ts';
import type { V2RegisterInput, V2RegisterOutput } from '../../src/linearizability/v2-register.ts';

export type RegisterHistory = Operation<V2RegisterInput, V2RegisterOutput>[];

export function history(picture: string): RegisterHistory {
  const operations: RegisterHistory = [];
  picture.split('\n').forEach((indented, client) => {
    const line = indented.trimStart();
    for (const match of line.matchAll(/\|-+ ([^|]*?) (-+\||\.\.\.)/g)) {
      const isAnswered = match[2] !== '...';
      const { input, output } = parse(match[1]!);
      operations.push({
        client,
        input,
        output: isAnswered ? output : undefined,
        calledAt: match.index,
        answeredAt: match.index + match[0].length - 1,
      });
    }
  });
  return operations;
}

function parse(text: string): { readonly input: V2RegisterInput; readonly output: V2RegisterOutput } {
  const [words, told] = text.split(' @');
  const index = told === undefined ? undefined : Number(told);
  const [verb, first = '', second = ''] = words!.split(' ');
  const key = '/k';
  const done: V2RegisterOutput = { result: 'done', index };
  switch (verb) {
    case 'get':
      return {
        input: { key, kind: 'get' },
        output: first === '-' ? { result: 'missing' } : { result: 'found', value: first, index },
      };
    case 'set':
      return { input: { key, kind: 'set', value: first }, output: done };
    case 'create':
      return { input: { key, kind: 'create', value: first }, output: done };
    case 'create?':
      return { input: { key, kind: 'create', value: first }, output: { result: 'exists' } };
    case 'delete':
      return { input: { key, kind: 'delete' }, output: done };
    case 'delete?':
      return { input: { key, kind: 'delete' }, output: { result: 'missing' } };
    case 'swap':
      return { input: { key, kind: 'compareAndSwap', prevValue: first, value: second }, output: done };
    case 'swap?':
      return {
        input: { key, kind: 'compareAndSwap', prevValue: first, value: second },
        output: { result: 'compareFailed' },
      };
    case 'swapAt':
      return {
        input: { key, kind: 'compareAndSwap', prevIndex: Number(first), value: second },
        output: done,
      };
    default:
      throw new Error(`no operation: ${text}`);
  }
}
