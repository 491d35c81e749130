import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { noticeId, readNotice, tell } from '../../lib/notices/notices.ts';
import { aNotice, makeSite, type TestSite } from './site.ts';

let site: TestSite;
beforeEach(async () => {
  site = await makeSite();
});
afterEach(() => site.remove());

async function told(): Promise<string[]> {
  return site.ctx.spool.list('outbox');
}

describe('tell', () => {
  it('puts one notice in outbox, for the uploader, the product and the site', async () => {
    await tell(site.ctx, aNotice({ to: ['Up@example.org', 'list@example.org', 'up@example.org'] }));
    expect(await told()).toEqual([noticeId(aNotice())]);
    const notice = await readNotice(site.ctx.spool.path('outbox', noticeId(aNotice())));
    expect(notice.to).toEqual(['Up@example.org', 'list@example.org', 'product@example.org']);
    expect(notice).toMatchObject({ ...aNotice(), to: notice.to, time: site.ctx.now().toISOString() });
    expect(await readdir(site.ctx.spool.file('tmp'))).toEqual([]);
  });
  it('does not write again what outbox or sent has', async () => {
    const id = noticeId(aNotice());
    await tell(site.ctx, aNotice());
    await tell(site.ctx, aNotice({ body: 'other' }));
    expect((await readNotice(site.ctx.spool.path('outbox', id))).body).toBe('It waits.\n');
    await site.ctx.spool.move(id, 'outbox', { state: 'sent' });
    await tell(site.ctx, aNotice());
    expect(await told()).toEqual([]);
  });
  it('by several at once gives one notice and leaves nothing in tmp', async () => {
    await Promise.all(Array.from({ length: 8 }, () => tell(site.ctx, aNotice())));
    expect(await told()).toHaveLength(1);
    expect(await readdir(site.ctx.spool.file('tmp'))).toEqual([]);
  });
  it('tells each kind and attempt for itself', async () => {
    for (const change of [{}, { kind: 'published' }, { kind: 'failed', attempt: 1 }, { kind: 'failed', attempt: 2 }] as const)
      await tell(site.ctx, aNotice(change));
    expect(await told()).toHaveLength(4);
  });
  it.each([
    'evil@example.org\r\nBcc: all@example.org',
    'a@b, c@d',
    '-oQ/tmp@example.org',
    '"a b"@example.org',
    'Name <a@example.org>',
    'nobody',
    '@example.org',
    'a@-x',
  ])('gives nothing to %j, which is no plain address', async (address) => {
    await tell(site.ctx, aNotice({ to: [address] }));
    expect((await readNotice(site.ctx.spool.path('outbox', noticeId(aNotice())))).to).toEqual(['product@example.org', 'list@example.org']);
  });
  it('of an unknown product reaches the site', async () => {
    await tell(site.ctx, aNotice({ product: '-', to: [] }));
    expect((await readNotice(site.ctx.spool.path('outbox', noticeId(aNotice())))).to).toEqual(['list@example.org']);
  });
});
