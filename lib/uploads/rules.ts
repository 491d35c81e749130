/**
 * What is refused although it arrived whole: one small pure function per rule, each giving sentences. One promise: all of them are asked,
 * so that an upload is refused once, for everything.
 */
import type { Product, SuiteConfig } from '../config/types.ts';
import type { Changes } from '../formats/deb/changes.ts';
import type { Dsc } from '../formats/deb/dsc.ts';
import { compareVersions, withoutEpoch } from '../formats/deb/version.ts';
import type { GoodSignature } from '../openpgp.ts';
import type { Repository } from '../repository/repository.ts';
import { foreignNames } from '../repository/takeovers.ts';
import { architecturesOf } from './jobs.ts';
import type { Allows } from './uploaders.ts';

/** Everything that a rule may ask. Texts of `changes` and `dsc` are empty where they were missing, which is a fault already. */
export interface Facts {
  readonly product: Pick<Product, 'name' | 'suite' | 'distributions' | 'architectures' | 'binaries' | 'unsigned' | 'signatureAgeMs'>;
  readonly suite: Pick<SuiteConfig, 'codename'>;
  readonly now: Date;
  readonly signature: GoodSignature | undefined;
  readonly isSpent: boolean;
  readonly mayUpload: Allows;
  readonly changes: Changes | undefined;
  readonly dsc: Dsc | undefined;
  readonly dscName: string;
  /** SHA-256 of the .dsc and of what it lists, by name. */
  readonly digests: ReadonlyMap<string, string>;
  /** Live uploads of the same product and source. */
  readonly live: readonly { readonly id: string; readonly version: string }[];
  readonly repository: Pick<Repository, 'isSpent' | 'newestEver' | 'newestIn' | 'ownerOf' | 'digestOf'>;
  readonly mayTakeOver: (binary: string, source: string) => boolean;
}

type Rule = (facts: Facts) => readonly string[];

const RULES: readonly Rule[] = [
  uploaderIsAllowed,
  signatureIsFresh,
  changesAndDscAgree,
  distributionIsOurs,
  somethingIsBuilt,
  binariesAreTaken,
  namesBelongToTheSource,
  versionIsNew,
  versionIsNewest,
  contentIsTheSame,
  binaryNamesAreFree,
];

/** The sentences of every rule, in the order of RULES. */
export function applyRules(facts: Facts): string[] {
  return RULES.flatMap((rule) => rule(facts));
}

function uploaderIsAllowed({ product, signature, mayUpload, changes, dsc }: Facts): readonly string[] {
  const source = dsc?.source || changes?.source || '';
  if (signature === undefined || product.unsigned === 'accept' || source === '' || mayUpload(signature, source)) return [];
  return [
    `${signature.userId} (key ${signature.fingerprint}) may not upload ${source} to product ${product.name}: ask its operator for a line in uploaders`,
  ];
}

export function signatureIsFresh({
  product,
  signature,
  now,
  isSpent,
}: Pick<Facts, 'signature' | 'now' | 'isSpent'> & { readonly product: Pick<Product, 'name' | 'signatureAgeMs'> }): readonly string[] {
  if (signature === undefined) return [];
  const faults: string[] = [];
  const signed = signature.signedAt.toISOString();
  const ageMs = now.getTime() - signature.signedAt.getTime();
  if (ageMs < 0)
    faults.push(`the signature is of ${signed}, which is in the future: set the clock of the machine that signs, and sign again`);
  if (ageMs > product.signatureAgeMs) {
    faults.push(
      `the signature is of ${signed}; product ${product.name} takes none older than ${Math.floor(product.signatureAgeMs / 86_400_000)} days: sign again`,
    );
  }
  if (isSpent) faults.push(`the signature of ${signed} was used before, and what it was for is done: sign again`);
  return faults;
}

function changesAndDscAgree({ changes, dsc, dscName }: Facts): readonly string[] {
  if (dsc === undefined) return [];
  const faults: string[] = [];
  const differ = (field: string, ours: string, theirs: string): void => {
    if (ours !== '' && theirs !== '' && ours !== theirs)
      faults.push(`the .changes says ${field} ${ours}, ${dscName} says ${theirs}: they must be the same`);
  };
  if (changes !== undefined) {
    differ('Source', changes.source, dsc.source);
    differ('Version', changes.sourceVersion, dsc.version);
    differ('Version', changes.version, changes.sourceVersion);
    if (changes.architectures.length > 0 && !changes.architectures.includes('source')) {
      faults.push(`Architecture of the .changes is '${changes.architectures.join(' ')}'; it has to name 'source' (dpkg-buildpackage -S)`);
    }
  }
  return faults;
}

