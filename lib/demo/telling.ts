/** What the demo tells at its end: why it failed, or the mails, where everything lies, and how to be rid of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { placeOf } from '../chroots/places.ts';
import type { Config } from '../config/types.ts';
import { exists } from '../disk.ts';
import { unless } from '../errors.ts';
import { progressOf } from '../spool/job.ts';
import type { Journey } from './journey.ts';
import { readMails } from './mails.ts';
import { buildme, type Ending } from './pipeline.ts';
import { BASE, type DemoSite } from './site.ts';

/** Where `npm run setup` notes what it installed, a name a line. */
const ADDED_PACKAGES = '/var/lib/misc/buildme-setup-packages';

/** Shows why the upload did not get published, and returns that in a sentence. */
export async function explainEnding(journey: Journey, site: DemoSite, { state, dir, job }: Ending): Promise<string> {
  const mails = (await readMails(site.mails)).filter(({ subject }) => !/: (queued|published)$/.test(subject));
  for (const { subject, text } of mails) journey.show(`Subject: ${subject}\n\n${text}`);
  // Waiting for a dependency, given back by the host: nobody has got a mail yet.
  if (mails.length === 0)
    journey.show((await buildme(journey, site, job === undefined ? ['status'] : ['status', job.file.id])).stdout.toString('utf8'));
  const attempts = job === undefined ? 0 : progressOf(job.file, job.journal).attempts;
  const log = attempts === 0 ? '' : `; the log of the build is ${join(dir, 'attempts', String(attempts), 'log')}`;
  return `demo: the upload got no further than ${state} (${dir})${log}`;
}

/** Every subject, and the mail that tells of the end whole. */
export async function showMails(journey: Journey, site: DemoSite): Promise<void> {
  journey.say(`the mails, filed in ${site.mails} (none left this machine)`);
  for (const [index, { to, subject, text }] of (await readMails(site.mails)).entries()) {
    journey.show(`${index === 0 ? '' : '\n'}To: ${to}\nSubject: ${subject}${subject.endsWith(': published') ? `\n\n${text}` : ''}`);
  }
}

/** Where everything lies; what was added to the machine beside that directory; the commands that remove it. */
export async function tellWhere(journey: Journey, site: DemoSite, config: Config): Promise<void> {
  const { dir, configFile } = site;
  journey.say(`everything lies in ${dir}`);
  journey.show(
    [
      `configuration      ${configFile}`,
      `spool, by state    ${join(dir, 'spool')}`,
      `logs and results   ${join(dir, 'results')}`,
      `repository         ${site.repository}`,
      `its mirror         ${site.live}`,
      `its key            ${site.signedBy}`,
      `base system        ${join(dir, 'chroots')}  (it and the keys stay for the next run)`,
    ].join('\n'),
  );
  const registration = placeOf(config.global, BASE, site.architecture).registration;
  const packages = (await unless('ENOENT', '', readFile(ADDED_PACKAGES, 'utf8'))).split('\n').filter((name) => name !== '');
  const added = [
    ...((await exists(registration)) ? [`${registration}  (registers the base system with schroot)`] : []),
    ...(packages.length === 0 ? [] : [`Debian packages, by npm run setup: ${packages.join(' ')}`]),
  ];
  journey.say(added.length === 0 ? 'nothing else on this machine was changed' : 'added to this machine beside that');
  if (added.length > 0) journey.show(added.join('\n'));
  const [, program = 'buildme'] = process.argv;
  journey.say('to remove it all');
  journey.show(
    [
      `${process.execPath} ${program} -c ${configFile} chroot remove ${BASE}`,
      `rm -rf ${dir}`,
      ...(packages.length === 0 ? [] : [`apt-get purge --autoremove ${packages.join(' ')}`, `rm ${ADDED_PACKAGES}`]),
    ].join('\n'),
  );
}
