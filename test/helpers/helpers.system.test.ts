import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../lib/exec.ts';
import { startCron } from './cron.ts';
import { clearsign, type Key, makeKey, revoke, writeKeyring } from './key.ts';
import { buildSource, type PackageName } from './packages.ts';
import { isRoot, makeTemp, removeTemp, run, until } from './run.ts';
import { startSmtp } from './smtp.ts';
import { startSshd } from './sshd.ts';
import { cutShort, flipByte, grow, writeUpload } from './upload.ts';
import { makeUser } from './user.ts';

let dir: string;
let key: Key;
beforeAll(async () => {
  dir = await makeTemp('helpers');
  key = await makeKey();
});
afterAll(async () => {
  await key.remove();
  await removeTemp(dir);
});

async function statusOf(text: string, keys: readonly Key[]): Promise<string> {
  await writeKeyring(join(dir, 'ring.gpg'), keys);
  return (await exec(['gpgv', '--status-fd', '3', '--keyring', join(dir, 'ring.gpg'), '-'], { input: text, extra: true })).extra;
}

describe('keys', () => {
  it('sign what gpgv then finds good', async () => {
    expect(await statusOf(await clearsign('hello\n', key), [key])).toContain(`VALIDSIG ${key.fingerprint}`);
  });
  it('can be expired, revoked, and sign with a date and a digest of their own', async () => {
    const old = await makeKey('Olga Old <olga@example.org>', { at: new Date('2020-01-01T00:00:00Z'), expires: '1d' });
    const signed = await clearsign('x\n', old, { at: new Date('2020-01-01T10:00:00Z'), digest: 'SHA1' });
    const status = await statusOf(signed, [old]);
    expect(status).toMatch(/EXPKEYSIG/);
    expect(status).toMatch(/VALIDSIG \w+ 2020-01-01 1577872800 0 4 0 22 2 /);
    const revoked = await revoke(key);
    expect(await statusOf(await clearsign('x\n', key), [revoked])).toMatch(/REVKEYSIG/);
    await old.remove();
    await revoked.remove();
  });
});

describe('packages', () => {
  it.each([
    ['pocketcal', '1.4-1', 5],
    ['wordtally', '3.2', 4],
    ['tidemark', '0.7-1', 5],
    ['moonphase', '2:1.1', 4],
    ['almanac', '2024.1-1', 5],
    ['leakyboat', '0.1', 4],
  ] as [PackageName, string, number][])('%s %s becomes an upload that dscverify takes', async (name, version, files) => {
    const built = await buildSource(name, join(dir, name), { key });
    expect(built.version).toBe(version);
    expect(built.upload).toHaveLength(files);
    await writeKeyring(join(dir, 'uploaders.gpg'), [key]);
    await run(['dscverify', '--no-conf', '--no-default-keyrings', '--keyring', join(dir, 'uploaders.gpg'), join(built.dir, built.changes)]);
  });
  it('a second revision leaves out its orig, which is the same byte for byte', async () => {
    const first = await buildSource('pocketcal', join(dir, 'first'));
    const second = await buildSource('pocketcal', join(dir, 'second'), { version: '1.4-2' });
    expect(second.upload).not.toContain('pocketcal_1.4.orig.tar.gz');
    const [a, b] = await Promise.all([first, second].map(({ dir }) => readFile(join(dir, 'pocketcal_1.4.orig.tar.gz'))));
    expect(a?.equals(b ?? Buffer.of())).toBe(true);
  });
});

describe('uploads made by hand', () => {
  it('are right, until they are tampered with', async () => {
    const at = await makeTemp('upload');
    const upload = await writeUpload(at, { key, version: '2:1.0-1' });
    await writeKeyring(join(dir, 'uploaders.gpg'), [key]);
    const check = (): Promise<{ status: number | null }> =>
      exec(['dscverify', '--no-conf', '--no-default-keyrings', '--keyring', join(dir, 'uploaders.gpg'), join(at, upload.changes)]);
    expect((await check()).status).toBe(0);
    const orig = join(at, 'pebble_1.0.orig.tar.gz');
    const content = await readFile(orig);
    for (const tamper of [flipByte, cutShort, grow]) {
      await tamper(orig);
      expect((await check()).status).not.toBe(0);
      await writeFile(orig, content);
    }
    await removeTemp(at);
  });
});

describe('sshd', () => {
  it('runs commands, takes files, and is gone after stop', async () => {
    const sshd = await startSshd();
    expect(await run(['ssh', ...sshd.clientOptions, '127.0.0.1', 'echo $((6*7))'])).toBe('42\n');
    await writeFile(join(dir, 'a'), 'x');
    await run(['scp', '-q', '-F', sshd.clientConfig, join(dir, 'a'), `127.0.0.1:${join(dir, 'b')}`]);
    expect(await readFile(join(dir, 'b'), 'utf8')).toBe('x');
    await sshd.stop();
    expect(existsSync(sshd.identity)).toBe(false);
    await expect(
      new Promise((resolve, reject) => connect(sshd.port, '127.0.0.1', () => resolve('open')).once('error', reject)),
    ).rejects.toThrow('ECONNREFUSED');
  });
  it('comes back on the same port with the same host key', async () => {
    const hostKey = join(dir, 'host_key');
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
    const first = await startSshd({ hostKey });
    const known = await readFile(first.knownHosts, 'utf8');
    await first.stop();
    const second = await startSshd({ hostKey, port: first.port });
    expect(await readFile(second.knownHosts, 'utf8')).toBe(known);
    await second.stop();
  });
});

describe('smtp', () => {
  it('keeps mails and refuses the recipients that it is told to', async () => {
    const smtp = await startSmtp({ refuses: (address) => address.startsWith('no') });
    const transport = createTransport(smtp.url);
    const sent = await transport.sendMail({
      from: 'a@example.org',
      to: ['b@example.org', 'no@example.org'],
      subject: 'Grüße',
      text: 'hi\n',
    });
    expect(sent.rejected).toEqual(['no@example.org']);
    const mail = await smtp.mailAbout('Grüße');
    expect(mail.recipients).toEqual(['b@example.org']);
    expect(mail.text).toBe('hi\n');
    transport.close();
    await smtp.stop();
  });
});

describe.skipIf(!isRoot)('user and cron (need root)', () => {
  it('a user logs in over ssh, and his crontab runs and mails what it prints', { timeout: 150_000 }, async () => {
    const user = await makeUser();
    const sshd = await startSshd({ user: user.name });
    expect(await run(['ssh', ...sshd.clientOptions, '127.0.0.1', 'id -un; pwd'])).toBe(`${user.name}\n${user.home}\n`);
    await sshd.stop();
    const out = join(user.home, 'out');
    const cron = await startCron(user.name, `* * * * * id -un >${out}\n* * * * * echo spoken\n`);
    await until('two lines of crontab', async () => existsSync(out) && (await cron.mails()).length > 0, 90_000);
    expect(await readFile(out, 'utf8')).toBe(`${user.name}\n`);
    expect((await cron.mails())[0]).toMatch(/\n\nspoken\n/);
    await cron.stop();
    expect(existsSync('/usr/sbin/sendmail')).toBe(false);
    await user.remove();
    expect((await exec(['id', user.name])).status).toBe(1);
  });
});
