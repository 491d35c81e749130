/** A trigger read and checked by itself, whatever became of the files that it names. */
import type { Product } from '../config/types.ts';
import { codeOf } from '../errors.ts';
import { type Changes, readChanges } from '../formats/deb/changes.ts';
import { type Dsc, readDsc } from '../formats/deb/dsc.ts';
import type { ListedFile } from '../formats/deb/filelist.ts';
import type { Gpgv } from '../gpgv.ts';
import type { GoodSignature } from '../openpgp.ts';
import { unparsedId, uploadId } from '../spool/ids.ts';
import type { IncomingFile } from './incoming.ts';
import { MAX_TEXT_BYTES, readSigned, readText } from './signed.ts';

export interface Trigger {
  readonly file: IncomingFile;
  /** UPLOAD, or `unparsed_…`. */
  readonly id: string;
  /** As they were read; what is kept of the trigger is this, never the file again. Empty when it was too large. */
  readonly bytes: Buffer;
  readonly signature: GoodSignature | undefined;
  /** Of a .changes. */
  readonly changes: Changes | undefined;
  /** Of a bare .dsc. */
  readonly dsc: Dsc | undefined;
  /** Empty when it could not be read. */
  readonly source: string;
  readonly version: string;
  /** What it lists. */
  readonly files: readonly ListedFile[];
  readonly faults: readonly string[];
}

/** Reads a .changes or bare .dsc. Undefined when it has gone meanwhile. Throws ConfigError when the keyring cannot be used. */
export async function readTrigger(gpgv: Gpgv, product: Product, file: IncomingFile): Promise<Trigger | undefined> {
  let bytes: Buffer | undefined;
  try {
    bytes = readText(file.path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) !== 'EACCES') throw error;
    return unread(product, file, `${file.name} cannot be read (permission denied): make it readable (chmod 644) and upload it again`);
  }
  if (bytes === undefined)
    return unread(product, file, `${file.name} has ${file.size} bytes; at most ${MAX_TEXT_BYTES} are taken for such a file`);
  const { text, signature, faults } = await readSigned(gpgv, product, file.name, bytes, product.unsigned === 'reject');
  const options = { needsSha256: product.md5 === 'reject' };
  const read = file.name.endsWith('.dsc')
    ? { ...readDsc(text, options), changes: undefined }
    : { ...readChanges(text, options), dsc: undefined };
  const { source = '', version = '', files = [] } = read.changes ?? read.dsc ?? {};
  return {
    file,
    id: source === '' || version === '' ? unparsedId(ownName(product, file), bytes) : idOf(product, file.name, bytes),
    bytes,
    signature,
    changes: read.changes,
    dsc: read.dsc,
    source,
    version,
    files,
    faults: [...faults, ...read.faults.map((fault) => `${file.name}: ${fault}`)],
  };
}

function unread(product: Product, file: IncomingFile, fault: string): Trigger {
  const none = { signature: undefined, changes: undefined, dsc: undefined, source: '', version: '', files: [] };
  return { file, id: unparsedId(ownName(product, file)), bytes: Buffer.alloc(0), ...none, faults: [fault] };
}

/** Id of something that has a trigger's ending but is no regular file. */
export function irregularId(product: Product, file: IncomingFile): string {
  return unparsedId(ownName(product, file));
}

/** The same upload may be made to two products: their ids must differ. */
function idOf(product: Product, name: string, bytes: Buffer): string {
  return uploadId(name, Buffer.concat([bytes, Buffer.from(`\0${product.name}`)]));
}

function ownName(product: Product, file: IncomingFile): string {
  return `${product.name}/${file.name}`;
}
