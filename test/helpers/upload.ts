/**
 * Uploads made by hand in some milliseconds, for tests of what is taken and what is refused: right in every detail unless told otherwise.
 * packages.ts makes real ones. Keys and signatures are in key.ts.
 */
import { createHash } from 'node:crypto';
import { constants, copyFile, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clearsign, type Key, type SignOptions } from './key.ts';

export interface UploadOptions {
  readonly source?: string;
  readonly version?: string;
  readonly distribution?: string;
  /** Architecture of the .dsc. Default `any`. */
  readonly architecture?: string;
  /** Binary packages of its Package-List: name to architecture. Default: one, named as the source. */
  readonly binaries?: Readonly<Record<string, string>>;
  /** Content of what the .dsc lists. Default: an orig and a debian tarball (which nobody can unpack). */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Names that the .changes does not list and that are not written: the orig of a -2. */
  readonly omit?: readonly string[];
  /** Further files that the .changes lists and the .dsc does not: binaries. */
  readonly extra?: Readonly<Record<string, string | Buffer>>;
  /** Signs both; absent: unsigned. */
  readonly key?: Key;
  readonly dscKey?: Key | null;
  readonly signing?: SignOptions;
  /** The text as it is to be signed. */
  readonly editDsc?: (text: string) => string;
  readonly editChanges?: (text: string) => string;
  /** The file as it lies there, after signing. */
  readonly afterSigning?: (text: string) => string;
}

export interface Upload {
  readonly dir: string;
  readonly source: string;
  readonly version: string;
  readonly dsc: string;
  readonly changes: string;
  /** Names in the order of dput: what the .changes lists, then the .changes. */
  readonly names: readonly string[];
}

/** Writes an upload into an existing directory. Two gpg runs when there is a key. */
export async function writeUpload(dir: string, options: UploadOptions = {}): Promise<Upload> {
  const source = options.source ?? 'pebble';
  const version = options.version ?? '1.0-1';
  const plain = version.replace(/^\d+:/, '');
  const upstream = plain.replace(/-[^-]*$/, '');
  const files = options.files ?? {
    [`${source}_${upstream}.orig.tar.gz`]: `upstream of ${source} ${upstream}\n`,
    [`${source}_${plain}.debian.tar.xz`]: `debian of ${source} ${version}\n`,
  };
  const architecture = options.architecture ?? 'any';
  const binaries = options.binaries ?? { [source]: architecture };

  const dsc = `${source}_${plain}.dsc`;
  const dscText = (options.editDsc ?? asIs)(
    [
      'Format: 3.0 (quilt)',
      `Source: ${source}`,
      `Binary: ${Object.keys(binaries).join(', ')}`,
      `Architecture: ${architecture}`,
      `Version: ${version}`,
      'Maintainer: Uma Uploader <uma@example.org>',
      'Standards-Version: 4.6.2',
      'Build-Depends: debhelper-compat (= 13)',
      'Package-List:',
      ...Object.entries(binaries).map(([name, arch]) => ` ${name} deb misc optional arch=${arch.replaceAll(' ', ',')}`),
      ...checksums(files, (name, md5, size) => `${md5} ${size} ${name}`),
      '',
    ].join('\n'),
  );
  const dscKey = options.dscKey === undefined ? options.key : (options.dscKey ?? undefined);
  const dscBytes = dscKey === undefined ? dscText : await clearsign(dscText, dscKey, options.signing);

  const listed: Record<string, string | Buffer> = { [dsc]: dscBytes, ...files, ...options.extra };
  for (const name of options.omit ?? []) delete listed[name];
  const changes = `${source}_${plain}_source.changes`;
  const changesText = (options.editChanges ?? asIs)(
    [
      'Format: 1.8',
      'Date: Mon, 01 Jul 2024 12:00:00 +0000',
      `Source: ${source}`,
      'Architecture: source',
      `Version: ${version}`,
      `Distribution: ${options.distribution ?? 'unstable'}`,
      'Urgency: medium',
      'Maintainer: Uma Uploader <uma@example.org>',
      'Changed-By: Uma Uploader <uma@example.org>',
      'Changes:',
      ` ${source} (${version}) ${options.distribution ?? 'unstable'}; urgency=medium`,
      ' .',
      '   * A change.',
      ...checksums(listed, (name, md5, size) => `${md5} ${size} misc optional ${name}`),
      '',
    ].join('\n'),
  );
  const signed = options.key === undefined ? changesText : await clearsign(changesText, options.key, options.signing);
  for (const [name, content] of Object.entries(listed)) await writeFile(join(dir, name), content);
  await writeFile(join(dir, changes), (options.afterSigning ?? asIs)(signed));
  return { dir, source, version, dsc, changes, names: [...Object.keys(listed), changes] };
}

function asIs(text: string): string {
  return text;
}

/** Checksums-Sha1, Checksums-Sha256 and Files; the line of Files differs between .dsc and .changes. */
function checksums(
  files: Readonly<Record<string, string | Buffer>>,
  filesLine: (name: string, md5: string, size: number) => string,
): string[] {
  const of = (algorithm: string, content: string | Buffer): string => createHash(algorithm).update(content).digest('hex');
  const lines = (line: (name: string, content: string | Buffer, size: number) => string): string[] =>
    Object.entries(files).map(([name, content]) => ` ${line(name, content, Buffer.byteLength(content))}`);
  return [
    'Checksums-Sha1:',
    ...lines((name, content, size) => `${of('sha1', content)} ${size} ${name}`),
    'Checksums-Sha256:',
    ...lines((name, content, size) => `${of('sha256', content)} ${size} ${name}`),
    'Files:',
    ...lines((name, content, size) => filesLine(name, of('md5', content), size)),
  ];
}

/** Copies files into an incoming directory in the given order, as dput's method `local` does: the .changes last. Never through a link there. */
export async function drop(from: string, names: readonly string[], incoming: string): Promise<void> {
  for (const name of names) {
    await rm(join(incoming, name), { force: true });
    await copyFile(join(from, name), join(incoming, name), constants.COPYFILE_EXCL);
  }
}

/** Changes one byte in the middle; the size stays. */
export async function flipByte(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

/** Cuts the last byte off. */
export async function cutShort(path: string): Promise<void> {
  await truncate(path, (await stat(path)).size - 1);
}

/** Appends a byte, as an upload that goes on would. */
export async function grow(path: string): Promise<void> {
  const file = await open(path, 'a');
  await file.writeFile('x');
  await file.close();
}
