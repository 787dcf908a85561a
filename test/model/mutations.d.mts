export interface Mutation {
  readonly name: string;
  /** Below src/raft/. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
  readonly options: string;
  readonly breaks: string;
  /** Planted with QUORATE_FULL=1 only. */
  readonly slow?: boolean;
}
export const mutations: readonly Mutation[];
