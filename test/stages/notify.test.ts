import { once } from 'node:events';
import { readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { afterEach, describe, expect, it } from 'vitest';
import { hasUntried, noticeId, tell } from '../../lib/notices/notices.ts';
import { isNotifyIdle, notify } from '../../lib/stages/notify.ts';
import { startSmtp } from '../helpers/smtp.ts';
import { startServer } from '../notices/server.ts';
import { aNotice, HOUR, makeSite, type TestSite } from '../notices/site.ts';

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

describe('a notice', () => {
  it('is not sent while the disk is full, else it would go out again each minute', async () => {
    const smtp = later(await startSmtp(), (it) => it.stop());
    const site = await siteFor(smtp.url);
    const room = join(site.ctx.spool.path('outbox', ID), '.new-room');
    await symlink('/dev/full', room);
    expect(await notify(site.ctx)).toEqual({ moved: 0, kept: 1, broken: 0 });
    expect(smtp.mails).toHaveLength(0);
    await rm(room);
    expect(await notify(site.ctx)).toEqual({ moved: 1, kept: 0, broken: 0 });
  });
  it('does not wait for a time that a wrong clock gave', async () => {
    const site = await siteFor('smtp://127.0.0.1:1');
    site.pass(1000 * 24 * HOUR);
    await notify(site.ctx);
    site.pass(-1000 * 24 * HOUR);
    await notify(site.ctx);
    expect(await site.journal('outbox', ID)).toHaveLength(2);
  });
  it('goes in one message to all, and then to sent', async () => {
    const smtp = later(await startSmtp(), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(isNotifyIdle(site.ctx)).toBe(false);
    expect(await notify(site.ctx)).toEqual({ moved: 1, kept: 0, broken: 0 });
    expect(isNotifyIdle(site.ctx)).toBe(true);
    expect(smtp.mails).toHaveLength(1);
    expect(smtp.mails[0]).toMatchObject({ from: 'buildme@example.org', recipients: EVERYBODY, subject: '[p] pebble 1.0 source: queued' });
    expect(smtp.mails[0]?.headers.get('auto-submitted')).toBe('auto-generated');
    expect(smtp.mails[0]?.headers.get('date')).toEqual(new Date(Math.floor(site.ctx.now().getTime() / 1000) * 1000));
    expect(await site.journal('sent', ID)).toMatchObject([
      { stage: 'notify', event: 'tried', delivered: EVERYBODY, refused: [], deferred: [] },
    ]);
    expect(site.printed).toEqual([]);
  });
  it('in UTF-8 arrives as it was', async () => {
    const smtp = later(await startSmtp(), (it) => it.stop());
    const site = later(await makeSite({ smtp: smtp.url }), (it) => it.remove());
    await tell(site.ctx, aNotice({ source: 'grün-日本', body: `Schöne Grüße, 日本語 😀\n.\n..\n${'x'.repeat(2000)}\n` }));
    await notify(site.ctx);
    expect(smtp.mails[0]?.subject).toBe('[p] grün-日本 1.0 source: queued');
    expect(smtp.mails[0]?.text).toContain(`Schöne Grüße, 日本語 😀\n.\n..\n${'x'.repeat(2000)}\n`);
  });
  it('with line ends in every name adds no header and no recipient', async () => {
    const smtp = later(await startSmtp(), (it) => it.stop());
    const site = later(await makeSite({ smtp: smtp.url }), (it) => it.remove());
    const evil = 'x\r\nBcc: victim@example.org\r\n\r\nhello';
    await tell(
      site.ctx,
      aNotice({ product: evil, source: evil, version: evil, architecture: evil, to: [`a@example.org${evil}`], body: evil }),
    );
    await notify(site.ctx);
    const [mail] = smtp.mails;
    expect(mail?.recipients).toEqual(['list@example.org']);
    expect(mail?.headers.has('bcc')).toBe(false);
    const head = (mail?.raw ?? '').split('\r\n\r\n')[0] ?? '';
    expect(head).not.toMatch(/^(Bcc|hello)/m);
    expect(await simpleParser(mail?.raw ?? '').then(({ headers }) => [...headers.keys()].sort())).toEqual(
      ['auto-submitted', 'content-transfer-encoding', 'content-type', 'date', 'from', 'message-id', 'mime-version', 'subject', 'to'].sort(),
    );
  });
  it('without a mail server configured goes to sent and says so', async () => {
    const site = await siteFor(undefined);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    expect(await site.journal('sent', ID)).toMatchObject([{ event: 'no mail configured' }]);
  });
  it('that is damaged is a bug of ours, and the others go all the same', async () => {
    const smtp = later(await startSmtp(), (it) => it.stop());
    const site = await siteFor(smtp.url);
    await tell(site.ctx, aNotice({ kind: 'published' }));
    await writeFile(join(site.ctx.spool.path('outbox', ID), 'notice.json'), '{');
    expect(await notify(site.ctx)).toEqual({ moved: 1, kept: 0, broken: 1 });
    for (let run = 0; run < 2; run += 1) await notify(site.ctx);
    expect(site.has('corrupt', ID)).toBe(true);
  });
});

describe('a server that refuses', () => {
  it('one recipient for good: the others have it, the journal says who has not, and it is sent', async () => {
    const smtp = later(await startServer({ recipient: (address) => (address.startsWith('up@') ? 550 : 250) }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    expect(smtp.received).toHaveLength(1);
    expect(await site.journal('sent', ID)).toMatchObject([
      { delivered: ['product@example.org', 'list@example.org'], refused: [{ address: 'up@example.org', reply: '550 the answer is 550' }] },
    ]);
    expect(site.printed).toEqual([]);
  });
  it('every recipient for good: nothing is left to try', async () => {
    const smtp = later(await startServer({ recipient: () => 550 }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    expect(await site.journal('sent', ID)).toMatchObject([{ delivered: [], refused: EVERYBODY.map((address) => ({ address })) }]);
  });
  it('one recipient for now: it alone is tried again, after a pause', async () => {
    let code = 450;
    const smtp = later(await startServer({ recipient: (address) => (address.startsWith('up@') ? code : 250) }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(await notify(site.ctx)).toMatchObject({ kept: 1 });
    code = 250;
    expect(await notify(site.ctx)).toMatchObject({ kept: 1 });
    expect(smtp.asked).toHaveLength(3);
    site.pass(MINUTE);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    expect(smtp.asked.slice(3)).toEqual(['up@example.org']);
    expect(smtp.received).toHaveLength(2);
  });
  it('one recipient for now for five days: it is given up', async () => {
    const smtp = later(await startServer({ recipient: () => 450 }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    await notify(site.ctx);
    site.pass(5 * 24 * HOUR);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    expect((await site.journal('sent', ID)).at(-1)).toMatchObject({
      refused: [{ reply: 'given up after 5 days: 450 the answer is 450' }, {}, {}],
    });
  });
  it.each([
    [554, 'sent', { refused: [{ reply: '554 the answer is 554' }, {}, {}] }],
    [451, 'outbox', { deferred: [{ reply: '451 the answer is 451' }, {}, {}] }],
  ] as const)('one text with %i: it is in %s, and the next notice is delivered in the same run', async (code, state, line) => {
    const smtp = later(await startServer({ text: (raw) => (raw.includes('queued') ? code : 250) }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    await tell(site.ctx, aNotice({ kind: 'published' }));
    await notify(site.ctx);
    expect(await site.journal(state, ID)).toMatchObject([line]);
    expect(site.has('sent', noticeId(aNotice({ kind: 'published' })))).toBe(true);
  });
  it('the sender: that is about all mails, and nothing is lost', async () => {
    const smtp = later(await startServer({ sender: 550 }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    expect(await notify(site.ctx)).toMatchObject({ kept: 1 });
    expect(await site.journal('outbox', ID)).toMatchObject([{ event: 'tried', reason: expect.stringContaining('550') }]);
  });
});

describe('a server that is down', () => {
  it('costs one try per run with growing pauses, prints nothing on the first day and then once a day, and gets all when it is back', async () => {
    const gone = await startSmtp();
    await gone.stop();
    const site = await siteFor(gone.url);
    await tell(site.ctx, aNotice({ kind: 'published' }));
    expect(hasUntried(site.ctx)).toBe(true);
    expect(await notify(site.ctx)).toEqual({ moved: 0, kept: 2, broken: 0 });
    const tries = async (): Promise<number> =>
      (await Promise.all((await site.ctx.spool.list('outbox')).map((id) => site.journal('outbox', id)))).flat().length;
    expect(await tries()).toBe(1);
    await notify(site.ctx);
    expect(await tries()).toBe(2);
    expect(hasUntried(site.ctx)).toBe(false);
    await notify(site.ctx);
    expect(await tries()).toBe(2);
    site.pass(MINUTE);
    await notify(site.ctx);
    expect(await tries()).toBe(3);
    expect(site.printed).toEqual([]);
    for (let hour = 0; hour < 50; hour += 1) {
      site.pass(HOUR);
      await notify(site.ctx);
    }
    expect(site.printed).toHaveLength(2);
    expect(site.printed[0]).toMatch(/^buildme notify: no mail: reason=the mail server did not take it: .*ECONNREFUSED/);
    const smtp = later(await startSmtp({ port: gone.port }), (it) => it.stop());
    site.pass(HOUR);
    expect(await notify(site.ctx)).toMatchObject({ moved: 2 });
    expect(smtp.mails).toHaveLength(2);
  });
  it('or says nothing: the run ends in its time, and what comes after is not made to wait for it too', async () => {
    const mute = createServer().listen(0, '127.0.0.1');
    await once(mute, 'listening');
    later(mute, async (it) => void it.close());
    const address = mute.address();
    const site = await siteFor(`smtp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    await tell(site.ctx, aNotice({ kind: 'published' }));
    const started = Date.now();
    expect(await notify(site.ctx, { runMs: 5000, connectMs: 100, silenceMs: 100 })).toEqual({ moved: 0, kept: 2, broken: 0 });
    expect(Date.now() - started).toBeLessThan(2500);
  });
  it('or slow: the run stops at its limit; the mail that was taken all the same is repeated with the same Message-ID', async () => {
    let answer = (_code: number): void => undefined;
    const slow = new Promise<number>((resolve) => {
      answer = resolve;
    });
    let isSlow = true;
    const smtp = later(await startServer({ text: () => (isSlow ? slow : 250) }), (it) => it.stop());
    const site = await siteFor(smtp.url);
    const started = Date.now();
    expect(await notify(site.ctx, { runMs: 500, connectMs: 5000, silenceMs: 5000 })).toMatchObject({ kept: 1 });
    expect(Date.now() - started).toBeLessThan(4000);
    isSlow = false;
    answer(250);
    site.pass(MINUTE);
    expect(await notify(site.ctx)).toMatchObject({ moved: 1 });
    const ids = await Promise.all(smtp.received.map(async (raw) => (await simpleParser(raw)).messageId));
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });
});

describe('the log', () => {
  it('holds no password', async () => {
    const site = await siteFor('smtp://user:hush-hush@127.0.0.1:1');
    await notify(site.ctx);
    site.pass(25 * HOUR);
    await notify(site.ctx);
    expect(site.printed).toHaveLength(1);
    const log = await readFile(join(site.dir, 'log', 'notify.log'), 'utf8');
    expect(log).toContain('no mail');
    expect(log + site.printed.join()).not.toContain('hush');
  });
});
