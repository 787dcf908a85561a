/**
 * The revisions of a run as the first member made them, and what the keys held at each of them: a list of versions for each key, and nothing
 * clever.
 */
import type { V3Event, V3Row, V3Span } from '../../v3-observation.ts';

/** Of a store in which nothing was ever written. */
const FIRST_REVISION = 1;

export class V3History {
  /** States before this one are not known. */
  readonly base: number;
  readonly #revisions: (readonly V3Event[])[] = [];
  readonly #versions = new Map<string, V3Event[]>();

  /** A history that goes on from a state. */
  constructor(base = FIRST_REVISION, rows: readonly V3Row[] = []) {
    this.base = base;
    for (const row of rows) this.#versions.set(row.key, [{ key: row.key, mod: row.mod, row }]);
  }

  get last(): number {
    return this.base + this.#revisions.length;
  }

  /** Undefined of what has not happened, or before the history begins. */
  at(revision: number): readonly V3Event[] | undefined {
    return this.#revisions[revision - this.base - 1];
  }

  /** Of the revision behind the last. */
  add(events: readonly V3Event[]): void {
    this.#revisions.push(events);
    for (const event of events) {
      const versions = this.#versions.get(event.key);
      if (versions === undefined) this.#versions.set(event.key, [event]);
      else versions.push(event);
    }
  }

  rowAt(key: string, revision: number): V3Row | undefined {
    const versions = this.#versions.get(key) ?? [];
    for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.mod <= revision) return versions[i]!.row;
    return undefined;
  }

  /** In the order of the keys. */
  rowsAt(span: V3Span, revision: number): V3Row[] {
    return [...this.#versions.keys()]
      .filter((key) => isWithin(key, span))
      .sort()
      .map((key) => this.rowAt(key, revision))
      .filter((row) => row !== undefined);
  }
}

export function isWithin(key: string, span: V3Span): boolean {
  return span.end === '' ? key === span.key : key >= span.key && key < span.end;
}

export const ALL_KEYS: V3Span = { key: '\u0000', end: '\uffff' };

export function sameRow(a: V3Row | undefined, b: V3Row | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.key === b.key &&
    a.value === b.value &&
    a.create === b.create &&
    a.mod === b.mod &&
    a.version === b.version &&
    a.lease === b.lease
  );
}

export function sameRows(a: readonly V3Row[], b: readonly V3Row[]): boolean {
  return a.length === b.length && a.every((row, i) => sameRow(row, b[i]));
}

export function sameEvents(a: readonly V3Event[], b: readonly V3Event[]): boolean {
  return (
    a.length === b.length &&
    a.every((event, i) => event.key === b[i]!.key && event.mod === b[i]!.mod && sameRow(event.row, b[i]!.row))
  );
}

export function rowText(row: V3Row | undefined): string {
  if (row === undefined) return 'nothing';
  const { key, value, create, mod, version, lease } = row;
  const filled = value.length > 16 ? `${value.replace(/\.+$/, '')}…` : value;
  return `${key} = ${filled} @${mod}, made @${create}, version ${version}${lease === 0 ? '' : `, lease ${lease}`}`;
}

export function eventsText(events: readonly V3Event[] | undefined): string {
  if (events === undefined || events.length === 0) return 'nothing';
  return events
    .map(({ key, mod, row }) => (row === undefined ? `${key} deleted @${mod}` : rowText(row)))
    .join('; ');
}
