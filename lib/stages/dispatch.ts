/**
 * dispatch: queued jobs go to free hosts. One promise: the claim (attempt, host, workdir) is in the journal and the job lies in
 * `running/HOST` before anything happens on the host, so that no crash leaves a build that nobody knows of.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { productOf, repositoryOf } from '../config/lookup.ts';
import type { HostConfig } from '../config/types.ts';
import { type Context, eachEntry, eachJob, newTally, type Outcome, sumOf, type Tally } from '../context.ts';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import { chooseHosts, type HostState } from '../hosts/choose.ts';
import { blameHost, leftAlone, readFaults } from '../hosts/faults.ts';
import { giveBack } from '../hosts/giveback.ts';
import type { Host } from '../hosts/host.ts';
import { openHost, placeOfHost } from '../hosts/hosts.ts';
import { type Claim, type Job, note, progressOf } from '../spool/job.ts';
import type { Glance } from '../spool/look.ts';
import { moveJob, stopJob } from '../spool/move.ts';
import { commandOf } from '../steps/steps.ts';

/** A job that waits for dependencies is tried again after this long even if nothing was published here. */
const WAITING_RETRY_MS = 3_600_000;

export function isDispatchIdle({ spool }: Glance): boolean {
  return spool.isEmpty('queued') && spool.isEmpty('waiting');
}

/** Gives each queued job, oldest first, to a host that is free for it. */
export async function dispatch(ctx: Context): Promise<Tally> {
  const waiting = await eachJob(ctx, { state: 'waiting' }, (job) => wake(ctx, job));
  const jobs: Job[] = [];
  // Reading is isolated too: a damaged entry must not keep the others.
  const unread = await eachJob(ctx, { state: 'queued' }, async (job) => {
    const { ending } = progressOf(job.file, job.journal);
    // Given back after somebody had asked to end it.
    if (ending !== undefined && !ctx.dryRun) await stopJob(ctx, job, 'ended', [ending]);
    else jobs.push(job);
    return 'moved';
  });
  jobs.sort((a, b) => ageOf(a).localeCompare(ageOf(b)) || a.file.id.localeCompare(b.file.id));
  const choices = chooseHosts(
    jobs.map(({ file }) => ({ architecture: file.architecture })),
    await statesOf(ctx),
  );
  const plan = new Map<string, Job[]>();
  for (const [index, job] of jobs.entries()) {
    const choice = choices[index];
    if (choice?.host === undefined) ctx.log.info('no host', { job: job.file.id, refusals: choice?.refusals });
    else plan.set(choice.host, [...(plan.get(choice.host) ?? []), job]);
  }
  if (ctx.dryRun) return print(plan);
  const tallies = await Promise.all([...plan].map(([name, theirs]) => dispatchTo(ctx, name, theirs)));
  const unplaced = jobs.length - [...plan.values()].flat().length;
  return sumOf([...tallies, waiting, { moved: 0, kept: unplaced, broken: unread.broken }]);
}

/** When the job came to be, by its first line. */
function ageOf(job: Job): string {
  return job.journal[0]?.time ?? '';
}

/** Back to `queued` when something was published since, or an hour has passed: whether its dependencies are there now, a build will say. */
async function wake(ctx: Context, job: Job): Promise<Outcome> {
  const { since } = progressOf(job.file, job.journal);
  const sinceMs = since === undefined ? 0 : Date.parse(since);
  const { dir } = repositoryOf(ctx.config, productOf(ctx.config, job.file.product));
  const published = modifiedMs(join(dir, `.${job.file.suite.replaceAll('/', '_')}.changed`)) > sinceMs;
  // Whichever way the clock was set since.
  if (ctx.dryRun || (!published && Math.abs(ctx.now().getTime() - sinceMs) < WAITING_RETRY_MS)) return 'kept';
  await moveJob(ctx, job, 'queued', published ? 'something was published since' : 'tried again each hour');
  return 'moved';
}

