/**
 * Which of a peer's URLs is in use. All connections to a peer share one picker, so that the first failure moves all of them
 * to the next URL, and a late failure of an abandoned URL moves nobody.
 */
export class UrlPicker {
  #urls: readonly string[];
  #picked = 0;

  constructor(urls: readonly string[]) {
    if (urls.length === 0) throw new RangeError('a peer needs at least one URL');
    this.#urls = urls;
  }

  get url(): string {
    return this.#urls[this.#picked]!;
  }

  update(urls: readonly string[]): void {
    if (urls.length === 0) throw new RangeError('a peer needs at least one URL');
    this.#urls = urls;
    this.#picked = 0;
  }

  /** `url` did not work: if it is still the one in use, the next one is. */
  failed(url: string): void {
    if (url === this.url) this.#picked = (this.#picked + 1) % this.#urls.length;
  }
}
