/** The logging flags. */

import { ConfigFault } from './config-note.ts';
import type { LogLevel, LogSettings } from './server-config.ts';
import type { Settings } from './settings.ts';

/** @throws ConfigFault for a logger or an output that does not exist here */
export function readLogSettings(settings: Settings): LogSettings {
  const logger = settings.text('logger');
  if (logger === 'capnslog') {
    throw new ConfigFault(
      'unknown logger option "capnslog": only structured lines are written, use --logger zap',
    );
  }
  if (logger !== 'zap') throw new ConfigFault(`unknown logger option "${logger}"`);
  if (settings.isSet('log-output') && settings.isSet('log-outputs')) {
    throw new ConfigFault('set only one of --log-output and --log-outputs');
  }
  const given = settings.list(settings.isSet('log-output') ? 'log-output' : 'log-outputs');
  const outputs = new Set<string>();
  for (const output of given.length === 0 ? ['default'] : given) {
    if (output === 'systemd/journal') {
      throw new ConfigFault(
        'log output "systemd/journal" is not supported: write to stderr, which systemd takes to the journal',
      );
    }
    outputs.add(output === 'default' ? 'stderr' : output);
  }
  return Object.freeze({
    level: settings.switch('debug') ? 'debug' : levelOf(settings.text('log-level')),
    outputs: Object.freeze([...outputs]),
  });
}

/** zap has three names for lines worse than errors. */
function levelOf(text: string): LogLevel {
  switch (text) {
    case 'debug':
    case 'info':
    case 'warn':
    case 'error':
      return text;
    default:
      return 'fatal';
  }
}
