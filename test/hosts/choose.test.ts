/** Which host a job goes to, and the rule that refuses each of the others. */
import { expect, it } from 'vitest';
import { chooseHost, chooseHosts, type HostState } from '../../lib/hosts/choose.ts';

function host(name: string, more: Partial<HostState> = {}): HostState {
  return { name, architectures: ['amd64', 'all'], slots: 2, used: 0, ...more };
}

it('the host with the larger share of free slots is taken', () => {
  expect(chooseHost({ architecture: 'amd64' }, [host('a', { used: 1 }), host('b', { slots: 4, used: 1 })])).toEqual({ host: 'b' });
});

it('of equal shares the one with more free slots is taken, of equal hosts the first by name', () => {
  expect(chooseHost({ architecture: 'amd64' }, [host('b'), host('a', { slots: 1 })])).toEqual({ host: 'b' });
  expect(chooseHost({ architecture: 'amd64' }, [host('b'), host('a')])).toEqual({ host: 'a' });
});

it('each host that is refused is named with its rule, in order of names', () => {
  const hosts = [
    host('e', { used: 2 }),
    host('d', { unreachable: 'no route' }),
    host('c', { held: 'new disk' }),
    host('a', { architectures: ['arm64'] }),
    host('b', { slots: 1, used: 3 }),
  ];
  expect(chooseHost({ architecture: 'amd64' }, hosts)).toEqual({
    host: undefined,
    refusals: [
      { host: 'a', rule: 'architecture: builds arm64, not amd64' },
      { host: 'b', rule: 'slots: 3 of 1 in use' },
      { host: 'c', rule: 'held: new disk' },
      { host: 'd', rule: 'left alone: no route' },
      { host: 'e', rule: 'slots: 2 of 2 in use' },
    ],
  });
});

it('a job of architecture all needs a host that says all', () => {
  expect(chooseHost({ architecture: 'all' }, [host('a', { architectures: ['amd64'] }), host('b')])).toEqual({ host: 'b' });
});

it('several jobs fill the slots one after another', () => {
  const needs = Array.from({ length: 4 }, () => ({ architecture: 'amd64' }));
  const choices = chooseHosts(needs, [host('a'), host('b', { slots: 1 })]);
  expect(choices.map((choice) => choice.host)).toEqual(['a', 'b', 'a', undefined]);
});

it('without any host nothing is refused by name', () => {
  expect(chooseHost({ architecture: 'amd64' }, [])).toEqual({ host: undefined, refusals: [] });
});
