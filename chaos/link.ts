/**
 * What the network does to the bytes one member sends another: one link for each ordered pair of members, so that a cable can be cut
 * in one direction only.
 *
 *   open     delivered after `delayMs` (plus up to `jitterMs`), at most `bytesPerSecond`; on the connection that carries the
 *            leader's appends after `appendDelayMs` more
 *   hung     taken and kept until the link is open again, connections stay up: a pulled cable, a router that drops
 *   refused  connections are reset, new ones too: a firewall that rejects, a service that went away
 */

export interface LinkState {
  readonly mode: 'open' | 'hung' | 'refused';
  readonly delayMs: number;
  readonly jitterMs: number;
  readonly appendDelayMs: number;
  readonly bytesPerSecond: number;
}

export const openLink: LinkState = {
  mode: 'open',
  delayMs: 0,
  jitterMs: 0,
  appendDelayMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
};

export class Link {
  #state: LinkState = openLink;
  readonly #changed = new Set<() => void>();

  get state(): LinkState {
    return this.#state;
  }

  become(change: Partial<LinkState>): void {
    this.#state = { ...this.#state, ...change };
    for (const tell of [...this.#changed]) tell();
  }

  /** Calls `tell` after each change until the returned function is called. */
  onChange(tell: () => void): () => void {
    this.#changed.add(tell);
    return () => this.#changed.delete(tell);
  }
}

/** The links of a cluster, by the names of its members. A sender that cannot be told ('') has links of its own, left open. */
export class Links {
  readonly #links = new Map<string, Link>();

  between(from: string, to: string): Link {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = new Link();
      this.#links.set(key, link);
    }
    return link;
  }

  /** Changes the links from each of one side to each of the other, and back unless `isOneWay`. */
  cut(
    some: readonly string[],
    others: readonly string[],
    change: Partial<LinkState>,
    isOneWay = false,
  ): void {
    for (const from of some) {
      for (const to of others) {
        if (from === to) continue;
        this.between(from, to).become(change);
        if (!isOneWay) this.between(to, from).become(change);
      }
    }
  }

  /** Resets every connection between the two sides once. */
  reset(some: readonly string[], others: readonly string[]): void {
    this.cut(some, others, { mode: 'refused' });
    this.cut(some, others, { mode: 'open' });
  }

  heal(): void {
    for (const link of this.#links.values()) link.become(openLink);
  }
}
