/** Reads a configuration in tests: no files but those given, no environment but the one given. */

import assert from 'node:assert/strict';
import { type ConfigOutcome, readConfig } from '../../src/config/read-config.ts';
import type { ServerConfig } from '../../src/config/server-config.ts';

export interface Given {
  readonly argv?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly defaultHost?: string;
}

export function read({ argv = [], environment = {}, files = {}, defaultHost }: Given): ConfigOutcome {
  return readConfig({
    argv,
    environment,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' });
      return text;
    },
    detectDefaultHost: () => defaultHost,
  });
}

export function configOf(given: Given): ServerConfig {
  const outcome = read(given);
  assert.equal(outcome.kind, 'run', JSON.stringify(outcome));
  return outcome.kind === 'run' ? outcome.config : assert.fail();
}

/** The configuration that this text in a file gives. */
export function configOfFile(yaml: string, defaultHost?: string): ServerConfig {
  return configOf({
    argv: ['--config-file', 'q.yml'],
    files: { 'q.yml': yaml },
    ...(defaultHost && { defaultHost }),
  });
}

/** The sentence a configuration is refused with. */
export function refusalOf(given: Given): string {
  const outcome = read(given);
  assert.ok(outcome.kind === 'refused' || outcome.kind === 'misuse', `accepted: ${JSON.stringify(given)}`);
  return outcome.message;
}

/** 'level message field=value ...', one for each note. */
export function notesOf(given: Given): string[] {
  const outcome = read(given);
  assert.ok(outcome.kind === 'run' || outcome.kind === 'refused');
  return outcome.notes.map(
    (note) =>
      `${note.level} ${note.message}${Object.entries(note.fields)
        .map(([name, value]) => ` ${name}=${value}`)
        .join('')}`,
  );
}

export function textsOf(urls: readonly { readonly text: string }[]): string {
  return urls.map((url) => url.text).join(',');
}
