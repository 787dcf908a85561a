import type { MemberId, Message } from '../raft/types.ts';
import { formatId } from '../wire/id-text.ts';
import { PeerCounters } from './peer-counters.ts';
import type { PeerEnvironment } from './peer-environment.ts';
import { PeerStatus } from './peer-status.ts';
import { Pipeline } from './pipeline.ts';
import { UrlPicker } from './url-picker.ts';

/**
 * A member of the cluster that we have not yet learnt of from the log: it contacted us with its URLs, and we can answer it
 * through the pipeline. So a joining member can acknowledge the very entries that tell it who its peers are. Becomes a Peer when
 * those are applied.
 */
export class Remote {
  readonly #counters = new PeerCounters();
  readonly #pipeline: Pipeline;

  constructor(network: PeerEnvironment, id: MemberId, urls: readonly string[]) {
    const log = network.log.child({ 'remote-peer-id': formatId(id) });
    const status = new PeerStatus(network.clock, log, this.#counters);
    this.#pipeline = new Pipeline(
      { ...network, log },
      { id, picker: new UrlPicker(urls), status, counters: this.#counters, latency: undefined },
    );
  }

  send(message: Message): void {
    this.#pipeline.send(message);
  }

  close(): void {
    this.#pipeline.close();
  }
}
