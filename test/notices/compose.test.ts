import { describe, expect, it } from 'vitest';
import { composeMail } from '../../lib/notices/compose.ts';
import type { NoticeFile } from '../../lib/notices/notices.ts';

const notice: NoticeFile = {
  kind: 'failed',
  product: 'fremantle',
  source: 'pebble',
  version: '1:1.0-1',
  architecture: 'amd64',
  id: 'pebble_1%3a1.0-1_amd64_0123456789ab',
  attempt: 2,
  to: ['a@example.org'],
  body: 'It failed.\n',
  time: '2026-01-02T03:04:05.000Z',
};

describe('a mail', () => {
  it('has the fixed subject, the date of the notice and ends with the id', () => {
    const mail = composeMail(notice, 'buildme@example.org');
    expect(mail.subject).toBe('[fremantle] pebble 1:1.0-1 amd64: failed');
    expect(mail.date).toEqual(new Date('2026-01-02T03:04:05Z'));
    expect(mail.text).toBe('It failed.\n\n-- \npebble_1%3a1.0-1_amd64_0123456789ab\n');
  });
  it('has the same short Message-ID each time, another for another kind or attempt', () => {
    const id = (change: Partial<NoticeFile>): string => composeMail({ ...notice, ...change }, 'buildme@example.org').messageId;
    expect(id({ time: '2027-01-01T00:00:00Z', body: 'x', to: [] })).toBe(id({}));
    expect(id({})).toMatch(/^<[0-9a-f]{12}@example\.org>$/);
    expect(new Set([id({}), id({ attempt: 3 }), id({ kind: 'published' }), id({ id: 'x' })]).size).toBe(4);
  });
  it.each([
    ['CRLF', 'a\r\nBcc: all@example.org', '[fremantle] aBcc:_all@example.org 1:1.0-1 amd64: failed'],
    ['line separators', 'a\u2028b\u0085c', '[fremantle] abc 1:1.0-1 amd64: failed'],
    ['a right-to-left mark', 'a\u202eb', '[fremantle] ab 1:1.0-1 amd64: failed'],
    ['an escape', '\u001b[2Ja', '[fremantle] [2Ja 1:1.0-1 amd64: failed'],
    ['nothing', '', '[fremantle] - 1:1.0-1 amd64: failed'],
    ['a long name', 'a'.repeat(1000), `[fremantle] ${'a'.repeat(79)}… 1:1.0-1 amd64: failed`],
    ['half a character at the cut', `${'a'.repeat(78)}😀b`, `[fremantle] ${'a'.repeat(78)}… 1:1.0-1 amd64: failed`],
  ])('with %s in a name keeps to one subject line', (_what, source, subject) => {
    expect(composeMail({ ...notice, source }, 'b@example.org').subject).toBe(subject);
  });
  it('has no control characters in its text but line ends and tabs, and is bounded', () => {
    const { text } = composeMail({ ...notice, body: 'a\r\nb\rc\td\u001b[31m\u0000\u202e\n' }, 'b@example.org');
    expect(text).toMatch(/^a\nb\nc\td\[31m\n\n-- \n/);
    expect(composeMail({ ...notice, body: 'x'.repeat(1e6) }, 'b@example.org').text.length).toBeLessThan(66_000);
  });
});