function modifiedMs(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

async function statesOf(ctx: Context): Promise<HostState[]> {
  return Promise.all(
    [...ctx.config.hosts.values()].map(async ({ name, architectures, slots }) => ({
      name,
      architectures,
      slots,
      used: ctx.spool.listNow({ state: 'running', host: name }).length,
      unreachable: leftAlone(await readFaults(ctx.spool, name), ctx.now()),
    })),
  );
}

function print(plan: ReadonlyMap<string, readonly Job[]>): Tally {
  for (const [host, jobs] of plan) for (const job of jobs) process.stdout.write(`would start ${job.file.id} on ${host}\n`);
  return newTally();
}

/** Starts jobs on one host over one connection. A host that does not answer is left alone for a while, and no job is touched. */
async function dispatchTo(ctx: Context, name: string, jobs: readonly Job[]): Promise<Tally> {
  const config = ctx.config.hosts.get(name);
  const lock = ctx.spool.tryLock(`host-${name}`);
  if (config === undefined || lock === undefined) return { ...newTally(), kept: jobs.length };
  try {
    const host = await openHost(ctx, config);
    try {
      if (await isTooBusy(ctx, host, config)) return { ...newTally(), kept: jobs.length };
      return await eachEntry(
        ctx,
        jobs,
        (job) => ({ id: job.file.id, dir: job.dir }),
        (job) => start(ctx, host, config, job),
      );
    } finally {
      await host.disconnect();
    }
  } catch (error) {
    if (!(error instanceof TemporaryError)) throw error;
    await blameHost(ctx, name, `${error.code}: ${textOf(error)}`);
    return { ...newTally(), kept: jobs.length };
  } finally {
    lock.release();
  }
}

/** Whether the load there (/proc/loadavg, one minute) is above `max_load`. */
async function isTooBusy(ctx: Context, host: Host, { name, maxLoad }: HostConfig): Promise<boolean> {
  if (maxLoad === undefined) return false;
  const { stdout } = await host.script('cat /proc/loadavg', [], 30_000);
  const load = Number.parseFloat(stdout);
  if (!(load > maxLoad)) return false;
  ctx.log.info('load', { host: name, load, max_load: maxLoad });
  return true;
}

async function start(ctx: Context, host: Host, config: HostConfig, queued: Job): Promise<Outcome> {
  const { step, attempts } = progressOf(queued.file, queued.journal);
  if (step === undefined) {
    await moveJob(ctx, queued, 'built');
    return 'moved';
  }
  // Before the claim: what cannot be commanded is not begun. Its inputs are asked for again where they lie then.
  const { tool, command } = await commandOf(ctx.config, queued, step, config);
  const attempt = attempts + 1;
  const claim: Omit<Claim, 'time'> = {
    attempt,
    step,
    host: config.name,
    ...placeOfHost(config),
    workdir: join(config.workdir, `${queued.file.id}.${step}.${attempt}`),
    tool,
    command,
  };
  const place = { state: 'running' as const, host: config.name };
  await note(queued.dir, ctx.now(), 'dispatch', 'claimed', { ...claim });
  await ctx.spool.move(queued.file.id, 'queued', place);
  // From here on collect knows where to ask, whatever becomes of this process.
  const job = await ctx.spool.readJob(place, queued.file.id);
  try {
    await host.start(job, { ...claim, time: ctx.now().toISOString() }, await commandOf(ctx.config, job, step, config));
    await note(job.dir, ctx.now(), 'dispatch', 'started', { attempt });
    ctx.log.info('started', { job: job.file.id, host: config.name, step, attempt });
  } catch (error) {
    if (!(error instanceof TemporaryError)) throw error;
    await blameHost(ctx, config.name, `${error.code}: ${textOf(error)}`);
    await giveBack(ctx, host, job, { ...claim, time: ctx.now().toISOString() }, textOf(error));
  }
  return 'moved';
}
