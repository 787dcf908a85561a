import type { ConnectionOptions } from 'node:tls';
import { openClientTls } from '../../src/net/tls/client-tls.ts';
import { openServerTls, type ServerTls } from '../../src/net/tls/server-tls.ts';
import { noTls } from '../../src/net/tls/tls-options.ts';
import { nodeClock } from '../../src/platform/node-clock.ts';
import { silentLog } from '../../src/ports/log.ts';
import { temporaryFolder } from '../support/data-folder.ts';

export interface PeerTls {
  readonly tls: ServerTls;
  readonly tlsOptions: () => ConnectionOptions;
}

/** Both halves of --peer-auto-tls on 127.0.0.1. */
export async function autoTls(): Promise<PeerTls> {
  const surroundings = {
    autoDirectory: temporaryFolder('tls'),
    hosts: ['127.0.0.1'],
    clock: nodeClock,
    log: silentLog,
  };
  const options = { ...noTls, auto: true };
  const tls = await openServerTls(options, surroundings);
  const client = await openClientTls(options, surroundings);
  return { tls, tlsOptions: () => client.connectOptions() };
}
