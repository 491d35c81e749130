/**
 * What is to leave incoming once an entry has it. One promise: a crash between the entry's rename and the last unlink leaves a list in the
 * entry, by which the next run ends it: nothing is judged twice, nothing left behind.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { removeFile } from '../disk.ts';
import { type Incoming, type IncomingFile, isSame, removeSame } from './incoming.ts';

interface LeavingFile {
  readonly product: string;
  readonly files: readonly IncomingFile[];
}

/** Puts the list into an entry's workspace, the trigger first. Not synced: the workspace is, as a whole. */
export function listLeaving(workspace: string, product: string, files: readonly IncomingFile[]): void {
  const list: LeavingFile = { product, files };
  writeFileSync(join(workspace, 'leaving'), JSON.stringify(list));
}

/** Removes the files from incoming, in their order, then the list from the entry. */
export async function leave(entry: string, files: readonly IncomingFile[]): Promise<void> {
  for (const file of files) await removeSame(file);
  await removeFile(join(entry, 'leaving'));
}

/** Entries of a product whose files a crash left in incoming, with what of them is still there. */
export async function unfinishedLeaving(
  ctx: Context,
  product: string,
  incoming: Incoming,
): Promise<{ entry: string; files: IncomingFile[] }[]> {
  const found: { entry: string; files: IncomingFile[] }[] = [];
  for (const state of ['uploads', 'rejected', 'corrupt'] as const) {
    for (const id of await ctx.spool.list(state)) {
      const entry = ctx.spool.path(state, id);
      const file = join(entry, 'leaving');
      if (!existsSync(file)) continue;
      const list = JSON.parse(readFileSync(file, 'utf8')) as LeavingFile;
      if (list.product === product) found.push({ entry, files: list.files.filter((file) => isSame(file, incoming.get(file.name))) });
    }
  }
  return found;
}
