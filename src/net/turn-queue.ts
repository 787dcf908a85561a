/**
 * Connections that have something to send, flushed together once the present callback of the event loop is through: a batch of a
 * hundred applied writes becomes one write per connection, and costs one tick instead of a hundred.
 */
export class TurnQueue<T extends { runTurn(): void }> {
  private waiting: T[] = [];
  private spare: T[] = [];
  private scheduled = false;
  private readonly run = () => this.runAll();

  /** The caller sees to it that nothing is in twice. */
  add(item: T): void {
    this.waiting.push(item);
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(this.run);
  }

  private runAll(): void {
    this.scheduled = false;
    const batch = this.waiting;
    this.waiting = this.spare;
    for (let i = 0; i < batch.length; i++) batch[i]!.runTurn();
    batch.length = 0;
    this.spare = batch;
  }
}
