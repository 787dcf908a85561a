/** The header lines of answers below /v2/keys. Only the indexes change from one answer to the next, so the last block is kept. */
import type { QuorateServer } from '../../server/contract.ts';

export class KeyHeaders {
  readonly #server: QuorateServer;
  #clusterId = 0n;
  /** 'X-Etcd-Cluster-Id' with its line end. */
  #clusterLine = '';
  #etcdIndex = -1;
  #raftIndex = -1;
  #raftTerm = -1;
  #block = '';

  constructor(server: QuorateServer) {
    this.#server = server;
  }

  /** Of an answer that tells events: `etcdIndex` is the store's index when it was made. */
  ofEvent(etcdIndex: number): string {
    const server = this.#server;
    const raftIndex = server.raftIndex;
    const raftTerm = server.raftTerm;
    if (
      etcdIndex !== this.#etcdIndex ||
      raftIndex !== this.#raftIndex ||
      raftTerm !== this.#raftTerm ||
      server.clusterId !== this.#clusterId
    ) {
      this.#etcdIndex = etcdIndex;
      this.#raftIndex = raftIndex;
      this.#raftTerm = raftTerm;
      this.#block =
        `Content-Type: application/json\r\n${this.cluster()}` +
        `X-Etcd-Index: ${etcdIndex}\r\nX-Raft-Index: ${raftIndex}\r\nX-Raft-Term: ${raftTerm}\r\n`;
    }
    return this.#block;
  }

  /** Of an error: without the raft lines. */
  ofError(etcdIndex: number): string {
    return `Content-Type: application/json\r\n${this.cluster()}X-Etcd-Index: ${etcdIndex}\r\n`;
  }

  cluster(): string {
    const clusterId = this.#server.clusterId;
    if (clusterId !== this.#clusterId || this.#clusterLine === '') {
      this.#clusterId = clusterId;
      this.#clusterLine = `X-Etcd-Cluster-Id: ${clusterId.toString(16)}\r\n`;
    }
    return this.#clusterLine;
  }
}
