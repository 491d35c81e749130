/**
 * The one table of buildme.conf: every kind of section, every key, its reader and its default (as it would be written in the file).
 * etc/buildme.conf explains each of them; a test holds the two together.
 */
import {
  aptSource,
  duration,
  field,
  integer,
  listOf,
  load,
  mailAddress,
  mailTransport,
  mirrorTarget,
  oneOf,
  path,
  type Reader,
  remotePath,
  size,
  sshAddress,
  text,
  word,
  yesNo,
} from './values.ts';

export interface Key<T> {
  readonly key: string;
  readonly read: Reader<T>;
  /** Absent: the key is required, or, when `optional`, the value is undefined. */
  readonly initial?: string;
  /** Whether nothing behind the = means undefined. */
  readonly optional?: true;
}
/** By the name of the field in types.ts. */
export type Table = Readonly<Record<string, Key<unknown>>>;
export type Values<T extends Table> = { readonly [F in keyof T]: T[F] extends Key<infer V> ? V : never };

function required<T>(key: string, read: Reader<T>): Key<T> {
  return { key, read };
}
function optional<T>(key: string, read: Reader<T>): Key<T | undefined> {
  return { key, read, optional: true };
}
function preset<T>(key: string, read: Reader<T>, initial: string): Key<T> {
  return { key, read, initial };
}

const name = word(/^[A-Za-z0-9][A-Za-z0-9+_~.-]{0,99}$/, 'a name of letters, digits and + _ ~ . -');
const architecture = word(
  /^(?!(all|any|source)$)[a-z0-9][a-z0-9-]{1,30}$/,
  'an architecture such as amd64 (all is built anyway: leave it out)',
);
const hostArchitecture = word(/^(?!(any|source)$)[a-z0-9][a-z0-9-]{1,30}$/, 'an architecture such as amd64, or all');
const suite = word(/^[A-Za-z0-9][A-Za-z0-9+_~.-]{0,60}(\/[A-Za-z0-9][A-Za-z0-9+_~.-]{0,60})?$/, 'the name of a suite such as bookworm');
const component = word(/^[A-Za-z0-9][A-Za-z0-9+_.-]{0,60}$/, 'a component such as main');
const user = word(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'the name of a user');
const keep = duration('1h', '3650d');

const global = {
  spool: preset('spool', path, '/var/spool/buildme'),
  repositoryDir: preset('repository_dir', path, '/var/lib/buildme'),
  chrootDir: preset('chroot_dir', path, '/var/lib/buildme/chroots'),
  logDir: preset('log_dir', path, '/var/log/buildme'),
  gnupgHome: optional('gnupg_home', path),
  mailFrom: optional('mail_from', mailAddress),
  mailTo: preset('mail_to', listOf(mailAddress), ''),
  smtp: preset('smtp', mailTransport, 'smtp://127.0.0.1:25'),
  operators: optional('operators', path),
  site: optional('site', word(/^[a-z0-9][a-z0-9-]{0,15}$/, 'at most 16 lower-case letters, digits and -')),
  acceptUser: optional('accept_user', user),
  stuckAfterMs: preset('stuck_after', duration('1m', '30d'), '2h'),
  keepDoneMs: preset('keep_done', keep, '90d'),
  keepFailedMs: preset('keep_failed', keep, '90d'),
  keepRejectedMs: preset('keep_rejected', keep, '30d'),
  keepSentMs: preset('keep_sent', keep, '30d'),
} satisfies Table;

