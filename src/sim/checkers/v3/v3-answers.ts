/**
 * Histories of v3 requests are linearizable. Revisions give every change its place and every answer names the revision it was given at,
 * so the order that linearizability asks for need not be searched:
 *
 *   - an answer is what the history says at its revision; a change is what stands there, and nobody else's;
 *   - whoever begins after another's answer sees that answer's revision or a later one, and a change a later one;
 *   - what is read of the past is what was there, or is refused as compacted, and that only if somebody asked for it; behind an
 *     acknowledged compaction it is refused;
 *   - in the end no acknowledged revision is missing.
 */
import { type Checker, CheckFailure, type Observation } from '../../observation.ts';
import type {
  V3KvOperation,
  V3Operation,
  V3Outcome,
  V3Returned,
  V3StepResult,
} from '../../v3-observation.ts';
import { type Foreseen, foresee } from './foresee.ts';
import { eventsText, rowText, sameEvents, sameRow, sameRows } from './v3-history.ts';
import type { V3Revisions } from './v3-revisions.ts';

type Done = Extract<V3Outcome, { kind: 'done' }>;

interface Begun {
  /** What had been answered by then. */
  readonly revision: number;
  readonly compacted: number;
}

export class V3Answers implements Checker {
  readonly name = 'v3 answers';
  readonly #revisions: V3Revisions;
  readonly #begun = new Map<number, Begun>();
  /** The highest revision of an answer that is not allowed to be old, and the highest compaction acknowledged. */
  #answered = 0;
  #answeredText = '';
  #compacted = -1;
  /** The highest compaction that was asked for, and the highest that somebody else asked for, too, or for more. */
  #asked: number;
  #askedTwice: number;
  /** Whose store was replaced by a snapshot: their jobs in slices may have ended by that. */
  readonly #replaced = new Set<string>();
  /** By revision: the operation that was told to have made it. */
  readonly #makers = new Map<number, number>();
  /** HashKV by the revision and the compaction it is of. */
  readonly #hashes = new Map<string, { readonly hash: number; readonly member: string }>();

  /** `revisions` sees every observation first. */
  constructor(revisions: V3Revisions, isWhole = true) {
    this.#revisions = revisions;
    this.#asked = isWhole ? -1 : Number.POSITIVE_INFINITY;
    this.#askedTwice = this.#asked;
  }

