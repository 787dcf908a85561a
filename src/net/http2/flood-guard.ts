/**
 * Notices clients that keep the server busy without asking for anything. Each useless frame is counted; time and real work pay
 * the count back. A client within the bounds costs about as much as an honest one; beyond them the connection ends.
 */

/** Streams the client takes back before they are answered (the "rapid reset" attack): at once, and then per second. */
const resetsMax = 1000;
const resetsPerSecond = 200;
/** Frames without effect: PING, SETTINGS, PRIORITY, empty DATA, WINDOW_UPDATE, unknown types, frames for finished streams. */
const idleFramesMax = 4000;
const idleFramesPerSecond = 1000;
/** A request, or a DATA frame sent to the client, excuses so many idle ones: grpc-go answers each with up to two WINDOW_UPDATEs and a PING. */
const excusedPerWork = 4;

export class FloodGuard {
  private resets = 0;
  private idleFrames = 0;
  private work = 0;

  /** The client has taken back a stream. False: too many. */
  reset(): boolean {
    return ++this.resets <= resetsMax;
  }

  /**
   * @param work requests received and DATA frames sent since the beginning
   * @param weight how many ordinary frames this one costs
   * @returns false: too many idle frames for that
   */
  idleFrame(work: number, weight: number): boolean {
    this.idleFrames += weight;
    if (this.idleFrames <= idleFramesMax) return true;
    this.idleFrames = Math.max(0, this.idleFrames - (work - this.work) * excusedPerWork);
    this.work = work;
    return this.idleFrames <= idleFramesMax;
  }

  /** A request was answered in full. */
  answered(): void {
    if (this.resets > 0) this.resets--;
  }

  /** Once a second. */
  sweep(): void {
    this.resets = Math.max(0, this.resets - resetsPerSecond);
    this.idleFrames = Math.max(0, this.idleFrames - idleFramesPerSecond);
  }
}
