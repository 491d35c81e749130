/**
 * Packages and Sources of a suite, compressed, each also under its digest. One promise: the index of a digest that a Release named lately
 * is still there under `by-hash/`, so that a reader in the middle of an update finds what it was told of.
 */
import { createHash } from 'node:crypto';
import { link, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { SuiteConfig } from '../config/types.ts';
import { makeDirectory } from '../disk.ts';
import { TemporaryError, unless } from '../errors.ts';
import { type Exec, endOf } from '../exec.ts';
import type { Listed } from './lists.ts';

/** A line of Release. */
export interface IndexFile {
  /** Below the suite: `main/binary-amd64/Packages.xz`. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export type Compression = 'gz' | 'xz';

/** What each index of a suite holds, by its path; the empty ones too, because Release promises them. */
export function splitIndexes(suite: SuiteConfig, lines: readonly Listed[]): Map<string, Listed[]> {
  const indexes = new Map<string, Listed[]>();
  const binary = (component: string, architecture: string): string => `${component}/binary-${architecture}/Packages`;
  for (const component of suite.components) {
    indexes.set(`${component}/source/Sources`, []);
    for (const architecture of suite.architectures) indexes.set(binary(component, architecture), []);
  }
  const ordered = lines.toSorted((a, b) => compare(a.name, b.name) || compare(a.path, b.path));
  for (const line of ordered) {
    const area = line.kind === 'udeb' ? `${line.component}/debian-installer` : line.component;
    const architectures = line.architecture === 'all' ? suite.architectures : [line.architecture];
    const paths = line.kind === 'source' ? [`${area}/source/Sources`] : architectures.map((architecture) => binary(area, architecture));
    for (const path of paths) {
      const index = indexes.get(path);
      if (index === undefined) indexes.set(path, [line]);
      else index.push(line);
    }
  }
  return indexes;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Writes one index below `suiteDir` in each compression. The plain one is only listed: apt needs its digest, and takes a compressed one. */
export async function writeIndex(
  exec: Exec,
  suiteDir: string,
  path: string,
  text: string,
  compress: readonly Compression[],
): Promise<IndexFile[]> {
  const plain = Buffer.from(text);
  const files = [describe(path, plain)];
  await makeDirectory(join(suiteDir, dirname(path), 'by-hash', 'SHA256'));
  for (const format of compress) {
    const bytes = await compressed(exec, plain, format);
    const file = describe(`${path}.${format}`, bytes);
    await writeFile(join(suiteDir, file.path), bytes);
    await link(join(suiteDir, file.path), byHash(suiteDir, file));
    files.push(file);
  }
  return files;
}

function describe(path: string, bytes: Buffer): IndexFile {
  return { path, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

function byHash(suiteDir: string, file: Pick<IndexFile, 'path' | 'sha256'>): string {
  return join(suiteDir, dirname(file.path), 'by-hash', 'SHA256', file.sha256);
}

/** Both give the same bytes for the same text: no time, no name. */
async function compressed(exec: Exec, plain: Buffer, format: Compression): Promise<Buffer> {
  if (format === 'gz') return promisify(gzip)(plain, { level: 9 });
  const result = await exec(['xz', '-6', '-T1', '-c'], { input: plain, maxBytes: 2 ** 30 });
  if (result.status !== 0) throw new TemporaryError('E_XZ', `xz failed: ${endOf(result)}`);
  return result.stdout;
}

/** Links what an earlier state of a suite stored under the digests in its Release into the `by-hash` of a newer one. */
export async function keepByHash(fromSuiteDir: string, toSuiteDir: string): Promise<void> {
  const release = await unless('ENOENT', '', readFile(join(fromSuiteDir, 'Release'), 'utf8'));
  for (const [, sha256 = '', path = ''] of release.matchAll(/^ ([0-9a-f]{64}) +\d+ (\S+)$/gm)) {
    const target = byHash(toSuiteDir, { path, sha256 });
    await makeDirectory(dirname(target));
    await unless(['ENOENT', 'EEXIST'], undefined, link(join(fromSuiteDir, path), target));
  }
}
