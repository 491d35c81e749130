/**
 * The notices' door: something that a person is told. One promise: a notice is durable in `outbox` before the rename that it tells of, and
 * however often that is begun again, there is one notice of it.
 */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMailAddress } from '../config/address.ts';
import type { Context } from '../context.ts';
import { exists, removeTree } from '../disk.ts';
import { codeOf } from '../errors.ts';
import { digestOf } from '../spool/ids.ts';
import type { Job } from '../spool/job.ts';

export type NoticeKind = 'queued' | 'rejected' | 'failed' | 'published' | 'orphan' | 'commands';

/** What is told. Everything in it may come from an outsider; compose.ts makes it harmless. */
export interface Notice {
  readonly kind: NoticeKind;
  /** `-` for a name that is lacking, here and below. */
  readonly product: string;
  readonly source: string;
  readonly version: string;
  /** `source` for an upload's. */
  readonly architecture: string;
  /** UPLOAD or JOB that it is about. */
  readonly id: string;
  /** 0 where it is about no single attempt. */
  readonly attempt: number;
  /** When the job began, where it was judged anew: what was told of its former life is told again. */
  readonly began?: string;
  /** Addresses beside the lists of the product and the site; what is no plain address gets nothing. */
  readonly to: readonly string[];
  readonly body: string;
}

/** outbox/ID/notice.json: `to` is everybody. */
export interface NoticeFile extends Notice {
  /** When it was told, ISO 8601. */
  readonly time: string;
}

/** The entry's name: the same for the same kind of notice about the same attempt of the same thing. */
export function noticeId({ id, kind, attempt, began }: Pick<Notice, 'id' | 'kind' | 'attempt' | 'began'>): string {
  return digestOf(`${id}.${kind}.${attempt}${began === undefined ? '' : `.${began}`}`);
}

/** `began` of a notice about a job. */
export async function lifeOf({ dir, journal }: Pick<Job, 'dir' | 'journal'>): Promise<Pick<Notice, 'began'>> {
  const began = journal[0]?.time;
  return began !== undefined && (await exists(join(dir, 'before'))) ? { began } : {};
}

/** Puts a notice into `outbox`, for notify to deliver; one that lies there or in `sent` already is not written again. */
export async function tell(ctx: Context, notice: Notice): Promise<void> {
  const id = noticeId(notice);
  if ((await ctx.spool.find(id, ['outbox', 'sent'])) !== undefined) return;
  const lists = [...(ctx.config.products.get(notice.product)?.mailTo ?? []), ...ctx.config.global.mailTo];
  const to = distinct([...notice.to, ...lists].filter(isMailAddress));
  const file: NoticeFile = { ...notice, to, time: ctx.now().toISOString() };
  const workspace = await ctx.spool.workspace(id);
  try {
    await writeFile(join(workspace, 'notice.json'), `${JSON.stringify(file)}\n`);
    await ctx.spool.create(workspace, 'outbox', id);
  } catch (error) {
    await removeTree(workspace);
    // Somebody told the same at the same moment.
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  }
}

/** Whether a notice lies in `outbox` that no run has tried to deliver yet; one that waits for a server is not meant. */
export function hasUntried({ spool }: Context): boolean {
  return spool.listNow('outbox').some((id) => !existsSync(join(spool.path('outbox', id), 'journal')));
}

/** The notice in an entry. Throws when it is damaged: such an entry is not understood. */
export async function readNotice(dir: string): Promise<NoticeFile> {
  const file = JSON.parse(await readFile(join(dir, 'notice.json'), 'utf8')) as NoticeFile;
  if (!Array.isArray(file.to) || typeof file.body !== 'string') throw new Error(`${dir}/notice.json is not a notice`);
  return file;
}

/** The first of each, in whatever case it is written. */
function distinct(addresses: readonly string[]): string[] {
  const same = addresses.map((address) => address.toLowerCase());
  return addresses.filter((_, index) => same.indexOf(same[index] ?? '') === index);
}
