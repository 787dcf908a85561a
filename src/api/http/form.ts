/**
 * application/x-www-form-urlencoded text as etcd reads it: `key=value` pairs between '&', the first value of a key counts, broken
 * pairs are skipped but make the whole form an error.
 */
import { unescapeField } from './percent-encoding.ts';

/** Gets each pair in order, decoded. */
export type FormSink = (key: string, value: string) => void;

/** `text` is byte text. Returns the error to report, undefined if there is none. */
export function parseForm(text: string, sink: FormSink): string | undefined {
  let error: string | undefined;
  let from = 0;
  while (from < text.length) {
    const ampersand = text.indexOf('&', from);
    const end = ampersand < 0 ? text.length : ampersand;
    if (end > from) {
      const pair = text.slice(from, end);
      // The order of these rules decides which of several errors is told.
      if (pair.includes(';')) error = 'invalid semicolon separator in query';
      else error = takePair(pair, sink, error);
    }
    from = end + 1;
  }
  return error;
}

function takePair(pair: string, sink: FormSink, error: string | undefined): string | undefined {
  const equals = pair.indexOf('=');
  const key = unescapeField(equals < 0 ? pair : pair.slice(0, equals));
  if (key.error !== undefined) return error ?? key.error;
  const value = unescapeField(equals < 0 ? '' : pair.slice(equals + 1));
  if (value.error !== undefined) return error ?? value.error;
  sink(key.text, value.text);
  return error;
}
