import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { silentLog } from '../../src/ports/log.ts';
import type { Submitted } from '../../src/server/contract.ts';
import { serverError } from '../../src/server/errors.ts';
import { Cluster } from '../../src/server/membership/cluster.ts';
import { encodeMember } from '../../src/server/membership/member-json.ts';
import { Publication } from '../../src/server/publication.ts';
import type { V2Outcome } from '../../src/store/v2/types.ts';
import { createV2Store } from '../../src/store/v2/v2-store.ts';

const SELF = 1n;
const attributes = { name: 'a', clientURLs: ['http://a:2379'] };
const applied: Submitted<V2Outcome> = {
  ok: true,
  value: { event: { action: 'set', node: { modifiedIndex: 1, createdIndex: 1 }, etcdIndex: 1 } },
};

/** A member of a cluster of its own, and the callbacks of what it has proposed. */
function setUp() {
  const cluster = new Cluster(7n, createV2Store(['/0', '/1']));
  const member = { id: SELF, name: '', peerURLs: ['http://a:2380'], clientURLs: [], isLearner: false };
  const context = new TextEncoder().encode(encodeMember(member));
  cluster.apply({ id: 1n, type: 'add-node', nodeId: SELF, context });
  const proposed: ((outcome: Submitted<V2Outcome>) => void)[] = [];
  let times = 0;
  const publication = new Publication({
    self: SELF,
    attributes,
    cluster,
    log: silentLog,
    propose: (_request, done) => proposed.push(done),
  });
  publication.onDone(() => times++);
  return { cluster, proposed, publication, timesDone: () => times };
}

describe('the publication of a member', () => {
  it('is done once its entry is applied', () => {
    const { proposed, publication, timesDone } = setUp();
    publication.start();
    assert.equal(timesDone(), 0);
    proposed[0]!(applied);
    assert.equal(timesDone(), 1);
  });

  it('is proposed again after a time-out, but not by a member that stops', () => {
    const { proposed, publication, timesDone } = setUp();
    publication.start();
    proposed[0]!({ ok: false, error: serverError('timeout') });
    assert.equal(proposed.length, 2);
    proposed[1]!({ ok: false, error: serverError('stopped') });
    assert.equal(proposed.length, 2);
    assert.equal(timesDone(), 0);
  });

  it('is done when a snapshot holds it, though nobody reports its entry, and only once', () => {
    const { cluster, proposed, publication, timesDone } = setUp();
    publication.start();
    publication.snapshotInstalled();
    assert.equal(timesDone(), 0, 'the snapshot says nothing of it yet');
    cluster.setAttributes(SELF, JSON.stringify(attributes));
    publication.snapshotInstalled();
    proposed[0]!(applied);
    assert.equal(timesDone(), 1);
    assert.equal(proposed.length, 1);
  });
});
