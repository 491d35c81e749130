/**
 * `buildme demo [FILE.dsc]`: the whole pipeline on this machine, from a signed upload to a package that apt installs from the signed
 * repository. One promise: what it adds to the machine outside its own directory is told, with the commands that remove it.
 */
import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { placeOf } from '../chroots/places.ts';
import { readConfig } from '../config/config.ts';
import type { Context } from '../context.ts';
import { type InstallRequest, installPackages, RUN_ANY, RUN_SHIPPED } from '../demo/client.ts';
import { beginJourney, type Journey, patiently } from '../demo/journey.ts';
import { endAgent } from '../demo/keys.ts';
import { buildme, followUpload, stopBuilds } from '../demo/pipeline.ts';
import { BASE, type DemoSite, demoDir, makeSite, takeDir } from '../demo/site.ts';
import { packDsc, packTree, type SourceUpload } from '../demo/source.ts';
import { explainEnding, showMails, tellWhere } from '../demo/telling.ts';
import { serve } from '../demo/web.ts';
import { exists } from '../disk.ts';
import { EXIT, ExpectedError, textOf, UsageError } from '../errors.ts';
import { endOf, exec } from '../exec.ts';
import { openLog } from '../log.ts';
import { openRepository } from '../repository/repository.ts';
import { Spool } from '../spool/spool.ts';
import { no } from './arguments.ts';
import type { Invocation } from './command.ts';

/** Two levels below the project's root, here as in the bundle. */
const SHIPPED = fileURLToPath(new URL('../../test/packages/pocketcal', import.meta.url));

/** Exit 0 when apt installed and ran what was uploaded, else 1. */
export async function demo({ args }: Invocation): Promise<number> {
  const [file, ...others] = args;
  if (others.length > 0 || file?.endsWith('.dsc') === false) throw new UsageError('demo takes one FILE.dsc, or nothing');
  const dsc = file === undefined ? undefined : resolve(file);
  if (dsc !== undefined && !(await exists(dsc))) throw new UsageError(`there is no ${dsc}`);
  await checkRights();
  const dir = demoDir();
  const lock = await takeDir(dir);
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => end.abort());
  try {
    return await walk(beginJourney(dir, end.signal), dsc);
  } catch (error) {
    if (end.signal.aborted) return no('demo: interrupted');
    throw error;
  } finally {
    for (const name of ['uploader', 'archive']) await endAgent(join(dir, 'keys', name));
    lock.release();
  }
}

/** Base systems need root, or else user ids to give away. */
async function checkRights(): Promise<void> {
  if (process.getuid?.() === 0 || (await exec(['unshare', '--map-auto', '--map-root-user', 'true'])).status === 0) return;
  throw new ExpectedError(
    'E_NEEDS_ROOT',
    `demo needs root, or a range of user ids for you in /etc/subuid and /etc/subgid. Run: sudo ${process.execPath} ${process.argv.slice(1).join(' ')}`,
  );
}

async function walk(journey: Journey, dsc: string | undefined): Promise<number> {
  const { say, dir } = journey;
  say(`the demo's directory is ${dir}`);
  await stopEarlier(journey);
  const site = await makeSite(dir);
  say(`key ${site.uploader.fingerprint} uploads, key ${site.archive.fingerprint} signs the repository`);
  const ctx = contextOf(site.configFile);
  await makeBase(journey, site);
  const { source, version } = await makeUpload(journey, site, dsc);
  const ending = await followUpload(journey, site, ctx).finally(() => stopBuilds(ctx));
  if (ending.state !== 'done' || ending.job === undefined) return no(await explainEnding(journey, site, ending));
  const installed = await install(journey, site, ctx, dsc === undefined);
  await showMails(journey, site);
  await tellWhere(journey, site, ctx.config);
  if (!installed) return no(`demo: ${source} ${version} is published in ${site.repository}, but apt could not install and run it`);
  process.stdout.write(`published ${source} ${version} ${ending.job.file.architecture}; repository ${site.repository}\n`);
  return EXIT.ok;
}

/** An earlier demo may have been killed, or have been one of another version; neither hinders this one. */
async function stopEarlier({ dir, say }: Journey): Promise<void> {
  const configFile = join(dir, 'buildme.conf');
  try {
    if (await exists(configFile)) await stopBuilds(contextOf(configFile));
  } catch (error) {
    say(`what an earlier demo left cannot be asked to stop: ${textOf(error)}`);
  }
}

function contextOf(configFile: string): Context {
  const config = readConfig(configFile);
  const log = openLog('demo', { dir: config.global.logDir });
  return { config, spool: new Spool(config.global.spool), log, now: () => new Date(), exec, dryRun: false };
}

async function makeBase(journey: Journey, site: DemoSite): Promise<void> {
  journey.say(`buildme chroot create ${BASE}: the base system for builds (half a minute or more, the first time)`);
  const making = buildme(journey, site, ['chroot', 'create', BASE], 3_600_000);
  const result = await patiently(journey, 'mmdebstrap makes the base system', making);
  if (result.status !== EXIT.ok) throw new ExpectedError('E_BASE', `demo: no base system: ${endOf(result)}`);
}

/** Makes it as its author would, then drops it as dput does: the .changes last. */
async function makeUpload(journey: Journey, site: DemoSite, dsc: string | undefined): Promise<SourceUpload> {
  journey.say(`a signed upload of ${dsc ?? 'pocketcal, which ships with the project'}, to ${site.incoming}`);
  const dir = join(site.dir, 'upload');
  const upload = await (dsc === undefined ? packTree(SHIPPED, dir, { key: site.uploader }) : packDsc(dsc, dir, site.suite, site.uploader));
  for (const name of upload.upload) await copyFile(join(dir, name), join(site.incoming, name));
  journey.show(upload.upload.join('\n'));
  return upload;
}

async function install(journey: Journey, site: DemoSite, ctx: Context, shipped: boolean): Promise<boolean> {
  const repository = await openRepository({ dir: site.repository, suites: [site.suite] });
  // Not what is for debuggers, or for the installer.
  const packages = repository.list(site.suite).filter(({ kind, name }) => kind === 'binary' && !name.endsWith('-dbgsym'));
  const web = await serve(site.live);
  try {
    journey.say(`apt, in a throwaway copy of the base system, installs it from ${web.url}`);
    const request: InstallRequest = {
      base: placeOf(ctx.config.global, BASE, site.architecture),
      asRoot: site.asRoot,
      work: join(site.dir, 'work'),
      url: web.url,
      suite: site.suite,
      signedBy: site.signedBy,
      packages: packages.map(({ name }) => name),
      script: shipped ? RUN_SHIPPED : RUN_ANY,
      signal: journey.signal,
    };
    const result = await patiently(journey, 'apt installs', installPackages(request));
    journey.show(result.status === 0 ? result.stdout.toString('utf8') : `${result.stdout.toString('utf8')}\n${endOf(result)}`);
    return result.status === 0;
  } finally {
    web.stop();
  }
}
