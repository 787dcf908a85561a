/**
 * Downgrades of the cluster: what may be a target, the requests that begin and cancel one, and the end of one that is done. What is decided goes through
 * the log (`downgrade-info.ts`); members ask one another with
 *
 *   GET /downgrade/enabled   ->   200 true | false, linearizable          members older than etcd 3.5: 404
 *
 * Invariant: nothing of it is proposed here before every other member has answered that question. One that does not know the entry, as etcd 3.4, fails
 * for good when it applies it.
 */
import type { Log } from '../../ports/log.ts';
import type { ClusterProbe, PeerAnswer, PeerNetwork, PeerReply } from '../../ports/peer-network.ts';
import type { MemberId } from '../../raft/types.ts';
import { formatId } from '../../wire/id-text.ts';
import type { V3Request } from '../../wire/v3/kv-types.ts';
import type { ServerError, Submitted } from '../contract.ts';
import type { Cluster } from '../membership/cluster.ts';
import type { DowngradeControl, V3Answer, V3Failure, V3Outcome } from '../v3-contract.ts';
import type { DowngradeInfo } from './downgrade-info.ts';

export const DOWNGRADE_PATH = '/downgrade/enabled';
const QUESTION_TIMEOUT_MS = 5_000;
/** What etcd's parser of versions takes; of a target, the patch and what comes behind it do not count. */
const VERSION = /^(\d{1,15})\.(\d{1,15})\.\d{1,18}(?:-[0-9A-Za-z.-]*)?(?:\+[0-9A-Za-z.-]*)?$/;

type Done = (answer: V3Answer<{ readonly version: string }>) => void;

export interface DowngradeJobParts {
  readonly info: () => DowngradeInfo;
  readonly cluster: Cluster;
  readonly self: MemberId;
  readonly network: PeerNetwork;
  readonly probe: ClusterProbe;
  readonly log: Log;
  readonly isLeader: () => boolean;
  readonly awaitReadIndex: (done: (error: ServerError | undefined) => void) => void;
  readonly propose: (request: V3Request, done: (outcome: Submitted<V3Outcome>) => void) => void;
}

export class DowngradeJob implements DowngradeControl {
  readonly #parts: DowngradeJobParts;
  #checking = false;

  constructor(parts: DowngradeJobParts) {
    this.#parts = parts;
  }

  /** 'major.minor.0' that the cluster is to go back to. */
  get target(): string | undefined {
    const { enabled, targetVersion } = this.#parts.info().current;
    return enabled ? targetVersion : undefined;
  }

  validate(version: string, done: Done): void {
    const target = targetOf(version);
    if (target === undefined) {
      done(failed('downgrade-version-format'));
      return;
    }
    this.#parts.awaitReadIndex((error) =>
      done(error === undefined ? this.#judge(target) : { ok: false, error }),
    );
  }

  enable(version: string, done: Done): void {
    this.validate(version, (valid) => {
      if (valid.ok) this.#replicate(true, targetOf(version) ?? '', done);
      else done(valid);
    });
  }

