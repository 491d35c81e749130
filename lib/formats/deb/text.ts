/**
 * Whether bytes from outside are a text that every reader sees alike. One promise: what passes has no character that hides, moves or
 * ends anything (a terminal, a mail header, a C string).
 */
import { isUtf8 } from 'node:buffer';

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const CONTROL = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)/;

/** Faults of a control file as bytes; `name` goes into the sentences. */
export function textFaults(bytes: Buffer, name: string): string[] {
  if (!isUtf8(bytes)) return [`${name} is not UTF-8: convert it (iconv -t UTF-8) and sign it again`];
  const text = bytes.toString('utf8');
  const found = CONTROL.exec(text);
  if (found === null) return [];
  const line = text.slice(0, found.index).split('\n').length;
  const code = found[0].charCodeAt(0).toString(16).padStart(2, '0');
  return [
    `${name} has the control character 0x${code} in line ${line}: only TAB and LF are taken (CR only before LF); remove it and sign it again`,
  ];
}
