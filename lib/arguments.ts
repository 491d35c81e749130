/** The one option that stands before the command: `-c FILE`, else $BUILDME_CONF, else /etc/buildme.conf. */
import { UsageError } from './errors.ts';

/** Takes it off the command line. Throws UsageError. */
export function configFileOf(argv: readonly string[]): { readonly configFile: string; readonly rest: readonly string[] } {
  const rest = [...argv];
  let configFile = process.env.BUILDME_CONF ?? '/etc/buildme.conf';
  while (rest[0] === '-c' || rest[0]?.startsWith('--config') === true) {
    const [option = '', inline] = (rest.shift() ?? '').split('=', 2);
    if (option !== '-c' && option !== '--config') throw new UsageError(`no option '${option}'`);
    const file = inline ?? rest.shift();
    if (file === undefined || file === '') throw new UsageError('-c needs the configuration file');
    configFile = file;
  }
  return { configFile, rest };
}
