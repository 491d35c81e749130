/** The look that verify takes before it loads anything. It may only err towards work. */
import { readdirSync } from 'node:fs';
import { codeOf } from '../errors.ts';
import type { Glance } from '../spool/look.ts';
import { unfinishedUploads } from './queue.ts';

/** Whether no incoming holds anything and every upload's jobs are queued. */
export function isVerifyIdle(ctx: Glance): boolean {
  return [...ctx.config.products.values()].every((product) => isEmpty(product.incoming)) && unfinishedUploads(ctx.spool).length === 0;
}

function isEmpty(dir: string): boolean {
  try {
    return readdirSync(dir).length === 0;
  } catch (error) {
    return codeOf(error) === 'ENOENT';
  }
}
