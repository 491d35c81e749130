/**
 * An upload's entry: `uploads/UPLOAD` with upload.json, `files/`, `journal`, and `jobs/` until they are queued. One promise: an entry comes
 * into being whole, by one rename, and takes its former life along as `before/`.
 */
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMailAddress } from '../config/address.ts';
import { exists, removeTree, renameDurable, syncDirectory, syncFile } from '../disk.ts';
import { unless } from '../errors.ts';
import type { FileDigest } from '../spool/job.ts';
import type { Spool } from '../spool/spool.ts';
import type { State } from '../spool/states.ts';

/** upload.json; never changes. */
export interface UploadFile {
  readonly id: string;
  readonly product: string;
  readonly source: string;
  readonly version: string;
  /** As the .changes says; absent for a bare .dsc. */
  readonly distribution?: string;
  /** File name of the trigger. */
  readonly trigger: string;
  readonly dsc: FileDigest;
  /** What lies in `files/`, the trigger included. */
  readonly files: readonly FileDigest[];
  /** Ids of its jobs. */
  readonly jobs: readonly string[];
  readonly signer?: { readonly fingerprint: string; readonly userId: string; readonly address?: string };
  /** gpgv's SIG_ID of the trigger's signature. */
  readonly signature?: string;
  readonly maintainer: string;
  readonly changedBy?: string;
  /** Who gets the mails. */
  readonly mail: readonly string[];
  /** 1, and one more each time that the same upload is judged anew. */
  readonly life: number;
  readonly time: string;
}

/** reject.json, beside `reason` and `files/`. */
export interface RejectFile {
  readonly id: string;
  readonly product: string;
  readonly source?: string;
  readonly version?: string;
  readonly trigger: string;
  /** The .dsc that it named, where that could be read. */
  readonly dsc?: { readonly name: string; readonly sha256: string };
  readonly signer?: UploadFile['signer'];
  readonly mail: readonly string[];
  readonly life: number;
  readonly time: string;
}

/** Former lives that are kept. */
const MAX_LIVES = 20;
const WITH_UPLOADS: readonly State[] = ['uploads', 'held', 'rejected', 'corrupt'];

export interface Workspace {
  readonly dir: string;
  /** The entry that this one will replace; undefined: there is none. */
  readonly former: string | undefined;
  readonly life: number;
}

/** An empty directory for the entry `id`, always the same one: a former life that a crash left in it is found again. */
export async function openWorkspace(spool: Spool, id: string): Promise<Workspace> {
  const dir = spool.file('tmp', `verify.${id}`);
  const rest = join(dir, 'before');
  for (const name of await unless('ENOENT', [], readdir(dir))) if (name !== 'before') await removeTree(join(dir, name));
  await mkdir(join(dir, 'files'), { recursive: true });
  const place = await spool.find(id, WITH_UPLOADS);
  const former = place !== undefined ? spool.path(place, id) : (await exists(rest)) ? rest : undefined;
  return { dir, former, life: former === undefined ? 1 : (await lifeOf(former)) + 1 };
}

async function lifeOf(dir: string): Promise<number> {
  for (const name of ['upload.json', 'reject.json']) {
    const text = await unless('ENOENT', undefined, readFile(join(dir, name), 'utf8'));
    if (text !== undefined) return (JSON.parse(text) as { life: number }).life;
  }
  return 1;
}

/** Gives a workspace up; a former life that a crash left in it stays. */
export async function discard({ dir }: Workspace): Promise<void> {
  await removeTree(join(dir, 'files'));
  await unless(['ENOENT', 'ENOTEMPTY'], undefined, rmdir(dir));
}

/** commit point: the workspace becomes an entry. Whoever looks finds the former life, or the new one with the former in it. */
export async function commit(
  spool: Spool,
  workspace: Workspace,
  state: State,
  id: string,
  options: { readonly filesSynced?: boolean } = {},
): Promise<void> {
  const { dir, former, life } = workspace;
  await syncEntry(dir, options.filesSynced === true ? ['files', 'in'] : ['in']);
  const before = join(dir, 'before');
  if (former !== undefined && former !== before) {
    if (life > MAX_LIVES) await removeTree(join(former, 'before'));
    await renameDurable(former, before);
  }
  await spool.create(dir, state, id, { synced: true });
}

/** As syncTree, but of directories called `synced` the files are durable already; a job's `in/` holds those of `files/` once more. */
async function syncEntry(dir: string, synced: readonly string[]): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  await Promise.all(
    entries.map((entry) => {
      const path = join(dir, entry.name);
      if (entry.name === 'before') return undefined;
      if (entry.isDirectory()) return synced.includes(entry.name) ? syncDirectory(path) : syncEntry(path, synced);
      return syncFile(path);
    }),
  );
  await syncDirectory(dir);
}

export async function readUpload(spool: Spool, id: string): Promise<UploadFile> {
  const path = spool.path('uploads', id);
  const file = JSON.parse(await readFile(join(path, 'upload.json'), 'utf8')) as UploadFile;
  if (file.id !== id || !Array.isArray(file.jobs) || !Array.isArray(file.files))
    throw new Error(`${path}/upload.json is not that of upload ${id}`);
  return file;
}

/** The address in a `Name <address>` field, where it is one that mail can be sent to. */
export function addressOf(person: string | undefined): string | undefined {
  const address = person === undefined ? '' : (/<([^<>]*)>\s*$/.exec(person)?.[1] ?? person.trim());
  return isMailAddress(address) ? address : undefined;
}
