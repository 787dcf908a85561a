/**
 * The `--config-file`: YAML whose keys are the flags' names, TLS under `client-transport-security` and
 * `peer-transport-security`. Values go through the same rules as on the command line; a key without a value is not set.
 */

import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml';
import { ConfigFault, type ConfigNote } from './config-note.ts';
import { type FlagSpec, fileKeyOf } from './flag-spec.ts';
import { valueFault } from './flag-value.ts';
import { allFlags, type FlagName } from './flags.ts';

const flagsByKey: ReadonlyMap<string, (typeof allFlags)[number]> = new Map(
  allFlags.flatMap((flag) => {
    const key = fileKeyOf(flag);
    return key === undefined ? [] : [[key, flag]];
  }),
);

const sections: ReadonlySet<string> = new Set(
  [...flagsByKey.keys()].filter((key) => key.includes('.')).map((key) => key.slice(0, key.indexOf('.'))),
);

/**
 * @param text the file's content
 * @throws ConfigFault naming the file and the key: no YAML, an unknown key, a value its flag does not take
 */
export function readConfigFile(
  path: string,
  text: string,
  notes: ConfigNote[],
): ReadonlyMap<FlagName, string> {
  const document = parseDocument(text);
  const error = document.errors[0];
  if (error !== undefined)
    throw new ConfigFault(`${path}: ${error.message.split('\n')[0]?.replace(/:$/, '')}`);

  const values = new Map<FlagName, string>();
  if (document.contents === null) return values;
  readMap(document.contents, '');
  notes.push({ level: 'info', message: 'loaded server configuration', fields: { path } });
  return values;

  function readMap(node: unknown, prefix: string): void {
    if (!isMap(node)) {
      throw new ConfigFault(
        `${path}: ${prefix === '' ? 'the file' : prefix.slice(0, -1)} must be a mapping of keys to values`,
      );
    }
    for (const pair of node.items) {
      const key = prefix + String(isScalar(pair.key) ? pair.key.value : pair.key);
      const value = pair.value as Node | null;
      if (value === null || (isScalar(value) && value.value === null)) {
        if (!flagsByKey.has(key) && !sections.has(key)) throw unknownKey(key);
      } else if (sections.has(key)) {
        readMap(value, `${key}.`);
      } else {
        readValue(key, value);
      }
    }
  }

  function readValue(key: string, node: Node): void {
    const flag = flagsByKey.get(key);
    if (flag === undefined) throw unknownKey(key);
    const given = textOf(flag, node, `${path}: ${key}`);
    if (given === '' && flag.kind !== 'text') return;
    const fault = valueFault(flag, given);
    if (fault !== undefined) throw new ConfigFault(`${path}: invalid value "${given}" for ${key}: ${fault}`);
    values.set(flag.name, given);
  }

  function unknownKey(key: string): ConfigFault {
    return new ConfigFault(`${path}: unknown key "${key}"`);
  }
}

/** A node as the text a user would have given the flag. */
function textOf(flag: FlagSpec, node: Node, subject: string): string {
  if (isSeq(node) && (flag.kind === 'list' || flag.kind === 'urls' || flag.kind === 'origins')) {
    return node.items.map((item) => scalarText(item, subject)).join(',');
  }
  const text = scalarText(node, subject);
  if (flag.kind === 'duration' && /^-?\d+$/.test(text)) return `${text}ns`;
  // YAML 1.1, which etcd's reader follows, has more words for truth than 1.2.
  if (flag.kind === 'switch' && isScalar(node) && node.type === 'PLAIN') {
    if (/^(yes|on|y)$/i.test(text)) return 'true';
    if (/^(no|off|n)$/i.test(text)) return 'false';
  }
  return text;
}

function scalarText(node: unknown, subject: string): string {
  if (isAlias(node) || !isScalar(node)) throw new ConfigFault(`${subject} must be a single value`);
  // The source keeps what was written: 1e3, 0x10, off.
  return node.type === 'PLAIN' ? (node.source ?? String(node.value)) : String(node.value);
}
