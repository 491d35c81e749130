/** The typed configuration: what buildme.conf says, with defaults filled in, paths absolute, frozen. etc/buildme.conf is the manual. */

/** Durations are in milliseconds (…Ms), sizes in bytes (…Bytes). */
export interface Config {
  /** The file this was read from. */
  readonly file: string;
  readonly global: GlobalConfig;
  readonly products: ReadonlyMap<string, Product>;
  readonly chroots: ReadonlyMap<string, Chroot>;
  readonly hosts: ReadonlyMap<string, HostConfig>;
  readonly tests: ReadonlyMap<string, TestConfig>;
  readonly repositories: ReadonlyMap<string, RepositoryConfig>;
  /** By `REPOSITORY/SUITE`. */
  readonly suites: ReadonlyMap<string, SuiteConfig>;
  readonly mirrors: ReadonlyMap<string, MirrorConfig>;
  /** What is allowed but hardly meant, each a sentence with file and line: an architecture that no host builds. */
  readonly warnings: readonly string[];
}

export interface GlobalConfig {
  readonly spool: string;
  readonly repositoryDir: string;
  readonly chrootDir: string;
  readonly logDir: string;
  /** GNUPGHOME of the signing keys; undefined = gpg's own default. */
  readonly gnupgHome: string | undefined;
  readonly mailFrom: string;
  /** The site's list; gets every notice beside the product's own. */
  readonly mailTo: readonly string[];
  /** `smtp://[USER:PASSWORD@]HOST[:PORT]` (or smtps://), `sendmail:PATH`, or undefined = no mail. Never log it. */
  readonly smtp: string | undefined;
  /** File of fingerprints that may give commands on anybody's uploads. */
  readonly operators: string | undefined;
  /** Short name of this installation, part of what it registers with schroot. */
  readonly site: string;
  /** User whose hand-overs publish takes; undefined = the one that publish runs as. */
  readonly acceptUser: string | undefined;
  /** A stage lock held longer than this is told with exit 75. */
  readonly stuckAfterMs: number;
  /** How long entries stay before sweep removes them. */
  readonly keepDoneMs: number;
  readonly keepFailedMs: number;
  readonly keepRejectedMs: number;
  readonly keepSentMs: number;
}

export interface Product {
  readonly name: string;
  readonly format: 'deb';
  readonly incoming: string;
  readonly resultDir: string;
  readonly repoQueue: string;
  readonly repository: string;
  readonly suite: string;
  /** First is the default for packages whose Section names none. */
  readonly components: readonly string[];
  /** Values of Distribution that are taken beside the suite and its codename. */
  readonly distributions: readonly string[];
  readonly architectures: readonly string[];
  readonly keyring: string | undefined;
  readonly uploaders: string | undefined;
  readonly unsigned: 'reject' | 'accept';
  readonly binaries: 'ignore' | 'reject' | 'accept';
  /** `changes`, `dsc`. */
  readonly triggers: readonly ('changes' | 'dsc')[];
  readonly tool: 'sbuild' | 'sbdmock' | 'plain';
  readonly chroot: string | undefined;
  readonly buildCommand: string | undefined;
  readonly tests: readonly string[];
  readonly buildTimeoutMs: number;
  readonly settleMs: number;
  readonly uploadTimeoutMs: number;
  readonly signatureAgeMs: number;
  /** Whether a .dsc whose files have MD5 digests alone is taken. */
  readonly md5: 'reject' | 'accept';
  /** Largest file, and largest upload, that is taken. */
  readonly maxUploadBytes: number;
  /** Log bytes after which an attempt is stopped. */
  readonly maxLogBytes: number;
  /** Largest sum of the results of one attempt, and their largest number. */
  readonly maxResultBytes: number;
  readonly maxResults: number;
  /** File of lines `BINARY SOURCE`: source packages that may take over a binary name. */
  readonly takeovers: string | undefined;
  /** The product's list; gets every notice of it. */
  readonly mailTo: readonly string[];
  readonly waitingTimeoutMs: number;
}

export interface Chroot {
  readonly name: string;
  /** The distribution's release, for mmdebstrap. */
  readonly suite: string;
  readonly packages: readonly string[];
  readonly maxAgeMs: number;
  /** An apt source (URL, one-line or deb822 file); undefined = the machine's own apt sources. */
  readonly mirror: string | undefined;
}

export interface HostConfig {
  readonly name: string;
  readonly kind: 'local' | 'ssh';
  /** `user@host:port`, split; undefined for local. */
  readonly address: { readonly user: string; readonly host: string; readonly port: number } | undefined;
  readonly identity: string | undefined;
  readonly knownHosts: string | undefined;
  /** May contain `all`. */
  readonly architectures: readonly string[];
  readonly slots: number;
  /** Absolute path on the host. */
  readonly workdir: string;
  readonly labels: readonly string[];
  readonly maxLoad: number | undefined;
  /** How sbuild gets its chroot there: registered with schroot, or a tarball and user namespaces. */
  readonly sbuildMode: 'schroot' | 'unshare';
  /** After this long without a word from the host a job is given back. */
  readonly lostAfterMs: number;
  readonly connectTimeoutMs: number;
}

export interface TestConfig {
  readonly name: string;
  readonly command: string;
  /** Whether a failure stops the package. */
  readonly gate: boolean;
}

export interface RepositoryConfig {
  readonly name: string;
  /** REPOSITORY_DIR/NAME */
  readonly dir: string;
  readonly suites: readonly string[];
  /** Fingerprints (or key ids that gpg knows). */
  readonly signingKeys: readonly string[];
  readonly compress: readonly ('gz' | 'xz')[];
  readonly origin: string | undefined;
  readonly label: string | undefined;
  readonly description: string | undefined;
}

/** A suite of a repository, after the repository's defaults; there is one for every suite of every repository. */
export interface SuiteConfig {
  readonly repository: string;
  readonly suite: string;
  readonly codename: string;
  readonly origin: string;
  readonly label: string;
  readonly description: string;
  readonly components: readonly string[];
  /** Without `all` and `source`. */
  readonly architectures: readonly string[];
}

export interface MirrorConfig {
  readonly name: string;
  readonly repository: string;
  readonly to:
    | { readonly kind: 'directory'; readonly path: string }
    | { readonly kind: 'ssh'; readonly user: string | undefined; readonly host: string; readonly path: string };
  readonly identity: string | undefined;
  readonly knownHosts: string | undefined;
  readonly port: number;
}
