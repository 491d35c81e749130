/**
 * Taking an upload: one copy out of incoming while hashing, then an entry of ours. One promise: every byte of the entry is what the
 * signature covers, whatever is done to the originals meanwhile.
 */

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Product } from '../config/types.ts';
import type { Context } from '../context.ts';
import { copyHashing, type DigestName, linkOrCopy } from '../disk.ts';
import { codeOf } from '../errors.ts';
import type { Dsc } from '../formats/deb/dsc.ts';
import type { FileDigest } from '../spool/job.ts';
import { type Contents, type Fault, type Located, mismatch, unreadable } from './contents.ts';
import { addressOf, type UploadFile, type Workspace } from './entry.ts';
import { jobsOf, type PlannedJob, writeJobs } from './jobs.ts';
import type { Trigger } from './trigger.ts';

export interface Copies {
  /** Trigger, .dsc and all the others that were copied; sorted. */
  readonly files: readonly FileDigest[];
  readonly faults: readonly Fault[];
}

/** Copies an upload's files into `files/` of a workspace, checking every digest; each is durable when it returns. */
export async function copyContents(workspace: Workspace, trigger: Trigger, contents: Contents): Promise<Copies> {
  const faults: Fault[] = [];
  const texts = new Map([[trigger.file.name, trigger.bytes]]);
  if (contents.dsc !== undefined) texts.set(contents.dscName, contents.dscBytes);
  const files = await Promise.all([
    ...[...texts].map(async ([name, bytes]): Promise<FileDigest> => {
      await writeFile(join(workspace.dir, 'files', name), bytes, { flag: 'wx', flush: true });
      return { name, size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    }),
    ...contents.located.map((located) => copyOne(workspace, located, faults)),
  ]);
  return { files: files.filter((file) => file !== undefined).sort((a, b) => (a.name < b.name ? -1 : 1)), faults };
}

async function copyOne(
  workspace: Workspace,
  { file, listedIn, incoming, path }: Located,
  faults: Fault[],
): Promise<FileDigest | undefined> {
  const to = join(workspace.dir, 'files', file.name);
  const { sha256 } = file.digests;
  try {
    if (incoming === undefined && sha256 !== undefined) {
      // Ours already, and its content was checked when it came.
      await linkOrCopy(path, to);
      const wrong = mismatch({ ...file, digests: {} }, listedIn, (await stat(to)).size, {});
      if (wrong !== undefined) {
        faults.push({ text: wrong });
        return undefined;
      }
      return { name: file.name, size: file.size, sha256 };
    }
    const algorithms = [...new Set<DigestName>([...(Object.keys(file.digests) as DigestName[]), 'sha256'])];
    const { size, digests } = await copyHashing(path, to, algorithms, { maxBytes: file.size });
    const wrong = mismatch(file, listedIn, size, digests);
    if (wrong === undefined) return { name: file.name, size, sha256: digests.sha256 ?? '' };
    faults.push({ text: wrong });
  } catch (error) {
    const known =
      codeOf(error) === 'E_TOO_BIG' ? { text: mismatch(file, listedIn, file.size + 1, {}) ?? '' } : unreadable(error, file.name, listedIn);
    if (known === undefined) throw error;
    faults.push(known);
  }
  return undefined;
}

/** An upload as it will be. */
export interface Plan {
  readonly upload: UploadFile;
  readonly dsc: Dsc;
  readonly jobs: readonly PlannedJob[];
  /** The .dsc and every file that it lists. */
  readonly inputs: readonly FileDigest[];
}

/** What an upload, whose files were copied, gives. Pure. */
export function planUpload(
  product: Product,
  trigger: Trigger,
  dsc: Dsc,
  dscName: string,
  files: readonly FileDigest[],
  life: number,
  now: Date,
): Plan {
  const inputs = files.filter(({ name }) => name === dscName || dsc.files.some((file) => file.name === name));
  const dscFile = files.find(({ name }) => name === dscName);
  if (dscFile === undefined) throw new Error(`upload ${trigger.id} has no ${dscName}`);
  const jobs = jobsOf(product, dsc, inputs);
  const { signature, changes } = trigger;
  const upload: UploadFile = {
    id: trigger.id,
    product: product.name,
    source: dsc.source,
    version: dsc.version,
    ...(changes === undefined ? {} : { distribution: changes.distribution }),
    trigger: trigger.file.name,
    dsc: dscFile,
    files,
    jobs: jobs.map((job) => job.id),
    ...signerOf(trigger),
    ...(signature === undefined ? {} : { signature: signature.id }),
    maintainer: changes?.maintainer ?? dsc.maintainer,
    ...(changes?.changedBy === undefined ? {} : { changedBy: changes.changedBy }),
    mail: recipientsOf(trigger),
    life,
    time: now.toISOString(),
  };
  return { upload, dsc, jobs, inputs };
}

/** Fills a workspace, whose `files/` are there, up to an upload's entry. Not synced: commit does that for the whole. */
export function writeUpload(ctx: Context, workspace: Workspace, product: Product, { upload, dsc, jobs, inputs }: Plan): void {
  writeJobs(workspace.dir, product, dsc, upload, jobs, inputs, ctx.log.tag, ctx.now());
  writeFileSync(join(workspace.dir, 'upload.json'), `${JSON.stringify(upload, null, 1)}\n`);
}

/** The signer as upload.json and reject.json name them. */
export function signerOf({ signature }: Trigger): Pick<UploadFile, 'signer'> {
  if (signature === undefined) return {};
  const { fingerprint, userId, address } = signature;
  return { signer: { fingerprint, userId, ...(address === undefined ? {} : { address }) } };
}

/** The key's address; Maintainer and Changed-By only after a good signature: anybody can write those. */
export function recipientsOf({ signature, changes, dsc }: Trigger): string[] {
  if (signature === undefined) return [];
  const people = [signature.address, addressOf(changes?.maintainer ?? dsc?.maintainer), addressOf(changes?.changedBy)];
  return [...new Set(people.filter((address) => address !== undefined))];
}
