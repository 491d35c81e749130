/**
 * The mirrors wing's door: what a mirror holds, and bringing it up to a serial. One promise: the marker says N only after everything of
 * serial N is there, durable as far as we can see; without a marker the whole way is gone again.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { MirrorConfig } from '../config/types.ts';
import { removeFile, writeDurable } from '../disk.ts';
import { codeOf, TemporaryError, textOf } from '../errors.ts';
import type { Exec } from '../exec.ts';
import type { Look } from '../spool/look.ts';
import type { Spool } from '../spool/spool.ts';

/** The destination as a person writes it: `/srv/live`, `user@host:/path`. */
export function destinationOf({ to }: MirrorConfig): string {
  if (to.kind === 'directory') return to.path;
  const host = to.host.includes(':') ? `[${to.host}]` : to.host;
  return `${to.user === undefined ? '' : `${to.user}@`}${host}:${to.path}`;
}

/** The serial that a mirror holds, by `spool/mirrors/NAME` (the serial, then the destination that it went to); undefined: unknown. */
export function heldSerial(spool: Look, mirror: MirrorConfig): number | undefined {
  let text: string;
  try {
    text = readFileSync(spool.file('mirrors', mirror.name), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const [serial = '', destination] = text.split('\n');
  return /^\d+$/.test(serial) && destination === destinationOf(mirror) ? Number(serial) : undefined;
}

/** Whether a try to bring this serial there has failed: then it is the mirror's turn, not ours. */
export function hasFailed(spool: Look, mirror: MirrorConfig, serial: number): boolean {
  try {
    return readFileSync(failedFile(spool, mirror), 'utf8') === String(serial);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

export async function noteFailed(spool: Look, mirror: MirrorConfig, serial: number): Promise<void> {
  await writeFile(failedFile(spool, mirror), String(serial));
}

function failedFile(spool: Look, mirror: MirrorConfig): string {
  return spool.file('mirrors', `.${mirror.name}.failed`);
}

export async function noteHeld(spool: Spool, mirror: MirrorConfig, serial: number): Promise<void> {
  await writeDurable(spool.file('mirrors', mirror.name), `${serial}\n${destinationOf(mirror)}\n`);
  await removeFile(failedFile(spool, mirror));
}

/** A repository's serial on its way to a mirror. */
export interface Delivery {
  readonly mirror: MirrorConfig;
  /** Directory of the repository. */
  readonly dir: string;
  readonly serial: number;
  /** What the mirror holds, as far as we know. */
  readonly held: number | undefined;
}

/** Brings a mirror up to a serial. Throws TemporaryError when it does not answer, ConfigError when something of somebody else is in the way. */
export async function deliver(exec: Exec, delivery: Delivery): Promise<void> {
  const { to } = delivery.mirror;
  if (to.kind === 'ssh') return (await import('./rsync.ts')).deliverByRsync(exec, delivery);
  try {
    await (await import('./directory.ts')).deliverToDirectory(delivery, to.path);
  } catch (error) {
    // ENOSPC, ESTALE, EROFS …: the site's disk or network.
    if (!/^E[A-Z]+$/.test(codeOf(error) ?? '')) throw error;
    throw new TemporaryError('E_MIRROR', `mirror ${delivery.mirror.name} did not take serial ${delivery.serial}: ${textOf(error)}`, error);
  }
}
