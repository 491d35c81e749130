/**
 * The files of an upload: the .dsc, and where every other file is to be had. One promise: nothing large is copied before it is known that
 * all is there with the right size.
 */
import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import type { DigestName } from '../disk.ts';
import { codeOf } from '../errors.ts';
import { type Dsc, readDsc } from '../formats/deb/dsc.ts';
import type { ListedFile } from '../formats/deb/filelist.ts';
import type { Incoming, IncomingFile } from './incoming.ts';
import { findElsewhere, type Records } from './records.ts';
import { MAX_TEXT_BYTES, readSigned, readText } from './signed.ts';
import type { Trigger } from './trigger.ts';

export interface Fault {
  readonly text: string;
  /** A file that is not there at all: it is waited for longer. */
  readonly missing?: true;
}

/** A file of an upload and where to copy it from. */
export interface Located {
  readonly file: ListedFile;
  /** File name of the .changes or .dsc that lists it. */
  readonly listedIn: string;
  /** In incoming; undefined when it lies elsewhere. */
  readonly incoming: IncomingFile | undefined;
  readonly path: string;
}

export interface Contents {
  readonly dsc: Dsc | undefined;
  readonly dscName: string;
  /** The .dsc as it was read and checked. */
  readonly dscBytes: Buffer;
  /** Everything but the trigger and the .dsc. */
  readonly located: readonly Located[];
  readonly faults: readonly Fault[];
}

/** Reads the .dsc of an upload and finds every file. Throws ConfigError when the keyring cannot be used. */
export async function readContents(ctx: Context, records: Records, trigger: Trigger, incoming: Incoming): Promise<Contents> {
  const { product } = records;
  const faults: Fault[] = [];
  const total = trigger.files.reduce((sum, file) => sum + file.size, 0);
  if (total > product.maxUploadBytes) {
    const text = `${trigger.file.name} lists ${total} bytes in all; product ${product.name} takes at most ${product.maxUploadBytes}`;
    return { dsc: undefined, dscName: '', dscBytes: trigger.bytes, located: [], faults: [{ text }] };
  }
  const source = await readSource(records, trigger, incoming, faults);
  const located: Located[] = [];
  const wanted = new Map<string, { file: ListedFile; listedIn: string }>();
  if (trigger.changes !== undefined) for (const file of trigger.files) wanted.set(file.name, { file, listedIn: trigger.file.name });
  wanted.delete(source.name);
  for (const file of source.dsc?.files ?? []) {
    const other = wanted.get(file.name);
    if (other === undefined) wanted.set(file.name, { file, listedIn: source.name });
    else if (!agree(other.file, file))
      faults.push({ text: `${trigger.file.name} and ${source.name} differ about ${file.name}: build the source package again` });
    else
      wanted.set(file.name, { file: { ...other.file, digests: { ...other.file.digests, ...file.digests } }, listedIn: trigger.file.name });
  }
  for (const name of [trigger.file.name, source.name]) {
    if (wanted.delete(name)) faults.push({ text: `${name} is listed as a file of itself: build the source package again` });
  }
  for (const { file, listedIn } of wanted.values()) {
    const here = incoming.get(file.name);
    const fault = here === undefined ? undefined : glance(here, file, listedIn);
    const isSource = source.dsc?.files.some((each) => each.name === file.name) ?? false;
    const { sha256 } = file.digests;
    if (here !== undefined && fault === undefined) {
      located.push({ file, listedIn, incoming: here, path: here.path });
      continue;
    }
    // What the uploader left out, or what went with another upload that shares it.
    const path = isSource && here === undefined && sha256 !== undefined ? await findElsewhere(ctx, records, file.name, sha256) : undefined;
    if (path !== undefined) located.push({ file, listedIn, incoming: undefined, path });
    else faults.push(fault ?? absent(file, listedIn));
  }
  return { dsc: source.dsc, dscName: source.name, dscBytes: source.bytes, located, faults };
}

