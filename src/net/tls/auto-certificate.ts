/** Keeps the self-signed certificate of `--auto-tls` ahead of its end. */
import { ensureSelfSigned, type SelfSignedOptions } from './self-signed.ts';

const checkIntervalMs = 3600 * 1000;

export class AutoCertificate {
  private readonly options: SelfSignedOptions;
  private checkedMs: number;
  /** The check under way, so that a slow disk does not start two. */
  private checking: Promise<void> | undefined;

  constructor(options: SelfSignedOptions) {
    this.options = options;
    this.checkedMs = options.clock.monotonicMs();
  }

  /** Cheap; called about once a second. Resolves when a check that fell due is done. */
  sweep(): Promise<void> | undefined {
    const nowMs = this.options.clock.monotonicMs();
    if (this.checking !== undefined || nowMs - this.checkedMs < checkIntervalMs) return this.checking;
    this.checkedMs = nowMs;
    this.checking = ensureSelfSigned(this.options)
      .then(
        () => {},
        (error: Error) =>
          this.options.log.error('renewing the self-signed certificate failed', { error: error.message }),
      )
      .finally(() => {
        this.checking = undefined;
      });
    return this.checking;
  }
}
