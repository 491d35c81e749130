/** Every configured directory is made when its parent exists, and the spool is its owner's alone; otherwise whoever runs the site is told. */
import { statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { ConfigError, codeOf, textOf } from '../errors.ts';
import type { Config } from './types.ts';

/** Makes spool, repository_dir, incoming, repo_queue and result_dir where they are missing. Throws one ConfigError for all that cannot be made. */
export async function makePlaces(config: Config): Promise<void> {
  const { spool, repositoryDir } = config.global;
  const places = [
    spool,
    repositoryDir,
    ...[...config.products.values()].flatMap(({ incoming, repoQueue, resultDir }) => [incoming, repoQueue, resultDir]),
  ];
  const faults: string[] = [];
  for (const place of new Set(places)) {
    try {
      await mkdir(place);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST') continue;
      faults.push(
        code === 'ENOENT'
          ? `the directory ${place} cannot be made, because its parent is missing: make it with mkdir -p, owned by the user of buildme`
          : `the directory ${place} cannot be made: ${textOf(error)}`,
      );
    }
  }
  if (faults.length > 0) throw new ConfigError('E_NO_DIRECTORY', faults);
}

/** Throws a ConfigError when the spool is another user's: what root once left in it, its own user could not move any more. */
export function expectOwnSpool(spool: string): void {
  const us = process.geteuid?.();
  let owner: number | undefined;
  try {
    owner = statSync(spool, { throwIfNoEntry: false })?.uid;
  } catch (error) {
    throw new ConfigError('E_USER', `the spool ${spool} cannot be looked at by user id ${us}: run this as the user of buildme`, error);
  }
  if (owner === undefined || owner === us) return;
  throw new ConfigError(
    'E_USER',
    `the spool ${spool} belongs to user id ${owner}, and this runs as user id ${us}: run it as that user, as in sudo -u '#${owner}' buildme`,
  );
}
