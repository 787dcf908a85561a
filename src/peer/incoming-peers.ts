import type { HttpExchange } from '../net/http-exchange.ts';
import type { MemberId } from '../raft/types.ts';
import { parseId } from '../wire/id-text.ts';
import type { Peer } from './peer.ts';
import type { RepeatedLog } from './repeated-log.ts';

/** Whom requests come from, as far as the network knows. */
export interface IncomingPeers {
  peer(id: MemberId): Peer | undefined;
  /** Remembers a sender that is no peer yet; ids known already, removed ones and unusable URLs are ignored. */
  addRemote(id: MemberId, urls: readonly string[]): void;
  readonly repeatedLog: RepeatedLog;
}

/** The asking member introduces itself in X-Server-From and X-PeerURLs. */
export function addRemoteFromHeaders(peers: IncomingPeers, exchange: HttpExchange): void {
  const id = parseId(exchange.header('x-server-from'));
  const urls = exchange.header('x-peerurls');
  if (id !== undefined && urls) peers.addRemote(id, urls.split(','));
}
