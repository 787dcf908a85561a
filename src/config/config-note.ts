/** Something to log about where the configuration came from, once there is a log. */
export interface ConfigNote {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The configuration can't be used. `message` is one sentence for the user, without a full stop. */
export class ConfigFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigFault';
  }
}