  observe(observation: Observation): void {
    switch (observation.kind) {
      case 'v3-invoked': {
        const { operationId, operation } = observation;
        this.#begun.set(operationId, { revision: this.#answered, compacted: this.#compacted });
        if (operation.kind === 'compact') {
          this.#askedTwice = Math.max(this.#askedTwice, Math.min(this.#asked, operation.revision));
          this.#asked = Math.max(this.#asked, operation.revision);
        }
        return;
      }
      case 'v3-returned':
        this.#returned(observation);
        return;
      case 'snapshot-installed':
        this.#replaced.add(observation.member);
        return;
      case 'v3-final':
        if (observation.revision < this.#answered) {
          throw this.#failure(
            `in the end ${observation.member} is at revision ${observation.revision}; ${this.#answeredText} was answered at ${this.#answered}`,
          );
        }
        return;
      default:
    }
  }

  finish(): void {}

  #returned(returned: V3Returned): void {
    const { operation, outcome, operationId } = returned;
    const begun = this.#begun.get(operationId);
    this.#begun.delete(operationId);
    if (begun === undefined || outcome.kind === 'unknown') return;
    if (outcome.kind === 'refused') this.#refused(returned, outcome.code, begun);
    else if (isOfKeys(operation)) this.#keys(returned, operation, outcome, begun);
    else this.#others(returned, outcome, begun);
  }

  #keys(returned: V3Returned, operation: V3KvOperation, outcome: Done, begun: Begun): void {
    const { history } = this.#revisions;
    const { revision } = outcome;
    const changes = hasChanged(outcome.results);
    const isFresh = operation.kind !== 'range' || !operation.serializable;
    if (isFresh) this.#notOlder(returned, revision, begun, changes);
    if (revision < history.base || (changes && revision === history.base)) return;
    if (revision > history.last) {
      throw this.#failure(`${textOf(returned)} is answered at revision ${revision}, which nobody has made`);
    }
    if (operation.kind === 'range' && operation.revision > 0) {
      if (isFresh && operation.revision < begun.compacted) {
        throw this.#failure(
          `${textOf(returned)} reads revision ${operation.revision}; it was acknowledged before that all before ${begun.compacted} is compacted`,
        );
      }
      if (operation.revision < history.base) return;
    }
    const foreseen = foresee(operation, history, changes ? revision - 1 : revision);
    this.#compare(returned, outcome, foreseen);
    if (!changes) return;
    const events = history.at(revision) ?? [];
    const other = this.#makers.get(revision);
    if (other !== undefined || !sameEvents(foreseen.effects, events)) {
      throw this.#failure(
        `${textOf(returned)} is said to be revision ${revision}, which is ${eventsText(events)}${other === undefined ? '' : `, and was said of operation ${other}`}`,
      );
    }
    this.#makers.set(revision, returned.operationId);
  }

  #others(returned: V3Returned, outcome: Done, begun: Begun): void {
    const { operation, member } = returned;
    const { hash } = outcome;
    if (operation.kind === 'compact') this.#compacted = Math.max(this.#compacted, operation.revision);
    if (hash !== undefined) {
      const key = `${hash.at}, compacted ${hash.compacted}`;
      const known = this.#hashes.get(key);
      if (known === undefined) this.#hashes.set(key, { hash: hash.hash, member });
      else if (known.hash !== hash.hash) {
        throw this.#failure(
          `HashKV at ${key} is ${hash.hash} on ${member}, and was ${known.hash} on ${known.member}`,
        );
      }
    } else if (outcome.revision > 0) this.#notOlder(returned, outcome.revision, begun, false);
  }

  #notOlder(returned: V3Returned, revision: number, begun: Begun, changes: boolean): void {
    if (revision < begun.revision || (changes && revision === begun.revision)) {
      throw this.#failure(
        `${textOf(returned)} is answered at revision ${revision}; before it began ${begun.revision} was answered`,
      );
    }
    if (revision <= this.#answered) return;
    this.#answered = revision;
    this.#answeredText = textOf(returned);
  }

  #compare(returned: V3Returned, { succeeded, results, revision }: Done, foreseen: Foreseen): void {
    const isRight =
      succeeded === foreseen.succeeded &&
      results.length === foreseen.results.length &&
      results.every((result, i) => sameResult(result, foreseen.results[i]!));
    if (isRight) return;
    throw this.#failure(
      `${textOf(returned)} is answered at revision ${revision} with ${answerText(succeeded, results)}; right is ${answerText(foreseen.succeeded, foreseen.results)}`,
    );
  }

  #refused(returned: V3Returned, code: string, begun: Begun): void {
    const { operation, member } = returned;
    if (code === 'compacted') {
      const { kind } = operation;
      const isOfPast =
        (kind === 'range' || kind === 'hash') && operation.revision > 0 && operation.revision < this.#asked;
      const isInSlices = kind === 'hash' || (kind === 'range' && operation.sliceMs > 0);
      const isRight =
        isOfPast ||
        (kind === 'compact' && operation.revision <= this.#askedTwice) ||
        (isInSlices && this.#replaced.has(member));
      if (!isRight)
        throw this.#failure(`${textOf(returned)} is refused as compacted, and nobody asked for that`);
    } else if (code === 'future-revision') {
      const asked = 'revision' in operation ? operation.revision : 0;
      const isFresh = operation.kind === 'range' ? !operation.serializable : operation.kind === 'compact';
      if (asked === 0 || (isFresh && asked <= begun.revision)) {
        throw this.#failure(
          `${textOf(returned)} is refused as of the future; before it began ${begun.revision} was answered`,
        );
      }
    } else if (code !== 'lease-not-found') {
      throw this.#failure(`${textOf(returned)} is refused: ${code}`);
    }
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}

function isOfKeys(operation: V3Operation): operation is V3KvOperation {
  const { kind } = operation;
  return kind === 'put' || kind === 'delete' || kind === 'txn' || kind === 'range';
}

function hasChanged(results: readonly V3StepResult[]): boolean {
  return results.some(
    (result) => result.kind === 'put' || (result.kind === 'delete' && result.previous.length > 0),
  );
}

function sameResult(a: V3StepResult, b: V3StepResult): boolean {
  if (a.kind === 'put') return b.kind === 'put' && sameRow(a.previous, b.previous);
  if (a.kind === 'delete') return b.kind === 'delete' && sameRows(a.previous, b.previous);
  return b.kind === 'range' && a.count === b.count && a.more === b.more && sameRows(a.rows, b.rows);
}

function textOf({ operation, operationId, member }: V3Returned): string {
  return `${operation.kind} #${operationId} at ${member}`;
}

function answerText(succeeded: boolean, results: readonly V3StepResult[]): string {
  const texts = results.map((result) => {
    if (result.kind === 'put') return `put, before: ${rowText(result.previous)}`;
    if (result.kind === 'delete') return `delete of ${result.previous.map(rowText).join(', ') || 'nothing'}`;
    return `${result.count}: ${result.rows.map(rowText).join(', ')}`;
  });
  return `${succeeded ? '' : 'failed comparison, '}[${texts.join(' | ')}]`;
}
