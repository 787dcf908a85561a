/** JSON text as Go's encoding/json writes it: what stands in the log and in the tree must be equal to etcd's byte for byte. */

const HTML_UNSAFE = /[<>&\u2028\u2029]/g;

/** A string with quotes; <, >, &, U+2028 and U+2029 are escaped, which JSON.stringify leaves as they are. */
export function goJsonString(text: string): string {
  return JSON.stringify(text).replace(
    HTML_UNSAFE,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function goJsonStrings(texts: readonly string[]): string {
  return `[${texts.map(goJsonString).join(',')}]`;
}
