/** Texts of a configuration for tests, and what is said of them. */
import { parseConfig } from '../../lib/config/config.ts';
import type { Config } from '../../lib/config/types.ts';
import { ConfigError } from '../../lib/errors.ts';

/** A small site; `more` goes below a section, by its title. */
export function site(more: Readonly<Record<string, string>> = {}): string {
  const sections: Record<string, string> = {
    global: 'mail_from = buildme@example.org',
    'product p': 'repository = r\nsuite = s\narchitectures = amd64\nkeyring = keys.gpg\nchroot = c',
    'chroot c': '',
    'host h': 'kind = local\narchitectures = amd64 all',
    'repository r': `suites = s\nsigning_keys = ${'A'.repeat(40)}`,
  };
  for (const [title, lines] of Object.entries(more))
    sections[title] = [sections[title] ?? '', lines].filter((text) => text !== '').join('\n');
  return Object.entries(sections)
    .map(([title, lines]) => `[${title}]\n${lines}\n`)
    .join('');
}

export function parse(text: string): Config {
  return parseConfig(text, '/etc/x/b.conf');
}

/** The faults of a text, without the file's name. */
export function faultsOf(text: string): readonly string[] {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults.map((fault) => fault.replace('/etc/x/b.conf:', ''));
    throw error;
  }
  return [];
}
