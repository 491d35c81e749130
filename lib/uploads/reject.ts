/**
 * Refusing: every fault in `reason`, the files beside it. One promise: what was uploaded is in the entry before it leaves incoming, and a
 * refused upload leaves nothing there for the next run to stumble over.
 */
import { link, lstat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Product } from '../config/types.ts';
import type { Context } from '../context.ts';
import { copyHashing, removeFile } from '../disk.ts';
import { codeOf, isDiskFault, textOf, unless } from '../errors.ts';
import { rejectedBody } from '../notices/bodies.ts';
import { tell } from '../notices/notices.ts';
import { commit, openWorkspace, type RejectFile } from './entry.ts';
import type { IncomingFile } from './incoming.ts';
import { leave, listLeaving } from './leaving.ts';

export type Refusal = Omit<RejectFile, 'life' | 'time'> & {
  readonly faults: readonly string[];
  /** The trigger first. */
  readonly take: readonly IncomingFile[];
};

/** Moves what `take` names from incoming into `rejected/ID` (or `corrupt/ID`), and tells. */
export async function refuse(
  ctx: Context,
  product: Product,
  { faults, take, ...file }: Refusal,
  state: 'rejected' | 'corrupt' = 'rejected',
): Promise<void> {
  const workspace = await openWorkspace(ctx.spool, file.id);
  const lost = await Promise.all(take.map((each) => keep(each, join(workspace.dir, 'files', each.name), product.maxUploadBytes)));
  const reasons = [...faults, ...lost.filter((line) => line !== undefined)];
  const reject: RejectFile = { ...file, life: workspace.life, time: ctx.now().toISOString() };
  await writeFile(join(workspace.dir, 'reason'), `${reasons.join('\n')}\n`);
  await writeFile(join(workspace.dir, 'reject.json'), `${JSON.stringify(reject, null, 1)}\n`);
  listLeaving(workspace.dir, product.name, take);
  const { id, source = '-', version = '-', mail } = file;
  const body = rejectedBody({ source, version }, reasons);
  await tell(ctx, {
    kind: 'rejected',
    product: product.name,
    source,
    version,
    architecture: 'source',
    id,
    attempt: reject.life - 1,
    to: mail,
    body,
  });
  await commit(ctx.spool, workspace, state, id);
  ctx.log.info(state, { id, trigger: file.trigger, reasons });
  await leave(ctx.spool.path(state, id), take);
}

/** Puts a file of incoming into a workspace, by a hard link where that can be: nothing relies on its content. Returns why it could not. */
async function keep(file: IncomingFile, to: string, maxBytes: number): Promise<string | undefined> {
  if (file.kind !== 'file') return undefined;
  try {
    const linked = await unless(
      ['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'],
      false,
      link(file.path, to).then(() => true),
    );
    if (!linked) await copyHashing(file.path, to, [], { maxBytes });
    // link(2) takes whatever bears the name by now.
    else if (!(await lstat(to)).isFile()) await unlink(to);
    return undefined;
  } catch (error) {
    if (isDiskFault(error)) throw error;
    await removeFile(to);
    return codeOf(error) === 'ENOENT' ? undefined : `${file.name} was not kept: ${textOf(error)}`;
  }
}
