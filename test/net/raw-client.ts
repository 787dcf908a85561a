import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Listener, type ListenOptions, listen } from '../../src/net/listener.ts';
import { silentLog } from '../../src/ports/log.ts';
import { systemClockForTests } from './clocks.ts';

type Handler = ListenOptions['handler'];

/** A listener on a free port; both ways of accepting are tested by the callers that matter. */
export function serve(handler: Handler, options: Partial<ListenOptions> = {}): Promise<Listener> {
  return listen({
    host: '127.0.0.1',
    port: 0,
    handler,
    log: silentLog,
    clock: systemClockForTests,
    ...options,
  });
}

/** A client that sees every byte. */
export class RawClient {
  readonly socket: Socket;
  received = '';
  /** True once the server has ended or reset the connection. */
  ended = false;
  private waiters: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      this.wake();
    });
    socket.on('error', () => {});
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true;
        this.wake();
      });
    }
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves once the condition holds for what was received; rejects if the connection ends before. */
  async until(condition: (received: string) => boolean): Promise<string> {
    while (!condition(this.received)) {
      if (this.ended) throw new Error(`ended after ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
    return this.received;
  }

  /** All that comes until the server ends the connection. */
  async untilEnd(): Promise<string> {
    while (!this.ended) await new Promise<void>((resolve) => this.waiters.push(resolve));
    return this.received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  private wake(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) waiter();
  }
}

/** Sends one text on a new connection, ends it, returns all that comes back. */
export async function exchange(port: number, text: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.socket.end(text, 'latin1');
  const answer = await client.untilEnd();
  client.destroy();
  return answer;
}

/** The same without ending our side: the server must end by itself. */
export async function exchangeOpen(port: number, text: string): Promise<string> {
  const client = await RawClient.connect(port);
  client.send(text);
  const answer = await client.untilEnd();
  client.destroy();
  return answer;
}

/** Without the Date line, which changes. */
export function undated(answer: string): string {
  return answer.replace(/Date: [^\r]*\r\n/g, '');
}

/** Lets the event loop turn until the condition holds; the test runner's time limit ends a wait for what never comes. */
export async function turnsUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
