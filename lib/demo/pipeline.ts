/**
 * An upload's way through the stages, each a child process of this same program, as cron would run it. One promise: it ends, and says
 * where the upload ended and why.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { EXIT, ExpectedError } from '../errors.ts';
import { type ExecResult, endOf, exec } from '../exec.ts';
import { openAt } from '../hosts/hosts.ts';
import { type Claim, type Job, progressOf } from '../spool/job.ts';
import type { JobState } from '../spool/states.ts';
import { harmless, type Journey } from './journey.ts';
import type { DemoSite } from './site.ts';

export interface Ending {
  /** The job; undefined when verify refused the upload. */
  readonly job: Job | undefined;
  /** Where it ended: `done` is well. */
  readonly state: JobState | 'rejected' | 'incoming' | 'corrupt';
  /** Directory of the entry. */
  readonly dir: string;
}

/** Runs one command of this program on the demo's configuration. */
export function buildme(journey: Journey, site: DemoSite, args: readonly string[], timeoutMs = 600_000): Promise<ExecResult> {
  const [, program = ''] = process.argv;
  return exec([process.execPath, program, '-c', site.configFile, ...args], { timeoutMs, signal: journey.signal });
}

/** Which stages move a job on from a state. */
const NEXT: Readonly<Partial<Record<JobState, readonly string[]>>> = {
  queued: ['dispatch'],
  running: ['collect'],
  built: ['accept'],
  accepted: ['publish', 'accept'],
};

/** From incoming to the mirror and the mails, or to where it got stuck. */
export async function followUpload(journey: Journey, site: DemoSite, ctx: Context): Promise<Ending> {
  await stage(journey, site, 'verify');
  const ending = await followJob(journey, site, ctx);
  for (const name of ['sync', 'notify']) await stage(journey, site, name);
  return ending;
}

async function followJob(journey: Journey, site: DemoSite, ctx: Context): Promise<Ending> {
  for (;;) {
    const job = await onlyJob(ctx);
    if (job === undefined) return refused(ctx, site);
    const state = job.place.state as JobState;
    const { attempts, claim } = progressOf(job.file, job.journal);
    const stages = NEXT[state];
    // Given back by the only host: it will not get better by itself.
    if (stages === undefined || (state === 'queued' && attempts > 0)) return { job, state, dir: job.dir };
    if (state === 'running' && claim !== undefined) await watchBuild(journey, ctx, claim);
    for (const name of stages) await stage(journey, site, name);
    const now = await onlyJob(ctx);
    if (now?.place.state === state) await sleep(500, undefined, { signal: journey.signal });
  }
}

/** The demo's spool holds one upload for one architecture, so one job, wherever it is. */
async function onlyJob(ctx: Context): Promise<Job | undefined> {
  const hosts = await ctx.spool.runningHosts();
  const places = [
    ...(['queued', 'waiting', 'built', 'accepted', 'failed', 'ended', 'done', 'rejected', 'corrupt'] as const).map((state) => ({ state })),
    ...hosts.map((host) => ({ state: 'running' as const, host })),
  ];
  for (const place of places) {
    for (const id of await ctx.spool.list(place)) {
      try {
        return await ctx.spool.readJob(place, id);
      } catch (error) {
        // A refused upload is no job.
        if (place.state !== 'rejected' && place.state !== 'corrupt') throw error;
      }
    }
  }
  return undefined;
}

async function refused(ctx: Context, site: DemoSite): Promise<Ending> {
  for (const state of ['rejected', 'corrupt'] as const) {
    const [id] = await ctx.spool.list(state);
    if (id !== undefined) return { job: undefined, state, dir: ctx.spool.path(state, id) };
  }
  return { job: undefined, state: 'incoming', dir: site.incoming };
}

async function stage(journey: Journey, site: DemoSite, name: string): Promise<void> {
  journey.say(`buildme ${name}`);
  const result = await buildme(journey, site, [name]);
  if (journey.signal.aborted) throw new ExpectedError('E_INTERRUPTED', 'interrupted');
  if (result.stderr !== '') journey.show(result.stderr);
  if (result.status !== EXIT.ok && result.status !== EXIT.later) throw new ExpectedError('E_STAGE', `buildme ${name}: ${endOf(result)}`);
}

const LOOK_MS = 1000;
const CHUNK_BYTES = 256 * 1024;
const LINE_LENGTH = 110;

/** Shows what the build prints last, once a second, until it has ended. */
async function watchBuild(journey: Journey, ctx: Context, claim: Claim): Promise<void> {
  const host = await openAt(ctx, claim);
  try {
    let offset = 0;
    for (;;) {
      const chunk = await host.readLog(claim.workdir, offset, CHUNK_BYTES);
      offset += chunk.length;
      if (chunk.length === CHUNK_BYTES) continue;
      const last = harmless(chunk.toString('utf8')).trimEnd().split('\n').at(-1) ?? '';
      if (last !== '') journey.say(`  ${last.trim().slice(0, LINE_LENGTH)}`);
      const state = (await host.poll([claim.workdir])).get(claim.workdir)?.state;
      if (state !== 'running' || journey.signal.aborted) return;
      await host.wait([claim.workdir], LOOK_MS);
    }
  } finally {
    await host.disconnect();
  }
}

/** Ends builds that an interrupted demo left behind. */
export async function stopBuilds(ctx: Context): Promise<void> {
  for (const host of await ctx.spool.runningHosts()) {
    for (const id of await ctx.spool.list({ state: 'running', host })) {
      const job = await ctx.spool.readJob({ state: 'running', host }, id);
      const { claim } = progressOf(job.file, job.journal);
      if (claim === undefined) continue;
      const connection = await openAt(ctx, claim);
      await connection.close(claim.workdir);
      await connection.abort(claim.workdir);
      await connection.disconnect();
    }
  }
}
