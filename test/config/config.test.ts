import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../lib/config/config.ts';
import { faultsOf, parse, site } from './site.ts';

describe('a small site', () => {
  it('is filled in with the defaults', () => {
    const config = parse(site());
    expect(config.global).toMatchObject({
      spool: '/var/spool/buildme',
      smtp: 'smtp://127.0.0.1:25',
      mailTo: [],
      stuckAfterMs: 7_200_000,
      keepSentMs: 30 * 86_400_000,
    });
    expect(config.products.get('p')).toMatchObject({
      name: 'p',
      incoming: '/mnt/incoming-builder/p',
      resultDir: '/mnt/builder/p',
      repoQueue: '/mnt/incoming/r/p',
      components: ['main'],
      unsigned: 'reject',
      binaries: 'ignore',
      triggers: ['changes'],
      tool: 'sbuild',
      tests: [],
      buildTimeoutMs: 14_400_000,
      settleMs: 30_000,
      uploadTimeoutMs: 86_400_000,
      maxLogBytes: 100 * 1024 ** 2,
      uploaders: undefined,
    });
    expect(config.chroots.get('c')).toEqual({
      name: 'c',
      suite: 'c',
      packages: ['debhelper'],
      maxAgeMs: 30 * 86_400_000,
      mirror: undefined,
    });
    expect(config.hosts.get('h')).toMatchObject({
      kind: 'local',
      slots: 2,
      address: undefined,
      maxLoad: undefined,
      connectTimeoutMs: 10_000,
    });
    expect(config.repositories.get('r')).toMatchObject({ dir: '/var/lib/buildme/r', compress: ['gz', 'xz'] });
  });
  it('has relative paths start at the directory of the file', () => {
    const config = parse(site({ global: 'spool = sp\noperators = ../ops', 'mirror m': 'repository = r\nto = live' }));
    expect(config.global.spool).toBe('/etc/x/sp');
    expect(config.global.operators).toBe('/etc/ops');
    expect(config.products.get('p')?.keyring).toBe('/etc/x/keys.gpg');
    expect(config.mirrors.get('m')?.to).toEqual({ kind: 'directory', path: '/etc/x/live' });
  });
  it('is named for its chroot_dir, in 8 hex digits, unless it has a name', () => {
    expect(parse(site()).global.site).toMatch(/^[0-9a-f]{8}$/);
    expect(parse(site({ global: 'chroot_dir = /else' })).global.site).not.toBe(parse(site()).global.site);
    const named = parse(site({ global: 'site = lab' }));
    expect(named.hosts.get('h')?.workdir).toBe('/var/tmp/buildme-lab-h');
  });
  it('cannot be changed', () => {
    const product = parse(site()).products.get('p');
    expect(() => Object.assign(product ?? {}, { suite: 'x' })).toThrow(TypeError);
    expect(() => Object.assign(product?.components ?? [], ['x'])).toThrow(TypeError);
  });
  it('has no mail when smtp is empty, no limit when max_load is', () => {
    const config = parse(site({ global: 'smtp =', 'host h': 'max_load =' }));
    expect(config.global.smtp).toBeUndefined();
    expect(config.hosts.get('h')?.maxLoad).toBeUndefined();
  });
});

describe('interpolation', () => {
  it('knows the own name, keys and defaults of the section, and [global]', () => {
    const config = parse(
      site({
        global: 'repository_dir = /r',
        'product p': 'incoming = %(repository_dir)s/in/%(product)s\nresult_dir = %(incoming)s/%(tool)s',
      }),
    );
    expect(config.products.get('p')).toMatchObject({ incoming: '/r/in/p', resultDir: '/r/in/p/sbuild' });
  });
  it('makes %% one percent sign, once', () => {
    expect(parse(site({ 'test t': 'command = date +%%s %%(product)s' })).tests.get('t')?.command).toBe('date +%s %(product)s');
  });
});

