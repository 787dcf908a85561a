/** Thrown when the core finds itself, its caller or its disk in a state that consensus forbids. Not to be caught and ignored. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(`raft: ${message}`);
    this.name = 'InvariantError';
  }
}

/** Assertions stay on in production: a member that is wrong must stop, not go on. Keep `message` a constant on hot paths. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
