/**
 * Ending jobs: of older versions when a newer one was accepted, or because their uploader said so. One promise: a job that a host works on
 * is only told to end (collect carries it out), and from `built` on nothing is ended.
 */
import type { Context } from '../context.ts';
import { codeOf } from '../errors.ts';
import { compareVersions } from '../formats/deb/version.ts';
import { escapeName } from '../spool/ids.ts';
import { type Job, note, progressOf } from '../spool/job.ts';
import { stopJob } from '../spool/move.ts';
import type { Place } from '../spool/states.ts';
import type { UploadFile } from './entry.ts';

/** Ends the jobs of older versions of the same source and product. */
export async function supersede(ctx: Context, upload: UploadFile): Promise<void> {
  const prefix = escapeName(`${upload.source}_`);
  const isOlder = ({ file }: Job): boolean =>
    file.product === upload.product && file.source === upload.source && compareVersions(file.version, upload.version) < 0;
  const reason = `superseded by ${upload.source} ${upload.version} (upload ${upload.id})`;
  const running = (await ctx.spool.runningHosts()).map((host): Place => ({ state: 'running', host }));
  for (const place of [{ state: 'queued' } as const, { state: 'waiting' } as const, ...running, { state: 'failed' } as const]) {
    for (const id of await ctx.spool.list(place)) if (id.startsWith(prefix)) await endJob(ctx, id, reason, isOlder);
  }
}

/** Ends a job wherever it lies, if it is one that `applies` to; false when it is none, or beyond ending. */
export async function endJob(ctx: Context, id: string, reason: string, applies: (job: Job) => boolean): Promise<boolean> {
  // dispatch and collect move jobs meanwhile: then look again where it lies now.
  for (let tries = 0; tries < 5; tries += 1) {
    const place = await ctx.spool.find(id, ['queued', 'waiting', 'running', 'failed']);
    if (place === undefined) return false;
    try {
      const job = await ctx.spool.readJob(place, id);
      if (!applies(job)) return false;
      if (place.state !== 'running') await stopJob(ctx, job, 'ended', [reason]);
      else if (progressOf(job.file, job.journal).ending === undefined) await note(job.dir, ctx.now(), ctx.log.tag, 'end', { reason });
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue;
      ctx.log.error('not understood', { entry: id, error: String(error) });
      return false;
    }
  }
  return false;
}
