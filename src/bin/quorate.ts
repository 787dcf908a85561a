/**
 * The `quorate` program: flags, variables and file -> configuration -> log -> server.
 *
 * Exit codes, as etcd's: 0 after --help, --version or an orderly stop; 1 for a configuration that can't be served or a start
 * that failed; 2 for a command line that is none.
 */

import { lookup } from 'node:dns/promises';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkBootstrap } from '../config/bootstrap-check.ts';
import { detectDefaultHost } from '../config/default-host.ts';
import { helpText, usageText } from '../config/help.ts';
import { readConfig } from '../config/read-config.ts';
import type { ServerConfig } from '../config/server-config.ts';
import { ETCD_COMPATIBLE_VERSION, QUORATE_VERSION, versionText } from '../config/version.ts';
import { type AdjustableLog, openPinoLog } from '../platform/pino-log.ts';
import { runServer } from './run-server.ts';

/** Runs the program with the process's own argv and environment. Resolves when there is nothing more to do. */
export async function main(): Promise<void> {
  const outcome = readConfig({
    argv: process.argv.slice(2),
    environment: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    detectDefaultHost,
  });
  switch (outcome.kind) {
    case 'help':
      process.stdout.write(helpText());
      return;
    case 'version':
      process.stdout.write(versionText(process.version, process.platform, process.arch));
      return;
    case 'misuse':
      process.stderr.write(`${outcome.message}\n${usageText}`);
      process.exitCode = 2;
      return;
    case 'refused':
      for (const note of outcome.notes) {
        if (note.level === 'warn')
          process.stderr.write(`warning: ${note.message}${shownFields(note.fields)}\n`);
      }
      process.stderr.write(`error verifying flags, ${outcome.message}. See 'quorate --help'.\n`);
      process.exitCode = 1;
      return;
    case 'run':
      break;
  }

  const { config } = outcome;
  let log: AdjustableLog;
  try {
    log = openPinoLog(config.log);
  } catch (error) {
    process.stderr.write(`error verifying flags, ${(error as Error).message}. See 'quorate --help'.\n`);
    process.exitCode = 1;
    return;
  }
  for (const note of outcome.notes) log[note.level](note.message, note.fields);
  log.info('starting', {
    version: QUORATE_VERSION,
    'etcd-version': ETCD_COMPATIBLE_VERSION,
    'node-version': process.version,
    name: config.name,
    'data-dir': config.dataDir,
    'listen-peer-urls': config.listenPeerUrls.map((url) => url.text),
    'listen-client-urls': config.listenClientUrls.map((url) => url.text),
    'initial-advertise-peer-urls': config.initialAdvertisePeerUrls.map((url) => url.text),
    'advertise-client-urls': config.advertiseClientUrls.map((url) => url.text),
    'initial-cluster': config.initialClusterText,
    'initial-cluster-state': config.initialClusterState,
  });

  if (!hasLog(config)) {
    const fault = await checkBootstrap(config, async (host) => (await lookup(host)).address);
    if (fault !== undefined) {
      log.error(fault);
      if (
        fault.includes('initial-cluster') &&
        !process.argv.some((argument) => /^--?initial-cluster\b/.test(argument))
      ) {
        log.warn('forgot to set --initial-cluster?');
      }
      process.exitCode = 1;
      return;
    }
  }
  await runServer(config, log);
}

/** True if the member has been started before: then its log, not the flags, says what cluster it is in. */
function hasLog(config: ServerConfig): boolean {
  try {
    return readdirSync(config.walDir ?? join(config.dataDir, 'member', 'wal')).some((name) =>
      name.endsWith('.wal'),
    );
  } catch {
    return false;
  }
}

function shownFields(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${value}`)
    .join('');
}
