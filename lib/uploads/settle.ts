/** How long an upload is waited for. One promise: what may still be arriving is not refused, what will never come is refused in time. */
import type { Product } from '../config/types.ts';
import type { IncomingFile } from './incoming.ts';

/** Whether none of the files changed for `settleMs`, by ctime: scp -p keeps years-old mtimes. */
export function isStill(files: readonly IncomingFile[], now: Date, settleMs: number): boolean {
  return stillMs(files, now) >= settleMs;
}

function stillMs(files: readonly IncomingFile[], now: Date): number {
  return now.getTime() - Math.max(0, ...files.map((file) => file.ctimeMs));
}

/**
 * Whether an upload with faults may still become right: `files` are the trigger and what is there of what it names. A file that is
 * missing and nothing else is waited for until `upload_timeout`, everything else for `settle`; with `settle = 0` nothing is.
 */
export function mayStillArrive(
  product: Pick<Product, 'settleMs' | 'uploadTimeoutMs'>,
  files: readonly IncomingFile[],
  now: Date,
  onlyMissing: boolean,
): boolean {
  if (product.settleMs === 0) return false;
  return !isStill(files, now, onlyMissing ? Math.max(product.settleMs, product.uploadTimeoutMs) : product.settleMs);
}
