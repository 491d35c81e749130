/** Readers: the text of one value to what it means, or what was expected instead. Pure; nothing is looked up on the disk. */
import { resolve } from 'node:path';
import { isMailAddress } from './address.ts';

/** What was expected, to stand behind "expected". */
export interface Wrong {
  readonly expected: string;
}
/** `dir` is where relative paths start: the configuration file's own directory. */
export type Reader<T> = (text: string, dir: string) => T | Wrong;

export function isWrong(value: unknown): value is Wrong {
  return typeof value === 'object' && value !== null && 'expected' in value;
}

export function oneOf<const T extends string>(...choices: readonly T[]): Reader<T> {
  return (text) => choices.find((choice) => choice === text) ?? { expected: choices.join(' or ') };
}

/** One word that matches. */
export function word(pattern: RegExp, expected: string): Reader<string> {
  return (text) => (pattern.test(text) ? text : { expected });
}

/** Words with blanks between them, none twice. */
export function listOf<T>(one: Reader<T>, least = 0): Reader<readonly T[]> {
  return (text, dir) => {
    const words = text.split(/\s+/).filter((item) => item !== '');
    if (words.length < least) return { expected: 'at least one word' };
    const twice = words.find((item, index) => words.indexOf(item) !== index);
    if (twice !== undefined) return { expected: `each word once, but ${twice} stands twice` };
    const values: T[] = [];
    for (const item of words) {
      const value = one(item, dir);
      if (isWrong(value)) return { expected: `words with blanks between them, each ${value.expected}; not ${item}` };
      values.push(value);
    }
    return values;
  };
}

export const text: Reader<string> = (value) =>
  value !== '' && value.length <= 4000 ? value : { expected: 'a text of 1 to 4000 characters' };

/** Text that becomes one line of a Release file. */
export const field: Reader<string> = (value) =>
  value !== '' && value.length <= 200 ? value : { expected: 'a text of 1 to 200 characters' };

export const yesNo: Reader<boolean> = (value) => (value === 'yes' ? true : value === 'no' ? false : { expected: 'yes or no' });

/** A path here; relative to the file's own directory. */
export const path: Reader<string> = (value, dir) =>
  value === '' || value.startsWith('~') ? { expected: 'a path (~ is not expanded)' } : resolve(dir, value);

/** An absolute path on another machine, of characters that no shell there takes for its own. */
export const remotePath = word(
  /^(?!.*\/\.\.?(\/|$))\/[A-Za-z0-9._+@=:/-]*[A-Za-z0-9._+@=:-]$/,
  'an absolute path of letters, digits and . _ + @ = : - /',
);

export const mailAddress: Reader<string> = (value) =>
  isMailAddress(value) ? value : { expected: 'a mail address such as list@example.org' };

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

function milliseconds(value: string): number | undefined {
  const [, digits, unit] = /^(\d{1,7})([smhd])$/.exec(value) ?? [];
  return value === '0' ? 0 : digits === undefined ? undefined : Number(digits) * SECONDS[unit as keyof typeof SECONDS] * 1000;
}

/** Milliseconds, from `30s`, `5m`, `4h`, `30d` or `0`. */
export function duration(least: string, most: string): Reader<number> {
  return (value) => {
    const ms = milliseconds(value);
    const fits = ms !== undefined && ms >= (milliseconds(least) ?? 0) && ms <= (milliseconds(most) ?? 0);
    return fits ? ms : { expected: `a duration from ${least} to ${most}, such as 30s, 5m, 4h or 30d` };
  };
}

const BYTES = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 } as const;

/** Bytes, from `10M` or `2G` (powers of 1024); at most 1 PB. */
export const size: Reader<number> = (value) => {
  const [, digits, unit] = /^(\d{1,15})([KMGT]?)$/.exec(value) ?? [];
  const bytes = digits === undefined ? 0 : Number(digits) * BYTES[unit as keyof typeof BYTES];
  return bytes > 0 && bytes <= 1024 ** 5 ? bytes : { expected: 'a size above 0 such as 500K, 10M or 2G' };
};

export function integer(least: number, most: number): Reader<number> {
  return (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : -1;
    return number >= least && number <= most ? number : { expected: `a whole number from ${least} to ${most}` };
  };
}

export const load: Reader<number> = (value) => {
  const number = /^\d{1,4}(\.\d{1,2})?$/.test(value) ? Number(value) : 0;
  return number > 0 ? number : { expected: 'a load above 0 such as 4 or 1.5' };
};

const HOST = /\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*/;
const USER = /[A-Za-z0-9_][A-Za-z0-9_.-]*/;
const ADDRESS = new RegExp(`^(${USER.source})@(${HOST.source})(?::(\\d{1,5}))?$`);

/** `user@host` or `user@host:port`; an IPv6 address in brackets. */
export const sshAddress: Reader<{ readonly user: string; readonly host: string; readonly port: number }> = (value) => {
  const [, user, host, port = '22'] = ADDRESS.exec(value) ?? [];
  if (user === undefined || host === undefined || Number(port) < 1 || Number(port) > 65_535)
    return { expected: 'user@host or user@host:port' };
  return { user, host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
};

export type MirrorTarget =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'ssh'; readonly user: string | undefined; readonly host: string; readonly path: string };

const SSH_TARGET = new RegExp(`^(?:(${USER.source})@)?(${HOST.source}):(/(?!/).*)$`);

/** `/srv/live`, or `user@host:/path`. */
export const mirrorTarget: Reader<MirrorTarget> = (value, dir) => {
  const wrong: Wrong = { expected: 'a directory, or [user@]host:/path of letters, digits and . _ + @ = : - /' };
  const [, user, host, there] = SSH_TARGET.exec(value) ?? [];
  if (host !== undefined && there !== undefined) {
    return isWrong(remotePath(there, dir)) ? wrong : { kind: 'ssh', user, host: host.replace(/^\[|\]$/g, ''), path: there };
  }
  const here = path(value, dir);
  return isWrong(here) || value.includes(':') ? wrong : { kind: 'directory', path: here };
};

/** Where base systems come from: a URL, a `deb …` line, or a file of apt sources. */
export const aptSource: Reader<string> = (value, dir) => (/^[a-z+]+:\/\/\S+$|^deb \S/.test(value) ? value : path(value, dir));

/** Where mail goes; empty: nowhere. */
export const mailTransport: Reader<string | undefined> = (value) => {
  if (value === '') return undefined;
  if (/^sendmail:\/\S+$/.test(value)) return value;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const plain =
    url !== undefined &&
    /^smtps?:$/.test(url.protocol) &&
    url.hostname !== '' &&
    /^\/?$/.test(url.pathname) &&
    url.search + url.hash === '';
  return plain ? value : { expected: 'smtp://HOST:PORT, sendmail:/PATH, or nothing for no mail' };
};
