/**
 * One key of the v2 API as a sequential object: value or missing, and the index of its last change.
 *
 * What answers tell is optional: an output with an index (modifiedIndex) or with what was there before (prevNode) is held to it.
 * Indexes of one key's changes only rise, which orders the writes and makes the search nearly straight.
 */

import { impossibleStep, type Model, type Step } from './model.ts';

/** What a compare-and-swap or compare-and-delete asks of the node that is there; both, if both are given. */
export interface V2Condition {
  readonly prevValue?: string | undefined;
  readonly prevIndex?: number | undefined;
}

export type V2RegisterInput = { readonly key: string } & (
  | { readonly kind: 'get' }
  | { readonly kind: 'set'; readonly value: string }
  /** prevExist=false */
  | { readonly kind: 'create'; readonly value: string }
  /** prevExist=true */
  | { readonly kind: 'update'; readonly value: string }
  | ({ readonly kind: 'compareAndSwap'; readonly value: string } & V2Condition)
  | { readonly kind: 'delete' }
  | ({ readonly kind: 'compareAndDelete' } & V2Condition)
);

/** A value and the index of the change that put it there, which may not be known. */
export interface V2Version {
  readonly value: string;
  readonly index?: number | undefined;
}

export type V2RegisterOutput =
  /** A get that found a node. */
  | ({ readonly result: 'found' } & V2Version)
  /** A write or delete that took effect at `index`. `previous`: what it says was there, null for nothing, undefined if it does not say. */
  | {
      readonly result: 'done';
      readonly index?: number | undefined;
      readonly previous?: V2Version | null | undefined;
    }
  /** Error 100: there is no such key. */
  | { readonly result: 'missing' }
  /** Error 105: a create found a node. */
  | { readonly result: 'exists' }
  /** Error 101: a node is there, the condition does not hold. */
  | { readonly result: 'compareFailed' };

export interface V2RegisterState {
  /** Undefined: there is no node. */
  readonly value: string | undefined;
  /** Of the node's last change; undefined if no answer has told it. */
  readonly index: number | undefined;
  /** The greatest index known to belong to a change so far. */
  readonly indexMin: number;
}

export const v2Register: Model<V2RegisterState, V2RegisterInput, V2RegisterOutput> = {
  init: { value: undefined, index: undefined, indexMin: 0 },
  step,
  equal: (a, b) => a.value === b.value && a.index === b.index && a.indexMin === b.indexMin,
  hash,
  partition: (input) => input.key,
  isReadOnly: (_input, output) => output.result !== 'done',
  isTooLate,
  describe,
  describeState: ({ value, index, indexMin }) =>
    value === undefined
      ? `missing (last change at ${indexMin} or later)`
      : `${JSON.stringify(value)} @${index ?? '?'}`,
};

function step(
  state: V2RegisterState,
  input: V2RegisterInput,
  output: V2RegisterOutput | undefined,
): Step<V2RegisterState> {
  if (output === undefined) return unanswered(state, input);
  switch (output.result) {
    case 'found':
      return input.kind === 'get' ? seen(state, output) : impossibleStep;
    case 'missing':
      return state.value === undefined && input.kind !== 'set' && input.kind !== 'create'
        ? { ok: true, state }
        : impossibleStep;
    case 'exists':
      return state.value !== undefined && input.kind === 'create' ? { ok: true, state } : impossibleStep;
    case 'compareFailed':
      return state.value !== undefined && isConditional(input) && mayFail(state, input)
        ? { ok: true, state }
        : impossibleStep;
    case 'done':
      return done(state, input, output);
  }
}

function done(
  state: V2RegisterState,
  input: V2RegisterInput,
  output: Extract<V2RegisterOutput, { result: 'done' }>,
): Step<V2RegisterState> {
  const { index, previous } = output;
  if (previous === null && state.value !== undefined) return impossibleStep;
  let before = state;
  if (previous !== null && previous !== undefined) {
    const told = seen(state, previous);
    if (!told.ok) return told;
    before = told.state;
  }
  if (!mayTakeEffect(before, input)) return impossibleStep;
  const indexMin = isConditional(input) ? Math.max(before.indexMin, input.prevIndex ?? 0) : before.indexMin;
  if (index !== undefined && index <= indexMin) return impossibleStep;
  return { ok: true, state: effect({ ...before, indexMin }, input, index) };
}

