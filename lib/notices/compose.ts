/**
 * A notice as a mail. Pure, and one promise: whatever an outsider wrote into the notice, it is a word of the Subject or text of the body,
 * never a header, a recipient or something that a terminal obeys.
 */
import { type NoticeFile, noticeId } from './notices.ts';

export interface Mail {
  readonly messageId: string;
  readonly from: string;
  /** For the To header; the envelope may be fewer of them. */
  readonly to: readonly string[];
  readonly subject: string;
  readonly date: Date;
  readonly text: string;
}

const MAX_BODY = 64 * 1024;

/** The same notice is always the same mail, Message-ID and Date too, so that a repeat can be recognised. */
export function composeMail(notice: NoticeFile, from: string): Mail {
  const { product, source, version, architecture, kind } = notice;
  const [p, s, v, a, k] = [product, source, version, architecture, kind].map((text) => wordOf(text, 80));
  return {
    messageId: `<${noticeId(notice)}@${from.slice(from.lastIndexOf('@') + 1)}>`,
    from,
    to: notice.to,
    subject: `[${p}] ${s} ${v} ${a}: ${k}`,
    date: new Date(notice.time),
    text: `${textOf(notice.body)}\n\n-- \n${wordOf(notice.id, 200)}\n`,
  };
}

/** Control characters, halves of characters, and marks that turn the direction of writing. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

function wordOf(text: string, longest: number): string {
  const word = text
    .slice(0, 10 * longest)
    .replace(UNSEEN, '')
    .replace(/\s+/g, '_');
  return word === '' ? '-' : cut(word, longest);
}

function textOf(body: string): string {
  const text = body
    .slice(0, 2 * MAX_BODY)
    .replace(/\r\n?/g, '\n')
    .replace(UNSEEN, (character) => (character === '\n' || character === '\t' ? character : ''));
  return cut(text.trimEnd(), MAX_BODY);
}

/** At most `longest` characters, never half of one. */
function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1).replace(/\p{Cs}$/u, '')}…`;
}
