/**
 * From an upload to its queued jobs. One promise: what still lies in `uploads/UPLOAD/jobs` is not queued yet, and doing all of this again
 * after a crash gives the same end.
 */
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { exists, removeTree, renameDurable } from '../disk.ts';
import { codeOf, unless } from '../errors.ts';
import { queuedBody } from '../notices/bodies.ts';
import { tell } from '../notices/notices.ts';
import { isEntryName } from '../spool/ids.ts';
import { note } from '../spool/job.ts';
import { JOB_STATES, type State } from '../spool/states.ts';
import { readUpload } from './entry.ts';
import { supersede } from './supersede.ts';

export { unfinishedUploads } from './idle.ts';

/** Ends the jobs of older versions, tells, and queues the upload's jobs. Returns how many were queued. */
export async function queueJobs(ctx: Context, id: string): Promise<number> {
  const upload = await readUpload(ctx.spool, id);
  const jobs = ctx.spool.path('uploads', join(id, 'jobs'));
  const ids = (await unless('ENOENT', [], readdir(jobs))).filter(isEntryName).sort();
  if (ids.length > 0) {
    await supersede(ctx, upload);
    const { product, source, version, mail, life } = upload;
    const suite = ctx.config.products.get(product)?.suite ?? '';
    const architectures = upload.jobs.map((job) => job.split('_').at(-2) ?? job);
    const body = queuedBody({ source, version }, suite, architectures);
    await tell(ctx, { kind: 'queued', product, source, version, architecture: 'source', id, attempt: life - 1, to: mail, body });
  }
  for (const job of ids) await queueJob(ctx, id, job, join(jobs, job));
  await unless(['ENOENT', 'ENOTEMPTY'], undefined, rmdir(jobs));
  return ids.length;
}

/** States from which a job may be judged anew; in any other it goes on, or was published. */
const STOPPED: readonly State[] = ['failed', 'ended', 'rejected'];

async function queueJob(ctx: Context, upload: string, job: string, dir: string): Promise<void> {
  const place = await ctx.spool.find(job, [...JOB_STATES, 'rejected']);
  if (place !== undefined && STOPPED.includes(place.state) && !(await exists(join(dir, 'before')))) {
    // A crash after this finds the former life in its new place.
    await renameDurable(ctx.spool.path(place, job), join(dir, 'before'));
  } else if (place !== undefined) {
    await drop();
    return;
  }
  try {
    await renameDurable(dir, ctx.spool.path('queued', job));
    ctx.log.info('queued', { job, upload });
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
    await drop();
  }

  async function drop(): Promise<void> {
    await note(ctx.spool.path('uploads', upload), ctx.now(), ctx.log.tag, 'job-goes-on', { job });
    await removeTree(dir);
  }
}
