/**
 * Bugs that are planted to see whether the simulator finds them: one place of the real code, changed while it is loaded (hook.mjs).
 * `find` stands exactly once in the file, or nothing runs; so the table follows the code.
 */
import { v3Bugs } from './v3-bugs.ts';

export interface PlantedBug {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /**
   * Who looks for it. 'server': the simulator, a whole cluster on simulated disks and network. 'small-server': the shorter random runs of
   * test/server, at a tenth of the time a seed, for what takes many seeds. 'raft': random clusters of the core alone, where a
   * seed takes some 30 ms; for what the server does not use (joint configurations) and what needs many elections.
   */
  readonly finder: 'server' | 'small-server' | 'raft';
  /** Why the simulator itself does not look for it, where that needs a word. */
  readonly note?: string;
  /** Found so soon that the short suite can look for it. */
  readonly quick?: true;
}

export const plantedBugs: readonly PlantedBug[] = [
  // Votes and terms.
  {
    name: 'vote-before-durable',
    file: 'src/raft/election.ts',
    find: "  core.sendWhenDurable({\n    type: 'vote-response',",
    replace: "  core.send({\n    type: 'vote-response',",
    finder: 'server',
    quick: true,
  },
  {
    name: 'vote-without-log-check',
    file: 'src/raft/election.ts',
    find: 'free && core.log.isUpToDate(request.lastIndex, request.lastTerm)',
    replace: 'free',
    finder: 'server',
  },
  {
    name: 'vote-by-length-of-log-alone',
    file: 'src/raft/raft-log.ts',
    find: 'lastTerm > ownTerm || (lastTerm === ownTerm && lastIndex >= this.lastIndex)',
    replace: 'lastIndex >= this.lastIndex',
    finder: 'raft',
  },
  {
    name: 'vote-for-two',
    file: 'src/raft/election.ts',
    find: '(core.vote === NO_MEMBER && core.leader === NO_MEMBER)',
    replace: 'core.leader === NO_MEMBER',
    finder: 'server',
  },
  {
    name: 'vote-forgotten-on-restart',
    file: 'src/raft/core.ts',
    find: 'this.vote = hardState.vote;',
    replace: 'this.vote = NO_MEMBER;',
    finder: 'server',
  },
  {
    name: 'term-not-written',
    file: 'src/raft/write-queue.ts',
    find: '      term !== this.#hardState.term ||\n',
    replace: '',
    finder: 'server',
  },
  {
    name: 'no-check-of-quorum',
    file: 'src/raft/leader.ts',
    find: 'core.options.checkQuorum && !core.quorumActive()',
    replace: 'core.options.checkQuorum && false',
    finder: 'raft',
    note: 'a server whose leader hears nobody answers no read and no write, so nothing it says is wrong; that it goes on to call itself leader shows in the core alone',
    quick: true,
  },
  // What is committed.
  {
    name: 'old-term-committed-by-counting',
    file: 'src/raft/leader.ts',
    find: 'reached <= log.commit || log.termAt(reached) !== core.term',
    replace: 'reached <= log.commit',
    finder: 'raft',
  },
  {
    name: 'majority-of-even-too-small',
    file: 'src/raft/quorum.ts',
    find: '(count >>> 1) + 1',
    replace: '(count + 1) >>> 1',
    finder: 'server',
  },
  {
    name: 'joint-quorum-of-one-half',
    file: 'src/raft/core.ts',
    find: 'Math.min(incoming, this.#majority(outgoing, value))',
    replace: 'incoming',
    finder: 'raft',
  },
  {
    name: 'joint-vote-of-either-half',
    file: 'src/raft/quorum.ts',
    find: "incoming === 'won' && outgoing === 'won'",
    replace: "incoming === 'won' || outgoing === 'won'",
    finder: 'raft',
  },
  {
    name: 'leader-counts-itself-at-once',
    file: 'src/raft/leader.ts',
    find: '  core.flushDue = true;\n}\n\n/** This member',
    replace:
      '  core.flushDue = true;\n  core.peers.get(core.id)?.accepted(log.lastIndex);\n}\n\n/** This member',
    finder: 'raft',
    quick: true,
  },
  {
    name: 'heartbeat-commits-unmatched',
    file: 'src/raft/replication.ts',
    find: 'Math.min(peer.match, core.log.commit)',
    replace: 'core.log.commit',
    finder: 'server',
  },
  // The follower's log.
  {
    name: 'acknowledged-before-durable',
    file: 'src/raft/follower.ts',
    find: "  core.sendWhenDurable({\n    type: 'append-response',\n    from: core.id,\n    to: message.from,\n    term: core.term,\n    index,",
    replace:
      "  core.send({\n    type: 'append-response',\n    from: core.id,\n    to: message.from,\n    term: core.term,\n    index,",
    finder: 'server',
    quick: true,
  },
  {
    name: 'append-without-look-at-previous',
    file: 'src/raft/follower.ts',
    find: 'log.termAt(previousIndex) !== previousTerm',
    replace: 'log.termAt(previousIndex) === undefined',
    finder: 'raft',
  },
  {
    name: 'cut-at-matching-append',
    file: 'src/raft/follower.ts',
    find: '  while (at < entries.length && log.termAt(previousIndex + 1 + at) === entries[at]!.term) at++;\n',
    replace: '',
    finder: 'raft',
  },
  {
    name: 'late-report-of-overwritten-entries',
    file: 'src/raft/write-queue.ts',
    find: '    for (const batch of this.#inFlight) if (batch.validTo > validTo) batch.validTo = validTo;\n',
    replace: '',
    finder: 'raft',
  },
  // Configuration and snapshots in the core.
  {
    name: 'two-configuration-changes-at-once',
    file: 'src/raft/leader.ts',
    find: 'if (core.pendingConfIndex > core.log.applied) return',
    replace: 'if (core.pendingConfIndex > core.log.lastIndex) return',
    finder: 'raft',
  },
  {
    name: 'configuration-of-snapshot-lost',
    file: 'src/raft/follower.ts',
    find: '  core.restored = metadata;\n',
    replace: '',
    finder: 'server',
  },
  // Reads.
  {
    name: 'read-without-confirmed-leadership',
    file: 'src/raft/replication.ts',
    find: 'core.reads.takeConfirmed(core.quorumRound())',
    replace: 'core.reads.takeConfirmed(core.reads.lastRound)',
    finder: 'raft',
  },
  {
    name: 'read-before-commit-in-term',
    file: 'src/raft/replication.ts',
    find: '!reads.hasWaiting || !core.committedInTerm',
    replace: '!reads.hasWaiting',
    finder: 'raft',
  },
  {
    name: 'read-before-applied',
    file: 'src/server/linearizable-reads.ts',
    find: 'this.#confirmed.length > 0 && this.#confirmed[0]!.index <= appliedIndex',
    replace: 'this.#confirmed.length > 0',
    finder: 'small-server',
  },
  {
    name: 'read-confirmed-by-earlier-question',
    file: 'src/server/linearizable-reads.ts',
    find: 'while (count < this.#asked.length && this.#asked[count]!.number <= number) count++;',
    replace: 'count = this.#asked.length;',
    finder: 'server',
  },
  // The log on disk.
  {
    name: 'log-reports-before-sync',
    file: 'src/wal/wal.ts',
    find: `    if (this.#mustWrite) {
      this.#waiting.push(done);
      this.#pump();
    } else if (this.#bytesInFlight !== undefined) this.#inFlight.push(done);
    else queueMicrotask`,
    replace: `    if (this.#mustWrite) this.#pump();
    queueMicrotask`,
    finder: 'server',
  },
  {
    name: 'failed-write-reported-as-good',
    file: 'src/wal/wal.ts',
    find: 'for (const done of unreported) done(error);',
    replace: 'for (const done of unreported) done(undefined);',
    finder: 'server',
  },
  {
    name: 'torn-tail-not-cut-off',
    file: 'src/wal/open-wal.ts',
    find: 'if (tail.torn) await cutTornTail(disk, file, path, tail, options.log);',
    replace: '',
    finder: 'server',
  },
  {
    name: 'torn-record-accepted',
    file: 'src/wal/segment-scan.ts',
    find: "if (after !== record.crc) return { stop: 'bad-record', offset, size, crc };",
    replace: '',
    finder: 'server',
  },
  {
    name: 'damage-taken-for-a-torn-tail',
    file: 'src/wal/read-log.ts',
    find: 'if (damage !== undefined) throw new WalDamagedError(path, end.offset, damage);',
    replace: '',
    finder: 'server',
  },
  {
    name: 'snapshot-not-synced',
    file: 'src/wal/snapshot-file.ts',
    find: '      await file.sync();\n',
    replace: '',
    finder: 'server',
  },
  {
    name: 'snapshot-rename-not-synced',
    file: 'src/wal/snapshot-file.ts',
    find: '  await disk.syncDirectory(folder);\n',
    replace: '',
    finder: 'small-server',
  },
  {
    name: 'log-overtakes-received-snapshot',
    file: 'src/server/durable-log.ts',
    find: '    this.#behindSnapshot = [];\n    const { metadata, data }',
    replace: '    const { metadata, data }',
    finder: 'server',
  },
  // Applying, snapshots of the state, membership.
  {
    name: 'applied-twice-after-restart',
    file: 'src/server/snapshot-keeper.ts',
    find: 'const metadata: SnapshotMetadata = { index, term, confState: raft.configuration };',
    replace:
      'const metadata: SnapshotMetadata = { index: index - 1, term: raft.termAt(index - 1) ?? term, confState: raft.configuration };',
    finder: 'server',
  },
  {
    name: 'snapshot-without-membership',
    file: 'src/server/applier.ts',
    find: '    cluster.recover();\n',
    replace: '',
    finder: 'server',
  },
  {
    name: 'snapshot-without-events',
    file: 'src/store/v2/v2-store.ts',
    find: 'this.history.reset(snapshot.events);',
    replace: 'this.history.reset([]);',
    finder: 'server',
  },
  {
    name: 'watches-miss-installed-snapshot',
    file: 'src/store/v2/v2-store.ts',
    find: '    this.#tellMissed(oldIndex);\n',
    replace: '',
    finder: 'server',
  },
  {
    name: 'watch-from-the-index-after',
    file: 'src/store/v2/v2-store.ts',
    find: 'sinceIndex === 0 ? startIndex + 1 : sinceIndex;',
    replace: 'startIndex + 1;',
    finder: 'server',
  },
  {
    name: 'compare-without-index',
    file: 'src/store/v2/v2-store.ts',
    find: 'prevIndex !== 0 && file.modifiedIndex !== prevIndex',
    replace: 'false && file.modifiedIndex !== prevIndex',
    finder: 'server',
  },
  {
    name: 'expiry-ahead-of-the-clock',
    file: 'src/server/v2-service.ts',
    find: 'timeNs: this.nowNs() });',
    replace: 'timeNs: this.nowNs() + 2_000_000_000n });',
    finder: 'server',
    quick: true,
  },
  {
    name: 'own-clock-decides-what-expired',
    file: 'src/server/apply-v2.ts',
    find: 'store.deleteExpired(request.timeNs);',
    replace: 'store.deleteExpired(nowNs);',
    finder: 'server',
  },
  ...v3Bugs,
];

export function plantedBug(name: string): PlantedBug {
  const bug = plantedBugs.find((each) => each.name === name);
  if (bug !== undefined) return bug;
  throw new RangeError(
    `there is no planted bug ${name}; there are: ${plantedBugs.map((each) => each.name).join(', ')}`,
  );
}
