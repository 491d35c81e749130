/** One upload's share of a run. One promise: whatever goes wrong with it, the others go on, and nothing of it is lost. */
import type { Product } from '../config/types.ts';
import type { Context, Outcome, Tally } from '../context.ts';
import { appendDurable, readJsonLines, removeFile } from '../disk.ts';
import { ConfigError, codeOf, ExpectedError, isDiskFault, textOf } from '../errors.ts';
import { digestOf } from '../spool/ids.ts';
import type { IncomingFile } from './incoming.ts';
import { refuse } from './reject.ts';
import { irregularId } from './trigger.ts';

const MAX_BUGS = 3;

/**
 * Counts what `work` made of a file of incoming; undefined counts nothing. At our third bug over the same file it goes to `corrupt/`.
 * Throws ConfigError, which no upload is at fault for.
 */
export async function guarded(
  ctx: Context,
  product: Product,
  file: IncomingFile,
  tally: Tally,
  work: () => Promise<Outcome | undefined>,
): Promise<void> {
  try {
    const outcome = await work();
    if (outcome !== undefined) tally[outcome] += 1;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (error instanceof ExpectedError) {
      tally.kept += 1;
      ctx.log.info('kept', { trigger: file.name, product: product.name, code: error.code, reason: textOf(error) });
      return;
    }
    if (isDiskFault(error)) {
      tally.kept += 1;
      ctx.log.error('kept', { trigger: file.name, product: product.name, code: codeOf(error), reason: textOf(error) });
      return;
    }
    tally.broken += 1;
    ctx.log.error('bug', {
      trigger: file.name,
      product: product.name,
      error: textOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    const count = ctx.spool.file('tmp', `verify-bugs.${digestOf(product.name, file.name, String(file.mtimeMs))}`);
    await appendDurable(count, `${JSON.stringify({ time: ctx.now().toISOString(), error: textOf(error) })}\n`);
    if ((await readJsonLines(count)).length < MAX_BUGS) return;
    const faults = [
      `buildme failed ${MAX_BUGS} times over ${file.name} (${textOf(error)}): our bug, not the uploader's; the log of verify has it`,
    ];
    await refuse(
      ctx,
      product,
      { id: irregularId(product, file), product: product.name, trigger: file.name, mail: [], faults, take: [file] },
      'corrupt',
    );
    await removeFile(count);
  }
}
