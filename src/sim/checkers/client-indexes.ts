/**
 * v2 indexes as a client sees them: on one member they never go back while it lives, wherever the client reads; a key's modifiedIndex
 * is never beyond the tree's; and each acknowledged write has an index of its own, later ones of a client higher ones.
 */
import { type Checker, CheckFailure, type Observation, type OperationReturned } from '../observation.ts';

export class ClientIndexes implements Checker {
  readonly name = 'client indexes';
  /** By client and member: its life and the index last seen there. */
  readonly #seen = new Map<string, { readonly life: number; readonly index: number }>();
  readonly #lastWrite = new Map<number, number>();
  readonly #writtenBy = new Map<number, number>();

  observe(observation: Observation): void {
    if (observation.kind === 'operation-returned') this.#returned(observation);
    else if (observation.kind === 'watch-begun') {
      const { client, member, life, startIndex } = observation;
      this.#see(client, member, life, startIndex);
    }
  }

  finish(): void {}

  #returned({ client, member, life, operation, operationId, outcome }: OperationReturned): void {
    if (outcome.kind === 'unknown') return;
    this.#see(client, member, life, outcome.etcdIndex);
    if (outcome.kind !== 'done') return;
    const { modifiedIndex: index, createdIndex, etcdIndex } = outcome;
    if (index > etcdIndex || createdIndex > index) {
      throw this.#failure(
        `${member} answers modifiedIndex ${index}, createdIndex ${createdIndex} at index ${etcdIndex}`,
      );
    }
    if (operation.kind === 'get' || operation.kind === 'quorum-get') return;
    const other = this.#writtenBy.get(index);
    if (other !== undefined) {
      throw this.#failure(
        `operations ${other} and ${operationId} were both acknowledged with index ${index}`,
      );
    }
    this.#writtenBy.set(index, operationId);
    const last = this.#lastWrite.get(client) ?? 0;
    if (index < last) throw this.#failure(`client ${client} wrote at index ${last}, and then at ${index}`);
    this.#lastWrite.set(client, index);
  }

  #see(client: number, member: string, life: number, index: number): void {
    const key = `${client} at ${member}`;
    const seen = this.#seen.get(key);
    if (seen?.life === life && index < seen.index) {
      throw this.#failure(`client ${key} sees the index go back from ${seen.index} to ${index}`);
    }
    this.#seen.set(key, { life, index });
  }

  #failure(message: string): CheckFailure {
    return new CheckFailure(this.name, message);
  }
}
