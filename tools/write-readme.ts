/** `npm run readme`: writes the flag reference into README.md. A test fails while it is out of date. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from './prepare-checkout.mjs';
import { readmeWithReference } from './readme.ts';

const path = join(checkout, 'README.md');
writeFileSync(path, readmeWithReference(readFileSync(path, 'utf8')));
