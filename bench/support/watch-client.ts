/**
 * The client side of the watch benchmark, in a process of its own: many watches on a few streams of one connection, and puts beside them. It is told
 * what to do, one thing at a time, and answers when that is done.
 *
 *   { do: 'watch', ... }    makes the watches
 *   { do: 'delay', ... }    one put at a time: how long until the last event of each is here
 *   { do: 'put', ... }      puts as fast as they are answered, so many under way: how long until the last event of all is here
 */

import { create, toBinary } from '@bufbuild/protobuf';
import { WatchRequestSchema } from '../../src/wire/generated/etcdserverpb/watch_pb.ts';
import { RawGrpc } from './raw-grpc.ts';
import { keyOf, putMessage } from './v3-messages.ts';

const WATCH = '/etcdserverpb.Watch/Watch';
const PUT = '/etcdserverpb.KV/Put';

export type WatchOrder =
  | {
      readonly do: 'watch';
      readonly port: number;
      /** The watched keys are [0, keys), in turn. */
      readonly watches: number;
      readonly keys: number;
      readonly streams: number;
    }
  | { readonly do: 'delay'; readonly samples: number; readonly eventsPerPut: number }
  | {
      readonly do: 'put';
      readonly puts: number;
      readonly underWay: number;
      readonly eventsPerPut: number;
    };

export interface WatchAnswer {
  /** Of 'delay', in milliseconds and in the order of the puts. */
  readonly delaysMs: readonly number[];
  /** The whole order. */
  readonly tookMs: number;
}

class WatchClient {
  readonly #connection: RawGrpc;
  readonly #keys: number;
  readonly #puts: readonly Uint8Array[];
  readonly #watchStreams = new Set<number>();
  #created = 0;
  #events = 0;
  #answered = 0;
  #ended = 0;
  #look: () => void = () => {};
  #refill: () => void = () => {};

  private constructor(connection: RawGrpc, keys: number) {
    this.#connection = connection;
    this.#keys = keys;
    this.#puts = Array.from({ length: keys }, (_, key) => putMessage(key));
  }

  static async connect(port: number, keys: number): Promise<WatchClient> {
    let client: WatchClient | undefined;
    const connection = await RawGrpc.connect(
      port,
      (id, bytes, start, end) => client!.#message(id, bytes, start, end),
      () => client!.#end(),
    );
    client = new WatchClient(connection, keys);
    return client;
  }

  async watch(watches: number, streams: number): Promise<void> {
    const ids = Array.from({ length: streams }, () => this.#connection.open(WATCH));
    for (const id of ids) this.#watchStreams.add(id);
    for (let i = 0; i < watches; i++) {
      const value = { key: keyOf(i % this.#keys) };
      const request = create(WatchRequestSchema, { requestUnion: { case: 'createRequest', value } });
      this.#connection.send(ids[i % streams]!, toBinary(WatchRequestSchema, request), false);
    }
    this.#connection.flush();
    await this.#until(() => this.#created === watches);
  }

  async delays(samples: number, eventsPerPut: number): Promise<number[]> {
    const delays: number[] = [];
    const ended = this.#ended;
    this.#refill = () => {};
    for (let i = 0; i < samples; i++) {
      const events = this.#events + eventsPerPut;
      const began = performance.now();
      this.#put(i * 7919);
      await this.#until(() => this.#events >= events);
      delays.push(performance.now() - began);
      await this.#until(() => this.#ended >= ended + i + 1);
    }
    return delays;
  }

  async put(puts: number, underWay: number, eventsPerPut: number): Promise<void> {
    const events = this.#events + puts * eventsPerPut;
    const ended = this.#ended;
    let sent = 0;
    this.#refill = () => {
      while (sent < puts && sent - (this.#ended - ended) < underWay) this.#put(sent++);
    };
    this.#refill();
    await this.#until(() => this.#events >= events && this.#ended >= ended + puts);
  }

  #put(number: number): void {
    const id = this.#connection.open(PUT);
    this.#connection.send(id, this.#puts[number % this.#keys]!, true);
    this.#connection.flush();
  }

  #message(id: number, bytes: Buffer, start: number, end: number): void {
    if (this.#watchStreams.has(id)) this.#watchResponse(bytes, start, end);
    else this.#answered++;
    this.#look();
  }

  #end(): void {
    this.#ended++;
    if (this.#ended > this.#answered) throw new Error('a put was refused');
    this.#refill();
    this.#look();
  }

  /** WatchResponse: field 3 says that a watch was created, each field 11 is an event. */
  #watchResponse(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const tag = bytes[at++]!;
      if (tag === 0x58 + 2) this.#events++;
      else if (tag === 0x18) this.#created++;
      else if (tag === 0x20) throw new Error('a watch was cancelled');
      let value = 0;
      for (let shift = 0, more = true; more; shift += 7) {
        const byte = bytes[at++]!;
        value += (byte & 0x7f) * 2 ** shift;
        more = byte > 0x7f;
      }
      if ((tag & 7) === 2) at += value;
    }
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (!condition()) return;
        this.#look = () => {};
        resolve();
      };
      this.#look();
    });
  }
}

let client: WatchClient | undefined;

async function obey(order: WatchOrder): Promise<number[]> {
  switch (order.do) {
    case 'watch':
      client = await WatchClient.connect(order.port, order.keys);
      await client.watch(order.watches, order.streams);
      return [];
    case 'delay':
      return await client!.delays(order.samples, order.eventsPerPut);
    case 'put':
      await client!.put(order.puts, order.underWay, order.eventsPerPut);
      return [];
  }
}

process.on('message', (order: WatchOrder) => {
  const began = performance.now();
  obey(order).then(
    (delaysMs) => process.send!({ delaysMs, tookMs: performance.now() - began } satisfies WatchAnswer),
    (error: Error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
