/**
 * notify: what lies in `outbox` is mailed, and goes to `sent`. One promise: every recipient gets each notice at least once, a repeat with
 * the same Message-ID, or the journal in the entry says who refused it; a server that is down or slow costs one try per run and loses nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Context, eachEntry, type Outcome, type Tally } from '../context.ts';
import { readJsonLines, removeFile } from '../disk.ts';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import { composeMail } from '../notices/compose.ts';
import { type NoticeFile, readNotice } from '../notices/notices.ts';
import { type Delivery, LONGEST_PAUSE_MS, standingOf } from '../notices/standing.ts';
import { openTransport, type Transport } from '../notices/transport.ts';
import { type JournalLine, note } from '../spool/job.ts';
import type { Glance } from '../spool/look.ts';

export function isNotifyIdle({ spool }: Glance): boolean {
  return spool.isEmpty('outbox');
}

/** A run under cron ends before the next one begins. Milliseconds. */
const LIMITS = { runMs: 50_000, connectMs: 10_000, silenceMs: 30_000 };
const DAY = 86_400_000;
/** A line of the journal, on any file system. */
const ROOM_BYTES = 64 * 1024;
/** A recipient that is deferred (4xx) for this long gets nothing more. */
const GIVE_UP_AFTER_MS = 5 * DAY;

/** Delivers every notice that is due, in name order. `limits` in milliseconds. */
export async function notify(ctx: Context, limits = LIMITS): Promise<Tally> {
  const signal = AbortSignal.timeout(limits.runMs);
  const { smtp } = ctx.config.global;
  let transport: Transport | undefined;
  let isSilent = false;

  async function work(id: string): Promise<Outcome> {
    const dir = ctx.spool.path('outbox', id);
    const notice = await readNotice(dir);
    const { open, dueAtMs } = standingOf(notice.to, await readJsonLines<JournalLine>(join(dir, 'journal')));
    if (smtp === undefined || open.length === 0) {
      if (smtp === undefined) await note(dir, ctx.now(), 'notify', 'no mail configured');
      return send(ctx, id);
    }
    const pauseMs = dueAtMs - ctx.now().getTime();
    // Longer than any pause: the clock was wrong when it was noted.
    if (isSilent || signal.aborted || (pauseMs > 0 && pauseMs <= LONGEST_PAUSE_MS)) return 'kept';
    transport ??= await openTransport(smtp, ctx.exec, limits, signal);
    const room = join(dir, '.new-room');
    try {
      // What the journal will need: on a full disk the same mail would go out again and again.
      await writeFile(room, Buffer.alloc(ROOM_BYTES));
      const delivery = giveUp(ctx, notice, await transport.deliver(composeMail(notice, ctx.config.global.mailFrom), open));
      await removeFile(room);
      await note(dir, ctx.now(), 'notify', 'tried', { ...delivery });
      for (const refusal of delivery.refused) ctx.log.info('refused', { notice: id, about: notice.id, ...refusal });
      return delivery.deferred.length === 0 ? send(ctx, id) : 'kept';
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      await removeFile(room);
      // A server that says nothing to one says nothing to the others: they are not made to wait for it too.
      isSilent = true;
      await note(dir, ctx.now(), 'notify', 'tried', { reason: error.message });
      complain(ctx, notice, textOf(error));
      return 'kept';
    }
  }

  try {
    const ids = await ctx.spool.list('outbox');
    return await eachEntry(ctx, ids, (id) => ({ id, dir: ctx.spool.path('outbox', id) }), work);
  } finally {
    transport?.close();
  }
}

/** The journal says who got it, durably: a crash before this rename sends nothing twice. */
async function send(ctx: Context, id: string): Promise<Outcome> {
  await ctx.spool.move(id, 'outbox', { state: 'sent' });
  return 'moved';
}

function giveUp(ctx: Context, notice: NoticeFile, delivery: Delivery): Delivery {
  if (ctx.now().getTime() - Date.parse(notice.time) < GIVE_UP_AFTER_MS) return delivery;
  const late = delivery.deferred.map(({ address, reply }) => ({ address, reply: `given up after 5 days: ${reply}` }));
  return { ...delivery, refused: [...delivery.refused, ...late], deferred: [] };
}

/** In the log each time; printed, for cron to mail, once a day and only when a notice has been waiting for a day. */
function complain(ctx: Context, notice: NoticeFile, reason: string): void {
  const told = ctx.spool.file('lock', 'notify.told');
  const now = ctx.now();
  if (now.getTime() - Math.max(Date.parse(notice.time), lastTold(told)) < DAY) {
    ctx.log.info('no mail', { reason });
    return;
  }
  writeFileSync(told, now.toISOString());
  ctx.log.error('no mail', { reason, since: notice.time, remedy: 'mails wait in outbox until `smtp` in the configuration answers' });
}

function lastTold(path: string): number {
  try {
    return Date.parse(readFileSync(path, 'utf8')) || 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
