/**
 * The repository wing's door for those who only read: verify, accept, status. One promise: what is asked here is answered from one serial
 * and the ledger of at least that serial, whatever publish does meanwhile.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RepositoryConfig } from '../config/types.ts';
import { exists } from '../disk.ts';
import { unless } from '../errors.ts';
import { compareVersions } from '../formats/deb/version.ts';
import type { Receipt } from './handover.ts';
import { type Ledger, readLedger } from './ledger.ts';
import { type Listed, listName, parseList } from './lists.ts';
import { currentSerial, serialDir } from './serials.ts';

export interface Repository {
  /** The serial that all answers come from; undefined before the first. */
  readonly serial: number | undefined;
  readonly ledger: Ledger;
  /** What a suite holds now. */
  list(suite: string): readonly Listed[];
  /** Whether this version of this source was ever published, in any suite. */
  isSpent(source: string, version: string): boolean;
  /** The newest version of a source ever published, in any suite. */
  newestEver(source: string): string | undefined;
  /** The newest version of a source that a suite holds. */
  newestIn(suite: string, source: string): string | undefined;
  /** The source that a binary name belongs to in a suite. */
  ownerOf(suite: string, binary: string): string | undefined;
  /** SHA-256 of the content that a file name was published with. */
  digestOf(fileName: string): string | undefined;
  /** Absolute path in the pool of a published file with this name and content, if it lies there. */
  findFile(fileName: string, sha256: string): Promise<string | undefined>;
}

/** Reads ledger and lists once; open it anew to see what was published since. A repository that does not exist yet is empty. */
export async function openRepository(config: Pick<RepositoryConfig, 'dir' | 'suites'>): Promise<Repository> {
  const { dir } = config;
  const serial = currentSerial(dir);
  const at = serial === undefined ? undefined : serialDir(dir, serial);
  const ledger = await readLedger(dir, at);
  const lists = new Map<string, readonly Listed[]>();
  for (const suite of config.suites) {
    if (at === undefined) break;
    const path = join(at, listName(suite));
    // A suite that was configured after this serial has no list yet.
    lists.set(suite, parseList(await unless('ENOENT', '', readFile(path, 'utf8')), path));
  }
  const list = (suite: string): readonly Listed[] => lists.get(suite) ?? [];
  return {
    serial,
    ledger,
    list,
    // 01.0 is 1.0 to dpkg, though not to a set.
    isSpent: (source, version) => [...(ledger.versions.get(source) ?? [])].some((spent) => compareVersions(spent, version) === 0),
    newestEver: (source) => newest(ledger.versions.get(source) ?? []),
    newestIn: (suite, source) =>
      newest(
        list(suite)
          .filter((line) => line.kind === 'source' && line.name === source)
          .map((line) => line.version),
      ),
    ownerOf: (suite, binary) => list(suite).find((line) => line.kind !== 'source' && line.name === binary)?.source,
    digestOf: (fileName) => ledger.files.get(fileName)?.sha256,
    findFile: async (fileName, sha256) => {
      const file = ledger.files.get(fileName);
      if (file === undefined || file.sha256 !== sha256) return undefined;
      for (const path of file.paths) if (await exists(join(dir, path))) return join(dir, path);
      return undefined;
    },
  };
}

export function receiptPath(dir: string, id: string): string {
  return join(dir, 'receipts', id);
}

/** Publish's answer to a hand-over; needs no open repository. */
export async function readReceipt(dir: string, id: string): Promise<Receipt | undefined> {
  const text = await unless('ENOENT', undefined, readFile(receiptPath(dir, id), 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as Receipt);
}

function newest(versions: Iterable<string>): string | undefined {
  let best: string | undefined;
  for (const version of versions) if (best === undefined || compareVersions(version, best) > 0) best = version;
  return best;
}
