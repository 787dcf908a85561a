"""Debian's python3-etcd3gw (the JSON gateway) against the server whose host and port are given. Ends with 'ok'."""

import sys

import etcd3gw
from etcd3gw.utils import _encode

host, port = sys.argv[1], int(sys.argv[2])
etcd = etcd3gw.Etcd3Client(host=host, port=port, timeout=60, api_path='/v3/')

# Puts, gets, deletions.
assert etcd.get('gw/none') == []
assert etcd.put('gw/a', 'one') is True
assert etcd.get('gw/a') == [b'one']
[(value, facts)] = etcd.get('gw/a', metadata=True)
assert (value, facts['key'], facts['version']) == (b'one', b'gw/a', '1')
assert etcd.delete('gw/a') is True
assert etcd.delete('gw/a') is False
assert etcd.create('gw/once', '1') is True
assert etcd.create('gw/once', '2') is False
assert etcd.replace('gw/once', '1', '3') is True
assert etcd.replace('gw/once', '1', '4') is False
assert etcd.get('gw/once', serializable=True) == [b'3']

# Ranges.
for name in 'cadb':
    etcd.put('range/' + name, 'of ' + name)
assert [v for v, _ in etcd.get_prefix('range/')] == [b'of a', b'of b', b'of c', b'of d']
assert [v for v, _ in etcd.get_prefix('range/', sort_order='descend', sort_target='mod')] == [
    b'of b', b'of d', b'of a', b'of c']
assert len(etcd.get_all()) == 5
assert etcd.delete_prefix('range/') is True

# Transactions.
answer = etcd.transaction({
    'compare': [{'key': _encode('gw/once'), 'target': 'VALUE', 'result': 'EQUAL', 'value': _encode('3')}],
    'success': [{'requestPut': {'key': _encode('txn/a'), 'value': _encode('1')}},
                {'requestRange': {'key': _encode('gw/once')}}],
    'failure': []})
assert answer['succeeded'] is True and len(answer['responses']) == 2

# Leases.
lease = etcd.lease(100)
etcd.put('lease/a', 'held', lease=lease)
assert lease.refresh() == 100
assert 0 < lease.ttl() <= 100
assert lease.keys() == [b'lease/a']
assert lease.revoke() is True
assert etcd.get('lease/a') == []
assert lease.refresh() == -1

# Watches.
events, cancel = etcd.watch('watch/a')
etcd.put('watch/a', '1')
event = next(events)
assert (event['kv']['key'], event['kv']['value']) == (b'watch/a', b'1')
cancel()
events, cancel = etcd.watch_prefix('watch/', start_revision=int(event['kv']['mod_revision']))
assert next(events)['kv']['value'] == b'1'
etcd.delete('watch/a')
assert next(events)['type'] == 'DELETE'
cancel()
try:
    etcd.watch_once('watch/none', timeout=0.1)
    raise AssertionError('an event of a key that nobody wrote')
except etcd3gw.exceptions.WatchTimedOut:
    pass

# Locks.
lock = etcd.lock('mine', ttl=60)
assert lock.acquire() is True
assert lock.is_acquired()
assert lock.refresh() == 60
assert etcd.lock('mine', ttl=60).acquire() is False
assert lock.release() is True

# The cluster.
assert [member['name'] for member in etcd.members()] == ['m0']
assert etcd.status()['version']
print('ok')
