/**
 * Names of entries. They come from content, so that the same thing twice has the same name and nothing dies of "destination exists".
 */
import { createHash } from 'node:crypto';

/** What may be the name of an entry of ours: no dot in front, no separator, at most 200 bytes. Anything else is left alone. */
const ENTRY_NAME = /^[A-Za-z0-9%_+~][A-Za-z0-9%_+~.-]{0,199}$/;

export function isEntryName(name: string): boolean {
  return ENTRY_NAME.test(name);
}

/** First 12 hex digits of the SHA-256 over the parts, each part ended by a NUL. */
export function digestOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex').slice(0, 12);
}

/** A name from outside as part of an entry's name: bytes that are not plain become %xx; cut to `maxBytes`, never inside a %xx. */
export function escapeName(name: string | Buffer, maxBytes = 150): string {
  let escaped = '';
  for (const byte of typeof name === 'string' ? Buffer.from(name, 'utf8') : name) {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9_+~.-]/.test(character) && !(escaped === '' && /[.-]/.test(character));
    const next = plain ? character : `%${byte.toString(16).padStart(2, '0')}`;
    if (escaped.length + next.length > maxBytes) break;
    escaped += next;
  }
  return escaped;
}

/** UPLOAD: the trigger's file name without its ending and 12 hex of its bytes. */
export function uploadId(triggerName: string, bytes: Buffer): string {
  return `${escapeName(triggerName.replace(/\.(changes|dsc|commands)$/, ''))}_${digestOf(bytes)}`;
}

/** `unparsed_DIGEST`: what cannot be read as an upload; over its name and, for a regular file, its bytes. */
export function unparsedId(name: string, bytes?: Buffer): string {
  return `unparsed_${digestOf(name, ...(bytes === undefined ? [] : [bytes]))}`;
}

export interface JobIdParts {
  readonly product: string;
  readonly kind: string;
  /** 0 for a first build. */
  readonly rebuild: number;
  readonly source: string;
  readonly version: string;
  readonly architecture: string;
  /** Inputs; their order does not matter. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
}

/** JOB: SOURCE_VERSION_ARCHITECTURE_DIGEST, at most 200 bytes, `:` as `%3a`. */
export function jobId(parts: JobIdParts): string {
  const inputs = parts.files.map(({ name, sha256 }) => `${name} ${sha256}`).sort();
  const digest = digestOf(parts.product, parts.kind, String(parts.rebuild), ...inputs);
  const readable = escapeName(`${parts.source}_${parts.version}`, 200 - 14 - parts.architecture.length);
  return `${readable}_${parts.architecture}_${digest}`;
}
