/** Files in incoming that no trigger names. One promise: they stay for a week, and somebody is told when they go. */
import type { Product } from '../config/types.ts';
import type { Context } from '../context.ts';
import { tell } from '../notices/notices.ts';
import { digestOf } from '../spool/ids.ts';
import { type Incoming, type IncomingFile, removeSame } from './incoming.ts';
import { isStill } from './settle.ts';

const KEPT_MS = 7 * 86_400_000;

/** Removes what has lain in incoming for a week and is not `named`. Returns how many. */
export async function removeOrphans(ctx: Context, product: Product, incoming: Incoming, named: (name: string) => boolean): Promise<number> {
  const orphans = [...incoming.values()].filter(
    (file) => file.kind !== 'directory' && !named(file.name) && isStill([file], ctx.now(), KEPT_MS),
  );
  if (orphans.length === 0 || ctx.dryRun) return 0;
  const body = [
    `These files lay in the incoming of product ${product.name} for a week, and no upload names them. They are removed:`,
    '',
    ...orphans.map((file) => `  ${file.name} (${file.size} bytes, of ${new Date(file.mtimeMs).toISOString()})`),
    '',
    'An upload needs a .changes that lists its files; if one of these is still wanted, upload it again with all of its files.',
  ].join('\n');
  const id = `orphans_${digestOf(product.name, ...orphans.map((file) => `${file.name} ${file.ctimeMs}`))}`;
  await tell(ctx, { kind: 'orphan', product: product.name, source: '-', version: '-', architecture: '-', id, attempt: 0, to: [], body });
  for (const file of orphans) await removeSame(file);
  ctx.log.info('orphans removed', { product: product.name, names: orphans.map((file: IncomingFile) => file.name) });
  return orphans.length;
}
