/**
 * A site as its users meet it: uploads by dput and scp of a login user, builds by sbuild on a machine that is reached over ssh, a mirror
 * that is written over ssh, readers with apt. Needs root. One promise: `remove` leaves neither accounts, base system nor servers.
 */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChrootPlace, placeOf } from '../../lib/chroots/places.ts';
import { readConfig } from '../../lib/config/config.ts';
import { installPackages } from '../../lib/demo/client.ts';
import { release } from '../../lib/demo/site.ts';
import { serve } from '../../lib/demo/web.ts';
import { type ExecResult, endOf, exec } from '../../lib/exec.ts';
import type { SourcePackage } from '../helpers/packages.ts';
import { makeTemp, removeTemp, run, until } from '../helpers/run.ts';
import { architecture, BUILDME, makeSite, type Site, type SiteOptions } from '../helpers/site.ts';
import { startSshd, type TestSshd } from '../helpers/sshd.ts';
import { makeUser } from '../helpers/user.ts';

export interface BaseSystem {
  /** For `chroot_dir`. */
  readonly chrootDir: string;
  readonly place: ChrootPlace;
  remove(): Promise<void>;
}

export interface JobStatus {
  readonly id: string;
  readonly source: string;
  readonly version: string;
  readonly architecture: string;
  readonly state: string;
  readonly reason: string | null;
}

export interface AcceptSite extends Site {
  readonly base: BaseSystem;
  readonly uploaderLogin: TestSshd;
  /** A mirror that is written by rsync over ssh. */
  readonly far: string;
  /** Uploads by dput: `local` installs into incoming, `remote` goes by scp as the login user. */
  dput(host: 'local' | 'remote', upload: SourcePackage): Promise<void>;
  /** Environment and configuration of the uploader's tools. */
  readonly uploaderEnv: Readonly<Record<string, string>>;
  readonly dputConfig: string;
  status(): Promise<{ idle: boolean; states: Record<string, number>; jobs: JobStatus[] }>;
  /** Ticks until nothing moves by itself any more; each tick must be silent. */
  settle(): Promise<void>;
  /** Installs packages from the mirror by apt in a throwaway root and runs lines of sh there; what both printed. */
  install(packages: readonly string[], script: string): Promise<string>;
}

/** Makes a base system as whoever runs a build host does: as root, there. Half a minute. */
export async function makeBase(): Promise<BaseSystem> {
  const dir = await makeTemp('base');
  await chmod(dir, 0o755);
  const arch = await architecture();
  const configFile = join(dir, 'buildme.conf');
  await writeFile(
    configFile,
    `[global]\nspool = spool\nchroot_dir = chroots\nlog_dir = log\n[chroot base]\nsuite = ${await release()}\n[host here]\nkind = local\narchitectures = ${arch}\n`,
  );
  const act = (name: string): Promise<ExecResult> => exec([process.execPath, BUILDME, '-c', configFile, 'chroot', name, 'base', 'here']);
  const created = await act('create');
  if (created.status !== 0) throw new Error(`buildme chroot create: ${endOf(created)}`);
  const { global } = readConfig(configFile);
  return {
    chrootDir: global.chrootDir,
    place: placeOf(global, 'base', arch),
    remove: async () => {
      // A build that a test left behind ends by itself.
      await until('no build in the base system', async () => (await act('remove')).status === 0, 120_000);
      await removeTemp(dir);
    },
  };
}

