/** The runner over the local transport: what an attempt is at any moment, and who decides that. */
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exists } from '../../lib/disk.ts';
import { exec } from '../../lib/exec.ts';
import type { Host } from '../../lib/hosts/host.ts';
import { localTransport } from '../../lib/hosts/local.ts';
import { shellHost } from '../../lib/hosts/shell.ts';
import { LATE, RUNNER } from '../../lib/steps/runner.ts';
import { settingsOf } from '../../lib/steps/shell.ts';
import type { StepCommand } from '../../lib/steps/steps.ts';
import { makeTemp, removeTemp, until } from '../helpers/run.ts';
import { claimFor, commandFor, inputsIn, isAlive, job, written } from './attempt.ts';

let temp: string;
let host: Host;
let dir: string;

beforeEach(async () => {
  temp = await makeTemp('runner');
  host = shellHost('h', localTransport('h', exec));
  dir = join(temp, 'work', 'job.build.1');
});
afterEach(async () => {
  await host.clean(dir);
  await removeTemp(temp);
});

function start(command: StepCommand): Promise<void> {
  return host.start(job, claimFor(dir, command), command);
}

async function state(): Promise<unknown> {
  return (await host.poll([dir])).get(dir);
}

async function ended(): Promise<unknown> {
  await host.wait([dir], 30_000);
  return state();
}

function verb(...args: readonly string[]): ReturnType<Host['script']> {
  return host.script(RUNNER, args, 30_000);
}

