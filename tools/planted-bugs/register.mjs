/**
 * `node --import ./tools/planted-bugs/register.mjs --import tsx ...` loads the code with planted bugs. It must come before tsx, so that
 * the text is changed before tsx translates it. The environment names them, as JSON:
 *
 *   QUORATE_PLANTED = { "bugs": PlantedBug[] of table.ts, "always": the name of the one that is in force, if any }
 *
 * The others are only there for those who import a file as `file.ts?planted=NAME`.
 */
import { register } from 'node:module';

const planted = process.env.QUORATE_PLANTED;
if (planted !== undefined && planted !== '')
  register('./hook.mjs', import.meta.url, { data: JSON.parse(planted) });
