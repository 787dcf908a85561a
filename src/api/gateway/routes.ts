/** Every path of the gateway, as etcd 3.5 has them. All are asked with POST. KV.RangeStream is not among them, as in etcd. */
import type { DescMethod } from '@bufbuild/protobuf';
import { Auth } from '../../wire/generated/etcdserverpb/auth_pb.ts';
import { Cluster } from '../../wire/generated/etcdserverpb/cluster_pb.ts';
import { KV } from '../../wire/generated/etcdserverpb/kv_pb.ts';
import { Lease } from '../../wire/generated/etcdserverpb/lease_pb.ts';
import { Maintenance } from '../../wire/generated/etcdserverpb/maintenance_pb.ts';
import { Watch } from '../../wire/generated/etcdserverpb/watch_pb.ts';
import { Election } from '../../wire/generated/v3electionpb/election_pb.ts';
import { Lock } from '../../wire/generated/v3lockpb/lock_pb.ts';
import { type MessageShape, messageShape } from './message-shape.ts';

export interface GatewayRoute {
  /** Of the method: '/etcdserverpb.KV/Range'. */
  readonly grpcPath: string;
  readonly request: MessageShape;
  readonly response: MessageShape;
}

/** Below /v3 or /v3beta. */
const methods: readonly (readonly [path: string, method: DescMethod])[] = [
  ['/kv/range', KV.method.range],
  ['/kv/put', KV.method.put],
  ['/kv/deleterange', KV.method.deleteRange],
  ['/kv/txn', KV.method.txn],
  ['/kv/compaction', KV.method.compact],

  ['/watch', Watch.method.watch],

  ['/lease/grant', Lease.method.leaseGrant],
  ['/lease/revoke', Lease.method.leaseRevoke],
  ['/kv/lease/revoke', Lease.method.leaseRevoke],
  ['/lease/keepalive', Lease.method.leaseKeepAlive],
  ['/lease/timetolive', Lease.method.leaseTimeToLive],
  ['/kv/lease/timetolive', Lease.method.leaseTimeToLive],
  ['/lease/leases', Lease.method.leaseLeases],
  ['/kv/lease/leases', Lease.method.leaseLeases],

  ['/cluster/member/add', Cluster.method.memberAdd],
  ['/cluster/member/remove', Cluster.method.memberRemove],
  ['/cluster/member/update', Cluster.method.memberUpdate],
  ['/cluster/member/list', Cluster.method.memberList],
  ['/cluster/member/promote', Cluster.method.memberPromote],

  ['/maintenance/alarm', Maintenance.method.alarm],
  ['/maintenance/status', Maintenance.method.status],
  ['/maintenance/defragment', Maintenance.method.defragment],
  ['/maintenance/hash', Maintenance.method.hash],
  ['/maintenance/hashkv', Maintenance.method.hashKV],
  ['/maintenance/snapshot', Maintenance.method.snapshot],
  ['/maintenance/transfer-leadership', Maintenance.method.moveLeader],
  ['/maintenance/downgrade', Maintenance.method.downgrade],

  ['/auth/enable', Auth.method.authEnable],
  ['/auth/disable', Auth.method.authDisable],
  ['/auth/status', Auth.method.authStatus],
  ['/auth/authenticate', Auth.method.authenticate],
  ['/auth/user/add', Auth.method.userAdd],
  ['/auth/user/get', Auth.method.userGet],
  ['/auth/user/list', Auth.method.userList],
  ['/auth/user/delete', Auth.method.userDelete],
  ['/auth/user/changepw', Auth.method.userChangePassword],
  ['/auth/user/grant', Auth.method.userGrantRole],
  ['/auth/user/revoke', Auth.method.userRevokeRole],
  ['/auth/role/add', Auth.method.roleAdd],
  ['/auth/role/get', Auth.method.roleGet],
  ['/auth/role/list', Auth.method.roleList],
  ['/auth/role/delete', Auth.method.roleDelete],
  ['/auth/role/grant', Auth.method.roleGrantPermission],
  ['/auth/role/revoke', Auth.method.roleRevokePermission],

  ['/lock/lock', Lock.method.lock],
  ['/lock/unlock', Lock.method.unlock],

  ['/election/campaign', Election.method.campaign],
  ['/election/proclaim', Election.method.proclaim],
  ['/election/leader', Election.method.leader],
  ['/election/observe', Election.method.observe],
  ['/election/resign', Election.method.resign],
];

/** By path behind the version. */
export const gatewayRoutes: ReadonlyMap<string, GatewayRoute> = new Map(
  methods.map(([path, method]) => [
    path,
    {
      grpcPath: `/${method.parent.typeName}/${method.name}`,
      request: messageShape(method.input),
      response: messageShape(method.output),
    },
  ]),
);
