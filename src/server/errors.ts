/** Why the server refused or gave up, with etcd's texts: clients match them. Codes are stable. */
import type { ServerError, ServerErrorCode } from './contract.ts';

const TEXTS: Readonly<Record<ServerErrorCode, string>> = {
  timeout: 'etcdserver: request timed out',
  'timeout-leader-failed': 'etcdserver: request timed out, possibly due to previous leader failure',
  'timeout-connection-lost': 'etcdserver: request timed out, possibly due to connection lost',
  'timeout-leader-transfer': 'etcdserver: request timed out, leader transfer took too long',
  'no-leader': 'etcdserver: no leader',
  stopped: 'etcdserver: server stopped',
  'too-many-requests': 'etcdserver: too many requests',
  'not-enough-started-members': 'etcdserver: re-configuration failed due to not enough started members',
  unhealthy: 'etcdserver: unhealthy cluster',
  'member-id-exists': 'membership: ID exists',
  'member-id-not-found': 'membership: ID not found',
  'member-id-removed': 'membership: ID removed',
  'peer-url-exists': 'membership: peerURL exists',
  'not-learner': 'membership: can only promote a learner member',
  'not-leader': 'etcdserver: not leader',
  'learner-not-ready': 'etcdserver: can only promote a learner member which is in sync with leader',
  'too-many-learners': 'membership: too many learner members in cluster',
};

export function serverError(code: ServerErrorCode): ServerError {
  return { code, message: TEXTS[code] };
}
