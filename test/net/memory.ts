/** How much memory something takes for good: what is still held after garbage was collected. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes held by live objects and buffers, after a collection. */
export function heldBytes(): number {
  // Twice: buffers that the first finds free are counted out by the second.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
