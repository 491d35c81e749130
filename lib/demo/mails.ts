/** The mails that the demo's sendmail filed, as people read them. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface FiledMail {
  readonly subject: string;
  readonly to: string;
  readonly text: string;
  /** When it was told. */
  readonly date: Date;
}

/** In the order in which they were told. */
export async function readMails(dir: string): Promise<FiledMail[]> {
  const names = (await readdir(dir)).sort();
  const mails = await Promise.all(names.map(async (name) => parseMail(await readFile(join(dir, name), 'utf8'))));
  return mails.sort((a, b) => a.date.getTime() - b.date.getTime());
}

/** Reads a mail of one text part, as nodemailer writes it. */
export function parseMail(raw: string): FiledMail {
  const [head = '', ...rest] = raw.replaceAll('\r\n', '\n').split('\n\n');
  const headers = head.replace(/\n[ \t]+/g, ' ');
  const header = (name: string): string => new RegExp(`^${name}: (.*)$`, 'im').exec(headers)?.[1] ?? '';
  const body = rest.join('\n\n');
  return {
    subject: header('Subject'),
    to: header('To'),
    text: decode(body, header('Content-Transfer-Encoding')),
    date: new Date(header('Date')),
  };
}

function decode(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  if (encoding !== 'quoted-printable') return body;
  const bytes = body.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