describe('a step', () => {
  it('runs in an empty directory with its inputs, its variables, a fixed PATH and nothing of ours', async () => {
    const inputs = await inputsIn(temp, { 'a.dsc': 'A', 'b.tar.xz': 'B' });
    await start(
      commandFor('pwd; ls -A | wc -l; ls "$BUILDME_IN"; env | sort; read line || echo "no input"; echo R >"$BUILDME_OUT"/r; exit 7', {
        inputs,
      }),
    );
    expect(await ended()).toEqual({ state: 'ended', status: 7 });
    const log = (await host.readLog(dir, 0, 10_000)).toString();
    const lines = log.split('\n').filter((line) => !/^(PWD|OLDPWD|SHLVL|_)=/.test(line));
    expect(lines).toEqual([
      `${dir}/work`,
      '0',
      'a.dsc',
      'b.tar.xz',
      `BUILDME_IN=${dir}/in`,
      `BUILDME_OUT=${dir}/out`,
      'BUILDME_SOURCE=hello',
      "BUILDME_VERSION=1:2.0~it's",
      `HOME=${dir}/home`,
      'LC_ALL=C.UTF-8',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'no input',
      '',
    ]);
    expect((await stat(join(dir, 'in', 'a.dsc'))).mode & 0o222).toBe(0);
    expect(await readFile(join(temp, 'a.dsc'), 'utf8')).toBe('A');
    expect((await stat(join(temp, 'a.dsc'))).mode & 0o200).toBe(0o200);
    expect((await host.readLog(dir, 1, 4)).toString()).toBe(log.slice(1, 5));
  });

  it('leads a session of its own', async () => {
    await start(commandFor('cut -d" " -f5,6 /proc/self/stat; cut -d" " -f5 /proc/$PPID/stat'));
    await ended();
    const [own = '', parents] = (await host.readLog(dir, 0, 1000)).toString().trim().split('\n');
    const [group, session] = own.split(' ');
    expect([session, parents]).toEqual([group, group]);
    expect(group).not.toBe(String(process.pid));
  });

  it('leaves nothing running, not even in a session of its own', async () => {
    const pids = join(temp, 'pids');
    await start(commandFor(`sleep 300 & echo $! >${pids}; setsid sleep 300 & echo $! >>${pids}; sleep 0.2`));
    expect(await ended()).toMatchObject({ state: 'ended' });
    const left = (await readFile(pids, 'utf8')).trim().split('\n');
    expect(left).toHaveLength(2);
    for (const pid of left) expect(await isAlive(pid), pid).toBe(false);
  });

  it('goes on when who started it is killed', async () => {
    const command = commandFor('sleep 1; echo done >"$BUILDME_OUT"/r');
    expect((await verb('make', dir, settingsOf(command), RUNNER)).status).toBe(0);
    const child = spawn('sh', ['-s', '--', 'start', dir], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.end(RUNNER);
    await until('the start', () => exists(join(dir, 'begun')));
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    expect(await ended()).toEqual({ state: 'ended', status: 0 });
    expect(await readFile(join(dir, 'out', 'r'), 'utf8')).toBe('done\n');
  });
});

describe('the states', () => {
  it('are unknown, new, running with the bytes of its log, ended', async () => {
    expect(await state()).toEqual({ state: 'unknown' });
    const go = join(temp, 'go');
    await verb('make', dir, settingsOf(commandFor(`echo hello; while [ ! -e ${go} ]; do sleep 0.05; done`)), RUNNER);
    expect(await state()).toEqual({ state: 'new' });
    await verb('start', dir);
    await until('six bytes of log', async () => JSON.stringify(await state()) === '{"state":"running","logBytes":6}');
    await writeFile(go, '');
    expect(await ended()).toEqual({ state: 'ended', status: 0 });
  });

  it('are asked for together, in one round trip', async () => {
    await start(commandFor('exit 3'));
    await ended();
    const other = join(temp, 'work', 'other');
    expect([...(await host.poll([other, dir])).entries()]).toEqual([
      [other, { state: 'unknown' }],
      [dir, { state: 'ended', status: 3 }],
    ]);
  });

  it('a second start of the same attempt is refused and changes nothing', async () => {
    await start(commandFor('echo once; sleep 0.3'));
    await expect(start(commandFor('echo twice'))).rejects.toMatchObject({ code: 'E_ATTEMPT_CLOSED' });
    await ended();
    expect((await host.readLog(dir, 0, 100)).toString()).toBe('once\n');
  });

  it('an attempt that was closed before it was made never starts', async () => {
    expect(await host.close(dir)).toBe(true);
    expect(await state()).toEqual({ state: 'closed' });
    await expect(start(commandFor('echo late'))).rejects.toMatchObject({ code: 'E_ATTEMPT_CLOSED' });
    expect(await state()).toEqual({ state: 'closed' });
    expect(await host.close(dir)).toBe(true);
  });

  it('an attempt that was closed after it was made never starts', async () => {
    await verb('make', dir, settingsOf(commandFor(`echo late >${temp}/late`)), RUNNER);
    expect(await host.close(dir)).toBe(true);
    expect((await verb('start', dir)).status).toBe(LATE);
    expect(await exists(join(temp, 'late'))).toBe(false);
    expect(await state()).toEqual({ state: 'closed' });
  });

  it('an attempt that began cannot be closed', async () => {
    await start(commandFor('sleep 300'));
    expect(await host.close(dir)).toBe(false);
    expect(await state()).toMatchObject({ state: 'running' });
  });

  it('of many starts and closes at once exactly one wins', async () => {
    for (let round = 0; round < 5; round += 1) {
      const ran = join(temp, `ran${round}`);
      await verb('make', dir, settingsOf(commandFor(`echo x >>${ran}`)), RUNNER);
      const [closed, ...started] = await Promise.all([host.close(dir), ...[1, 2, 3].map(() => verb('start', dir))]);
      expect(started.map(({ status }) => status)).toEqual(Array(3).fill(closed ? LATE : 0));
      if (!closed) expect(await ended()).toEqual({ state: 'ended', status: 0 });
      expect(await readFile(ran, 'utf8').catch(() => '')).toBe(closed ? '' : 'x\n');
      await host.clean(dir);
    }
  });

  it('a supervisor that is killed leaves an end without a status, and nothing running', async () => {
    const pid = join(temp, 'pid');
    await start(commandFor(`setsid sleep 300 & echo $$ $! >${pid}; sleep 300`));
    const pids = (await written(pid)).trim().split(' ');
    const [supervisor = ''] = (await readFile(join(dir, 'begun', 'pid'), 'utf8')).split(' ');
    process.kill(Number(supervisor), 'SIGKILL');
    expect(await ended()).toEqual({ state: 'ended', status: null });
    for (const left of pids) expect(await isAlive(left), left).toBe(false);
    expect(await host.close(dir)).toBe(false);
  });

  it('a process that took the number of the supervisor after a power cut is not taken for it', async () => {
    await verb('make', dir, settingsOf(commandFor('true')), RUNNER);
    await mkdir(join(dir, 'begun'));
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    await writeFile(join(dir, 'begun', 'pid'), `${process.pid} 1 ${boot}\n`);
    await writeFile(join(dir, 'step'), `${process.pid} 1 ${boot}\n`);
    expect(await state()).toEqual({ state: 'ended', status: null });
    await host.abort(dir);
    expect(await isAlive(String(process.pid))).toBe(true);
  });

  it('cleaning removes it all, also what its owner may not write, and may be done twice', async () => {
    await start(commandFor('mkdir -p a/b; echo x >a/b/c; chmod 0 a/b/c; chmod 0555 a/b; mkdir "$BUILDME_OUT"/d; chmod 0 "$BUILDME_OUT"/d'));
    await ended();
    await host.clean(dir);
    await host.clean(dir);
    expect(await readdir(join(temp, 'work'))).toEqual([]);
  });

  it('cleaning ends what still runs', async () => {
    const pid = join(temp, 'pid');
    await start(commandFor(`echo $$ >${pid}; sleep 300`));
    const step = (await written(pid)).trim();
    await host.clean(dir);
    expect(await isAlive(step)).toBe(false);
    expect(await state()).toEqual({ state: 'unknown' });
  });
});

describe('limits', () => {
  it('a step that takes too long gets TERM and may clean up', async () => {
    await start(commandFor("trap 'echo cleaned; exit 2' TERM; sleep 300 & wait", { timeoutMs: 1000 }));
    expect(await ended()).toEqual({ state: 'ended', status: 124, limit: 'timeout' });
    expect((await host.readLog(dir, 0, 100)).toString()).toBe('cleaned\n');
  });

  it('a step that ignores TERM is killed with its whole group after the grace', async () => {
    const pids = join(temp, 'pids');
    const command = commandFor(`trap '' TERM; sleep 300 & echo $$ $! >${pids}; while :; do sleep 1; done`, { timeoutMs: 1000 });
    await verb('make', dir, settingsOf(command, 1), RUNNER);
    await verb('start', dir);
    expect(await ended()).toEqual({ state: 'ended', status: 137, limit: 'timeout' });
    for (const pid of (await readFile(pids, 'utf8')).trim().split(' ')) expect(await isAlive(pid), pid).toBe(false);
  });

  it('a step that ends with 124 by itself has no limit', async () => {
    await start(commandFor('exit 124'));
    expect(await ended()).toEqual({ state: 'ended', status: 124 });
  });

  it('a step that floods its log is stopped, may clean up, and the log never exceeds its cap', async () => {
    await start(commandFor("trap 'echo bye; exit 2' TERM; yes flood & wait", { maxLogBytes: 123_457 }));
    expect(await ended()).toEqual({ state: 'ended', status: 2, limit: 'log' });
    expect((await stat(join(dir, 'log'))).size).toBe(123_457);
  });

  it('a log of exactly the cap is no flood', async () => {
    await start(commandFor('printf 12345', { maxLogBytes: 5 }));
    expect(await ended()).toEqual({ state: 'ended', status: 0 });
  });

  it('abort ends the group and says so; aborting again or what has ended changes nothing', async () => {
    const pid = join(temp, 'pid');
    await start(commandFor(`sleep 300 & echo $! >${pid}; wait`));
    const step = (await written(pid)).trim();
    await host.abort(dir);
    expect(await state()).toEqual({ state: 'ended', status: 143, limit: 'aborted' });
    expect(await isAlive(step)).toBe(false);
    await host.abort(dir);
    expect(await state()).toEqual({ state: 'ended', status: 143, limit: 'aborted' });
  });

  it('abort right after the start is not lost', async () => {
    for (let round = 0; round < 5; round += 1) {
      await start(commandFor('sleep 300'));
      await host.abort(dir);
      expect(await state()).toMatchObject({ state: 'ended', limit: 'aborted' });
      await host.clean(dir);
    }
  });
});

describe('waiting', () => {
  it('ends as soon as one of several has ended', async () => {
    const other = join(temp, 'work', 'other');
    const slow = commandFor('sleep 300');
    await host.start(job, claimFor(other, slow), slow);
    await start(commandFor('sleep 0.2'));
    const began = Date.now();
    await host.wait([other, dir], 60_000);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(await state()).toEqual({ state: 'ended', status: 0 });
    await host.clean(other);
  });

  it('ends after its time when none has', async () => {
    await start(commandFor('sleep 300'));
    await host.wait([dir], 1000);
    expect(await state()).toMatchObject({ state: 'running' });
  });
});
