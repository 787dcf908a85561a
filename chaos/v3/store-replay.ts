/** The v3 store as it should be after each revision, told naively: a map from key to its latest, changed by what the watchers saw. */

import type { Condition, KeyValue, KvOperation, KvRequest, KvResult } from './kv-request.ts';

/** What a transaction does to one key: with a value a put, without one a deletion. */
export interface Effect {
  readonly key: string;
  readonly after: KeyValue | undefined;
}

export interface Outcome {
  readonly succeeded: boolean;
  readonly results: readonly KvResult[];
  /** In order of the operations; nothing changes, and no revision is used, if it is empty. */
  readonly effects: readonly Effect[];
}

export class StoreReplay {
  readonly #latest = new Map<string, KeyValue>();

  get(key: string): KeyValue | undefined {
    return this.#latest.get(key);
  }

  apply({ key, after }: Effect): void {
    if (after === undefined) this.#latest.delete(key);
    else this.#latest.set(key, after);
  }

  /** What the request would do and say now, its changes being made at `revision`; nothing is changed here. */
  foresee(request: KvRequest, revision: number): Outcome {
    const succeeded = request.conditions.every((condition) => this.#holds(condition));
    const written = new Map<string, KeyValue | undefined>();
    const results: KvResult[] = [];
    const effects: Effect[] = [];
    for (const operation of succeeded ? request.success : request.failure) {
      const found = this.#find(operation, written);
      results.push(found);
      if (operation.kind === 'range') continue;
      const changes = operation.kind === 'put' ? [put(operation, found[0], revision)] : found.map(gone);
      for (const change of changes) {
        written.set(change.key, change.after);
        effects.push(change);
      }
    }
    return { succeeded, results, effects };
  }

  /** In order of keys. */
  all(): KeyValue[] {
    return [...this.#latest.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #find(operation: KvOperation, written: ReadonlyMap<string, KeyValue | undefined>): KeyValue[] {
    const now = (key: string): KeyValue | undefined =>
      written.has(key) ? written.get(key) : this.#latest.get(key);
    const { key } = operation;
    const end = operation.kind === 'put' ? undefined : operation.end;
    if (end === undefined) return [now(key)].filter((each) => each !== undefined);
    const keys = new Set([...this.#latest.keys(), ...written.keys()]);
    const inRange = [...keys].filter((each) => each >= key && each < end).sort();
    return inRange.map(now).filter((each) => each !== undefined);
  }

  #holds(condition: Condition): boolean {
    const found = this.#latest.get(condition.key);
    switch (condition.target) {
      // A comparison of values with a missing key never holds.
      case 'VALUE':
        return found?.value === condition.value;
      case 'MOD':
        return (found?.modRevision ?? 0) === condition.number;
      case 'CREATE':
        return (found?.createRevision ?? 0) === condition.number;
      case 'VERSION':
        return (found?.version ?? 0) === condition.number;
    }
  }
}

function put(
  operation: Extract<KvOperation, { kind: 'put' }>,
  before: KeyValue | undefined,
  revision: number,
): Effect {
  const after: KeyValue = {
    key: operation.key,
    value: operation.value,
    createRevision: before?.createRevision ?? revision,
    modRevision: revision,
    version: (before?.version ?? 0) + 1,
    lease: operation.lease ?? '0',
  };
  return { key: operation.key, after };
}

function gone({ key }: KeyValue): Effect {
  return { key, after: undefined };
}
