/**
 * Uploads whose source we have already. One promise: the same thing twice is built once, unless all that came of it stopped: then it is
 * judged anew.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { unless } from '../errors.ts';
import { escapeName } from '../spool/ids.ts';
import type { RejectFile } from './entry.ts';
import { type Incoming, stemOf } from './incoming.ts';
import type { Records } from './records.ts';
import type { Trigger } from './trigger.ts';

export interface Again {
  /** The entry that it belongs to; undefined when only the repository knows it. */
  readonly dir: string | undefined;
  /** In words, for the log. */
  readonly of: string;
}

/** What a trigger, whose signature is good, only repeats or joins; undefined: it is new, or to be judged anew. */
export async function findAgain(
  ctx: Context,
  { product, known, repository }: Records,
  trigger: Trigger,
  incoming: Incoming,
): Promise<Again | undefined> {
  const dsc = dscOf(trigger);
  const isSame = (other: { readonly name: string; readonly sha256: string } | undefined): boolean =>
    dsc !== undefined && other?.name === dsc.name && other.sha256 === dsc.sha256;
  // A .changes that comes after its .dsc was taken belongs to that upload, whatever came of it; with the .dsc it is an upload of its own.
  const isLate = trigger.changes !== undefined && dsc !== undefined && !incoming.has(dsc.name);
  for (const { file, standing } of known) {
    if (file.product !== product.name || !(file.id === trigger.id || isSame(file.dsc))) continue;
    const joins = isLate && file.trigger.endsWith('.dsc');
    if (standing !== 'over' || joins) return { dir: ctx.spool.path('uploads', file.id), of: `upload ${file.id}` };
  }
  if (dsc === undefined) return undefined;
  const isListed = repository
    .list(product.suite)
    .some(({ kind, name, version }) => kind === 'source' && name === trigger.source && version === trigger.version);
  if (isListed && isSame({ name: dsc.name, sha256: repository.digestOf(dsc.name) ?? '' }))
    return { dir: undefined, of: `${trigger.source} ${trigger.version}, which is published` };
  if (!isLate) return undefined;
  for (const id of await ctx.spool.list('rejected')) {
    if (!id.startsWith(`${escapeName(stemOf(dsc.name))}_`)) continue;
    const text = await unless('ENOENT', '{}', readFile(join(ctx.spool.path('rejected', id), 'reject.json'), 'utf8'));
    const reject = JSON.parse(text) as Partial<RejectFile>;
    if (reject.product === product.name && reject.trigger === dsc.name && isSame(reject.dsc))
      return { dir: ctx.spool.path('rejected', id), of: `rejected upload ${id}` };
  }
  return undefined;
}

/** The .dsc that a trigger is or lists, by its SHA-256. */
export function dscOf(trigger: Trigger): { readonly name: string; readonly sha256: string } | undefined {
  if (trigger.dsc !== undefined) return { name: trigger.file.name, sha256: createHash('sha256').update(trigger.bytes).digest('hex') };
  const file = trigger.files.find(({ name }) => name.endsWith('.dsc'));
  const sha256 = file?.digests.sha256;
  return file === undefined || sha256 === undefined ? undefined : { name: file.name, sha256 };
}
