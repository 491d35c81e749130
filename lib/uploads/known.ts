/** The uploads that we hold, and what has become of each. One promise: an upload of which anything may still be published is never "over". */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unless } from '../errors.ts';
import { isEntryName } from '../spool/ids.ts';
import type { Spool } from '../spool/spool.ts';
import type { State } from '../spool/states.ts';
import { readUpload, type UploadFile } from './entry.ts';

export interface KnownUpload {
  readonly file: UploadFile;
  /** `live`: a job of it goes on; `done`: none does, one was published; `over`: all failed, ended or were rejected. */
  readonly standing: 'live' | 'done' | 'over';
}

const LIVE: readonly State[] = ['queued', 'waiting', 'running', 'built', 'accepted'];
const STOPPED: readonly State[] = ['done', 'failed', 'ended', 'rejected'];

/** Every upload in `uploads/`. Those whose upload.json cannot be read are left to `onBroken`. */
export async function readKnownUploads(spool: Spool, onBroken: (id: string, error: unknown) => void): Promise<KnownUpload[]> {
  const where = new Map<string, State>();
  for (const state of [...LIVE, ...STOPPED]) {
    const hosts = state === 'running' ? await spool.runningHosts() : [undefined];
    for (const host of hosts) {
      for (const id of await spool.list(host === undefined ? state : { state, host })) if (!where.has(id)) where.set(id, state);
    }
  }
  const known: KnownUpload[] = [];
  for (const id of await spool.list('uploads')) {
    try {
      const file = await readUpload(spool, id);
      known.push({ file, standing: await standingOf(spool, file, where) });
    } catch (error) {
      onBroken(id, error);
    }
  }
  return known;
}

async function standingOf(spool: Spool, file: UploadFile, where: ReadonlyMap<string, State>): Promise<KnownUpload['standing']> {
  const unqueued = await unless('ENOENT', [], readdir(spool.path('uploads', join(file.id, 'jobs'))));
  if (unqueued.some(isEntryName)) return 'live';
  const states: (State | undefined)[] = [];
  // A job that was given back while we listed was in none of the lists: ask for it by name.
  for (const job of file.jobs) states.push(where.get(job) ?? (await spool.find(job, [...LIVE, ...STOPPED]))?.state);
  if (states.some((state) => state !== undefined && LIVE.includes(state))) return 'live';
  return states.includes('done') ? 'done' : 'over';
}
