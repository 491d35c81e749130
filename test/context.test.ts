import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Config } from '../lib/config/types.ts';
import { type Context, checkStuck, eachEntry, noteBegin } from '../lib/context.ts';
import { ConfigError, TemporaryError } from '../lib/errors.ts';
import { exec } from '../lib/exec.ts';
import { openLog } from '../lib/log.ts';
import { Spool } from '../lib/spool/spool.ts';

let dir: string;
let ctx: Context;
let printed: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'buildme-context-'));
  printed = [];
  const log = openLog('collect', { dir: join(dir, 'log'), print: (line) => printed.push(line) });
  ctx = { config: {} as Config, spool: new Spool(dir), log, now: () => new Date(), exec, dryRun: false };
  await ctx.spool.prepare();
  for (const id of ['a', 'b', 'c']) await mkdir(ctx.spool.path('queued', id));
});
afterEach(() => rm(dir, { recursive: true }));

async function each(work: (id: string) => Promise<'moved' | 'kept'>) {
  return eachEntry(ctx, await ctx.spool.list('queued'), (id) => ({ id, dir: ctx.spool.path('queued', id) }), work);
}

it('one bad entry never stops the others', async () => {
  const seen: string[] = [];
  const tally = await each(async (id) => {
    seen.push(id);
    if (id === 'a') throw new TypeError('ours');
    if (id === 'b') throw new TemporaryError('E_LATER', 'later');
    return 'moved';
  });
  expect(seen).toEqual(['a', 'b', 'c']);
  expect(tally).toEqual({ moved: 1, kept: 1, broken: 1 });
});

it('an entry that another process moved meanwhile is no bug, and the others go on', async () => {
  const tally = await each(async (id) => {
    if (id !== 'a') return 'moved';
    await ctx.spool.move('a', 'queued', { state: 'ended' });
    await readFile(ctx.spool.path('queued', 'a/journal'));
    return 'moved';
  });
  expect(tally).toEqual({ moved: 2, kept: 1, broken: 0 });
  expect(printed).toEqual([]);
});

it('a bug after the entry was moved is noted where it lies then', async () => {
  await each(async (id) => {
    if (id !== 'a') return 'kept';
    await ctx.spool.move('a', 'queued', { state: 'built' });
    throw new TypeError('ours');
  });
  expect(await readFile(ctx.spool.path('built', 'a/bugs'), 'utf8')).toContain('ours');
});

it('what is printed moves no cursor', async () => {
  await each(async () => {
    throw new ConfigError('E_HOST', 'host said \u001b[2J');
  });
  expect(printed[0]).toContain('host said  [2J');
});

it('a bug keeps the entry twice; at the third it goes to corrupt, with what happened beside it', async () => {
  const bug = async (id: string): Promise<'kept'> => {
    if (id === 'b') throw new TypeError('ours');
    return 'kept';
  };
  await each(bug);
  await each(bug);
  expect(await ctx.spool.list('corrupt')).toEqual([]);
  await each(bug);
  expect(await ctx.spool.list('corrupt')).toEqual(['b']);
  expect(await ctx.spool.list('queued')).toEqual(['a', 'c']);
  expect((await readFile(join(ctx.spool.path('corrupt', 'b'), 'bugs'), 'utf8')).trim().split('\n')).toHaveLength(3);
});

it('a full disk is no bug of the entry, however often', async () => {
  for (let run = 0; run < 4; run += 1) {
    const tally = await each(async () => {
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    });
    expect(tally).toEqual({ moved: 0, kept: 3, broken: 0 });
  }
  expect(printed[0]).toContain('kept: entry=a code=ENOSPC');
  expect(await ctx.spool.list('corrupt')).toEqual([]);
});

it('what waits is in the log; what the site has to mend is printed, too', async () => {
  await each(async (id) => {
    if (id === 'a') throw new TemporaryError('E_HOST_DOWN', 'host x does not answer');
    if (id === 'b') throw new ConfigError('E_NO_PRODUCT', 'no product p');
    throw new TemporaryError('E_RESULT_DIR', 'cannot write');
  });
  expect(printed).toHaveLength(2);
  expect(printed.join('\n')).toMatch(/no product p.*cannot write/s);
  expect((await readFile(join(dir, 'log/collect.log'), 'utf8')).trim().split('\n')).toHaveLength(3);
});

it('a lock that is held for longer than stuck_after is told, a younger one is not', async () => {
  const path = join(dir, 'lock', 'verify');
  await writeFile(path, '');
  const limited = { ...ctx, config: { global: { stuckAfterMs: 7_200_000 } } as unknown as Config };
  noteBegin({ ...limited, now: () => new Date(Date.now() - 3_600_000) }, path);
  expect(() => checkStuck(limited, path)).not.toThrow();
  noteBegin({ ...limited, now: () => new Date(Date.now() - 3 * 3_600_000) }, path);
  expect(() => checkStuck(limited, path)).toThrow(/has held .*lock\/verify for 180 min/);
});
