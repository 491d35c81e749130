/** What an entry's names mean in today's configuration; a name that is gone is the site's fault, never the entry's. */
import { ConfigError } from '../errors.ts';
import type { Config, HostConfig, Product, RepositoryConfig } from './types.ts';

export function productOf(config: Config, name: string): Product {
  const product = config.products.get(name);
  if (product === undefined) {
    throw new ConfigError(
      'E_NO_PRODUCT',
      `the spool has work of product ${name}, but ${config.file} has no [product ${name}]: put it back until that work is done`,
    );
  }
  return product;
}

export function hostOf(config: Config, name: string): HostConfig {
  const host = config.hosts.get(name);
  if (host === undefined) {
    throw new ConfigError(
      'E_NO_HOST',
      `the spool has jobs running on host ${name}, but ${config.file} has no [host ${name}]: put it back until they are done`,
    );
  }
  return host;
}

/** The repository that a product publishes to; the configuration's own check says that there is one. */
export function repositoryOf(config: Config, product: Product): RepositoryConfig {
  const repository = config.repositories.get(product.repository);
  if (repository === undefined)
    throw new ConfigError(
      'E_NO_REPOSITORY',
      `${config.file} has no [repository ${product.repository}], which [product ${product.name}] names`,
    );
  return repository;
}
