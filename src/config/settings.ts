/** The given values of flags over the table's defaults, by kind. Values were checked when they were read. */

import { ConfigFault } from './config-note.ts';
import { parseAddress, parseCount, parseInteger, parseList, parseSwitch } from './flag-value.ts';
import { type FlagName, type FlagNameOf, flagsByName } from './flags.ts';
import { parseGoDuration } from './go-duration.ts';
import type { ServerUrl } from './server-config.ts';
import { parseUrlList } from './server-url.ts';

export class Settings {
  readonly #given: ReadonlyMap<FlagName, string>;

  constructor(given: ReadonlyMap<FlagName, string>) {
    this.#given = given;
  }

  /** True if the user gave the flag a value, be it the default. */
  isSet(name: FlagName): boolean {
    return this.#given.has(name);
  }

  names(): Iterable<FlagName> {
    return this.#given.keys();
  }

  text(name: FlagName): string {
    return this.#given.get(name) ?? defaultOf(name);
  }

  switch(name: FlagNameOf<'switch'>): boolean {
    return parseSwitch(this.text(name)) === true;
  }

  count(name: FlagNameOf<'count'>): number {
    return parseCount(this.text(name)) ?? 0;
  }

  integer(name: FlagNameOf<'integer'>): number {
    return parseInteger(this.text(name)) ?? 0;
  }

  durationMs(name: FlagNameOf<'duration'>): number {
    return parseGoDuration(this.text(name)) ?? 0;
  }

  list(name: FlagNameOf<'list'> | FlagNameOf<'origins'>): readonly string[] {
    return parseList(this.text(name));
  }

  /** An empty value stands for the default, as in etcd. */
  urls(name: FlagNameOf<'urls'>): readonly ServerUrl[] {
    const text = this.text(name) || defaultOf(name);
    if (text === '') return [];
    const list = parseUrlList(text);
    if (!list.ok) throw new ConfigFault(`--${name}: ${list.fault}`);
    return list.urls;
  }

  address(name: FlagNameOf<'address'>): { readonly ip: string; readonly port: number } | undefined {
    return parseAddress(this.text(name));
  }
}

function defaultOf(name: FlagName): string {
  return flagsByName.get(name)?.default ?? '';
}
