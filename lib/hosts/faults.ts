/** Faults of a host in a row, in `hosts/NAME`: after each it is left alone for longer, up to 30 min; one success forgets them. */
import { readFile } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { removeFile, writeDurable } from '../disk.ts';
import { unless } from '../errors.ts';
import type { Spool } from '../spool/spool.ts';

export interface HostFaults {
  /** In a row. */
  readonly count: number;
  /** ISO 8601; until then it gets nothing new. */
  readonly until: string;
  readonly reason: string;
}

const MINUTE_MS = 60_000;

/** 1, 2, 4, 8, 16, 30, 30… minutes. */
export function backOffMs(count: number): number {
  return Math.min(2 ** (count - 1), 30) * MINUTE_MS;
}

/** Undefined: none. A damaged file counts as none. */
export async function readFaults(spool: Spool, host: string): Promise<HostFaults | undefined> {
  const text = await unless('ENOENT', undefined, readFile(spool.file('hosts', host), 'utf8'));
  if (text === undefined) return undefined;
  try {
    const faults = JSON.parse(text) as Partial<HostFaults>;
    return Number.isInteger(faults.count) && !Number.isNaN(Date.parse(faults.until ?? '')) ? (faults as HostFaults) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A host did not answer, or was to blame for an attempt. The caller holds the host's lock. */
export async function noteFault(spool: Spool, host: string, now: Date, reason: string): Promise<HostFaults> {
  const count = ((await readFaults(spool, host))?.count ?? 0) + 1;
  const faults = { count, until: new Date(now.getTime() + backOffMs(count)).toISOString(), reason };
  await writeDurable(spool.file('hosts', host), `${JSON.stringify(faults)}\n`);
  return faults;
}

/** Notes a fault and tells whoever runs the site once per row of faults, not each minute. The caller holds the host's lock. */
export async function blameHost(ctx: Context, host: string, reason: string): Promise<void> {
  const { count, until } = await noteFault(ctx.spool, host, ctx.now(), reason);
  const details = { host, reason, 'left alone until': until };
  if (count === 1) ctx.log.error('host fault', details);
  else ctx.log.info('host fault', { ...details, count });
}

/** A host did what it should. */
export async function clearFaults(spool: Spool, host: string): Promise<void> {
  await removeFile(spool.file('hosts', host));
}

/** Why a host is to be left alone now; undefined: it is not. */
export function leftAlone(faults: HostFaults | undefined, now: Date): string | undefined {
  const leftMs = faults === undefined ? 0 : Date.parse(faults.until) - now.getTime();
  // Longer than any pause: the clock was wrong when it was noted.
  if (faults === undefined || leftMs <= 0 || leftMs > backOffMs(faults.count)) return undefined;
  return `${faults.count} ${faults.count === 1 ? 'fault' : 'faults in a row'}, until ${faults.until}; the last: ${faults.reason}`;
}