/** What it does if it does happen now. Where that hangs on an index that is not known it may happen; not happening is no step at all. */
function unanswered(state: V2RegisterState, input: V2RegisterInput): Step<V2RegisterState> {
  return { ok: true, state: mayTakeEffect(state, input) ? effect(state, input, undefined) : state };
}

function effect(state: V2RegisterState, input: V2RegisterInput, index: number | undefined): V2RegisterState {
  if (input.kind === 'get') return state;
  const value = input.kind === 'delete' || input.kind === 'compareAndDelete' ? undefined : input.value;
  const indexMin = index ?? state.indexMin;
  return { value, index: value === undefined ? undefined : index, indexMin };
}

/** An answer shows the node: it must be the one that is there, and may tell an index that was not known. */
function seen(state: V2RegisterState, version: V2Version): Step<V2RegisterState> {
  if (state.value !== version.value) return impossibleStep;
  const { index } = version;
  if (index === undefined || index === state.index) return { ok: true, state };
  // An index not known so far belongs to a change after all known ones.
  if (state.index !== undefined || index <= state.indexMin) return impossibleStep;
  return { ok: true, state: { value: state.value, index, indexMin: index } };
}

type Conditional = Extract<V2RegisterInput, { kind: 'compareAndSwap' | 'compareAndDelete' }>;

function isConditional(input: V2RegisterInput): input is Conditional {
  return input.kind === 'compareAndSwap' || input.kind === 'compareAndDelete';
}

function mayTakeEffect(state: V2RegisterState, input: V2RegisterInput): boolean {
  switch (input.kind) {
    case 'get':
      return false;
    case 'set':
      return true;
    case 'create':
      return state.value === undefined;
    case 'update':
    case 'delete':
      return state.value !== undefined;
    case 'compareAndSwap':
    case 'compareAndDelete':
      return state.value !== undefined && mayHold(state, input);
  }
}

function mayHold(state: V2RegisterState, { prevValue, prevIndex }: V2Condition): boolean {
  if (prevValue !== undefined && prevValue !== state.value) return false;
  if (prevIndex === undefined) return true;
  return state.index === undefined ? prevIndex > state.indexMin : prevIndex === state.index;
}

function mayFail(state: V2RegisterState, { prevValue, prevIndex }: V2Condition): boolean {
  if (prevValue !== undefined && prevValue !== state.value) return true;
  return prevIndex !== undefined && prevIndex !== state.index;
}

/** Indexes of one key only rise: a change dated before the newest known one is past, and so is a version that is not there any more. */
function isTooLate(state: V2RegisterState, _input: V2RegisterInput, output: V2RegisterOutput): boolean {
  const isPast = (version: V2Version): boolean =>
    version.index !== undefined && version.index <= state.indexMin && version.index !== state.index;
  if (output.result === 'found') return isPast(output);
  if (output.result !== 'done') return false;
  if (output.index !== undefined && output.index <= state.indexMin) return true;
  return output.previous !== undefined && output.previous !== null && isPast(output.previous);
}

function hash(state: V2RegisterState): number {
  let mixed = state.indexMin | 0;
  mixed = Math.imul(mixed ^ ((state.index ?? -1) | 0), 0x9e3779b1);
  const { value } = state;
  if (value !== undefined) {
    for (let at = 0; at < value.length; at++) mixed = (Math.imul(mixed, 31) + value.charCodeAt(at) + 1) | 0;
  }
  return mixed;
}

function describe(input: V2RegisterInput, output: V2RegisterOutput | undefined): string {
  const at = (version: V2Version): string => `${JSON.stringify(version.value)} @${version.index ?? '?'}`;
  let asked: string = input.kind;
  if ('value' in input) asked += ` ${JSON.stringify(input.value)}`;
  if (isConditional(input)) {
    if (input.prevValue !== undefined) asked += ` if ${JSON.stringify(input.prevValue)}`;
    if (input.prevIndex !== undefined) asked += ` if @${input.prevIndex}`;
  }
  if (output === undefined) return `${asked} → no answer`;
  if (output.result === 'found') return `${asked} → ${at(output)}`;
  if (output.result !== 'done') return `${asked} → ${output.result}`;
  const before =
    output.previous === undefined
      ? ''
      : `, was ${output.previous === null ? 'missing' : at(output.previous)}`;
  return `${asked} → done @${output.index ?? '?'}${before}`;
}
