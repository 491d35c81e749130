/** Fetching what an ended attempt left and judging it. One promise: `attempts/N` appears whole, with its verdict, by one rename. */
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { productOf } from '../config/lookup.ts';
import type { Context } from '../context.ts';
import { exists, makeDirectory, removeTree, renameDurable, syncTree } from '../disk.ts';
import { unless } from '../errors.ts';
import { attemptDir, type Claim, type Job } from '../spool/job.ts';
import { judge, reproduceCommand } from '../steps/steps.ts';
import type { VerdictFile } from '../steps/verdict.ts';
import type { Host, RemoteState } from './host.ts';

/** Of a log, what its tool reads to judge. */
const TAIL_BYTES = 256 * 1024;

/** The verdict of an attempt that was fetched before, if it has one: such an attempt is never polled again. */
export async function readVerdict(job: Job, attempt: number): Promise<VerdictFile | undefined> {
  const text = await unless('ENOENT', undefined, readFile(join(attemptDir(job, attempt), 'verdict.json'), 'utf8'));
  return text === undefined ? undefined : (JSON.parse(text) as VerdictFile);
}

/** Fetches log and results of an ended attempt into the job, with the verdict. */
export async function harvest(
  ctx: Context,
  host: Host,
  job: Job,
  claim: Claim,
  end: Extract<RemoteState, { state: 'ended' }>,
): Promise<VerdictFile> {
  const product = productOf(ctx.config, job.file.product);
  const workspace = await ctx.spool.workspace(`${job.file.id}.${claim.attempt}`);
  try {
    const { results, refused } = await host.fetch(claim.workdir, workspace, product);
    const logTail = await readTail(join(workspace, 'log'));
    const tool = claim.tool as Parameters<typeof judge>[0];
    const verdict: VerdictFile = {
      ...judge(tool, claim.step, {
        status: end.status,
        logTail,
        results,
        refused,
        ...(end.limit === undefined ? {} : { limit: end.limit }),
      }),
      attempt: claim.attempt,
      step: claim.step,
      host: claim.host,
      tool,
      status: end.status,
      reproduce: reproduceCommand(job, claim),
      time: ctx.now().toISOString(),
    };
    await writeFile(join(workspace, 'verdict.json'), `${JSON.stringify(verdict, null, 1)}\n`);
    await syncTree(workspace);
    await makeDirectory(join(job.dir, 'attempts'));
    // commit point: from here on this attempt has its verdict, whatever the host says later.
    await renameDurable(workspace, attemptDir(job, claim.attempt));
    return verdict;
  } finally {
    if (await exists(workspace)) await removeTree(workspace);
  }
}

async function readTail(path: string): Promise<string> {
  const handle = await unless('ENOENT', undefined, open(path));
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    await handle.read(buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8');
  } finally {
    await handle.close();
  }
}
