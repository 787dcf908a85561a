import type { FlagSpec } from '../flag-spec.ts';

const discovery = 'the discovery service';
const dnsDiscovery = 'discovery through DNS';

export const clusteringFlags = [
  {
    name: 'initial-advertise-peer-urls',
    kind: 'urls',
    default: 'http://localhost:2380',
    doc: 'Where the other members reach this one.',
  },
  {
    name: 'initial-cluster',
    kind: 'text',
    default: 'default=http://localhost:2380',
    doc: 'All members of a new cluster, or of the one to join, as name=URL pairs. Default: this member alone.',
  },
  {
    name: 'initial-cluster-state',
    kind: 'choice',
    choices: ['new', 'existing'],
    default: 'new',
    doc: "'new' to form a cluster, 'existing' to join one. Read on the first start only.",
  },
  {
    name: 'initial-cluster-token',
    kind: 'text',
    default: 'etcd-cluster',
    doc: 'Sets clusters with the same URLs apart; part of the ids of members and cluster.',
  },
  {
    name: 'advertise-client-urls',
    kind: 'urls',
    default: 'http://localhost:2379',
    doc: 'Where clients reach this member. Required with --listen-client-urls.',
  },
  {
    name: 'discovery',
    kind: 'text',
    default: '',
    doc: 'URL of a discovery service to form the cluster with.',
    needs: discovery,
  },
  {
    name: 'discovery-fallback',
    kind: 'choice',
    choices: ['proxy', 'exit'],
    default: 'proxy',
    doc: "What to do when discovery finds the cluster complete: become a 'proxy', or 'exit'.",
    needs: discovery,
    harmless: ['exit'],
  },
  {
    name: 'discovery-proxy',
    kind: 'text',
    default: '',
    doc: 'HTTP proxy on the way to the discovery service.',
    needs: discovery,
  },
  {
    name: 'discovery-srv',
    kind: 'text',
    default: '',
    doc: 'Domain whose SRV records name the members.',
    needs: dnsDiscovery,
  },
  {
    name: 'discovery-srv-name',
    kind: 'text',
    default: '',
    doc: 'Suffix of the SRV service names to ask for.',
    needs: dnsDiscovery,
  },
  {
    name: 'strict-reconfig-check',
    kind: 'switch',
    default: 'true',
    doc: 'Refuse membership changes that would cost the cluster its quorum.',
  },
  {
    name: 'pre-vote',
    kind: 'switch',
    default: 'true',
    doc: 'Ask whether an election could be won before disturbing the present leader.',
  },
  {
    name: 'auto-compaction-retention',
    kind: 'text',
    default: '0',
    doc: "How much v3 history to keep: a duration ('30m'; a bare number is hours), or a number of revisions; 0 keeps all.",
  },
  {
    name: 'auto-compaction-mode',
    kind: 'text',
    default: 'periodic',
    doc: "What --auto-compaction-retention counts: 'periodic' for time, 'revision' for revisions.",
  },
  {
    name: 'enable-v2',
    kind: 'switch',
    default: 'true',
    doc: 'Serve the v2 API.',
  },
  {
    name: 'v2-deprecation',
    kind: 'choice',
    choices: ['not-yet', 'write-only', 'write-only-skip-check', 'write-only-drop-data', 'gone'],
    default: 'not-yet',
    doc: "How far etcd's farewell to the v2 store has gone. Here it stays.",
    needs: 'a v2 store that can be given up',
  },
  {
    name: 'next-cluster-version-compatible',
    kind: 'switch',
    default: 'false',
    doc: 'Let a 3.4 server join a 3.5 cluster.',
    needs: 'the v3 store of etcd 3.5',
  },
] as const satisfies readonly FlagSpec[];