describe('values out of range and sections that do not fit', () => {
  it.each<[Record<string, string>, string]>([
    [{ global: 'keep_done = 3 days' }, '[global] keep_done = 3 days: expected a duration from 1h to 3650d, such as 30s, 5m, 4h or 30d'],
    [{ global: 'keep_done = 5m' }, '[global] keep_done = 5m: expected a duration from 1h to 3650d, such as 30s, 5m, 4h or 30d'],
    [
      { global: 'mail_to = a@b, c@d' },
      '[global] mail_to = a@b, c@d: expected words with blanks between them, each a mail address such as list@example.org; not a@b,',
    ],
    [
      { global: 'smtp = smtp://u:secret@h/x' },
      '[global] smtp = smtp://…@h/x: expected smtp://HOST:PORT, sendmail:/PATH, or nothing for no mail',
    ],
    [{ global: 'spool = ~/spool' }, '[global] spool = ~/spool: expected a path (~ is not expanded)'],
    [{ 'product p': 'settle = 30' }, '[product p] settle = 30: expected a duration from 0 to 1d, such as 30s, 5m, 4h or 30d'],
    [{ 'product p': 'max_log_size = 1X' }, '[product p] max_log_size = 1X: expected a size above 0 such as 500K, 10M or 2G'],
    [{ 'product p': 'format = rpm' }, '[product p] format = rpm: expected deb'],
    [
      { 'product p': 'triggers = changes dsc dsc' },
      '[product p] triggers = changes dsc dsc: expected each word once, but dsc stands twice',
    ],
    [
      { 'product p': 'distributions = UNRELEASED' },
      '[product p] distributions = UNRELEASED: expected words with blanks between them, each a Distribution other than UNRELEASED; not UNRELEASED',
    ],
    [{ 'product p': 'components =' }, '[product p] components = : expected at least one word'],
    [{ 'product p': 'incoming = /100%' }, '[product p] incoming = /100%: expected %(name)s, or %% for a percent sign'],
    [
      { 'product p': 'incoming = %(nothing)s' },
      '[product p] incoming = %(nothing)s: expected %(name)s with a key of this section or of [global]; there is no nothing',
    ],
    [
      { 'product p': 'incoming = /%(incoming)s' },
      '[product p] incoming = /%(incoming)s: expected values that do not lead back to themselves, but %(incoming)s does',
    ],
    [{ 'host h': 'slots = 0' }, '[host h] slots = 0: expected a whole number from 1 to 1000'],
    [{ 'host h': 'workdir = /a/../b' }, '[host h] workdir = /a/../b: expected an absolute path of letters, digits and . _ + @ = : - /'],
    [{ 'host h': 'address = a@b' }, '[host h] is this machine (kind = local) and has an address; take it out, or write kind = ssh'],
    [
      { 'repository r': 'compress = bz2' },
      '[repository r] compress = bz2: expected words with blanks between them, each gz or xz; not bz2',
    ],
    [{ 'test build': 'command = x' }, '[test build] has the name of the build itself; name the test otherwise'],
    [{ 'product p': 'tests = lint', 'test lit': 'command = x' }, '[product p] names [test lint], which is not there; did you mean lit?'],
    [{ 'suite r/t': '' }, '[suite r/t] is not a suite of a repository (REPOSITORY/SUITE, SUITE among its suites); did you mean r/s?'],
    [{ 'suite s': '' }, '[suite s] lacks its repository; write [suite REPOSITORY/SUITE]'],
    [
      { 'test a/b': 'command = x' },
      '[test a/b] has a name of other characters than letters, digits and + _ ~ . -, or one that begins with none of the first two',
    ],
    [{ 'mirror m': 'repository = q\nto = /live' }, '[mirror m] names [repository q], which is not there; did you mean r?'],
    [
      { 'mirror m': 'repository = r\nto = h:/live' },
      "[mirror m] is reached over ssh and needs the host's key; add a line known_hosts = FILE",
    ],
    [
      { 'mirror m': 'repository = r\nto = s3://bucket' },
      '[mirror m] to = s3://bucket: expected a directory, or [user@]host:/path of letters, digits and . _ + @ = : - /',
    ],
    [
      { 'mirror m': 'repository = r\nto = /var/lib/buildme/r/x' },
      '[mirror m] lies in or around repository_dir (/var/lib/buildme), and syncing deletes what the repository has not; take a directory apart',
    ],
    [
      {
        'product q': 'repository = r\nsuite = s\narchitectures = amd64\nunsigned = accept\nchroot = c\nincoming = /mnt/incoming-builder/p',
      },
      '[product q] has the incoming directory of [product p], /mnt/incoming-builder/p; give each product its own',
    ],
  ])('%j', (more, fault) => {
    expect(faultsOf(site(more)).map((text) => text.replace(/^\d+: /, ''))).toEqual([fault]);
  });

  it('are told all at once, in the order of their lines', () => {
    const text = [
      '[product p]',
      'repository = x',
      'suite = s',
      'architectures = amd64 all',
      'settel = 1s',
      '[host h]',
      'kind = ssh',
      'architectures = amd64',
      'address = foo',
      '[mirror m]',
    ].join('\n');
    expect(faultsOf(text)).toEqual([
      '1: [product p] builds with sbuild and needs a base system; add a line chroot = NAME and a section [chroot NAME]',
      '1: [product p] takes signed uploads only and needs their keys; add a line keyring = FILE (made with gpg --export), or unsigned = accept',
      '2: [product p] names [repository x], which is not there; there is none',
      '4: [product p] architectures = amd64 all: expected words with blanks between them, each an architecture such as amd64 (all is built anyway: leave it out); not all',
      '5: [product p] has no key settel; did you mean settle?',
      "7: [host h] is reached over ssh and needs the host's key; add a line known_hosts = FILE (made with ssh-keyscan, then compared)",
      '9: [host h] address = foo: expected user@host or user@host:port',
      '10: [mirror m] lacks repository; add a line repository = …',
      '10: [mirror m] lacks to; add a line to = …',
    ]);
  });
  it('plain needs to be told what to run', () => {
    expect(faultsOf(site({ 'product p': 'tool = plain' }))).toEqual([
      '9: [product p] has tool = plain and needs to be told what to run; add a line build_command = …',
    ]);
  });
});

