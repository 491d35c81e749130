/** Moving a job with its journal line, and leaving `ended` or `rejected` with the reason beside it. */
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { writeDurable } from '../disk.ts';
import { type Job, note } from './job.ts';
import type { State } from './states.ts';

/** Notes the move in the journal, then moves. A crash in between leaves the entry where it was, and the line a second time. */
export async function moveJob(ctx: Context, job: Job, to: Exclude<State, 'running'>, reason?: string): Promise<void> {
  await note(job.dir, ctx.now(), ctx.log.tag, 'moved', { to, ...(reason === undefined ? {} : { reason }) });
  await ctx.spool.move(job.file.id, job.place, { state: to });
  ctx.log.info('moved', { job: job.file.id, from: job.place.state, to, ...(reason === undefined ? {} : { reason }) });
}

/** Moves a job to a place where it stops, with `reason` as a file: a line for each. */
export async function stopJob(ctx: Context, job: Job, to: 'failed' | 'ended' | 'rejected', reasons: readonly string[]): Promise<void> {
  await writeDurable(join(job.dir, 'reason'), `${reasons.join('\n')}\n`);
  await moveJob(ctx, job, to, reasons.join('; '));
}
