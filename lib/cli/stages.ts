/**
 * The stages by name: how often, whether there is anything to do, and the work itself. Loaded one by one, so that an idle stage costs
 * little more than starting node.
 */
import { statSync } from 'node:fs';
import { expectOwnSpool, makePlaces } from '../config/places.ts';
import { type Context, checkStuck, newTally, noteBegin, type Stage, type Tally } from '../context.ts';
import { tryLock } from '../disk.ts';
import { ConfigError, codeOf, EXIT, ExpectedError, TemporaryError, textOf } from '../errors.ts';

interface LoadedStage {
  readonly run: Stage;
  /** A cheap look; may only err towards work. */
  readonly isIdle: (ctx: Context) => boolean;
}

export interface StageEntry {
  /** Minutes between runs, as in crontab.example and `run`. */
  readonly everyMinutes: number;
  /** Stages that `--dry-run` is offered for: where deciding is free of side effects. */
  readonly dryRun: boolean;
  readonly load: () => Promise<LoadedStage>;
}

const never = (): boolean => false;

/** In the order in which `tick` runs them. */
export const STAGES: ReadonlyMap<string, StageEntry> = new Map<string, StageEntry>([
  [
    'verify',
    { everyMinutes: 1, dryRun: true, load: () => import('../stages/verify.ts').then((m) => ({ run: m.verify, isIdle: m.isVerifyIdle })) },
  ],
  [
    'dispatch',
    {
      everyMinutes: 1,
      dryRun: true,
      load: () => import('../stages/dispatch.ts').then((m) => ({ run: m.dispatch, isIdle: m.isDispatchIdle })),
    },
  ],
  [
    'collect',
    {
      everyMinutes: 1,
      dryRun: false,
      load: () => import('../stages/collect.ts').then((m) => ({ run: m.collect, isIdle: m.isCollectIdle })),
    },
  ],
  [
    'accept',
    { everyMinutes: 1, dryRun: false, load: () => import('../stages/accept.ts').then((m) => ({ run: m.accept, isIdle: m.isAcceptIdle })) },
  ],
  [
    'publish',
    {
      everyMinutes: 2,
      dryRun: false,
      load: () => import('../stages/publish.ts').then((m) => ({ run: m.publish, isIdle: m.isPublishIdle })),
    },
  ],
  [
    'sync',
    { everyMinutes: 1, dryRun: false, load: () => import('../stages/sync.ts').then((m) => ({ run: m.sync, isIdle: m.isSyncIdle })) },
  ],
  [
    'notify',
    { everyMinutes: 1, dryRun: false, load: () => import('../stages/notify.ts').then((m) => ({ run: m.notify, isIdle: m.isNotifyIdle })) },
  ],
  [
    'sweep',
    { everyMinutes: 24 * 60, dryRun: true, load: () => import('../stages/sweep.ts').then((m) => ({ run: m.sweep, isIdle: never })) },
  ],
]);

export interface StageOptions {
  readonly json?: boolean;
}

/** Runs one stage to its end and gives its exit code; whatever goes wrong is logged here and stops nothing else. */
export async function runStage(name: string, makeContext: (tag: string) => Context, options: StageOptions = {}): Promise<number> {
  const entry = STAGES.get(name);
  if (entry === undefined) throw new Error(`no stage ${name}`);
  const ctx = makeContext(name);
  try {
    const { run, isIdle } = await entry.load();
    if (name !== 'publish') expectOwnSpool(ctx.config.global.spool);
    if (isIdle(ctx)) return ended(ctx, newTally(), options);
    // publish may run as another user or on another machine: it never touches the spool.
    if (name === 'publish') return ended(ctx, await run(ctx), options);
    await makePlaces(ctx.config);
    await ctx.spool.prepare();
    // Its locks are one per mirror, so that a slow one keeps no other waiting.
    if (name === 'sync') return ended(ctx, await run(ctx), options);
    const path = ctx.spool.file('lock', name);
    const lock = tryLock(path);
    if (lock === undefined) {
      checkStuck(ctx, path);
      return EXIT.ok;
    }
    try {
      if (!ctx.dryRun) noteBegin(ctx, path);
      return ended(ctx, await run(ctx), options);
    } finally {
      lock.release();
    }
  } catch (error) {
    return explain(ctx, error);
  }
}

function ended(ctx: Context, tally: Tally, { json }: StageOptions): number {
  if (json === true) process.stdout.write(`${JSON.stringify(tally)}\n`);
  if (tally.moved + tally.kept + tally.broken > 0) ctx.log.info('run', { ...tally });
  return tally.broken > 0 ? EXIT.bug : EXIT.ok;
}

function explain(ctx: Context, error: unknown): number {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) ctx.log.error('configuration', { code: error.code, reason: fault });
    return EXIT.config;
  }
  if (error instanceof ExpectedError) {
    ctx.log.error(error instanceof TemporaryError ? 'later' : 'refused', { code: error.code, reason: textOf(error) });
    return error instanceof TemporaryError ? EXIT.later : EXIT.no;
  }
  ctx.log.error('bug', { error: textOf(error), code: codeOf(error), stack: error instanceof Error ? error.stack : undefined });
  return EXIT.bug;
}

/** Whether a stage that runs every 10 min or more is due; the others always are. */
export function isDue(ctx: Context, name: string): boolean {
  const minutes = STAGES.get(name)?.everyMinutes ?? 0;
  if (minutes < 10) return true;
  try {
    // Whichever way the clock was set since.
    return Math.abs(ctx.now().getTime() - statSync(ctx.spool.file('lock', name)).mtimeMs) >= minutes * 60_000;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    throw error;
  }
}