describe('hosts and mirrors over ssh', () => {
  it.each([
    ['bld@h', { user: 'bld', host: 'h', port: 22 }],
    ['bld@h.example.org:2222', { user: 'bld', host: 'h.example.org', port: 2222 }],
    ['bld@[fe80::1]:2222', { user: 'bld', host: 'fe80::1', port: 2222 }],
  ])('%s', (address, expected) => {
    const config = parse(site({ 'host far': `kind = ssh\naddress = ${address}\nknown_hosts = kh\narchitectures = arm64` }));
    expect(config.hosts.get('far')).toMatchObject({ kind: 'ssh', address: expected, knownHosts: '/etc/x/kh' });
  });
  it.each(['h', '-oProxyCommand@h', 'a@-h', 'a@h:0', 'a@h:99999', 'a@b@c', 'a@h;id'])('%s is no address', (address) => {
    expect(faultsOf(site({ 'host far': `kind = ssh\naddress = "${address}"\nknown_hosts = kh\narchitectures = arm64` }))).toHaveLength(1);
  });
  it('a mirror may be a path on a host', () => {
    const config = parse(site({ 'mirror m': 'repository = r\nto = www@h:/srv/live\nknown_hosts = kh' }));
    expect(config.mirrors.get('m')).toMatchObject({ to: { kind: 'ssh', user: 'www', host: 'h', path: '/srv/live' }, port: 22 });
  });
});

describe('suites', () => {
  const two = { 'repository r': 'origin = O', 'suite r/s': 'label = L\ncodename = code' };
  it('take their own keys, then those of the repository, then what the products publish', () => {
    expect(parse(site(two)).suites.get('r/s')).toEqual({
      repository: 'r',
      suite: 's',
      codename: 'code',
      origin: 'O',
      label: 'L',
      description: 'r s',
      components: ['main'],
      architectures: ['amd64'],
    });
  });
  it('that nothing is uploaded to have what the repository has', () => {
    const config = parse(site().replace('suites = s', 'suites = s t'));
    expect(config.suites.get('r/t')).toMatchObject({ codename: 't', components: ['main'], architectures: ['amd64'] });
  });
});

describe('warnings', () => {
  it('name an architecture that no host builds, and nothing is refused for it', () => {
    expect(parse(site()).warnings).toEqual([]);
    expect(parse(site().replace('amd64 all', 'amd64')).warnings).toEqual([
      '/etc/x/b.conf:6: [product p] needs a host for all, but none has it; add all to the architectures of a [host …], or its jobs stay queued',
    ]);
  });
});

describe('readConfig', () => {
  it('says which file cannot be read and where it is looked for', () => {
    expect(() => readConfig('/nonexistent/b.conf')).toThrow(
      /cannot read the configuration \/nonexistent\/b\.conf: ENOENT.*-c FILE.*BUILDME_CONF/,
    );
  });
  it('names the file in each fault', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'bm-config-'));
    try {
      const file = join(dir, 'b.conf');
      await writeFile(file, '[nope]\n');
      expect(() => readConfig(file)).toThrow(`${file}:1: [nope] is of no known kind`);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
