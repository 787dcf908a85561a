/**
 * An event as an answer. One with few nodes goes out in one piece; a large directory is rendered and sent in pieces, a turn of the event loop
 * for each and no faster than the client takes them, so that it holds neither the loop nor memory.
 */
import type { HttpExchange, HttpStream } from '../../net/http-exchange.ts';
import { EventEncoder, encodeEvent } from '../../store/v2/event-encoder.ts';
import type { V2Event } from '../../store/v2/types.ts';

/** Of '/1', which stands before each client's key in the store. */
export const STORE_PREFIX_LENGTH = 2;
/** UTF-16 units of one piece: about a millisecond's work. */
const PIECE_UNITS = 128 * 1024;

/** Runs a callback once the input that is already waiting was handled. */
export type Defer = (callback: () => void) => void;

export function sendEvent(
  exchange: HttpExchange,
  status: number,
  headers: string,
  event: V2Event,
  defer: Defer,
): void {
  const nodes = event.node.nodes;
  if (nodes === undefined || nodes.length === 0) {
    exchange.send(status, headers, encodeEvent(event, STORE_PREFIX_LENGTH));
    return;
  }
  const encoder = new EventEncoder(event, STORE_PREFIX_LENGTH);
  const first = encoder.next(PIECE_UNITS) ?? '';
  const second = encoder.next(PIECE_UNITS);
  if (second === undefined) {
    exchange.send(status, headers, first);
    return;
  }
  const stream = exchange.begin(status, headers);
  if (exchange.method === 'HEAD') {
    stream.end();
    return;
  }
  stream.write(first);
  sendPieces(exchange, stream, encoder, second, defer);
}

function sendPieces(
  exchange: HttpExchange,
  stream: HttpStream,
  encoder: EventEncoder,
  piece: string,
  defer: Defer,
): void {
  if (exchange.closed) return;
  const goOn = (): void => {
    if (exchange.closed) return;
    const next = encoder.next(PIECE_UNITS);
    if (next === undefined) stream.end();
    else sendPieces(exchange, stream, encoder, next, defer);
  };
  if (stream.write(piece)) defer(goOn);
  else stream.onDrain(goOn);
}
