/**
 * The spool: the only code that renames an entry. One promise: an id lies in one place, and moves from place to place by one rename.
 */
import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lock, makeDirectory, removeTree, renameDurable, syncTree, tryLock, waitLock } from '../disk.ts';
import { ConfigError, unless } from '../errors.ts';
import { isEntryName } from './ids.ts';
import { type Job, readJob } from './job.ts';
import { Look } from './look.ts';
import { OTHER_PLACES, type Place, STATES, type State } from './states.ts';

export class Spool extends Look {
  /** Makes every place below the root, which exists, and checks that all are on one file system (a rename across two would not be one act). */
  async prepare(): Promise<void> {
    const device = statSync(this.root).dev;
    for (const place of [...STATES, ...OTHER_PLACES]) {
      const path = join(this.root, place);
      await makeDirectory(path);
      if (statSync(path).dev !== device) {
        throw new ConfigError('E_FILE_SYSTEMS', `${path} is on another file system than ${this.root}: put the whole spool on one`);
      }
    }
  }

  /** Names of the entries of a state (or of one host's `running`), sorted. Names that are not ours are left out. */
  async list(place: Place | State): Promise<string[]> {
    return (await unless('ENOENT', [], readdir(this.path(place)))).filter(isEntryName).sort();
  }

  /** Hosts that have a directory below `running`, sorted. */
  async runningHosts(): Promise<string[]> {
    return this.list('running');
  }

  /** Every job place that holds this id, in the order of JOB_STATES; `running` searched host by host. */
  async placesOf(id: string, states: readonly State[] = STATES): Promise<Place[]> {
    const found: Place[] = [];
    for (const state of states) {
      const places: Place[] = state === 'running' ? this.runningHostsNow().map((host) => ({ state, host })) : [{ state }];
      for (const place of places) if (existsSync(this.path(place, id))) found.push(place);
    }
    return found;
  }

  async find(id: string, states: readonly State[] = STATES): Promise<Place | undefined> {
    return (await this.placesOf(id, states))[0];
  }

  readJob(place: Place, id: string): Promise<Job> {
    return readJob(this.root, place, id);
  }

  /** A new empty directory below tmp, on the same file system. Swept after 36 h; nobody may write to it for more than 24 h. */
  async workspace(name: string): Promise<string> {
    const path = join(this.root, 'tmp', `${name.slice(0, 180)}.${process.pid}.${Math.random().toString(36).slice(2, 10)}`);
    await mkdir(path);
    return path;
  }

  /** commit point: a directory made below tmp becomes an entry. Its whole tree is made durable first (unless the caller did). */
  async create(workspace: string, place: Place | State, id: string, options: { readonly synced?: boolean } = {}): Promise<void> {
    if (options.synced !== true) await syncTree(workspace);
    await renameDurable(workspace, this.path(place, id), { fromLitter: true });
  }

  /** commit point: an entry moves. Fails with ENOTEMPTY or EEXIST when the target has that id already. */
  async move(id: string, from: Place | State, to: Place): Promise<void> {
    if (to.host !== undefined) await makeDirectory(this.path(to));
    await renameDurable(this.path(from, id), this.path(to, id));
  }

  /** commit point: an entry goes for good, out of its place at once, then its files. What a crash leaves of it is litter in tmp. */
  async remove(id: string, from: Place | State): Promise<void> {
    const litter = join(this.root, 'tmp', `${id}.${process.pid}.removed`);
    await renameDurable(this.path(from, id), litter);
    await removeTree(litter);
  }

  /** The lock of a stage, host or mirror, as `lock/NAME`; undefined when another process holds it. */
  tryLock(name: string): Lock | undefined {
    return tryLock(join(this.root, 'lock', name));
  }

  waitLock(name: string, timeoutMs: number): Promise<Lock | undefined> {
    return waitLock(join(this.root, 'lock', name), timeoutMs);
  }
}
