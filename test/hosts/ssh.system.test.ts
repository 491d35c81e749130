/** Attempts over a real sshd, and every way in which a host can refuse us. */
import { mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Host } from '../../lib/hosts/host.ts';
import { openAt, openHost, placeOfHost } from '../../lib/hosts/hosts.ts';
import { isRoot, makeTemp, removeTemp, run } from '../helpers/run.ts';
import { freePort, startSshd, type TestSshd } from '../helpers/sshd.ts';
import { claimFor, commandFor, inputsIn, job, LIMITS } from '../steps/attempt.ts';
import { configWith, hostWith } from '../steps/site.ts';

let sshd: TestSshd;
let temp: string;

beforeAll(async () => {
  temp = await makeTemp('ssh');
  sshd = await startSshd();
});
afterAll(async () => {
  await sshd.stop();
  await removeTemp(temp);
});

function hostAt(port = sshd.port, more: Parameters<typeof hostWith>[0] = {}) {
  return hostWith({
    name: 'b1',
    kind: 'ssh',
    address: { user: sshd.user, host: '127.0.0.1', port },
    identity: sshd.identity,
    knownHosts: sshd.knownHosts,
    connectTimeoutMs: 2000,
    ...more,
  });
}

function open(more: Parameters<typeof hostWith>[0] = {}, port = sshd.port): Promise<Host> {
  const host = hostAt(port, more);
  return openHost({ config: configWith({ hosts: [host] }) }, host);
}

async function withHost<T>(work: (host: Host) => Promise<T>): Promise<T> {
  const host = await open();
  try {
    return await work(host);
  } finally {
    await host.disconnect();
  }
}

