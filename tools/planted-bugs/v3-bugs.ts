/** The rows of table.ts about v3: its state, requests, watches and leases. */
import type { PlantedBug } from './table.ts';

export const v3Bugs: readonly PlantedBug[] = [
  // The v3 state: applying, commits, restarts, snapshots.
  {
    name: 'v3-applied-index-late',
    file: 'src/server/v3/v3-service.ts',
    find: 'if (index > this.kv.appliedIndex) this.kv.setApplied(index, term);',
    replace: 'if (index > this.kv.appliedIndex + 3) this.kv.setApplied(index, term);',
    finder: 'server',
  },
  {
    name: 'v3-applied-twice-after-restart',
    file: 'src/server/v3/v3-service.ts',
    find: 'const isNew = index > this.kv.appliedIndex;',
    replace: 'const isNew = index > 0;',
    finder: 'server',
  },
  {
    name: 'v3-failed-commit-taken-for-good',
    file: 'src/backend/write-behind.ts',
    find: '(error: Error) => this.#commitFailed(epoch, error),',
    replace: '() => this.#committed(epoch, batch),',
    finder: 'server',
  },
  {
    name: 'v3-snapshot-without-newest-rows',
    file: 'src/server/v3/state-stream.ts',
    find: '  return entries;\n',
    replace: "  return table === 'revisions' ? entries.slice(0, -1) : entries;\n",
    finder: 'server',
  },
  {
    name: 'v3-writes-survive-activation',
    file: 'src/backend/write-behind.ts',
    find: '    this.#epoch++;\n    this.#layers.discard();\n',
    replace: '    this.#epoch++;\n',
    finder: 'server',
  },
  {
    name: 'deletion-seen-in-pieces',
    file: 'src/store/mvcc/large-deletion.ts',
    find: '    apart.arrange();\n',
    replace: '    apart.arrange();\n    apart.join();\n',
    finder: 'server',
  },
  // v3 requests.
  {
    name: 'txn-compares-state-after',
    file: 'src/store/mvcc/transaction.ts',
    find: 'revision: parts.state.newest, succeeded: branch.succeeded, responses }',
    replace: 'revision: parts.state.newest, succeeded: choose(parts.tables, request).succeeded, responses }',
    finder: 'server',
    quick: true,
  },
  {
    name: 'txn-looks-at-first-compare-alone',
    file: 'src/store/mvcc/transaction.ts',
    find: 'request.compare.every((compare)',
    replace: 'request.compare.slice(0, 1).every((compare)',
    finder: 'server',
  },
  {
    name: 'compaction-deletes-newest-version',
    file: 'src/store/mvcc/compaction.ts',
    find: '    if (!isTombstone) return;\n',
    replace:
      '    if (!isTombstone) {\n      if (main < bound) revisions.remove(key);\n      return;\n    }\n',
    finder: 'server',
  },
  {
    name: 'compaction-does-not-wait-for-readers',
    file: 'src/store/mvcc/compaction.ts',
    find: 'return Math.min(this.#state.compactedRevision, this.#pins.lowest);',
    replace: 'return this.#state.compactedRevision;',
    finder: 'server',
  },
  {
    name: 'compacted-revision-read',
    file: 'src/store/mvcc/range-plan.ts',
    find: 'if (revision < state.compactedRevision) return',
    replace: 'if (revision < state.finishedCompactRevision - 5) return',
    finder: 'server',
  },
  {
    name: 'compaction-refused-at-next-revision',
    file: 'src/store/mvcc/compaction.ts',
    find: 'if (revision <= this.#state.compactedRevision)',
    replace: 'if (revision <= this.#state.compactedRevision + 1)',
    finder: 'server',
  },
  {
    name: 'hash-refused-behind-compaction',
    file: 'src/store/mvcc/create-mvcc-store.ts',
    find: 'if (revision > 0 && revision < state.compactedRevision)',
    replace: 'if (revision > 0 && revision < state.compactedRevision + 2)',
    finder: 'server',
  },
  // v3 watches.
  {
    name: 'v3-watch-skips-revision-at-seam',
    file: 'src/watch/revision-reader.ts',
    find: 'if (revision.revision >= end) break;',
    replace: 'if (revision.revision >= end - 1) break;',
    finder: 'server',
  },
  {
    name: 'v3-watch-misses-installed-snapshot',
    file: 'src/server/v3/v3-state.ts',
    find: '    this.watches.reset();\n',
    replace: '',
    finder: 'server',
  },
  {
    name: 'v3-watch-of-compacted-goes-on',
    file: 'src/watch/create-watch-hub.ts',
    find: 'request.startRevision > 0 ? request.startRevision :',
    replace: 'request.startRevision > 0 ? Math.max(request.startRevision, this.#store.compactedRevision) :',
    finder: 'server',
  },
  {
    name: 'v3-watch-overtaken-by-compaction-goes-on',
    file: 'src/watch/revision-reader.ts',
    find: "    if (position < this.#store.compactedRevision) return 'compacted';\n",
    replace:
      '    if (position < this.#store.compactedRevision) {\n      cohort.endRead(Math.min(this.#store.compactedRevision, end));\n      return 1;\n    }\n',
    finder: 'server',
  },
  // Leases.
  {
    name: 'lease-renewed-by-deposed-leader',
    file: 'src/server/v3/lease-renewals.ts',
    find: '    awaitReadIndex((error) => {\n      if (this.#open === batch)',
    replace:
      '    ((go: (error: ServerError | undefined) => void) => go(undefined))((error) => {\n      if (this.#open === batch)',
    finder: 'server',
  },
  {
    name: 'lease-checkpoint-outlives-renewal',
    file: 'src/lease/create-lessor.ts',
    find: 'mustResetCheckpoint: lease.remainingTtl > 0 || lease.checkpointProposed }',
    replace: 'mustResetCheckpoint: false }',
    finder: 'server',
  },
  {
    name: 'lease-ends-without-its-keys',
    file: 'src/server/v3/v3-applier.ts',
    find: 'const revision = kv.deleteLeaseKeys(id);',
    replace: 'const { revision } = kv;',
    finder: 'server',
  },
];
