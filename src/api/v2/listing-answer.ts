/**
 * A directory as an answer. A small one goes out in one piece; a large one is rendered and sent in pieces, a turn of the event loop for
 * each and no faster than the client takes them, so that it holds neither the loop nor memory, while writes go on.
 *
 * Invariant: the listing is released in the end, whatever becomes of the client.
 */
import type { HttpExchange, HttpStream } from '../../net/http-exchange.ts';
import type { V2Listing } from '../../store/v2/listing.ts';

/** UTF-16 units of one piece: about a millisecond's work. */
const PIECE_UNITS = 128 * 1024;

/** Runs a callback once the input that is already waiting was handled. */
export type Defer = (callback: () => void) => void;

export function sendListing(exchange: HttpExchange, headers: string, listing: V2Listing, defer: Defer): void {
  const first = listing.next(PIECE_UNITS) ?? '';
  const second = listing.next(PIECE_UNITS);
  if (second === undefined) {
    exchange.send(200, headers, first);
    return;
  }
  const stream = exchange.begin(200, headers);
  if (exchange.method === 'HEAD') {
    listing.release();
    stream.end();
    return;
  }
  stream.write(first);
  sendPieces(exchange, stream, listing, second, defer);
}

function sendPieces(
  exchange: HttpExchange,
  stream: HttpStream,
  listing: V2Listing,
  piece: string,
  defer: Defer,
): void {
  const goOn = (): void => {
    if (exchange.closed) {
      listing.release();
      return;
    }
    const next = listing.next(PIECE_UNITS);
    if (next === undefined) stream.end();
    else sendPieces(exchange, stream, listing, next, defer);
  };
  if (stream.write(piece) || exchange.closed) defer(goOn);
  // What the system takes at once is drained within the same turn.
  else stream.onDrain(() => defer(goOn));
}