function distributionIsOurs({ product, suite, changes }: Facts): readonly string[] {
  const distribution = changes?.distribution ?? '';
  const taken = new Set([product.suite, suite.codename, ...product.distributions]);
  if (distribution === '' || (taken.has(distribution) && distribution !== 'UNRELEASED')) return [];
  return [
    `Distribution is ${distribution}; product ${product.name} takes ${[...taken].join(', ')}: change it in debian/changelog and build the source again`,
  ];
}

function somethingIsBuilt({ product, dsc }: Facts): readonly string[] {
  if (dsc === undefined || dsc.architectures.length === 0 || architecturesOf(product, dsc).length > 0) return [];
  return [
    `Architecture of the source is '${dsc.architectures.join(' ')}'; product ${product.name} builds ${product.architectures.join(', ')} and nothing of these`,
  ];
}

function binariesAreTaken({ product, changes }: Facts): readonly string[] {
  const binaries = (changes?.files ?? []).filter(({ name }) => /\.[ud]?deb$/.test(name)).map(({ name }) => name);
  if (binaries.length === 0 || product.binaries === 'ignore') return [];
  if (product.binaries === 'accept')
    return [`it has binaries (${binaries.join(', ')}); 'binaries = accept' cannot be done yet: upload the source alone`];
  return [`it has binaries (${binaries.join(', ')}); product ${product.name} takes the source alone (dpkg-buildpackage -S)`];
}

/** Else an upload could spend the file names of another source. */
function namesBelongToTheSource({ dsc, dscName }: Facts): readonly string[] {
  if (dsc === undefined || dsc.source === '' || dsc.version === '') return [];
  const expected = `${dsc.source}_${withoutEpoch(dsc.version)}.dsc`;
  return [
    ...(dscName === expected ? [] : [`the source package is called ${dscName}; ${expected} is expected`]),
    ...dsc.files
      .filter(({ name }) => !name.startsWith(`${dsc.source}_`))
      .map(({ name }) => `${dscName} lists ${name}; the names of its files have to begin with ${dsc.source}_`),
  ];
}

function versionIsNew({ product, dsc, dscName, digests, live, repository }: Facts): readonly string[] {
  if (dsc === undefined || dsc.source === '' || dsc.version === '') return [];
  const { source, version } = dsc;
  if (repository.isSpent(source, version)) {
    const how = repository.digestOf(dscName) === digests.get(dscName) ? '' : ' with other content';
    return [`${source} ${version} was published already${how}: a version is spent for good, upload a higher one`];
  }
  const same = live.find((each) => compareVersions(each.version, version) === 0);
  return same === undefined
    ? []
    : [`${source} ${version} is held with other content by upload ${same.id} of product ${product.name}: upload a higher version`];
}

function versionIsNewest({ product, changes, dsc, live, repository }: Facts): readonly string[] {
  if (dsc === undefined || dsc.source === '' || dsc.version === '') return [];
  const { source, version } = dsc;
  const faults: string[] = [];
  const newest = repository.newestIn(product.suite, source);
  if (newest !== undefined && compareVersions(version, newest) < 0)
    faults.push(`${source} ${version} is older than ${newest} in suite ${product.suite}: upload a higher version`);
  const newer = live.find((each) => compareVersions(version, each.version) < 0);
  if (newer !== undefined)
    faults.push(`${source} ${version} is older than ${newer.version}, which upload ${newer.id} brought: upload a higher version`);
  // Nothing says when a bare .dsc was meant for us: an old one could be brought back by anybody.
  const ever = changes === undefined ? repository.newestEver(source) : undefined;
  if (ever !== undefined && ever !== newest && compareVersions(version, ever) <= 0) {
    faults.push(`${source} ${version} is not newer than ${ever}, which was published once: a .dsc without a .changes has to be`);
  }
  return faults;
}

function contentIsTheSame({ dsc, dscName, digests, repository }: Facts): readonly string[] {
  if (dsc === undefined) return [];
  return dsc.files.flatMap(({ name }) => {
    const published = repository.digestOf(name);
    const ours = digests.get(name);
    return published === undefined || ours === undefined || published === ours
      ? []
      : [
          `${dscName} lists ${name} with SHA-256 ${ours}; it was published with ${published}: use the published file, or another upstream version`,
        ];
  });
}

function binaryNamesAreFree({ product, dsc, repository, mayTakeOver }: Facts): readonly string[] {
  if (dsc === undefined || dsc.source === '') return [];
  return foreignNames(dsc.binaries, dsc.source, product.suite, (binary) => repository.ownerOf(product.suite, binary), mayTakeOver);
}
