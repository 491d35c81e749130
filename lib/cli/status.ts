/** `buildme status [--json] [JOB]`: counts and oldest age per state; with JOB its whole history. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import type { Context } from '../context.ts';
import { codeOf, EXIT, printable, textOf, UsageError } from '../errors.ts';
import { hasFailed } from '../mirrors/mirrors.ts';
import { hasUntried } from '../notices/notices.ts';
import { progressOf } from '../spool/job.ts';
import { JOB_STATES, type Place, pathOf, STATES } from '../spool/states.ts';
import { isPublishIdle } from '../stages/publish.ts';
import { wantedSerial } from '../stages/sync.ts';
import { unfinishedUploads } from '../uploads/queue.ts';
import { no, takeArguments } from './arguments.ts';
import type { Invocation } from './command.ts';
import { describeJob, findJob, placesIn } from './jobs.ts';
import { age, table } from './table.ts';

const DAY_MS = 86_400_000;

/** One job of `status --json`; absent = null. */
interface JobLine {
  readonly id: string;
  readonly product: string;
  readonly source: string;
  readonly version: string;
  readonly architecture: string;
  readonly state: string;
  readonly step: string | null;
  readonly host: string | null;
  readonly attempt: number | null;
  readonly since: string | null;
  readonly reason: string | null;
}

interface StateLine {
  readonly count: number;
  /** Milliseconds since the epoch of the entry that is there longest. */
  readonly oldest: number | undefined;
}

export async function status({ args, context }: Invocation): Promise<number> {
  const { values, positionals } = takeArguments('status', args, { json: { type: 'boolean', default: false } });
  if (positionals.length > 1) throw new UsageError('status takes at most one JOB');
  const ctx = context('status');
  const [name] = positionals;
  if (name !== undefined) return history(ctx, name, values.json);
  const states = await countStates(ctx);
  const jobs = await listJobs(ctx);
  if (values.json) {
    const counts = Object.fromEntries([...states].map(([state, { count }]) => [state, count]));
    process.stdout.write(`${JSON.stringify({ idle: await isIdle(ctx), states: counts, jobs })}\n`);
    return EXIT.ok;
  }
  const now = ctx.now().getTime();
  const rows = [...states].map(([state, { count, oldest }]) => [state, String(count), oldest === undefined ? '' : age(now - oldest)]);
  process.stdout.write(table(['STATE', 'ENTRIES', 'OLDEST'], rows));
  const living = jobs.filter(({ state }) => state !== 'done');
  if (living.length > 0) {
    const lines = living.map((job) => [
      job.id,
      job.host === null ? job.state : `${job.state}/${job.host}`,
      job.step ?? '',
      job.since === null ? '' : age(now - Date.parse(job.since)),
      job.reason ?? '',
    ]);
    process.stdout.write(`\n${table(['JOB', 'STATE', 'STEP', 'SINCE', 'REASON'], lines)}`);
  }
  for (const warning of ctx.config.warnings) process.stdout.write(`\nwarning: ${warning}\n`);
  return EXIT.ok;
}

/** Every state, then incoming and repo_queue, which may lie anywhere. */
async function countStates(ctx: Context): Promise<ReadonlyMap<string, StateLine>> {
  const { config, spool } = ctx;
  const lines = new Map<string, StateLine>([['incoming', countNames([...config.products.values()].map(({ incoming }) => incoming))]]);
  for (const state of STATES) {
    const places = state === 'running' ? await placesIn(spool, 'running') : [{ state }];
    lines.set(state, countNames(places.map((place) => spool.path(place))));
    if (state === 'accepted') lines.set('repo_queue', countNames([...config.products.values()].map(({ repoQueue }) => repoQueue)));
  }
  return lines;
}

function countNames(dirs: readonly string[]): StateLine {
  let count = 0;
  let oldest: number | undefined;
  for (const dir of new Set(dirs)) {
    for (const name of namesIn(dir)) {
      count += 1;
      try {
        const { ctimeMs } = statSync(`${dir}/${name}`);
        if (oldest === undefined || ctimeMs < oldest) oldest = ctimeMs;
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error;
      }
    }
  }
  return { count, oldest };
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => !name.startsWith('.'));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The job entries of queued to ended, and done of the last day. */
async function listJobs(ctx: Context): Promise<JobLine[]> {
  const lines: JobLine[] = [];
  const yesterday = ctx.now().getTime() - DAY_MS;
  for (const state of [...JOB_STATES, 'rejected'] as const) {
    for (const place of await placesIn(ctx.spool, state)) {
      for (const id of await ctx.spool.list(place)) {
        // `rejected` holds uploads, too.
        if (state === 'rejected' && !existsSync(`${ctx.spool.path(place, id)}/job.json`)) continue;
        const stat = statSync(ctx.spool.path(place, id), { throwIfNoEntry: false });
        if (stat === undefined || (state === 'done' && stat.ctimeMs < yesterday)) continue;
        const line = await jobLine(ctx, place, id).catch((error: unknown) => unreadable(ctx, place, id, error));
        if (line !== undefined) lines.push(line);
      }
    }
  }
  return lines;
}

