/**
 * `buildme run`: a faster cron and no more. The same stages at the same times, woken at once when their input changes. Nobody talks to
 * it; killing it loses nothing; crontab and `tick` may go on beside it.
 */
import { statSync } from 'node:fs';
import { expectOwnSpool, makePlaces } from '../config/places.ts';
import type { Context } from '../context.ts';
import { makeDirectory } from '../disk.ts';
import { EXIT, textOf, UsageError, unless } from '../errors.ts';
import type { Invocation } from './command.ts';
import { runStage, STAGES } from './stages.ts';

const CONFIGURATION_MS = 5000;

/** Runs until SIGTERM or SIGINT; stages under way are ended first. A changed configuration is taken over when it is sound. */
export async function run(invocation: Invocation): Promise<number> {
  if (invocation.args.length > 0) throw new UsageError(`run takes no arguments, not '${invocation.args.join(' ')}'`);
  invocation.config();
  const end = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end.abort());
  while (!end.signal.aborted) {
    const changed = new AbortController();
    watchConfiguration(invocation, changed, end.signal);
    await session(invocation, AbortSignal.any([end.signal, changed.signal]));
  }
  return EXIT.ok;
}

/** Everything that one reading of the configuration asks for, until `signal`. */
async function session({ context }: Invocation, signal: AbortSignal): Promise<void> {
  const ctx = context('run');
  expectOwnSpool(ctx.config.global.spool);
  await makePlaces(ctx.config);
  await ctx.spool.prepare();
  // What does not exist cannot be watched; where publish runs as another user, it has made these itself.
  for (const { dir } of ctx.config.repositories.values())
    await unless(['EACCES', 'EROFS', 'ENOENT'], undefined, makeDirectory(`${dir}/receipts`));
  const [{ default: cron }, { watch }, { listen }] = await Promise.all([import('node-cron'), import('chokidar'), import('./listen.ts')]);
  const stages = new Map([...STAGES.keys()].map((name) => [name, waker(() => runStage(name, context))]));
  const wake = (name: string): void => {
    if (!signal.aborted) stages.get(name)?.wake();
  };
  const clocks = [...STAGES].map(([name, { everyMinutes }]) => cron.schedule(cronTime(everyMinutes), () => wake(name)));
  const listener = listen(ctx, () => wake('collect'));
  const watchers = [
    ...[...watched(ctx)].map(([path, names]) => watch(path, { depth: 0, ignoreInitial: true }).on('all', () => names.forEach(wake))),
    watch(ctx.spool.path('running'), { depth: 1, ignoreInitial: true }).on('all', () => {
      listener.rescan();
      wake('dispatch');
    }),
  ];
  for (const name of STAGES.keys()) if (name !== 'sweep') wake(name);
  ctx.log.info('running');

  await new Promise<void>((resolve) => (signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve())));
  listener.stop();
  await Promise.all([...clocks.map((clock) => clock.destroy()), ...watchers.map((watcher) => watcher.close())]);
  await Promise.all([...stages.values()].map(({ ended }) => ended()));
}

/** Runs `work` when woken; woken while it runs, it runs once more. */
function waker(work: () => Promise<unknown>): { wake(): void; ended(): Promise<void> } {
  let running: Promise<void> | undefined;
  let again = false;
  const loop = async (): Promise<void> => {
    do {
      again = false;
      await work();
    } while (again);
    running = undefined;
  };
  return {
    wake: () => {
      if (running === undefined) running = loop();
      else again = true;
    },
    ended: () => running ?? Promise.resolve(),
  };
}

function cronTime(everyMinutes: number): string {
  if (everyMinutes >= 24 * 60) return '17 3 * * *';
  return everyMinutes === 1 ? '* * * * *' : `*/${everyMinutes} * * * *`;
}

/** Directories whose changes are some stages' input. A job that leaves `running` frees a slot: see `running` above. */
function watched({ config, spool }: Context): Map<string, string[]> {
  const paths = new Map([
    [spool.path('queued'), ['dispatch']],
    [spool.path('built'), ['accept']],
    [spool.path('accepted'), ['accept']],
    [spool.path('outbox'), ['notify']],
  ]);
  for (const { incoming, repoQueue } of config.products.values()) {
    paths.set(incoming, ['verify']);
    paths.set(repoQueue, ['publish']);
  }
  for (const { dir } of config.repositories.values()) {
    // `.SUITE.changed` lies in the first.
    paths.set(dir, ['sync', 'accept']);
    paths.set(`${dir}/receipts`, ['accept']);
  }
  return paths;
}

/** Aborts `changed` once another, sound configuration lies there; an unsound one is told once and the old one stays. */
function watchConfiguration(invocation: Invocation, changed: AbortController, end: AbortSignal): void {
  let seen = statSync(invocation.configFile, { throwIfNoEntry: false })?.mtimeMs;
  const timer = setInterval(() => {
    const mtimeMs = statSync(invocation.configFile, { throwIfNoEntry: false })?.mtimeMs;
    if (end.aborted) return clearInterval(timer);
    if (mtimeMs === undefined || mtimeMs === seen) return;
    seen = mtimeMs;
    try {
      invocation.reload();
      clearInterval(timer);
      changed.abort();
    } catch (error) {
      invocation.context('run').log.error('configuration not taken over', { reason: textOf(error) });
    }
  }, CONFIGURATION_MS);
  timer.unref();
}
