/** Counts since the listener opened; read them whenever metrics are asked for. */
export interface ListenerMetrics {
  accepted: number;
  /** Closed unanswered because `Limits.connections` were open. */
  refusedConnections: number;
  tlsHandshakeFailures: number;
  /** Requests given to the handler. */
  requests: number;
  /** Requests refused by the protocol layer (400, 413, 431, ...). */
  refusedRequests: number;
  /** Connections ended because a deadline passed, idle ones not counted. */
  timeouts: number;
  receivedBytes: number;
  /** Connections that turned out to speak HTTP/2. */
  http2Connections: number;
  /** HTTP/2 connections and streams ended for flooding, pinging too often or breaking the protocol. */
  protocolErrors: number;
  /** HTTP/2 connections among them ended for too much: frames without effect, pings, resets, or a header block without end. */
  floods: number;
}

export function newListenerMetrics(): ListenerMetrics {
  return {
    accepted: 0,
    refusedConnections: 0,
    tlsHandshakeFailures: 0,
    requests: 0,
    refusedRequests: 0,
    timeouts: 0,
    receivedBytes: 0,
    http2Connections: 0,
    protocolErrors: 0,
    floods: 0,
  };
}
