/** The two halves of a 64-bit number, so that it is made and taken apart without arithmetic on bigints: what is written to one of these is read from another, at once. */

export const halves = new Uint32Array(2);
export const unsigned = new BigUint64Array(halves.buffer);
export const signed = new BigInt64Array(halves.buffer);

/** Their places, which depend on the machine. */
export const [LOW, HIGH] = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? [0, 1] : [1, 0];
