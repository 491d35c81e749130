import { describe, expect, it } from 'vitest';
import { harmless } from '../../lib/demo/journey.ts';
import { parseMail } from '../../lib/demo/mails.ts';

describe('a filed mail', () => {
  it('shows who gets it, a folded subject, and its text', () => {
    expect(
      parseMail(
        'To: a@x, b@x\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\nSubject: [demo] a very\r\n long one\r\n\r\nhello\r\n\r\nworld\r\n',
      ),
    ).toEqual({
      to: 'a@x, b@x',
      subject: '[demo] a very long one',
      text: 'hello\n\nworld\n',
      date: new Date('2026-01-01T00:00:00Z'),
    });
  });
  it.each([
    ['quoted-printable', 'Gr=C3=BC=C3=9Fe, and a line=\n that goes on =3D\n', 'Grüße, and a line that goes on =\n'],
    ['base64', `${Buffer.from('Grüße\n').toString('base64')}\n`, 'Grüße\n'],
    ['7bit', 'a=20b\n', 'a=20b\n'],
  ])('in %s is decoded', (encoding, body, text) => {
    expect(parseMail(`Subject: x\nContent-Transfer-Encoding: ${encoding}\n\n${body}`).text).toBe(text);
  });
});

it('what a build printed cannot command the terminal', () => {
  expect(harmless('ok\u001b[2J\u0007\r\nnext\tcolumn\r50%\n')).toBe('ok[2J\nnext\tcolumn\n50%\n');
});
