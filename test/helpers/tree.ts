/** What a test says about a whole spool: which entry lies where, and whether each is what its place promises (README, "States"). */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isEntryName } from '../../lib/spool/ids.ts';
import { type Job, progressOf, readJob } from '../../lib/spool/job.ts';
import { JOB_STATES, OTHER_PLACES, type Place, pathOf, STATES, type State } from '../../lib/spool/states.ts';

/** Places to the names in them, without the digest at their end; places without entries are left out. */
export async function treeOf(spool: string, states: readonly State[] = STATES): Promise<Record<string, string[]>> {
  const tree: Record<string, string[]> = {};
  for (const { place, id } of await entriesOf(spool)) {
    if (!states.includes(place.state)) continue;
    const path = pathOf(place);
    tree[path] = [...(tree[path] ?? []), id.replace(/_[0-9a-f]{12}(?=\.|$)/, '')];
  }
  return tree;
}

interface Entry {
  readonly place: Place;
  readonly id: string;
}

async function entriesOf(spool: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const state of STATES) {
    const hosts = state === 'running' ? await names(join(spool, state)) : [undefined];
    for (const host of hosts) {
      const place: Place = host === undefined ? { state } : { state, host };
      for (const id of await names(join(spool, pathOf(place)))) entries.push({ place, id });
    }
  }
  return entries;
}

/** Every way in which the spool is not as the states promise, each a sentence; none after any kill and one more tick. */
export async function faultsOf(spool: string): Promise<string[]> {
  const faults: string[] = [];
  const allowed: readonly string[] = [...STATES, ...OTHER_PLACES, 'signatures'];
  for (const name of await names(spool)) if (!allowed.includes(name)) faults.push(`${name} is no place of the spool`);
  const places = new Map<string, string>();
  for (const { place, id } of await entriesOf(spool)) {
    const where = `${pathOf(place)}/${id}`;
    if (!isEntryName(id)) {
      faults.push(`${where} is not a name of ours`);
      continue;
    }
    const other = places.get(id);
    // A notice bears the name of what it tells about, and goes its own way.
    if (place.state !== 'outbox' && place.state !== 'sent') {
      if (other !== undefined) faults.push(`${id} lies in ${other} and in ${pathOf(place)}`);
      places.set(id, pathOf(place));
    }
    faults.push(...(await faultsOfEntry(spool, place, id)).map((fault) => `${where}: ${fault}`));
  }
  return faults;
}

/** Fails the test with every fault at once. */
export async function expectLegalStates(spool: string): Promise<void> {
  expect(await faultsOf(spool)).toEqual([]);
}

async function faultsOfEntry(spool: string, place: Place, id: string): Promise<string[]> {
  const dir = join(spool, pathOf(place), id);
  if (!(await lstat(dir)).isDirectory()) return ['is no directory'];
  const has = new Set(await names(dir));
  if (place.state === 'rejected')
    return has.has('reason') && (await readFile(join(dir, 'reason'), 'utf8')).trim() !== '' ? [] : ['has no reason'];
  if (place.state === 'corrupt') return ['is corrupt'];
  if (place.state === 'ended' && !has.has('job.json')) return has.has('reason') ? [] : ['has no reason'];
  if (!(JOB_STATES as readonly State[]).includes(place.state)) return has.size === 0 ? ['is empty'] : [];
  let job: Job;
  try {
    job = await readJob(spool, place, id);
  } catch (error) {
    return [String(error)];
  }
  return faultsOfJob(job, has);
}

async function faultsOfJob(job: Job, has: ReadonlySet<string>): Promise<string[]> {
  const faults: string[] = [];
  const { step, claim, ending } = progressOf(job.file, job.journal);
  const { state, host } = job.place;
  if (state === 'queued' && step === undefined) faults.push('has no next step');
  if (state === 'running' && claim === undefined && job.journal.at(-1)?.event !== 'verdict') faults.push('runs without a claim');
  if (state === 'running' && claim !== undefined && claim.host !== host) faults.push(`is claimed by ${claim.host}`);
  if (['built', 'accepted', 'done'].includes(state) && claim !== undefined) faults.push('is still claimed');
  if (state === 'ended' && ending === undefined && !has.has('reason') && progressOf(job.file, job.journal).reason === undefined)
    faults.push('has no reason');
  const files = await names(join(job.dir, 'in'));
  for (const { name } of job.file.files) if (!files.includes(name)) faults.push(`in/ lacks ${name}`);
  const attempts = await names(join(job.dir, 'attempts'));
  for (const attempt of attempts) {
    const inside = await names(join(job.dir, 'attempts', attempt));
    if (!inside.includes('verdict.json')) faults.push(`attempt ${attempt} has no verdict`);
  }
  if (state === 'failed' && attempts.length === 0 && !has.has('reason')) faults.push('failed without an attempt or a reason');
  return faults;
}

async function names(dir: string): Promise<string[]> {
  try {
    return (await readdir(dir)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
