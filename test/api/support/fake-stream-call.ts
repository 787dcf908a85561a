/** A streaming call without a transport: what the method writes, and what the client does meanwhile. */
import type { GrpcStatus, GrpcStreamCall } from '../../../src/net/grpc-call.ts';

export class FakeStreamCall implements GrpcStreamCall {
  readonly path = '';
  readonly remoteAddress = '127.0.0.1:50000';
  readonly secure = false;
  readonly clientCertificate = undefined;
  readonly deadlineMs = undefined;
  readonly written: Uint8Array[] = [];
  failure: { readonly status: GrpcStatus; readonly message: string } | undefined;
  ended = false;
  paused = false;
  /** False: `write` says that the buffer is full. */
  hasRoom = true;
  #closed = false;
  #onClose: (() => void)[] = [];
  #onDrain: (() => void) | undefined;

  get closed(): boolean {
    return this.#closed || this.ended || this.failure !== undefined;
  }
  get pendingBytes(): number {
    return 0;
  }
  metadata(): undefined {
    return undefined;
  }
  onClose(callback: () => void): void {
    this.#onClose.push(callback);
  }
  onDrain(callback: () => void): void {
    this.#onDrain = callback;
  }
  sendHeaders(): void {}
  respond(message: Uint8Array): void {
    this.write(message);
    this.end();
  }
  respondParts(parts: readonly Uint8Array[]): void {
    this.respond(Buffer.concat(parts));
  }
  write(message: Uint8Array): boolean {
    if (this.closed) return false;
    this.written.push(message);
    return this.hasRoom;
  }
  fail(status: GrpcStatus, message: string): void {
    if (!this.closed) this.failure = { status, message };
  }
  end(): void {
    if (!this.closed) this.ended = true;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }

  /** The client takes what waits for it. */
  drain(): void {
    this.hasRoom = true;
    this.#onDrain?.();
  }
  /** The client goes away. */
  leave(): void {
    if (this.closed) return;
    this.#closed = true;
    for (const callback of this.#onClose) callback();
  }
}
