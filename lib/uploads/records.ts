/** What a product's uploads are judged against, read once per run: uploads that we hold, what was published, who may do what. */
import type { Product, SuiteConfig } from '../config/types.ts';
import type { Context } from '../context.ts';
import { exists } from '../disk.ts';
import { ConfigError, textOf } from '../errors.ts';
import type { Gpgv } from '../gpgv.ts';
import { openRepository, type Repository } from '../repository/repository.ts';
import { type MayTakeOver, readTakeovers } from '../repository/takeovers.ts';
import { type KnownUpload, readKnownUploads } from './known.ts';
import { readSpentSignatures } from './signatures.ts';
import { type Allows, readUploaders } from './uploaders.ts';

export interface Records {
  readonly product: Product;
  readonly gpgv: Gpgv;
  readonly suite: SuiteConfig;
  /** Of every product; what this run takes is added. */
  readonly known: KnownUpload[];
  readonly repository: Repository;
  readonly isSpent: (product: string, signature: string) => boolean;
  readonly mayUpload: Allows;
  readonly isOperator: Allows;
  readonly mayTakeOver: MayTakeOver;
}

/** Throws ConfigError when a file of the site cannot be used: then nothing of the product is judged, and nothing lost. */
export async function readRecords(ctx: Context, product: Product, gpgv: Gpgv): Promise<Records> {
  const suite = ctx.config.suites.get(`${product.repository}/${product.suite}`);
  const repository = ctx.config.repositories.get(product.repository);
  if (suite === undefined || repository === undefined) {
    throw new ConfigError(
      'E_NO_SUITE',
      `product ${product.name} publishes in ${product.repository}/${product.suite}, which is not configured`,
    );
  }
  const { operators } = ctx.config.global;
  const onBroken = (id: string, error: unknown): void => ctx.log.error('not understood', { entry: `uploads/${id}`, error: textOf(error) });
  return {
    product,
    gpgv,
    suite,
    known: await readKnownUploads(ctx.spool, onBroken),
    repository: await openRepository(repository),
    isSpent: await readSpentSignatures(ctx.spool),
    mayUpload: product.uploaders === undefined ? () => true : await readUploaders(product.uploaders),
    isOperator: operators === undefined ? () => false : await readUploaders(operators),
    mayTakeOver: await readTakeovers(product.takeovers),
  };
}

/** Where we have a file already, whose digest is known: in an upload, or in the repository's pool. Absolute path. */
export async function findElsewhere(ctx: Context, records: Records, name: string, sha256: string): Promise<string | undefined> {
  for (const { file } of records.known) {
    const held = file.files.find((each) => each.sha256 === sha256);
    const path = held === undefined ? undefined : ctx.spool.path('uploads', `${file.id}/files/${held.name}`);
    if (path !== undefined && (await exists(path))) return path;
  }
  return records.repository.findFile(name, sha256);
}
