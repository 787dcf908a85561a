/**
 * The figures behind etcd's `etcd_network_*` metrics, one set a peer, as plain data: whoever renders metrics reads them,
 * nothing here knows a metrics library.
 */
import { exponentialBounds, Histogram } from '../ports/histogram.ts';

/** 0.1 ms doubled 15 times. */
const ROUND_TRIP_SECONDS = exponentialBounds(0.0001, 16);
/** 0.1 s doubled 9 times. */
const SNAPSHOT_SECONDS = exponentialBounds(0.1, 10);

/** Each field names its metric after `etcd_network_`. */
export class PeerCounters {
  /** active_peers{Local,Remote}: 0 or 1. */
  active = 0;
  /** disconnected_peers_total{Local,Remote} */
  disconnects = 0;
  /** peer_sent_bytes_total{To} */
  sentBytes = 0;
  /** peer_received_bytes_total{From} */
  receivedBytes = 0;
  /** peer_sent_failures_total{To} */
  sentFailures = 0;
  /** peer_received_failures_total{From} */
  receivedFailures = 0;
  /** snapshot_send_success{To} */
  snapshotSendSuccess = 0;
  /** snapshot_send_failures{To} */
  snapshotSendFailures = 0;
  /** snapshot_send_inflights_total{To} */
  snapshotSendInFlight = 0;
  /** snapshot_send_total_duration_seconds{To} */
  readonly snapshotSendSeconds = new Histogram(SNAPSHOT_SECONDS);
  /** snapshot_receive_success{From} */
  snapshotReceiveSuccess = 0;
  /** snapshot_receive_failures{From} */
  snapshotReceiveFailures = 0;
  /** snapshot_receive_inflights_total{From} */
  snapshotReceiveInFlight = 0;
  /** snapshot_receive_total_duration_seconds{From} */
  readonly snapshotReceiveSeconds = new Histogram(SNAPSHOT_SECONDS);
  /** peer_round_trip_time_seconds{To} */
  readonly roundTripSeconds = new Histogram(ROUND_TRIP_SECONDS);
}
