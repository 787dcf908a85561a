/**
 * How long a test waits for what is certain to come, in milliseconds: a bound that only keeps a test that has failed from hanging. A machine that is busy with
 * other things, whose disk is slow, gets there, too.
 */
export const WAIT_MS_MAX = 120_000;
