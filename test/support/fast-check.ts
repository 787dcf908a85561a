/** fast-check with the suite's seed: the same runs for the same commit, unless QUORATE_SEED or QUORATE_FULL asks for others. */

import fc from 'fast-check';
import { testSeed } from './seeded-random.ts';

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: testSeed() | 0 });

export { fc };
