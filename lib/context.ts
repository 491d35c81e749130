/** What a stage may touch, what it decides about an entry, and the loop that isolates entries from one another. */
import { statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config/types.ts';
import { appendDurable, exists, readJsonLines } from './disk.ts';
import { ConfigError, codeOf, ExpectedError, isDiskFault, TemporaryError, textOf } from './errors.ts';
import type { Exec } from './exec.ts';
import type { Log } from './log.ts';
import type { Job } from './spool/job.ts';
import type { Spool } from './spool/spool.ts';
import type { Place } from './spool/states.ts';

/** main.ts builds the real one, tests build their own. */
export interface Context {
  readonly config: Config;
  readonly spool: Spool;
  readonly log: Log;
  readonly now: () => Date;
  readonly exec: Exec;
  /** Decide and print, change nothing (verify, dispatch, sweep). */
  readonly dryRun: boolean;
}

/** How many entries a run moved, kept where they were, and found broken. All zero: the stage says nothing. */
export interface Tally {
  moved: number;
  kept: number;
  broken: number;
}

export type Stage = (ctx: Context) => Promise<Tally>;

export function newTally(): Tally {
  return { moved: 0, kept: 0, broken: 0 };
}

/** All of them together. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = newTally();
  for (const tally of tallies) for (const key of ['moved', 'kept', 'broken'] as const) sum[key] += tally[key];
  return sum;
}

/** What `work` made of one entry. */
export type Outcome = 'moved' | 'kept';

/** A lock's mtime is when its holder began. */
export function noteBegin(ctx: Context, lockPath: string): void {
  utimesSync(lockPath, ctx.now(), ctx.now());
}

/** Throws TemporaryError E_STUCK (exit 75) when somebody has held a lock for longer than any run should; a younger one is nothing to say. */
export function checkStuck(ctx: Context, lockPath: string): void {
  const heldMs = ctx.now().getTime() - statSync(lockPath).mtimeMs;
  if (heldMs < ctx.config.global.stuckAfterMs) return;
  const minutes = Math.round(heldMs / 60_000);
  throw new TemporaryError(
    'E_STUCK',
    `another run has held ${lockPath} for ${minutes} min: find it with fuser and look at what it waits for`,
  );
}

const MAX_BUGS = 3;
/** Faults that go away by themselves once somebody acts: told at each run. */
const SITE_FAULTS: ReadonlySet<string> = new Set(['E_DISK_FULL', 'E_RESULT_DIR', 'E_REPO_QUEUE']);

/**
 * Runs `work` on each entry in turn; one bad entry never stops the others. An expected error keeps the entry for the next run. A bug of
 * ours is noted beside the entry's journal; at the third the entry goes to `corrupt/`.
 */
export async function eachEntry<T>(
  ctx: Context,
  entries: readonly T[],
  describe: (entry: T) => { readonly id: string; readonly dir: string },
  work: (entry: T) => Promise<Outcome>,
): Promise<Tally> {
  const tally = newTally();
  for (const entry of entries) {
    const { id, dir } = describe(entry);
    try {
      tally[await work(entry)] += 1;
    } catch (error) {
      if (error instanceof ExpectedError) {
        tally.kept += 1;
        const level = error instanceof ConfigError || SITE_FAULTS.has(error.code) ? 'error' : 'info';
        ctx.log[level]('kept', { entry: id, code: error.code, reason: textOf(error) });
      } else if (codeOf(error) === 'ENOENT' && !(await exists(dir))) {
        // Between other states than `running` the rename is the claim, and somebody else (verify, retry) was quicker.
        tally.kept += 1;
        ctx.log.info('moved meanwhile', { entry: id });
      } else if (isDiskFault(error)) {
        tally.kept += 1;
        ctx.log.error('kept', { entry: id, code: codeOf(error), reason: textOf(error) });
      } else {
        tally.broken += 1;
        await countBug(ctx, id, error);
      }
    }
  }
  return tally;
}

/** eachEntry over the jobs of a place, each read for `work`. */
export async function eachJob(ctx: Context, place: Place, work: (job: Job) => Promise<Outcome>): Promise<Tally> {
  return eachEntry(
    ctx,
    await ctx.spool.list(place),
    (id) => ({ id, dir: ctx.spool.path(place, id) }),
    async (id) => work(await ctx.spool.readJob(place, id)),
  );
}

async function countBug(ctx: Context, id: string, error: unknown): Promise<void> {
  ctx.log.error('bug', { entry: id, error: textOf(error), stack: error instanceof Error ? error.stack : undefined });
  // Where it lies now: the work may have moved it before it failed.
  const place = await ctx.spool.find(id);
  if (place === undefined) return;
  const file = join(ctx.spool.path(place, id), 'bugs');
  await appendDurable(file, `${JSON.stringify({ time: ctx.now().toISOString(), stage: ctx.log.tag, error: textOf(error) })}\n`);
  const bugs = await readJsonLines(file);
  if (bugs.length < MAX_BUGS) return;
  await ctx.spool.move(id, place, { state: 'corrupt' });
  ctx.log.error('moved to corrupt', { entry: id, bugs: bugs.length });
}
