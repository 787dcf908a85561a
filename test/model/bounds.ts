/** How far the model goes: everything within these bounds is explored. */
export interface Bounds {
  readonly members: number;
  /** No member campaigns for a later term. */
  readonly terms: number;
  /** Proposals in the whole run; each new leader's own empty entry comes on top. */
  readonly entries: number;
  /** Crashes in the whole run, each followed by a restart. */
  readonly crashes: number;
  /** Turns of heartbeats in the whole run: what a leader needs to find out that an append was lost. */
  readonly heartbeats: number;
  /** Linearizable reads asked for in the whole run. */
  readonly reads: number;
  /** Snapshots taken, with the log before them forgotten, in the whole run. */
  readonly compactions: number;
  /** Leaderships handed over in the whole run. */
  readonly transfers: number;
  /** Configuration changes proposed in the whole run: each is `change`. */
  readonly changes: number;
  /** As in the transcripts: r3 removes member 3, v3 adds it as a voter, l3 as a learner; several, `v4,r1`, go through a joint configuration. */
  readonly change: string;
  /** Members from 1 to here vote at the start; 0 for all. */
  readonly voters: number;
  /** The terms of the entries in each member's log at the start, `1,1/1/2` for three; empty for empty logs. Must be reachable. */
  readonly logs: string;
  /** Bytes of entries in an append; 1 for one entry in each. */
  readonly messageBytes: number;
  readonly preVote: boolean;
  /** With leases there is time: members tick, and campaign when theirs has run out. */
  readonly checkQuorum: boolean;
  /** Taking a Ready is a step of its own, so that several inputs may come before it. */
  readonly batching: boolean;
  /** Nothing else reaches a member while it writes, except a crash: a step and its writes are one, as in spec/raft.tla. */
  readonly promptDisk: boolean;
  /** No message is ever dropped or answered out of turn, no world covers another: what the reductions are held to. */
  readonly unreduced: boolean;
}

export const DEFAULT_BOUNDS: Bounds = {
  members: 3,
  terms: 2,
  entries: 1,
  crashes: 0,
  heartbeats: 0,
  reads: 0,
  compactions: 0,
  transfers: 0,
  changes: 0,
  change: '',
  voters: 0,
  logs: '',
  messageBytes: 1_000_000,
  preVote: false,
  checkQuorum: false,
  batching: false,
  promptDisk: false,
  unreduced: false,
};

/** What may happen only so often in a run. The order is that of `WorldState.used`. */
export const BUDGETS = [
  'entries',
  'crashes',
  'heartbeats',
  'reads',
  'compactions',
  'transfers',
  'changes',
] as const;

export type Budget = (typeof BUDGETS)[number];
