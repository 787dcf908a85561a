/**
 * From argv, the environment and the configuration file to the server's configuration. A flag wins over its variable; a
 * configuration file wins over both, and every flag and variable it shuts out is named in a warning.
 */

import { buildConfig } from './build-config.ts';
import { scanCommandLine } from './command-line.ts';
import { readConfigFile } from './config-file.ts';
import { ConfigFault, type ConfigNote } from './config-note.ts';
import { type Environment, readEnvironment, usedVariables } from './environment.ts';
import type { ServerConfig } from './server-config.ts';
import { Settings } from './settings.ts';

export interface ConfigSources {
  /** Without the names of the interpreter and the program. */
  readonly argv: readonly string[];
  readonly environment: Environment;
  /** A file's text; throws as node:fs does. */
  readonly readFile: (path: string) => string;
  readonly detectDefaultHost: () => string | undefined;
}

export type ConfigOutcome =
  | { readonly kind: 'run'; readonly config: ServerConfig; readonly notes: readonly ConfigNote[] }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  /** Not even a command line: print `message` and the usage, exit with 2. */
  | { readonly kind: 'misuse'; readonly message: string }
  /** Flags that can't be served: print `message`, exit with 1. */
  | { readonly kind: 'refused'; readonly message: string; readonly notes: readonly ConfigNote[] };

export function readConfig(sources: ConfigSources): ConfigOutcome {
  const notes: ConfigNote[] = [];
  const subcommand = sources.argv[0];
  if (subcommand === 'gateway' || subcommand === 'grpc-proxy') {
    return {
      kind: 'refused',
      message: `the subcommand '${subcommand}' is not supported yet: it needs gRPC; 'quorate' runs the server only`,
      notes,
    };
  }

  const scanned = scanCommandLine(sources.argv);
  switch (scanned.kind) {
    case 'help':
      return { kind: 'help' };
    case 'fault':
      return { kind: 'misuse', message: scanned.fault };
    case 'stray':
      return { kind: 'refused', message: `'${scanned.argument}' is not a valid flag`, notes };
    case 'flags':
      break;
  }
  if (new Settings(scanned.values).switch('version')) return { kind: 'version' };

  try {
    const path = scanned.values.get('config-file') || sources.environment['ETCD_CONFIG_FILE'] || '';
    if (path === '') {
      const variables = readEnvironment(sources.environment, scanned.values, notes);
      const settings = new Settings(new Map([...variables, ...scanned.values]));
      const config = buildConfig(
        settings,
        { fromFile: false, detectDefaultHost: sources.detectDefaultHost },
        notes,
      );
      return { kind: 'run', config, notes };
    }

    for (const flag of scanned.values.keys()) {
      if (flag !== 'config-file') noteShutOut(`--${flag}`);
    }
    for (const variable of usedVariables(sources.environment)) {
      if (variable !== 'ETCD_CONFIG_FILE') noteShutOut(variable);
    }
    const settings = new Settings(readConfigFile(path, readText(sources, path), notes));
    const config = buildConfig(
      settings,
      { fromFile: true, detectDefaultHost: sources.detectDefaultHost },
      notes,
    );
    return { kind: 'run', config, notes };

    function noteShutOut(ignored: string): void {
      notes.push({
        level: 'warn',
        message: 'ignored because a configuration file is given',
        fields: { ignored, path },
      });
    }
  } catch (error) {
    if (error instanceof ConfigFault) return { kind: 'refused', message: error.message, notes };
    throw error;
  }
}

function readText(sources: ConfigSources, path: string): string {
  try {
    return sources.readFile(path);
  } catch (error) {
    const code = (error as { readonly code?: string }).code;
    const reason = code === 'ENOENT' ? 'no such file or directory' : String((error as Error).message);
    throw new ConfigFault(`open ${path}: ${reason}`);
  }
}
