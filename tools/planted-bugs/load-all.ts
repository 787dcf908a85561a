/** Loads every file of the table with its bug planted; fails with the first that does not apply or does not load. */
import { plantedBugs } from './table.ts';

for (const { name, file } of plantedBugs) {
  const module: unknown = await import(new URL(`../../${file}?planted=${name}`, import.meta.url).href);
  if (typeof module !== 'object') throw new Error(`${file} with ${name} is no module`);
}
console.log(`${plantedBugs.length} planted bugs loaded`);
