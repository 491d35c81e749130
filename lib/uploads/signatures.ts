/**
 * Signatures that are spent: something of their upload was published, or their .commands were carried out. One promise: a signature counts
 * once for a product; `spool/signatures` is append-only and a line twice is harmless.
 */
import type { Context } from '../context.ts';
import { appendDurable, readJsonLines } from '../disk.ts';
import type { Spool } from '../spool/spool.ts';

interface SpentLine {
  readonly product: string;
  /** gpgv's SIG_ID. */
  readonly signature: string;
  readonly time: string;
}

/** Gives a function that says whether a signature is spent for a product. */
export async function readSpentSignatures(spool: Spool): Promise<(product: string, signature: string) => boolean> {
  const spent = new Set((await readJsonLines<SpentLine>(spool.file('signatures'))).map((line) => keyOf(line.product, line.signature)));
  return (product, signature) => spent.has(keyOf(product, signature));
}

/** Notes that a signature is spent; durable when it returns. Twice is harmless. */
export async function spend(ctx: Pick<Context, 'spool' | 'now'>, product: string, signature: string): Promise<void> {
  if ((await readSpentSignatures(ctx.spool))(product, signature)) return;
  const line: SpentLine = { product, signature, time: ctx.now().toISOString() };
  await appendDurable(ctx.spool.file('signatures'), `${JSON.stringify(line)}\n`);
}

function keyOf(product: string, signature: string): string {
  return `${product} ${signature}`;
}
