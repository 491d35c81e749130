/**
 * Small files of the site that say who may do what, a line each, `#` begins a comment:
 *   uploaders = FILE   `WHO [SOURCE…]`, WHO a fingerprint or an address, SOURCE a name or glob; no SOURCE: any. Absent file: everybody in keyring.
 *   operators = FILE   `WHO`
 * One promise: a line that is not understood is a fault of the site with its number, never a permission.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError, textOf } from '../errors.ts';
import type { GoodSignature } from '../openpgp.ts';

/** Whether a signer may upload a source (for operators: any). */
export type Allows = (signer: Pick<GoodSignature, 'fingerprint' | 'address'>, source: string) => boolean;

/** Reads an uploaders or operators file. Throws ConfigError. */
export async function readUploaders(path: string): Promise<Allows> {
  const lines = await readLines(path, ([who = '', ...globs]) =>
    /^([0-9A-Fa-f]{40}|[^\s@]+@[^\s@]+)$/.test(who) && globs.every((glob) => /^[a-z0-9+.*?-]+$/.test(glob))
      ? undefined
      : 'expected a fingerprint of 40 hex digits or an address, then names of sources (globs may be used)',
  );
  const rules = lines.map(([who = '', ...globs]) => ({ who: who.toLowerCase(), globs }));
  return ({ fingerprint, address }, source) =>
    rules.some(
      ({ who, globs }) =>
        (who === fingerprint.toLowerCase() || who === address?.toLowerCase()) &&
        (globs.length === 0 || globs.some((glob) => matchesGlob(glob, source))),
    );
}

async function readLines(path: string, faultOf: (words: readonly string[]) => string | undefined): Promise<string[][]> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new ConfigError('E_FILE', `${path} cannot be read: ${textOf(error)}`, error);
  });
  const faults: string[] = [];
  const lines: string[][] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const words = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (words[0] === '') continue;
    const fault = faultOf(words);
    if (fault === undefined) lines.push(words);
    else faults.push(`${path}, line ${index + 1}: ${fault}`);
  }
  if (faults.length > 0) throw new ConfigError('E_FILE', faults);
  return lines;
}

/** `*` and `?` as in a shell, anything else as it is. No regular expression: `*a*a*a*…` would keep one busy for years. */
export function matchesGlob(glob: string, name: string): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let from = 0;
  while (next < name.length) {
    if (glob[at] === '*') {
      star = at;
      from = next;
      at += 1;
    } else if (at < glob.length && (glob[at] === '?' || glob[at] === name[next])) {
      at += 1;
      next += 1;
    } else if (star !== -1) {
      // The latest star takes one more; the earlier ones need never be asked again.
      at = star + 1;
      from += 1;
      next = from;
    } else {
      return false;
    }
  }
  while (glob[at] === '*') at += 1;
  return at === glob.length;
}
