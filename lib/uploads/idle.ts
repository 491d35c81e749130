/** The look that verify takes before it loads anything. It may only err towards work. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.ts';
import type { Glance, Look } from '../spool/look.ts';

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

/** Uploads whose jobs are not all queued, at once. */
export function unfinishedUploads(spool: Look): string[] {
  return spool.listNow('uploads').filter((id) => {
    try {
      readdirSync(spool.path('uploads', join(id, 'jobs')));
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return false;
      throw error;
    }
  });
}
