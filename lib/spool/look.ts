/**
 * A look at the spool that changes nothing, at once, and loads next to nothing: an idle stage costs little more than starting node.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/types.ts';
import { codeOf } from '../errors.ts';
import { isEntryName } from './ids.ts';
import { type Place, pathOf, type State } from './states.ts';

export class Look {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  path(place: Place | State, id?: string): string {
    const below = typeof place === 'string' ? place : pathOf(place);
    return id === undefined ? join(this.root, below) : join(this.root, below, id);
  }

  /** A file of ours that is no entry: `hosts/NAME`, `holds/…`, `mirrors/NAME`, `signatures`. */
  file(...names: readonly string[]): string {
    return join(this.root, ...names);
  }

  isEmpty(place: Place | State): boolean {
    return this.listNow(place).length === 0;
  }

  /** Hosts that have a directory below `running`, at once. */
  runningHostsNow(): string[] {
    return this.listNow('running');
  }

  /** Like list, at once: for the look that an idle stage takes before it loads anything. */
  listNow(place: Place | State): string[] {
    try {
      return readdirSync(this.path(place)).filter(isEntryName).sort();
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

/** What an idle check may use; any Context will do. */
export interface Glance {
  readonly config: Config;
  readonly spool: Look;
}
