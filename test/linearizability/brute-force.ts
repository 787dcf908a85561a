/** The definition of linearizability, tried out: every order of every choice of operations. For histories of a handful only. */

import type { Model, Operation } from '../../src/linearizability/model.ts';

export function isLinearizableByTrying<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
): boolean {
  const tryRest = (state: State, rest: readonly Operation<Input, Output>[]): boolean => {
    if (rest.every((operation) => operation.output === undefined)) return true;
    return rest.some((operation) => {
      const others = rest.filter((other) => other !== operation);
      if (others.some((other) => other.output !== undefined && other.answeredAt < operation.calledAt))
        return false;
      const step = model.step(state, operation.input, operation.output);
      return step.ok && tryRest(step.state, others);
    });
  };
  const keys = new Set(history.map((operation) => model.partition(operation.input)));
  return [...keys].every((key) =>
    tryRest(
      model.init,
      history.filter((operation) => model.partition(operation.input) === key),
    ),
  );
}
