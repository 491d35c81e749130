/**
 * The files that a .dsc or .changes lists: Files and Checksums-* as one list. One promise: a name that comes out of here is plain (no
 * path, no leading dot) and has one size, and every digest that was given stands beside it.
 */
import type { DigestName } from '../../disk.ts';
import { excerpt, fieldOf, type Paragraph, splitWords } from './control.ts';

export interface ListedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex; every one that was listed. */
  readonly digests: Readonly<Partial<Record<DigestName, string>>>;
  /** In a .changes only. */
  readonly section?: string;
  readonly priority?: string;
}

/** Field, digest, hex digits. The order is that of weakness. */
const FIELDS: readonly (readonly [field: string, digest: DigestName, length: number])[] = [
  ['Files', 'md5', 32],
  ['Checksums-Sha1', 'sha1', 40],
  ['Checksums-Sha256', 'sha256', 64],
  ['Checksums-Sha512', 'sha512', 128],
];
const MAX_FILES = 5000;

/** Whether a name may be that of a file in an upload: characters that Debian's file names have, no path, no leading dot. */
export function validFileName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9.+~_-]{0,199}$/.test(name);
}

/** Reads the lists; `filesColumns` is 3 in a .dsc, 5 (with section and priority) in a .changes. */
export function readFileList(paragraph: Paragraph, filesColumns: 3 | 5, needsSha256: boolean): { files: ListedFile[]; faults: string[] } {
  const faults: string[] = [];
  const files = new Map<
    string,
    { name: string; size: number; digests: Partial<Record<DigestName, string>>; section?: string; priority?: string }
  >();
  const listed: { field: string; names: Set<string> }[] = [];
  for (const [field, digest, length] of FIELDS) {
    const value = fieldOf(paragraph, field);
    if (value === undefined || value === '') {
      if (field === 'Files') faults.push('the field Files is missing: it lists every file with MD5, size and name');
      if (digest === 'sha256' && needsSha256)
        faults.push('the field Checksums-Sha256 is missing: build the source with dpkg 1.16 or newer');
      continue;
    }
    const names = new Set<string>();
    const lines = value.split('\n').filter((line) => line !== '');
    if (lines.length > MAX_FILES) {
      faults.push(`${field} lists ${lines.length} files; at most ${MAX_FILES} are taken`);
      continue;
    }
    for (const line of lines) {
      const columns = splitWords(line);
      const expected = field === 'Files' ? filesColumns : 3;
      const [sum = '', sizeText = ''] = columns;
      const name = columns.at(-1) ?? '';
      if (columns.length !== expected || !new RegExp(`^[0-9a-fA-F]{${length}}$`).test(sum) || !/^\d{1,15}$/.test(sizeText)) {
        faults.push(
          `Couldn't parse file entry "${excerpt(line.trim())}" in ${field}: expected ${expected === 5 ? 'digest, size, section, priority, name' : 'digest, size, name'}`,
        );
        continue;
      }
      if (!validFileName(name)) {
        faults.push(`${field} lists '${excerpt(name)}': a file name may have letters, digits and .+~_- only, no path and no leading dot`);
        continue;
      }
      if (names.has(name)) faults.push(`${field} lists ${name} twice`);
      names.add(name);
      const size = Number(sizeText);
      const file = files.get(name) ?? { name, size, digests: {} };
      if (file.size !== size) faults.push(`${field} says that ${name} has ${size} bytes, another field says ${file.size}`);
      file.digests[digest] = sum.toLowerCase();
      if (expected === 5) Object.assign(file, { section: columns[2], priority: columns[3] });
      files.set(name, file);
    }
    listed.push({ field, names });
  }
  for (const { field, names } of listed) {
    for (const name of files.keys())
      if (!names.has(name))
        faults.push(`${field} does not list ${name}, another field of the same file does: they must name the same files`);
  }
  return { files: [...files.values()], faults };
}
