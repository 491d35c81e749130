/**
 * A product's repo_queue, as publish reads it. One promise: only hand-overs that accept's user put there, whole and well-formed, come out;
 * everything else is left where it lies and reported.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Product } from '../config/types.ts';
import { openRegular } from '../disk.ts';
import { ConfigError, textOf, unless } from '../errors.ts';
import type { Exec } from '../exec.ts';
import type { Log } from '../log.ts';
import { isEntryName } from '../spool/ids.ts';
import type { FileDigest } from '../spool/job.ts';
import type { HandOver } from './handover.ts';

export interface QueueEntry {
  /** JOB.N */
  readonly id: string;
  /** Absolute path of its directory. */
  readonly dir: string;
  readonly product: Product;
}

const MAX_BYTES = 16 * 1024 * 1024;

/** The hand-overs of some products in the order of their ids. `uid`: accept's user. A queue that does not exist yet is empty. */
export async function listQueue(log: Log, products: readonly Product[], uid: number): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  for (const product of products) {
    for (const id of await unless('ENOENT', [], readdir(product.repoQueue))) {
      // Dot names are hand-overs that are still being written.
      if (id.startsWith('.')) continue;
      const dir = join(product.repoQueue, id);
      const stat = await unless('ENOENT', undefined, lstat(dir));
      if (stat === undefined) continue;
      if (!/\.[1-9]\d*$/.test(id) || !isEntryName(jobOf(id))) log.info('left alone', { entry: dir, reason: 'it is not named JOB.N' });
      else if (!stat.isDirectory()) log.info('left alone', { entry: dir, reason: 'it is not a directory' });
      else if (stat.uid !== uid)
        log.info('left alone', {
          entry: dir,
          reason: `it belongs to user id ${stat.uid}; only hand-overs of user id ${uid} are taken (accept_user)`,
        });
      else entries.push({ id, dir, product });
    }
  }
  return entries.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** JOB of JOB.N. */
function jobOf(id: string): string {
  return id.replace(/\.\d+$/, '');
}

/** User id of accept's user, ours when none is configured. Throws ConfigError. */
export async function acceptUid(exec: Exec, user: string | undefined): Promise<number> {
  if (user === undefined) return process.getuid?.() ?? 0;
  const result = await exec(['id', '-u', '--', user]);
  const uid = Number.parseInt(result.stdout.toString('utf8'), 10);
  if (result.status !== 0 || !Number.isInteger(uid))
    throw new ConfigError('E_ACCEPT_USER', `there is no user ${user}, whom accept_user in [global] names`);
  return uid;
}

/** Reads `handover.json` of an entry. Throws an Error that lists everything that is not as accept writes it. */
export async function readHandOver(entry: QueueEntry, uid: number): Promise<HandOver> {
  const path = join(entry.dir, 'handover.json');
  const handle = await openRegular(path);
  let text: string;
  try {
    const stat = await handle.stat();
    if (stat.uid !== uid || stat.size > MAX_BYTES) throw new Error(`${path} belongs to user id ${stat.uid} and has ${stat.size} bytes`);
    text = await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
  let handOver: HandOver;
  try {
    handOver = JSON.parse(text) as HandOver;
  } catch (error) {
    throw new Error(`${path} is damaged: ${textOf(error)}`);
  }
  const faults = faultsOf(handOver, entry);
  if (faults.length > 0) throw new Error(`${path} is not a hand-over: ${faults.join('; ')}`);
  return handOver;
}

const NAMED: readonly (readonly [field: 'source' | 'version' | 'architecture' | 'suite' | 'job', pattern: RegExp])[] = [
  ['source', /^[a-z0-9][a-z0-9+.-]+$/],
  ['version', /^[0-9][A-Za-z0-9.+:~-]*$/],
  ['architecture', /^[a-z0-9][a-z0-9-]*$/],
  ['suite', /^[A-Za-z0-9][A-Za-z0-9+._/-]*$/],
  ['job', /^\S+$/],
];

function faultsOf(handOver: HandOver, entry: QueueEntry): string[] {
  if (typeof handOver !== 'object' || handOver === null) return ['an object is expected'];
  const faults = NAMED.filter(([field, pattern]) => typeof handOver[field] !== 'string' || !pattern.test(handOver[field])).map(
    ([field]) => `bad ${field}`,
  );
  if (handOver.id !== entry.id || jobOf(entry.id) !== handOver.job) faults.push(`it is that of ${handOver.id}`);
  if (handOver.repository !== entry.product.repository)
    faults.push(`repository ${handOver.repository} is not that of product ${entry.product.name}`);
  if (!Array.isArray(handOver.sourceFiles) || !Array.isArray(handOver.binaries))
    return [...faults, 'sourceFiles and binaries are expected'];
  const files = filesOf(handOver);
  faults.push(...files.filter((file) => !isFile(file)).map((file) => `bad file ${file?.name}`));
  if (new Set(files.map((file) => file.name)).size !== files.length) faults.push('a file is listed twice');
  if (!handOver.sourceFiles.some((file) => file.name === handOver.dsc)) faults.push(`its .dsc ${handOver.dsc} is not listed`);
  return faults;
}

/** Every file of a hand-over. */
export function filesOf(handOver: HandOver): FileDigest[] {
  return [...handOver.sourceFiles, ...handOver.binaries, ...(handOver.buildinfo === undefined ? [] : [handOver.buildinfo])];
}

function isFile(file: FileDigest): boolean {
  return (
    /^[A-Za-z0-9][A-Za-z0-9+._~-]{0,254}$/.test(file?.name ?? '') &&
    Number.isSafeInteger(file.size) &&
    file.size >= 0 &&
    /^[0-9a-f]{64}$/.test(file.sha256)
  );
}
