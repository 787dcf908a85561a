"""Debian's python3-etcd3 (gRPC by grpcio, its own messages) against the server whose host and port are given. Ends with 'ok'."""

import sys
import threading

import etcd3

host, port = sys.argv[1], int(sys.argv[2])
etcd = etcd3.client(host=host, port=port, timeout=60)

# Puts, gets, deletions.
assert etcd.get('py/none') == (None, None)
etcd.put('py/a', 'one')
value, facts = etcd.get('py/a')
assert (value, facts.key, facts.version) == (b'one', b'py/a', 1)
assert etcd.put('py/a', 'two', prev_kv=True).prev_kv.value == b'one'
etcd.put('py/bytes', b'\x00\xff\x80')
assert etcd.get('py/bytes')[0] == b'\x00\xff\x80'
assert etcd.delete('py/a') is True
assert etcd.delete('py/a') is False
assert etcd.put_if_not_exists('py/once', '1') is True
assert etcd.put_if_not_exists('py/once', '2') is False
assert etcd.replace('py/once', '1', '3') is True
assert etcd.replace('py/once', '1', '4') is False
assert etcd.get('py/once', serializable=True)[0] == b'3'

# Ranges.
for name in 'cadb':
    etcd.put('range/' + name, 'of ' + name)
assert [v for v, _ in etcd.get_prefix('range/')] == [b'of a', b'of b', b'of c', b'of d']
assert [f.key for _, f in etcd.get_prefix('range/', sort_order='descend', keys_only=True)] == [
    b'range/d', b'range/c', b'range/b', b'range/a']
assert [f.key for _, f in etcd.get_prefix('range/', sort_order='ascend', sort_target='mod')] == [
    b'range/c', b'range/a', b'range/d', b'range/b']
assert [v for v, _ in etcd.get_range('range/b', 'range/d')] == [b'of b', b'of c']
assert etcd.delete_prefix('range/').deleted == 4

# Transactions, nested ones too.
t = etcd.transactions
done, answers = etcd.transaction(
    compare=[t.create('txn/a') == 0, t.version('txn/b') < 1],
    success=[t.put('txn/a', '1'), t.put('txn/b', '2'),
             t.txn(compare=[t.value('txn/none') == 'x'], success=[], failure=[t.get('py/once')])],
    failure=[t.get('txn/a')])
assert done is True
done, answers = etcd.transaction(
    compare=[t.value('txn/a') > '5'], success=[t.delete('txn/a')], failure=[t.get('txn/a'), t.get('txn/b')])
assert done is False
assert [found[0][0] for found in answers] == [b'1', b'2']

# Leases.
lease = etcd.lease(100)
etcd.put('lease/a', 'held', lease=lease)
assert lease.granted_ttl == 100 and 0 < lease.remaining_ttl <= 100
assert list(lease.keys) == [b'lease/a']
assert [renewed.TTL for renewed in lease.refresh()] == [100]
lease.revoke()
assert etcd.get('lease/a')[0] is None
chosen = etcd.lease(50, lease_id=4711)
assert chosen.id == 4711
chosen.revoke()
# Long enough to put the key before it ends.
short = etcd.lease(8)
gone, cancel = etcd.watch('lease/short', start_revision=etcd.put('lease/short', 'x', lease=short).header.revision + 1)
assert type(next(gone)).__name__ == 'DeleteEvent'
cancel()

# Watches: from now, from a revision, of a prefix, once.
first = etcd.put('watch/a', '1').header.revision
etcd.put('watch/b', '2')
events, cancel = etcd.watch_prefix('watch/', start_revision=first, prev_kv=True)
etcd.put('watch/a', '3')
etcd.delete('watch/b')
seen = [next(events) for _ in range(4)]
assert [(e.key, e.value, e.mod_revision - first) for e in seen] == [
    (b'watch/a', b'1', 0), (b'watch/b', b'2', 1), (b'watch/a', b'3', 2), (b'watch/b', b'', 3)]
assert seen[2].prev_value == b'1'
cancel()
# Nobody tells when the watch has begun: the key is written until it was heard of.
heard = threading.Event()


def write_until_heard():
    while not heard.wait(0.05):
        etcd.put('watch/once', 'x')


writer = threading.Thread(target=write_until_heard, daemon=True)
writer.start()
assert etcd.watch_once('watch/once', timeout=60).value == b'x'
heard.set()
writer.join()

# Locks.
with etcd.lock('mine', ttl=60) as lock:
    assert lock.is_acquired()
    assert lock.refresh()[0].TTL == 60
    other = etcd.lock('mine', ttl=60)
    assert other.acquire(timeout=0) is False
    assert not other.is_acquired()
assert other.acquire() is True
assert other.release() is True

# The cluster and its upkeep.
assert [member.name for member in etcd.members] == ['m0']
status = etcd.status()
assert status.version and status.db_size > 0 and status.leader.name == 'm0'
assert list(etcd.list_alarms()) == []
assert etcd.hash() > 0
etcd.defragment()
now = etcd.put('compact/a', '1').header.revision
etcd.put('compact/a', '2')
etcd.compact(now + 1, physical=True)
old, cancel = etcd.watch('compact/a', start_revision=now)
try:
    next(old)
    raise AssertionError('a watch from a compacted revision went on')
except etcd3.exceptions.RevisionCompactedError as error:
    assert error.compacted_revision == now + 1
with open(sys.argv[3], 'wb') as file:
    etcd.snapshot(file)
    assert file.tell() > 0
etcd.close()
print('ok')