describe('an attempt over ssh', () => {
  it('is started, polled, waited for, fetched and cleaned as on this machine', async () => {
    const dir = join(temp, 'work', 'job.build.1');
    const inputs = await inputsIn(temp, { 'a b.dsc': 'x'.repeat(1_000_000), "it's": '', c: 'c' });
    const command = commandFor(
      'cd "$BUILDME_IN"; wc -c *; env | grep ^BUILDME_V; cp * "$BUILDME_OUT"; ln -s /etc/passwd "$BUILDME_OUT"/link',
      { inputs },
    );
    await withHost(async (host) => {
      expect((await host.poll([dir])).get(dir)).toEqual({ state: 'unknown' });
      await host.start(job, claimFor(dir, command), command);
      await expect(host.start(job, claimFor(dir, command), command)).rejects.toMatchObject({ code: 'E_ATTEMPT_CLOSED' });
      await host.wait([dir], 30_000);
      expect((await host.poll([dir])).get(dir)).toEqual({ state: 'ended', status: 0 });
      const into = join(temp, 'into');
      await mkdir(into);
      const fetched = await host.fetch(dir, into, { ...LIMITS, maxResultBytes: 2_000_000 });
      expect(fetched).toEqual({ results: ['a b.dsc', 'c', "it's"], refused: ['"link" is a symbolic link, not a regular file'] });
      expect((await stat(join(into, 'out', 'a b.dsc'))).size).toBe(1_000_000);
      const log = await readFile(join(into, 'log'), 'utf8');
      expect(log).toMatch(/1000000 a b\.dsc/);
      expect(log).toContain("BUILDME_VERSION=1:2.0~it's");
      expect((await host.readLog(dir, 2, 5)).toString()).toBe(log.slice(2, 7));
      await host.clean(dir);
      expect((await host.poll([dir])).get(dir)).toEqual({ state: 'unknown' });
    });
    expect(await readdir(join(temp, 'work'))).toEqual([]);
  });

  it('goes on when the connection is cut, which every later question notices', async () => {
    const dir = join(temp, 'work', 'job.build.2');
    const command = commandFor('sleep 1; echo done');
    const host = await open();
    await host.start(job, claimFor(dir, command), command);
    const waiting = host.wait([dir], 30_000);
    waiting.catch(() => undefined);
    // The parent of a script's shell is the server's end of this connection.
    await expect(host.script('kill -KILL $PPID', [], 10_000)).rejects.toMatchObject({ code: 'E_HOST_DOWN', message: /host b1 / });
    await expect(waiting).rejects.toMatchObject({ code: 'E_HOST_DOWN' });
    await expect(host.poll([dir])).rejects.toMatchObject({ code: 'E_HOST_DOWN' });
    await expect(host.fetch(dir, await mkdtemp(join(temp, 'cut')), LIMITS)).rejects.toMatchObject({ code: 'E_HOST_DOWN' });
    await host.disconnect();
    await withHost(async (again) => {
      await again.wait([dir], 30_000);
      expect((await again.poll([dir])).get(dir)).toEqual({ state: 'ended', status: 0 });
      await again.clean(dir);
    });
  });

  it('with 100,000 results is refused without fetching any', async () => {
    const dir = join(temp, 'work', 'job.build.3');
    const command = commandFor('cd "$BUILDME_OUT"; perl -e \'for $f (1, 2) { open F, ">", $f; link $f, "$f.$_" for 1 .. 50000 }\'', {
      timeoutMs: 60_000,
    });
    await withHost(async (host) => {
      await host.start(job, claimFor(dir, command), command);
      await host.wait([dir], 120_000);
      const into = join(temp, 'many');
      await mkdir(into);
      expect(await host.fetch(dir, into, LIMITS)).toEqual({
        results: [],
        refused: ['there are more than 100 entries (max_results); none was fetched'],
      });
      expect(await readdir(join(into, 'out'))).toEqual([]);
      await host.clean(dir);
    });
  });

  it('takes no more of a log or a result than allowed', async () => {
    const dir = join(temp, 'work', 'job.build.4');
    const command = commandFor(
      'head -c 500000 /dev/zero; head -c 600000 /dev/zero >"$BUILDME_OUT"/a; cp "$BUILDME_OUT"/a "$BUILDME_OUT"/b',
    );
    await withHost(async (host) => {
      await host.start(job, claimFor(dir, command), command);
      await host.wait([dir], 30_000);
      const into = join(temp, 'large');
      await mkdir(into);
      const fetched = await host.fetch(dir, into, { maxLogBytes: 1000, maxResultBytes: 1_000_000, maxResults: 10 });
      expect(fetched).toEqual({ results: ['a'], refused: ['b makes the results larger than 1000000 bytes (max_result_size)'] });
      expect((await stat(join(into, 'log'))).size).toBe(1000);
      await host.clean(dir);
    });
  });

  it.skipIf(!isRoot)('fetched onto a full disk says so and leaves the results on the host', async () => {
    const dir = join(temp, 'work', 'job.build.5');
    const command = commandFor('head -c 3000000 /dev/zero >"$BUILDME_OUT"/large');
    const into = join(temp, 'small');
    await mkdir(into);
    await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'small', into]);
    try {
      await withHost(async (host) => {
        await host.start(job, claimFor(dir, command), command);
        await host.wait([dir], 30_000);
        const limits = { ...LIMITS, maxResultBytes: 10_000_000 };
        await expect(host.fetch(dir, into, limits)).rejects.toMatchObject({ name: 'TemporaryError', code: 'E_DISK_FULL' });
        expect((await stat(join(dir, 'out', 'large'))).size).toBe(3_000_000);
        await host.clean(dir);
      });
    } finally {
      await run(['umount', into]);
    }
  });

  it('is found where its claim says, not where the configuration says today', async () => {
    const claim = { host: 'b1', ...placeOfHost(hostAt()) };
    expect(claim.address).toBe(sshd.address);
    const moved = hostAt(1, { address: { user: 'nobody', host: '127.0.0.2', port: 1 } });
    const host = await openAt({ config: configWith({ hosts: [moved] }) }, claim);
    expect((await host.script('echo "$1"', ['a "b" $c'], 10_000)).stdout).toBe('a "b" $c\n');
    await host.disconnect();
  });
});

describe('a script', () => {
  it('gives back status, output and errors, and finds nothing on its standard input', async () => {
    await withHost(async (host) => {
      const result = await host.script('cat; echo "$#:$2"; echo oh >&2\nexit 9', ['x', "it's"], 10_000);
      expect(result).toEqual({ status: 9, stdout: "2:it's\n", stderr: 'oh\n' });
    });
  });

  it('that takes too long is left, with the name of the host', async () => {
    await withHost(async (host) => {
      await expect(host.script('sleep 30', [], 300)).rejects.toMatchObject({
        name: 'TemporaryError',
        code: 'E_HOST_TIMEOUT',
        message: /host b1 /,
      });
      expect((await host.script('echo still here', [], 10_000)).stdout).toBe('still here\n');
    });
  });
});

