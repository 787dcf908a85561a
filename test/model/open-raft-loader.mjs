/** The loader of open-raft.mjs, in Node's loader thread. */
import { mutations } from './mutations.mjs';

const opened = /\/(?:src\/raft\/[a-z-]+|test\/raft\/member)\.ts$/;

const planted = process.env.QUORATE_MUTATION ?? '';
const mutation = mutations.find(({ name }) => name === planted);
if (planted !== '' && mutation === undefined) throw new Error(`no mutation is called ${planted}`);

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (!opened.test(url) || loaded.source === undefined) return loaded;
  let source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
  if (mutation !== undefined && url.endsWith(`/src/raft/${mutation.file}`)) {
    if (source.split(mutation.from).length !== 2) {
      throw new Error(`mutation ${mutation.name}: its text is not there exactly once in ${mutation.file}`);
    }
    source = source.replace(mutation.from, () => mutation.to);
  }
  return { ...loaded, source: source.replace(/#([a-zA-Z]\w*)/g, '_$1') };
}
