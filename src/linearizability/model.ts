/**
 * The nouns of linearizability (Herlihy & Wing 1990): operations with a beginning and an end, and sequential models as values.
 *
 * An operation takes effect at one moment between its call and its answer. One that was never answered takes effect at any moment
 * after its call, or never.
 */

/** One operation of one client, as the client saw it. */
export interface Operation<Input, Output> {
  /** Who asked; only drawn, and free to overlap with itself. */
  readonly client: number;
  readonly input: Input;
  /** Undefined: no answer came, or one that leaves open whether the operation took effect. */
  readonly output: Output | undefined;
  /** When the client began to ask, in any unit, by one clock for the whole history. */
  readonly calledAt: number;
  /** When the answer had come; ignored without an output. At equal times a call counts as before an answer. */
  readonly answeredAt: number;
}

export type Step<State> = { readonly ok: true; readonly state: State } | { readonly ok: false };

/** The answer of every model to what cannot have happened. */
export const impossibleStep: Step<never> = { ok: false };

/** What a single, correct copy of the data would do. States are values: never changed, compared by `equal`. */
export interface Model<State, Input, Output> {
  readonly init: State;
  /**
   * Can this operation happen in this state with this output, and what is the state then? Without an output (no answer came) the
   * question is only what it does if it happens now; an operation that then does nothing returns an equal state.
   */
  step(state: State, input: Input, output: Output | undefined): Step<State>;
  equal(a: State, b: State): boolean;
  /** Equal states have equal hashes; any safe integer. */
  hash(state: State): number;
  /** Operations with different keys are independent of each other: they are checked apart. */
  partition(input: Input): string;
  /** Does an operation with this output change nothing, whenever it happened? Then the search need not try it at several places. */
  isReadOnly(input: Input, output: Output): boolean;
  /**
   * Optional, for speed: true only if this answered operation can happen neither in this state nor in any later one. Saves the
   * search from going on where it cannot succeed.
   */
  isTooLate?(state: State, input: Input, output: Output): boolean;
  /** For people: one line. */
  describe(input: Input, output: Output | undefined): string;
  describeState(state: State): string;
}
