import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { simpleParser } from 'mailparser';
import { afterEach, describe, expect, it } from 'vitest';
import { composeMail } from '../../lib/notices/compose.ts';
import { noticeId, readNotice, tell } from '../../lib/notices/notices.ts';
import { notify } from '../../lib/stages/notify.ts';
import { startServer } from '../notices/server.ts';
import { aNotice, makeSite, type TestSite } from '../notices/site.ts';

const ID = noticeId(aNotice());
const MINUTE = 60_000;
const EVERYBODY = ['up@example.org', 'product@example.org', 'list@example.org'];

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
function later<T>(thing: T, cleanup: (thing: T) => Promise<void>): T {
  cleanups.push(() => cleanup(thing));
  return thing;
}
async function siteFor(smtp: string | undefined): Promise<TestSite> {
  const site = later(await makeSite(smtp === undefined ? {} : { smtp }), (it) => it.remove());
  await tell(site.ctx, aNotice());
  return site;
}

describe('a killed run', () => {
  const entry = fileURLToPath(new URL('../notices/notify_once.ts', import.meta.url));

  /** Runs notify in a process of its own. */
  async function runOnce(
    site: TestSite,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ kill: () => void; ended: Promise<unknown> }> {
    const outfile = join(site.dir, 'notify_once.mjs');
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' });
    const child = spawn(process.execPath, [outfile, site.ctx.spool.root, site.ctx.config.global.smtp ?? ''], {
      env: { ...process.env, ...env },
      stdio: 'inherit',
    });
    return { kill: () => child.kill('SIGKILL'), ended: once(child, 'exit') };
  }

  it('between the delivery and the journal: sends again, with the same Message-ID', async () => {
    let kill = (): void => undefined;
    const smtp = later(
      await startServer({
        text: () => {
          kill();
          return 250;
        },
      }),
      (it) => it.stop(),
    );
    const site = await siteFor(smtp.url);
    const first = await runOnce(site);
    kill = first.kill;
    expect(await first.ended).toEqual([null, 'SIGKILL']);
    expect(site.has('outbox', ID)).toBe(true);
    kill = () => undefined;
    expect(await (await runOnce(site)).ended).toEqual([0, null]);
    expect(site.has('sent', ID)).toBe(true);
    const ids = await Promise.all(smtp.received.map(async (raw) => (await simpleParser(raw)).messageId));
    expect(ids).toEqual(Array(2).fill(composeMail(await readNotice(site.ctx.spool.path('sent', ID)), 'buildme@example.org').messageId));
  });
  it('between the journal and the rename: only the rename is done again', async () => {
    const smtp = later(await startServer({}), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(await (await runOnce(site, { BUILDME_CRASH_AT: '0' })).ended).toEqual([null, 'SIGKILL']);
    expect(site.has('outbox', ID)).toBe(true);
    expect(await (await runOnce(site)).ended).toEqual([0, null]);
    expect(site.has('sent', ID)).toBe(true);
    expect(smtp.received).toHaveLength(1);
  });
});

describe('sendmail', () => {
  async function sendmail(site: TestSite, script: string): Promise<void> {
    await writeFile(join(site.dir, 'sendmail'), `#!/bin/sh\n${script}\n`);
    await chmod(join(site.dir, 'sendmail'), 0o755);
  }
  it('gets sender and recipients as arguments and the mail on its standard input', async () => {
    const site = later(await makeSite({ smtp: 'sendmail:/PATH' }), (it) => it.remove());
    await tell(site.ctx, aNotice());
    const ctx = {
      ...site.ctx,
      config: { ...site.ctx.config, global: { ...site.ctx.config.global, smtp: `sendmail:${site.dir}/sendmail` } },
    };
    await sendmail(site, `echo "$*" >${site.dir}/args; cat >${site.dir}/mail`);
    expect(await notify(ctx)).toMatchObject({ moved: 1 });
    expect(await readFile(join(site.dir, 'args'), 'utf8')).toBe(`-i -f buildme@example.org ${EVERYBODY.join(' ')}\n`);
    const mail = await readFile(join(site.dir, 'mail'), 'utf8');
    expect(mail).toMatch(/^Subject: \[p\] pebble 1\.0 source: queued$/m);
    expect(mail).not.toContain('\r');
  });
  it('that fails or is not there keeps the notice', async () => {
    const site = later(await makeSite({ smtp: 'sendmail:/PATH' }), (it) => it.remove());
    await tell(site.ctx, aNotice());
    const ctx = {
      ...site.ctx,
      config: { ...site.ctx.config, global: { ...site.ctx.config.global, smtp: `sendmail:${site.dir}/sendmail` } },
    };
    expect(await notify(ctx)).toMatchObject({ kept: 1 });
    await sendmail(site, 'echo "queue is full" >&2; exit 75');
    site.pass(MINUTE);
    expect(await notify(ctx)).toMatchObject({ kept: 1 });
    expect(await site.journal('outbox', ID)).toMatchObject([
      { reason: expect.stringContaining('cannot run') },
      { reason: expect.stringMatching(/exit status 75: queue is full/) },
    ]);
  });
});
