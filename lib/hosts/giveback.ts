/**
 * Giving a job back to the queue. One promise: when a job leaves `running/HOST` for `queued`, nothing will start any more in the attempt
 * that it leaves, because the host has marked it closed first. The caller holds the host's lock.
 */
import type { Context } from '../context.ts';
import { type Claim, type Job, note } from '../spool/job.ts';
import { moveJob } from '../spool/move.ts';
import type { Host } from './host.ts';

/** Closes the attempt on the host and moves the job to `queued`; false when it began there after all, and stays. Throws when the host does not answer. */
export async function giveBack(ctx: Context, host: Host, job: Job, claim: Claim, reason: string): Promise<boolean> {
  if (!(await host.close(claim.workdir))) return false;
  await requeue(ctx, job, reason);
  return true;
}

/** Moves a job of `running/HOST` back to `queued` without asking the host: only after `lost_after`, or when its attempt has a verdict. */
export async function requeue(ctx: Context, job: Job, reason: string): Promise<void> {
  await note(job.dir, ctx.now(), ctx.log.tag, 'given-back', { host: job.place.host, reason });
  await moveJob(ctx, job, 'queued', reason);
}