  cancel(done: Done): void {
    this.#parts.awaitReadIndex((error) => {
      if (error !== undefined) done({ ok: false, error });
      else if (this.target === undefined) done(failed('no-inflight-downgrade'));
      else this.#replicate(false, '', done);
    });
  }

  /** A question of another member. */
  answer(method: string, reply: (reply: PeerReply) => void): void {
    if (method !== 'GET') {
      reply({ ...text(405, 'Method Not Allowed\n'), headers: 'Allow: GET\r\n' });
      return;
    }
    const headers = `X-Etcd-Cluster-ID: ${formatId(this.#parts.cluster.id)}\r\n`;
    this.#parts.awaitReadIndex((error) => {
      if (error === undefined) {
        reply({ ...text(200, String(this.target !== undefined)), headers, contentType: 'text/plain' });
      } else reply({ ...text(500, `failed linearized read: ${error.message}\n`), headers });
    });
  }

  /** Called on a timer: the leader ends a downgrade once all members say that the cluster has the version it was for. */
  check(): void {
    const { target } = this;
    if (this.#checking || target === undefined || !this.#parts.isLeader()) return;
    this.#checking = true;
    void this.#clusterVersions().then((versions) => {
      this.#checking = false;
      if (this.target !== target || versions.some((version) => version !== target)) return;
      this.#parts.log.info('the cluster has been downgraded', { 'cluster-version': target });
      this.cancel((answer) => {
        if (!answer.ok)
          this.#parts.log.warn('could not end the downgrade yet', { reason: answer.error.code });
      });
    });
  }

  /** Of a restart: no older release reads what this member has on disk. */
  warnIfEnabled(): void {
    const { target } = this;
    if (target === undefined) return;
    this.#parts.log.warn(
      'a downgrade of the cluster is enabled; no older version can take over the data of this member: cancel the downgrade, or replace the member',
      { 'target-version': target },
    );
  }

  #judge(target: string): V3Answer<{ readonly version: string }> {
    const { version } = this.#parts.cluster;
    const [, major, minor] = VERSION.exec(version ?? '') ?? [];
    if (version === undefined || minor === undefined) return failed('cluster-version-unavailable');
    if (target !== `${major}.${Number(minor) - 1}.0`) return failed('downgrade-target-invalid');
    if (this.target !== undefined) return failed('downgrade-in-process');
    return { ok: true, value: { version } };
  }

  #replicate(enabled: boolean, version: string, done: Done): void {
    this.#askOthers((failure) => {
      if (failure !== undefined) {
        done({ ok: false, error: failure });
        return;
      }
      this.#parts.propose({ kind: 'downgrade-info-set', enabled, version }, (outcome) => {
        if (!outcome.ok) done({ ok: false, error: outcome.error });
        else if (outcome.value.kind === 'error') done({ ok: false, error: outcome.value });
        else done({ ok: true, value: { version: this.#parts.cluster.version ?? '' } });
      });
    });
  }

  /** Calls back with why some member might fail at the entry, or nothing. */
  #askOthers(done: (failure: V3Failure | undefined) => void): void {
    const { cluster, self, network, log } = this.#parts;
    const others = cluster.members().filter(({ id }) => id !== self);
    let awaited = others.length;
    let worst: V3Failure['code'] | undefined;
    const judged = (failure: V3Failure['code'] | undefined): void => {
      // That a member would fail says more than that one is silent.
      if (worst !== 'downgrade-not-understood') worst = failure ?? worst;
      if (--awaited <= 0) done(worst === undefined ? undefined : { kind: 'error', code: worst });
    };
    if (others.length === 0) judged(undefined);
    for (const { id } of others) {
      network.ask(id, { ...QUESTION, path: DOWNGRADE_PATH }, (answer) => {
        const failure = failureOf(answer);
        if (failure !== undefined) {
          const reason = answer.status === undefined ? answer.reason : `status ${answer.status}`;
          log.warn('a member does not say that it knows of downgrades', { peer: formatId(id), reason });
        }
        judged(failure);
      });
    }
  }

  /** What each member believes; undefined of one that does not answer. */
  #clusterVersions(): Promise<(string | undefined)[]> {
    const { cluster, self, probe } = this.#parts;
    return Promise.all(
      cluster.members().map(({ id, peerURLs }) =>
        id === self
          ? cluster.version
          : probe.version(peerURLs, QUESTION_TIMEOUT_MS).then(
              (answer) => answer.cluster,
              () => undefined,
            ),
      ),
    );
  }
}

const QUESTION = {
  method: 'GET',
  contentType: 'text/plain',
  body: new Uint8Array(0),
  timeoutMs: QUESTION_TIMEOUT_MS,
} as const;

/** 'major.minor.0'. */
function targetOf(version: string): string | undefined {
  const [, major, minor] = VERSION.exec(version) ?? VERSION.exec(`${version}.0`) ?? [];
  return major === undefined || minor === undefined ? undefined : `${Number(major)}.${Number(minor)}.0`;
}

function failureOf(answer: PeerAnswer): V3Failure['code'] | undefined {
  if (answer.status === 404) return 'downgrade-not-understood';
  if (answer.status !== 200) return 'downgrade-member-silent';
  const said = new TextDecoder().decode(answer.body);
  return said === 'true' || said === 'false' ? undefined : 'downgrade-not-understood';
}

function failed(code: V3Failure['code']): { readonly ok: false; readonly error: V3Failure } {
  return { ok: false, error: { kind: 'error', code } };
}

function text(status: number, body: string): PeerReply {
  return { status, contentType: 'text/plain; charset=utf-8', body: new TextEncoder().encode(body) };
}