describe('a host is refused', () => {
  async function known(text: string): Promise<string> {
    const file = join(temp, `known.${Math.random()}`);
    await writeFile(file, text);
    return file;
  }

  it('when its key is not known, with the line that makes it known', async () => {
    const file = await known('');
    const error = await open({ knownHosts: file }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'TemporaryError', code: 'E_HOST_KEY' });
    const line = /ssh-keyscan .*$/.exec(String(error))?.[0] ?? '';
    await run(['sh', '-c', line]);
    await (await open({ knownHosts: file })).disconnect();
  });

  it('when there is no known_hosts', async () => {
    await expect(open({ knownHosts: join(temp, 'absent') })).rejects.toMatchObject({
      code: 'E_HOST_KEY',
      message: /absent cannot be read; make it with: ssh-keyscan -p/,
    });
  });

  it('when its key has changed, with the fingerprint that it shows', async () => {
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(temp, 'other')]);
    const file = await known(`[127.0.0.1]:${sshd.port} ${await readFile(join(temp, 'other.pub'), 'utf8')}`);
    const [, print = ''] = (await run(['ssh-keygen', '-lf', `${sshd.hostKey}.pub`])).split(' ');
    const error = await open({ knownHosts: file }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'E_HOST_KEY' });
    expect(String(error)).toContain(print);
    expect(String(error)).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}'`);
  });

  it('when its key is revoked', async () => {
    const text = await readFile(sshd.knownHosts, 'utf8');
    const file = await known(`${text}@revoked * ${text.split(' ').slice(1).join(' ')}`);
    await expect(open({ knownHosts: file })).rejects.toMatchObject({ code: 'E_HOST_KEY', message: /is revoked in line 2/ });
  });

  it('never with a hashed known_hosts', async () => {
    const file = await known(await readFile(sshd.knownHosts, 'utf8'));
    await run(['ssh-keygen', '-H', '-f', file]);
    await (await open({ knownHosts: file })).disconnect();
  });

  it('when it refuses our key', async () => {
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', join(temp, 'stranger')]);
    await expect(open({ identity: join(temp, 'stranger') })).rejects.toMatchObject({
      code: 'E_HOST_AUTH',
      message: new RegExp(`host b1 .* refuses the key ${join(temp, 'stranger')} for user ${sshd.user}`),
    });
  });

  it('when the identity is missing, no key, or has a passphrase', async () => {
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', 'secret', '-C', '', '-f', join(temp, 'locked')]);
    for (const identity of [join(temp, 'none'), sshd.knownHosts, join(temp, 'locked')]) {
      await expect(open({ identity }), identity).rejects.toMatchObject({ name: 'TemporaryError', code: 'E_HOST_AUTH' });
    }
  });

  it('when nothing listens, or its name means nothing', async () => {
    const port = await freePort();
    const text = (await readFile(sshd.knownHosts, 'utf8')).replace(String(sshd.port), String(port));
    await expect(open({ knownHosts: await known(text) }, port)).rejects.toMatchObject({
      code: 'E_HOST_DOWN',
      message: /host b1 .*ECONNREFUSED/,
    });
    const address = { user: 'u', host: 'no-such-host.invalid', port: 22 };
    await expect(open({ address })).rejects.toMatchObject({ code: 'E_HOST_DOWN', message: /no-such-host\.invalid/ });
  });

  it('when it is frozen, after connect_timeout', async () => {
    sshd.signal('SIGSTOP');
    try {
      await expect(open({ connectTimeoutMs: 500 })).rejects.toMatchObject({ code: 'E_HOST_TIMEOUT', message: /connect_timeout is 0.5 s/ });
    } finally {
      sshd.signal('SIGCONT');
    }
  });

  it('without a word of the library on our output', async () => {
    const said = [
      vi.spyOn(console, 'log'),
      vi.spyOn(console, 'error'),
      vi.spyOn(process.stdout, 'write'),
      vi.spyOn(process.stderr, 'write'),
    ];
    try {
      await open({ identity: join(temp, 'stranger') }).catch(() => undefined);
      await withHost((host) => host.script('true', [], 10_000));
      expect(said.flatMap((spy) => spy.mock.calls)).toEqual([]);
    } finally {
      for (const spy of said) spy.mockRestore();
    }
  });
});