const product = {
  format: preset('format', oneOf('deb'), 'deb'),
  incoming: preset('incoming', path, '/mnt/incoming-builder/%(product)s'),
  resultDir: preset('result_dir', path, '/mnt/builder/%(product)s'),
  repoQueue: preset('repo_queue', path, '/mnt/incoming/%(repository)s/%(product)s'),
  repository: required('repository', name),
  suite: required('suite', suite),
  components: preset('components', listOf(component, 1), 'main'),
  distributions: preset('distributions', listOf(word(/^(?!UNRELEASED$)\S{1,100}$/, 'a Distribution other than UNRELEASED')), 'unstable'),
  architectures: required('architectures', listOf(architecture, 1)),
  keyring: optional('keyring', path),
  uploaders: optional('uploaders', path),
  unsigned: preset('unsigned', oneOf('reject', 'accept'), 'reject'),
  binaries: preset('binaries', oneOf('ignore', 'reject', 'accept'), 'ignore'),
  triggers: preset('triggers', listOf(oneOf('changes', 'dsc'), 1), 'changes'),
  tool: preset('tool', oneOf('sbuild', 'sbdmock', 'plain'), 'sbuild'),
  chroot: optional('chroot', name),
  buildCommand: optional('build_command', text),
  tests: preset('tests', listOf(name), ''),
  buildTimeoutMs: preset('build_timeout', duration('1s', '30d'), '4h'),
  settleMs: preset('settle', duration('0', '1d'), '30s'),
  uploadTimeoutMs: preset('upload_timeout', duration('0', '30d'), '1d'),
  signatureAgeMs: preset('signature_age', duration('1m', '3650d'), '30d'),
  md5: preset('md5', oneOf('reject', 'accept'), 'reject'),
  maxUploadBytes: preset('max_upload_size', size, '4G'),
  maxLogBytes: preset('max_log_size', size, '100M'),
  maxResultBytes: preset('max_result_size', size, '4G'),
  maxResults: preset('max_results', integer(1, 100_000), '500'),
  takeovers: optional('takeovers', path),
  mailTo: preset('mail_to', listOf(mailAddress), ''),
  waitingTimeoutMs: preset('waiting_timeout', duration('1m', '365d'), '7d'),
} satisfies Table;

const chroot = {
  suite: preset('suite', suite, '%(chroot)s'),
  packages: preset('packages', listOf(word(/^[a-z0-9][a-z0-9+.:-]*$/, 'the name of a Debian package')), 'debhelper'),
  maxAgeMs: preset('max_age', duration('1h', '3650d'), '30d'),
  mirror: optional('mirror', aptSource),
} satisfies Table;

const host = {
  kind: required('kind', oneOf('local', 'ssh')),
  address: optional('address', sshAddress),
  identity: optional('identity', path),
  knownHosts: optional('known_hosts', path),
  architectures: required('architectures', listOf(hostArchitecture, 1)),
  slots: preset('slots', integer(1, 1000), '2'),
  workdir: preset('workdir', remotePath, '/var/tmp/buildme-%(site)s-%(host)s'),
  labels: preset('labels', listOf(name), ''),
  maxLoad: optional('max_load', load),
  sbuildMode: preset('sbuild_mode', oneOf('schroot', 'unshare'), 'schroot'),
  lostAfterMs: preset('lost_after', duration('1m', '30d'), '1d'),
  connectTimeoutMs: preset('connect_timeout', duration('1s', '5m'), '10s'),
} satisfies Table;

const test = {
  command: required('command', text),
  gate: preset('gate', yesNo, 'yes'),
} satisfies Table;

const ofSuites = {
  origin: optional('origin', field),
  label: optional('label', field),
  description: optional('description', field),
  components: optional('components', listOf(component, 1)),
  architectures: optional('architectures', listOf(architecture, 1)),
} satisfies Table;

const fingerprint = word(
  /^([0-9A-Fa-f]{16}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$/,
  'a fingerprint as gpg --list-keys shows it (40 hex digits, no blanks)',
);

const repository = {
  suites: required('suites', listOf(suite, 1)),
  signingKeys: required('signing_keys', listOf(fingerprint, 1)),
  compress: preset('compress', listOf(oneOf('gz', 'xz'), 1), 'gz xz'),
  ...ofSuites,
} satisfies Table;

const suiteKeys = { codename: optional('codename', suite), ...ofSuites } satisfies Table;

const mirror = {
  repository: required('repository', name),
  to: required('to', mirrorTarget),
  identity: optional('identity', path),
  knownHosts: optional('known_hosts', path),
  port: preset('port', integer(1, 65_535), '22'),
} satisfies Table;

/** By kind of section. */
export const TABLES = { global, product, chroot, host, test, repository, suite: suiteKeys, mirror } as const;
export type Kind = keyof typeof TABLES;
export type ValuesOf<K extends Kind> = Values<(typeof TABLES)[K]>;
