/**
 * What an index says of one source or binary: its control fields, from the .dsc or out of the .deb. One promise: a stanza is one
 * paragraph, and nothing that the repository itself states (where a file lies, its size and digests) comes from the package.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashFile, readRegular, writeDurable } from '../disk.ts';
import { InputError, unless } from '../errors.ts';
import type { Exec } from '../exec.ts';
import { type Field, fieldOf, formatControl, type Paragraph, parseControl } from '../formats/deb/control.ts';
import { readDebControl } from '../formats/deb/debfile.ts';
import { validFileName } from '../formats/deb/filelist.ts';
import { textFaults } from '../formats/deb/text.ts';
import { isClearsigned } from '../openpgp.ts';
import type { Listed } from './lists.ts';

const MAX_DSC_BYTES = 4 * 1024 * 1024;

/** What only the repository may say of a file, or what would lack the .dsc in Sources. */
const OURS: ReadonlySet<string> = new Set([
  'filename',
  'size',
  'md5sum',
  'sha1',
  'sha256',
  'sha512',
  'status',
  'directory',
  'checksums-sha1',
  'checksums-sha512',
]);

/** The fields of a source or binary as its index has them. Throws InputError when the file is not what its name says. */
export async function readStanza(exec: Exec, kind: Listed['kind'], path: string, name: string): Promise<Paragraph> {
  const stanza = new Map(kind === 'source' ? await readSource(path, name) : await readDebControl(exec, path));
  for (const field of OURS) stanza.delete(field);
  const faults = textFaults(Buffer.from(formatControl(stanza.values())), name);
  if (faults.length > 0) throw new InputError('E_CONTROL', faults.join('; '));
  return stanza;
}

/** A .dsc as Sources has it: `Package` for `Source`, the .dsc itself among its files. Its signature was checked by verify. */
async function readSource(path: string, name: string): Promise<Paragraph> {
  const bytes = readSmall(path, name);
  const { paragraphs, faults } = parseControl((isClearsigned(bytes) ? signedPart(bytes) : bytes).toString('utf8'));
  const [dsc] = paragraphs;
  if (dsc === undefined || faults.length > 0)
    throw new InputError('E_CONTROL', `${name} cannot be read: ${faults.join('; ') || 'it is empty'}`);
  const fields = new Map<string, Field>([['package', { name: 'Package', value: fieldOf(dsc, 'Source') ?? '' }]]);
  for (const [key, field] of dsc) if (key !== 'source') fields.set(key, field);
  for (const [field, algorithm] of [
    ['Files', 'md5'],
    ['Checksums-Sha256', 'sha256'],
  ] as const) {
    const listed = fieldOf(dsc, field) ?? (field === 'Files' ? undefined : await sha256Of(dirname(path), fieldOf(dsc, 'Files') ?? ''));
    if (listed === undefined) throw new InputError('E_CONTROL', `${name} has no field ${field}; Sources needs it`);
    const digest = createHash(algorithm).update(bytes).digest('hex');
    fields.set(field.toLowerCase(), { name: field, value: `${listed}\n${digest} ${bytes.length} ${name}` });
  }
  // Package-List: `NAME TYPE SECTION PRIORITY …` a line; the first stands for the source.
  const [, , section, priority] = fieldOf(dsc, 'Package-List')?.trim().split('\n')[0]?.trim().split(/\s+/) ?? [];
  if (section !== undefined && !fields.has('section')) fields.set('section', { name: 'Section', value: section });
  if (priority !== undefined && !fields.has('priority')) fields.set('priority', { name: 'Priority', value: priority });
  return fields;
}

/** The lines that a .dsc of old (MD5 alone) lacks: of the files beside it, as they were checked. */
async function sha256Of(dir: string, files: string): Promise<string> {
  const names = files
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).at(-1) ?? '');
  const lines = names.map(async (name) => {
    const found = validFileName(name) ? await unless('ENOENT', undefined, hashFile(join(dir, name))) : undefined;
    if (found === undefined)
      throw new InputError(
        'E_CONTROL',
        `the .dsc gives no SHA-256 of ${name}, and the file is not beside it: build the source with dpkg 1.16 or newer`,
      );
    return `\n${found.sha256} ${found.size} ${name}`;
  });
  return (await Promise.all(lines)).join('');
}

function readSmall(path: string, name: string): Buffer {
  const bytes = readRegular(path, MAX_DSC_BYTES);
  if (bytes === undefined) throw new InputError('E_CONTROL', `${name} is larger than ${MAX_DSC_BYTES} bytes: no real .dsc is`);
  return bytes;
}

/** RFC 4880 7: armour headers, a blank line, the dash-escaped text, the signature. */
function signedPart(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replaceAll('\r\n', '\n');
  const begin = text.indexOf('\n\n', text.indexOf('-----BEGIN PGP SIGNED MESSAGE-----')) + 2;
  const end = text.indexOf('\n-----BEGIN PGP SIGNATURE-----', begin);
  return Buffer.from(text.slice(begin, end === -1 ? begin : end).replace(/^- /gm, ''), 'latin1');
}

/** A line of a list as its index shows it. `stanzas/` is a cache by content; what it lacks is read from the pool again. */
export async function indexStanza(exec: Exec, dir: string, line: Listed): Promise<string> {
  const name = line.path.slice(line.path.lastIndexOf('/') + 1);
  const text =
    (await unless('ENOENT', undefined, readFile(join(dir, 'stanzas', line.sha256), 'utf8'))) ??
    (await keepStanza(dir, line.sha256, await readStanza(exec, line.kind, join(dir, line.path), name)));
  if (line.kind === 'source') return `${text}Directory: ${dirname(line.path)}\n`;
  return `${text}Filename: ${line.path}\nSize: ${line.size}\nSHA256: ${line.sha256}\n`;
}

/** Puts a stanza into the cache; returns its text. */
export async function keepStanza(dir: string, sha256: string, stanza: Paragraph): Promise<string> {
  const text = formatControl(stanza.values());
  await writeDurable(join(dir, 'stanzas', sha256), text);
  return text;
}
