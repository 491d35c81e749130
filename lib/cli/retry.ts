/** `buildme retry JOB [--from STEP]`: a failed or ended job again, at the step that failed; after `ended` at build. */
import { expectOwnSpool } from '../config/places.ts';
import { codeOf, EXIT, UsageError } from '../errors.ts';
import { note } from '../spool/job.ts';
import { moveJob } from '../spool/move.ts';
import { no, onlyJob, takeArguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { findJob } from './jobs.ts';

export async function retry({ args, context }: Invocation): Promise<number> {
  const { values, positionals } = takeArguments('retry', args, { from: { type: 'string' } });
  const name = onlyJob('retry', positionals);
  const ctx = context('retry');
  expectOwnSpool(ctx.config.global.spool);
  const found = await findJob(ctx.spool, name);
  if (found === undefined) return no(`no job '${name}'; 'buildme status' lists them`);
  const { job, progress } = found;
  const { state } = job.place;
  if (state !== 'failed' && state !== 'ended') return no(`${job.file.id} is ${state}; only a failed or ended job can be tried again`);
  const step = values.from ?? (state === 'ended' ? job.file.steps[0] : progress.step) ?? 'build';
  if (!job.file.steps.includes(step)) throw new UsageError(`${job.file.id} has no step '${step}', only ${job.file.steps.join(', ')}`);
  try {
    await note(job.dir, ctx.now(), 'retry', 'retry', { step });
    await moveJob(ctx, job, 'queued', 'retry');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    return no(`${job.file.id} moved on meanwhile; 'buildme status ${job.file.id}' says where it is`);
  }
  process.stdout.write(`${job.file.id} is queued again, from step ${step}\n`);
  return EXIT.ok;
}
