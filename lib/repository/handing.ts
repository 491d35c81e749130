/**
 * accept's side of a hand-over. One promise: what appears in repo_queue under a name without a dot is whole and durable. The queue may be on
 * another file system, or on another machine's.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyHashing, exists, makeDirectory, removeTree, renameDurable, syncTree } from '../disk.ts';
import { TemporaryError, textOf } from '../errors.ts';
import type { HandOver } from './handover.ts';

/** JOB.N: a job's Nth hand-over. */
export function handOverId(job: string, number: number): string {
  return `${job}.${number}`;
}

export function isQueued(repoQueue: string, id: string): Promise<boolean> {
  return exists(join(repoQueue, id));
}

/** Copies the files (absolute paths by name) and the hand-over into the queue. That it lies there already is fine. Throws TemporaryError (E_REPO_QUEUE). */
export async function handOver(repoQueue: string, entry: HandOver, paths: ReadonlyMap<string, string>): Promise<void> {
  if (await isQueued(repoQueue, entry.id)) return;
  // A fixed name: what a killed run left of it is removed by the next.
  const beside = join(repoQueue, `.new-${entry.id}`);
  try {
    await removeTree(beside);
    await makeDirectory(repoQueue);
    // Fails on whatever somebody else put there meanwhile.
    await mkdir(beside);
    const wanted = [...entry.sourceFiles, ...entry.binaries, ...(entry.buildinfo === undefined ? [] : [entry.buildinfo])];
    for (const { name, sha256 } of wanted) {
      const from = paths.get(name);
      if (from === undefined) throw new Error(`no path for ${name}`);
      const { digests } = await copyHashing(from, join(beside, name), ['sha256'], { sync: false });
      if (digests.sha256 !== sha256) throw new Error(`${from} changed since it was checked`);
    }
    await writeFile(join(beside, 'handover.json'), `${JSON.stringify(entry, null, 1)}\n`);
    await syncTree(beside);
    // commit point: publish may take it from here on.
    await renameDurable(beside, join(repoQueue, entry.id));
  } catch (error) {
    await removeTree(beside).catch(() => undefined);
    throw new TemporaryError('E_REPO_QUEUE', `cannot hand ${entry.id} over to ${repoQueue}: ${textOf(error)}`, error);
  }
}