/** Damaged, and shown as such; undefined: it moved on while we listed. */
function unreadable(ctx: Context, place: Place, id: string, error: unknown): JobLine | undefined {
  if (!existsSync(ctx.spool.path(place, id))) return undefined;
  const unknown = { product: '-', source: '-', version: '-', architecture: '-', step: null, attempt: null, since: null };
  return { id, ...unknown, state: place.state, host: place.host ?? null, reason: `cannot be read: ${textOf(error)}` };
}

async function jobLine(ctx: Context, place: Place, id: string): Promise<JobLine> {
  const { job, progress } = await describeJob(ctx.spool, place, id);
  const { product, source, version, architecture } = job.file;
  return {
    id,
    product,
    source,
    version,
    architecture,
    state: place.state,
    step: progress.step ?? null,
    host: place.host ?? null,
    attempt: progress.attempts === 0 ? null : progress.attempts,
    since: progress.since ?? job.journal[0]?.time ?? null,
    reason: progress.reason ?? null,
  };
}

/** verify has looked at everything in incoming since it settled: what still lies there is arriving, or of no upload. */
function isVerifyAtRest(ctx: Context): boolean {
  if (unfinishedUploads(ctx.spool).length > 0) return false;
  const lastLook = statSync(ctx.spool.file('lock', 'verify'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return [...ctx.config.products.values()].every(({ incoming, settleMs }) => {
    const changed = namesIn(incoming).map((name) => statSync(`${incoming}/${name}`, { throwIfNoEntry: false })?.ctimeMs ?? 0);
    return changed.every((at) => at + settleMs < lastLook);
  });
}

/** False while anything can move on by itself. `waiting` and what waits for people do not hinder it. */
async function isIdle(ctx: Context): Promise<boolean> {
  const { spool } = ctx;
  if (!spool.isEmpty('queued') || !spool.isEmpty('built') || !spool.isEmpty('accepted')) return false;
  if (spool.runningHostsNow().some((host) => !spool.isEmpty({ state: 'running', host }))) return false;
  if (!isPublishIdle(ctx) || !isVerifyAtRest(ctx)) return false;
  // A mirror or mail server that does not answer is no work of ours.
  const mirrors = [...ctx.config.mirrors.values()];
  const lacking = mirrors.filter((mirror) => {
    const serial = wantedSerial(ctx, mirror);
    return serial !== undefined && !hasFailed(spool, mirror, serial);
  });
  return lacking.length === 0 && !hasUntried(ctx);
}

/** Everything that is known of a job: what was asked for, each line of its journal, each attempt. */
async function history(ctx: Context, name: string, json: boolean): Promise<number> {
  const found = await findJob(ctx.spool, name);
  if (found === undefined) return no(`no job '${name}' in ${ctx.spool.root}; 'buildme status' lists them`);
  const { job } = found;
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ ...(await jobLine(ctx, job.place, job.file.id)), steps: job.file.steps, upload: job.file.upload, journal: job.journal })}\n`,
    );
    return EXIT.ok;
  }
  const { step, reason } = progressOf(job.file, job.journal);
  process.stdout.write(
    `${job.file.id}\n  ${job.file.source} ${job.file.version} ${job.file.architecture} of product ${job.file.product}, for suite ${job.file.suite}\n` +
      `  in ${pathOf(job.place)}${step === undefined ? '' : `, step ${step} of ${job.file.steps.join(' ')}`}${reason === undefined ? '' : `: ${printable(reason)}`}\n  ${job.dir}\n\n`,
  );
  const rows = job.journal.map(({ time, stage, event, ...details }) => [time, stage, event, detailsOf(details)]);
  process.stdout.write(table(['TIME', 'STAGE', 'EVENT', 'DETAILS'], rows));
  return EXIT.ok;
}

function detailsOf(details: Readonly<Record<string, unknown>>): string {
  return Object.entries(details)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
