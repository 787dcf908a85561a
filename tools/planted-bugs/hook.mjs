/** A loader hook that changes one place in one source file while it is loaded; the file on disk stays as it is. */

const root = new URL('../../', import.meta.url);
let bugs = [];
let always;

export function initialize(data) {
  bugs = data.bugs;
  always = data.always;
}

export async function load(url, context, nextLoad) {
  const { href, searchParams } = new URL(url);
  const name = searchParams.get('planted') ?? always;
  const bug = bugs.find((each) => each.name === name && new URL(each.file, root).href === href.split('?')[0]);
  const loaded = await nextLoad(url, context);
  if (bug === undefined) return loaded;
  const text = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
  const parts = text.split(bug.find);
  if (parts.length !== 2) {
    throw new Error(
      `planted bug ${bug.name}: its text stands ${parts.length - 1} times in ${bug.file}, not once; the table in tools/planted-bugs has to follow the code`,
    );
  }
  return { ...loaded, source: parts.join(bug.replace) };
}
