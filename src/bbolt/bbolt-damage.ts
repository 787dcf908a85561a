/** What was read can't be a part of a whole bbolt file. The message is a clause that says where and why. */
export class BboltDamage extends Error {
  override readonly name = 'BboltDamage';

  constructor(what: string) {
    super(`the bbolt database is damaged: ${what}`);
  }
}
