/**
 * sweep: what has had its time goes: finished entries past their keep times, uploads of which no job lives, and litter of killed processes.
 * One promise: nothing that may still move is touched, `corrupt` never is, and an entry goes as a whole.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { GlobalConfig } from '../config/types.ts';
import { type Context, newTally, type Tally } from '../context.ts';
import { removeTree } from '../disk.ts';
import { codeOf, ExpectedError, textOf, unless } from '../errors.ts';
import { actOnBase, hostsThatUse } from '../hosts/bases.ts';
import type { Place, State } from '../spool/states.ts';
import { OTHER_PLACES, STATES } from '../spool/states.ts';
import { readKnownUploads } from '../uploads/known.ts';

const HOUR = 3_600_000;
/** Who writes below tmp, or beside a file, gives up after 24 h: that must stay below this. */
const LITTER_AFTER_MS = 36 * HOUR;

const KEPT: readonly (readonly [state: State, keepMs: (global: GlobalConfig) => number])[] = [
  ['done', ({ keepDoneMs }) => keepDoneMs],
  ['failed', ({ keepFailedMs }) => keepFailedMs],
  ['ended', ({ keepFailedMs }) => keepFailedMs],
  ['rejected', ({ keepRejectedMs }) => keepRejectedMs],
  ['sent', ({ keepSentMs }) => keepSentMs],
];

/** Something that goes: its path, why, and how. */
interface Expired {
  readonly path: string;
  readonly why: string;
  readonly remove: () => Promise<void>;
}

/** Removes what has expired, or with --dry-run `print`s it. */
export async function sweep(ctx: Context, print = (line: string): unknown => process.stdout.write(line)): Promise<Tally> {
  const tally = newTally();
  const each = async (expired: readonly Expired[]): Promise<void> => {
    for (const { path, why, remove } of expired) {
      const name = relative(ctx.spool.root, path);
      if (ctx.dryRun) {
        print(`${name}: ${why}\n`);
        continue;
      }
      try {
        await remove();
        tally.moved += 1;
        ctx.log.info('removed', { path: name, why });
      } catch (error) {
        tally.kept += 1;
        // Moved away meanwhile (`retry`), or a fault of the site: the others go all the same.
        ctx.log[codeOf(error) === 'ENOENT' ? 'info' : 'error']('not removed', { path, reason: textOf(error) });
      }
    }
  };
  await each(await litter(ctx));
  await each(await oldEntries(ctx));
  // verify reads files of uploads, so it stands still while some of them go.
  const lock = ctx.dryRun ? undefined : await ctx.spool.waitLock('verify', 60_000);
  if (lock !== undefined || ctx.dryRun) await each(await deadUploads(ctx));
  lock?.release();
  if (!ctx.dryRun) await refreshBases(ctx);
  return tally;
}

/** Base systems past their age are made anew; where that fails the old one is used on, and whoever runs the site is told. */
async function refreshBases(ctx: Context): Promise<void> {
  for (const base of ctx.config.chroots.values()) {
    for (const host of hostsThatUse(ctx.config, base)) {
      try {
        await actOnBase(ctx, 'renew', base, host, (line) => ctx.log.info('base', { line }));
      } catch (error) {
        if (!(error instanceof ExpectedError)) throw error;
        ctx.log.error('base system not made', { chroot: base.name, host: host.name, reason: textOf(error) });
      }
    }
  }
}

async function oldEntries(ctx: Context): Promise<Expired[]> {
  const expired: Expired[] = [];
  for (const [state, keepMs] of KEPT) {
    for (const id of await ctx.spool.list(state)) {
      const path = ctx.spool.path(state, id);
      const ageMs = ctx.now().getTime() - (await touchedAtMs(path, ['journal', 'reason', 'job.json', 'notice.json']));
      if (ageMs > keepMs(ctx.config.global)) {
        expired.push({ path, why: `${state} for ${Math.floor(ageMs / (24 * HOUR))} days`, remove: () => ctx.spool.remove(id, state) });
      }
    }
  }
  return expired;
}

/** An upload goes once none of its jobs may go on, and none waits in `failed` for a retry. */
async function deadUploads(ctx: Context): Promise<Expired[]> {
  const expired: Expired[] = [];
  const uploads = await readKnownUploads(ctx.spool, (id, error) =>
    ctx.log.error('not understood', { entry: `uploads/${id}`, reason: textOf(error) }),
  );
  for (const { file, standing } of uploads) {
    if (standing === 'live') continue;
    const failed = await Promise.all(file.jobs.map((job) => ctx.spool.find(job, ['failed'])));
    if (failed.some((place) => place !== undefined)) continue;
    expired.push({
      path: ctx.spool.path('uploads', file.id),
      why: 'none of its jobs lives',
      remove: () => ctx.spool.remove(file.id, 'uploads'),
    });
  }
  return expired;
}

/** Everything in `tmp`, and the dot files that a killed process left beside the file that it was writing. */
async function litter(ctx: Context): Promise<Expired[]> {
  const tmp = ctx.spool.file('tmp');
  const paths = (await namesIn(tmp)).map((name) => join(tmp, name));
  for (const dir of await directoriesOfOurs(ctx)) {
    for (const name of await namesIn(dir)) if (name.startsWith('.new-')) paths.push(join(dir, name));
  }
  const expired: Expired[] = [];
  for (const path of paths) {
    const ageMs = ctx.now().getTime() - (await touchedAtMs(path, []));
    if (ageMs > LITTER_AFTER_MS) expired.push({ path, why: `left over for ${Math.floor(ageMs / HOUR)} h`, remove: () => removeTree(path) });
  }
  return expired;
}

async function directoriesOfOurs(ctx: Context): Promise<string[]> {
  const { spool } = ctx;
  const directories = [spool.root, ...OTHER_PLACES.filter((place) => place !== 'tmp').map((place) => spool.file(place))];
  const places: Place[] = STATES.filter((state) => state !== 'corrupt' && state !== 'running').map((state) => ({ state }));
  for (const host of await spool.runningHosts()) places.push({ state: 'running', host });
  for (const place of places) {
    directories.push(spool.path(place));
    for (const id of await spool.list(place)) directories.push(spool.path(place, id));
  }
  return directories;
}

async function namesIn(dir: string): Promise<string[]> {
  return unless(['ENOENT', 'ENOTDIR'], [], readdir(dir));
}

/** The latest change of a path itself, or of those files in it; a rename changes none of them. What is gone was touched just now. */
async function touchedAtMs(path: string, files: readonly string[]): Promise<number> {
  const stats = await Promise.all(['.', ...files].map((name) => unless(['ENOENT', 'ENOTDIR'], undefined, lstat(join(path, name)))));
  const times = stats.flatMap((each) => (each === undefined ? [] : [each.mtimeMs]));
  return times.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...times);
}