/** Makes the site on a base system; it removes the base system too. */
export async function makeAcceptSite(base: BaseSystem, options: SiteOptions = {}): Promise<AcceptSite> {
  const builder = await makeUser(['sbuild']);
  const builderHost = await startSshd({ user: builder.name });
  const person = await makeUser();
  const login = await startSshd({ user: person.name });
  const far = join(person.home, 'mirror');
  const arch = await architecture();
  const site = await makeSite({
    ...options,
    global: { chroot_dir: base.chrootDir, ...options.global },
    product: { tool: 'sbuild', build_command: '', chroot: 'base', ...options.product },
    host: {
      kind: 'ssh',
      address: builderHost.address,
      identity: builderHost.identity,
      known_hosts: builderHost.knownHosts,
      architectures: `${arch} all`,
      workdir: join(builder.home, 'work'),
    },
    more: `[chroot base]\nsuite = ${await release()}\n[mirror far]\nrepository = extras\nto = ${person.name}@127.0.0.1:${far}\nidentity = ${login.identity}\nknown_hosts = ${login.knownHosts}\nport = ${login.port}\n${options.more ?? ''}`,
  });
  // The uploader logs in as somebody else than who runs buildme.
  await chmod(site.dir, 0o755);
  await run(['chown', person.name, site.incoming]);
  await mkdir(far);
  await run(['chown', person.name, far]);
  const dputConfig = join(site.dir, 'dput.cf');
  await writeFile(dputConfig, dputText(site, login));
  const uploaderEnv = { GNUPGHOME: site.uploader.home, HOME: site.uploader.home };
  const status: AcceptSite['status'] = async () => JSON.parse((await site.buildme('status', '--json')).stdout.toString('utf8'));
  return {
    ...site,
    base,
    uploaderLogin: login,
    far,
    uploaderEnv,
    dputConfig,
    dput: async (host, { dir, changes }) => {
      await run(['dput', '-c', dputConfig, host, changes], { cwd: dir, env: uploaderEnv });
    },
    status,
    settle: async () => {
      const deadline = Date.now() + 400_000;
      while (!(await status()).idle) {
        const ticked = await site.buildme('tick', '--all');
        if (ticked.status !== 0 || ticked.stderr !== '') throw new Error(`buildme tick: ${endOf(ticked)}`);
        if (Date.now() > deadline) throw new Error(`not idle: ${(await site.buildme('status')).stdout.toString('utf8')}`);
      }
    },
    install: async (packages, script) => {
      const web = await serve(site.live);
      try {
        const { signedBy, dir: work } = site;
        const request = { base: base.place, asRoot: true, work, url: web.url, suite: 'stable', signedBy, packages, script };
        const result = await installPackages(request);
        const said = result.stdout.toString('utf8');
        if (result.status !== 0) throw new Error(`apt and script: ${endOf(result)}\n${said}`);
        return said;
      } finally {
        web.stop();
      }
    },
    remove: async () => {
      await site.remove();
      await builderHost.stop();
      await login.stop();
      await base.remove();
      await builder.remove();
      await person.remove();
    },
  };
}

function dputText(site: Site, login: TestSshd): string {
  return `[local]
method = local
incoming = ${site.incoming}
allow_dcut = 1
[remote]
method = scp
fqdn = ${login.host}
login = ${login.user}
incoming = ${site.incoming}
ssh_config_options =
  Port=${login.port}
  IdentityFile=${login.identity}
  UserKnownHostsFile=${login.knownHosts}
  BatchMode=yes
`;
}

/** Names of the files that a mirror holds of a source. */
export async function poolOf(live: string, source: string): Promise<string[]> {
  const found = await exec(['find', join(live, 'pool'), '-path', `*/${source}/*`, '-type', 'f', '-printf', '%f\\n']);
  return found.stdout
    .toString('utf8')
    .split('\n')
    .filter((name) => name !== '')
    .sort();
}

/** The only entry of a state whose name begins so; its directory. */
export async function entryOf(site: Site, state: string, beginning: string): Promise<string> {
  const names = (await readdir(join(site.spool, state))).filter((name) => name.startsWith(beginning));
  if (names.length !== 1) throw new Error(`expected one ${beginning} in ${state}, found ${names.join(' ')}`);
  return join(site.spool, state, names[0] ?? '');
}

export function readReason(entry: string): Promise<string> {
  return readFile(join(entry, 'reason'), 'utf8');
}
