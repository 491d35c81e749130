/** Just enough of a configuration and a job for the steps. */
import type { Config, HostConfig, Product, TestConfig } from '../../lib/config/types.ts';
import type { Job, JobFile, JournalLine } from '../../lib/spool/job.ts';

export function productWith(more: Partial<Product> = {}): Product {
  return {
    name: 'local',
    format: 'deb',
    incoming: '/incoming',
    resultDir: '/results',
    repoQueue: '/queue',
    repository: 'r',
    suite: 'bookworm',
    components: ['main'],
    distributions: ['unstable'],
    architectures: ['amd64'],
    keyring: undefined,
    uploaders: undefined,
    unsigned: 'reject',
    binaries: 'ignore',
    triggers: ['changes'],
    tool: 'sbuild',
    chroot: 'bookworm',
    buildCommand: undefined,
    tests: [],
    buildTimeoutMs: 3_600_000,
    settleMs: 0,
    uploadTimeoutMs: 0,
    signatureAgeMs: 0,
    md5: 'reject',
    maxUploadBytes: 1_000_000,
    maxLogBytes: 1_000_000,
    maxResultBytes: 1_000_000,
    maxResults: 100,
    takeovers: undefined,
    mailTo: [],
    waitingTimeoutMs: 0,
    ...more,
  };
}

export function hostWith(more: Partial<HostConfig> = {}): HostConfig {
  return {
    name: 'h',
    kind: 'local',
    address: undefined,
    identity: undefined,
    knownHosts: undefined,
    architectures: ['all', 'amd64'],
    slots: 2,
    workdir: '/var/tmp/buildme',
    labels: [],
    maxLoad: undefined,
    sbuildMode: 'schroot',
    lostAfterMs: 86_400_000,
    connectTimeoutMs: 5000,
    ...more,
  };
}

export interface SiteParts {
  readonly product?: Product;
  readonly hosts?: readonly HostConfig[];
  readonly tests?: readonly TestConfig[];
  readonly chrootDir?: string;
  readonly site?: string;
}

/** The repositories, suites and mirrors of it are empty. */
export function configWith(parts: SiteParts = {}): Config {
  const product = parts.product ?? productWith();
  return {
    file: 'buildme.conf',
    global: { chrootDir: parts.chrootDir ?? '/chroots', site: parts.site ?? 'test' } as Config['global'],
    products: new Map([[product.name, product]]),
    chroots: new Map(),
    hosts: new Map((parts.hosts ?? []).map((host) => [host.name, host])),
    tests: new Map((parts.tests ?? []).map((test) => [test.name, test])),
    repositories: new Map(),
    suites: new Map(),
    mirrors: new Map(),
    warnings: [],
  };
}

export function jobWith(more: Partial<JobFile> = {}, dir = '/job', journal: readonly JournalLine[] = []): Job {
  const file = {
    id: 'hello_1.0_amd64_0123456789ab',
    product: 'local',
    source: 'hello',
    version: '1.0',
    architecture: 'amd64',
    buildsAll: true,
    kind: 'build',
    steps: ['build'],
    upload: 'u',
    siblings: [],
    dsc: 'hello_1.0.dsc',
    suite: 'bookworm',
    files: [{ name: 'hello_1.0.dsc', size: 1, sha256: '' }],
    mail: [],
    ...more,
  } as JobFile;
  return { file, place: { state: 'queued' }, dir, journal };
}
