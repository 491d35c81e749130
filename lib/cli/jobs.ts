/** Finding and describing jobs for the operator's commands. Reads only; a job that cannot be read is shown as such, never hidden. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { type Job, type Progress, progressOf } from '../spool/job.ts';
import type { Spool } from '../spool/spool.ts';
import { JOB_STATES, type JobState, type Place } from '../spool/states.ts';

const JOB_PLACES = [...JOB_STATES, 'rejected', 'corrupt'] as const;

export interface Described {
  readonly job: Job;
  readonly progress: Progress;
}

/** Places of a state: `running` is one per host. */
export async function placesIn(spool: Spool, state: JobState | 'rejected' | 'corrupt'): Promise<Place[]> {
  return state === 'running' ? (await spool.runningHosts()).map((host) => ({ state, host })) : [{ state }];
}

export async function describeJob(spool: Spool, place: Place, id: string): Promise<Described> {
  const job = await spool.readJob(place, id);
  return { job, progress: progressOf(job.file, job.journal) };
}

/** The one job whose id is, or begins with, `name` (a source's name is enough when it has one job). Undefined: there is none. */
export async function findJob(spool: Spool, name: string): Promise<Described | undefined> {
  const found: { place: Place; id: string }[] = [];
  for (const state of JOB_PLACES) {
    for (const place of await placesIn(spool, state)) {
      for (const id of await spool.list(place)) {
        // `rejected` and `corrupt` hold uploads, too.
        if (!id.startsWith(name) || !existsSync(join(spool.path(place, id), 'job.json'))) continue;
        if (id === name) return describeJob(spool, place, id);
        found.push({ place, id });
      }
    }
  }
  const [only, ...others] = found;
  if (only === undefined) return undefined;
  if (others.length > 0) {
    throw new UsageError(
      `'${name}' may be any of these jobs, say which:\n${found.map(({ id, place }) => `  ${id}  (${place.state})`).join('\n')}`,
    );
  }
  return describeJob(spool, only.place, only.id);
}
