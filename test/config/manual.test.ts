import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../lib/config/config.ts';
import { TABLES, type Table } from '../../lib/config/keys.ts';

const text = readFileSync(new URL('../../etc/buildme.conf', import.meta.url), 'utf8');

/** What the commented part says: kind of section to key to default. */
function manual(): Map<string, Map<string, string>> {
  const kinds = new Map<string, Map<string, string>>();
  let keys = new Map<string, string>();
  for (const line of text.slice(text.indexOf('# ---- Every key')).split('\n')) {
    const kind = /^#\[([a-z]+)/.exec(line)?.[1];
    const [, key, value] = /^#([a-z_0-9]+) =(?: (.*))?$/.exec(line) ?? [];
    if (kind !== undefined) {
      keys = new Map();
      kinds.set(kind, keys);
    } else if (key !== undefined) {
      expect(keys.has(key), `${key} once in its section`).toBe(false);
      keys.set(key, value ?? '');
    }
  }
  return kinds;
}

describe('etc/buildme.conf', () => {
  it('is a configuration that is taken without a fault or a warning', () => {
    const config = parseConfig(text, '/etc/buildme.conf');
    expect(config.warnings).toEqual([]);
    expect([...config.products.keys()]).toEqual(['fremantle']);
  });
  it('explains every kind of section', () => {
    expect([...manual().keys()]).toEqual(Object.keys(TABLES));
  });
  it.each(Object.entries(TABLES as Readonly<Record<string, Table>>))(
    'explains every key of [%s], with its default, and no other',
    (kind, table) => {
      const keys = Object.values(table).map(({ key, initial, optional }) => [key, initial ?? (optional === true ? '' : '(required)')]);
      expect([...(manual().get(kind) ?? [])].sort()).toEqual(keys.sort());
    },
  );
});

describe('crontab.example', () => {
  const crontab = readFileSync(new URL('../../crontab.example', import.meta.url), 'utf8');
  it('has a line for each stage, at its time, and prints nothing away', () => {
    const lines = crontab.split('\n').filter((line) => /^[*\d]/.test(line));
    const times = Object.fromEntries(lines.map((line) => [/buildme (.*)$/.exec(line)?.[1], line.split(/\s+/).slice(0, 5).join(' ')]));
    expect(times).toEqual({
      verify: '* * * * *',
      dispatch: '* * * * *',
      collect: '* * * * *',
      accept: '* * * * *',
      publish: '*/2 * * * *',
      sync: '* * * * *',
      notify: '* * * * *',
      sweep: expect.stringMatching(/^\d+ \d+ \* \* \*$/),
    });
    expect(crontab).not.toMatch(/^MAILTO|^[^#]*>/m);
  });
});