async function readSource(
  { product, gpgv }: Records,
  trigger: Trigger,
  incoming: Incoming,
  faults: Fault[],
): Promise<{ name: string; dsc: Dsc | undefined; bytes: Buffer }> {
  if (trigger.dsc !== undefined) return { name: trigger.file.name, dsc: trigger.dsc, bytes: trigger.bytes };
  const none = { name: '', dsc: undefined, bytes: Buffer.alloc(0) };
  const [file, second] = trigger.files.filter(({ name }) => name.endsWith('.dsc'));
  if (file === undefined || second !== undefined) {
    if (trigger.changes !== undefined && trigger.files.length > 0) {
      faults.push({
        text: `${trigger.file.name} lists ${file === undefined ? 'no .dsc' : 'more than one .dsc'}: exactly one source package is expected (dpkg-buildpackage -S)`,
      });
    }
    return none;
  }
  const here = incoming.get(file.name);
  const fault = here === undefined ? absent(file, trigger.file.name) : glance(here, file, trigger.file.name);
  if (here === undefined || fault !== undefined) {
    if (fault !== undefined) faults.push(fault);
    return { ...none, name: file.name };
  }
  let bytes: Buffer | undefined;
  try {
    bytes = readText(here.path);
  } catch (error) {
    const known = unreadable(error, file.name, trigger.file.name);
    if (known === undefined) throw error;
    faults.push(known);
    return { ...none, name: file.name };
  }
  if (bytes === undefined) {
    faults.push({ text: `${file.name} has ${here.size} bytes; at most ${MAX_TEXT_BYTES} are taken for such a file` });
    return { ...none, name: file.name };
  }
  const wrong = mismatch(file, trigger.file.name, bytes.length, digestsOf(bytes, file));
  if (wrong !== undefined) {
    faults.push({ text: wrong });
    return { ...none, name: file.name };
  }
  // A signed .changes that gives its SHA-256 has signed it, too.
  const mustBeSigned = product.unsigned === 'reject' && file.digests.sha256 === undefined;
  const signed = await readSigned(gpgv, product, file.name, bytes, mustBeSigned);
  const read = readDsc(signed.text, { needsSha256: product.md5 === 'reject' });
  for (const text of [...signed.faults, ...read.faults.map((each) => `${file.name}: ${each}`)]) faults.push({ text });
  return { name: file.name, dsc: read.dsc, bytes };
}

function digestsOf(bytes: Buffer, file: ListedFile): Partial<Record<DigestName, string>> {
  return Object.fromEntries(Object.keys(file.digests).map((name) => [name, createHash(name).update(bytes).digest('hex')]));
}

/** Whether two lists say the same of a file, as far as both speak. */
function agree(a: ListedFile, b: ListedFile): boolean {
  const names = Object.keys(a.digests) as DigestName[];
  return a.size === b.size && names.every((name) => b.digests[name] === undefined || a.digests[name] === b.digests[name]);
}

/** What can be said without opening a file. The words up to the colon are those of Maemo's buildME. */
function glance(here: IncomingFile, file: ListedFile, listedIn: string): Fault | undefined {
  if (here.kind !== 'file') return { text: `${file.name} is not a regular file: it is a ${here.kind}; upload the file itself` };
  return here.size === file.size ? undefined : { text: wrongSize(file, listedIn, here.size) };
}

function absent(file: ListedFile, listedIn: string): Fault {
  return {
    text: `Can't stat ${file.name}: No such file or directory; ${listedIn} lists it with ${file.size} bytes, and it is neither in incoming nor, with that SHA-256, in another upload or the repository: upload it too (dpkg-buildpackage -sa)`,
    missing: true,
  };
}

/** The fault that a failure to open a file is, if it is the uploader's. */
export function unreadable(error: unknown, name: string, listedIn: string): Fault | undefined {
  const code = codeOf(error);
  if (code === 'ENOENT')
    return { text: `Can't stat ${name}: No such file or directory; ${listedIn} lists it: upload it again`, missing: true };
  if (code === 'E_NOT_REGULAR') return { text: `${name} is not a regular file: upload the file itself` };
  if (code === 'EACCES') return { text: `${name} cannot be read (permission denied): make it readable (chmod 644) and upload it again` };
  return undefined;
}

function wrongSize(file: ListedFile, listedIn: string, size: number): string {
  return `File size for ${file.name} does not match that specified in ${listedIn}: ${file.size} bytes were announced, ${size} are there; upload it again`;
}

/** Why a file's content is not what was announced; undefined: it is. */
export function mismatch(
  file: ListedFile,
  listedIn: string,
  size: number,
  digests: Readonly<Partial<Record<DigestName, string>>>,
): string | undefined {
  if (size !== file.size) return wrongSize(file, listedIn, size);
  for (const name of Object.keys(file.digests) as DigestName[]) {
    if (digests[name] !== file.digests[name]) {
      return `${name}sum for ${file.name} does not match that specified in ${listedIn}: ${file.digests[name]} was announced, ${digests[name]} is there; upload it again`;
    }
  }
  return undefined;
}
