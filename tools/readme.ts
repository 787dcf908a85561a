/** The generated part of README.md. */

import { flagReference } from '../src/config/flag-reference.ts';

const begin = '<!-- flags: written by npm run readme -->';
const end = '<!-- end of flags -->';

/**
 * The README with a fresh flag reference between its two marks.
 * @throws Error if the marks are not there
 */
export function readmeWithReference(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error('README.md has lost the marks around its flag reference');
  return `${readme.slice(0, from + begin.length)}\n\n${flagReference()}\n${readme.slice(to)}`;
}
